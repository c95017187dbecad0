package tiles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"sillon/geo"
	"sillon/sillon"
)

// A Memory holds all the published parcels in memory. Readers take a Snapshot
// and never wait; writers wait for each other.
//
// The parcels are in segments: packed runs, each with the set of its rows that
// are out of date. The base is segments that share the map between them; edits
// are small segments over it, merged as they come and, in the background, into
// the base. A key has one row that is up to date at the most.
type Memory struct {
	options MemoryOptions
	sizes   sizes
	log     *slog.Logger
	loading sync.Mutex
	now     atomic.Pointer[Snapshot] // nil is off

	write       sync.Mutex // of all below, and of now
	names       map[sillon.OC]string
	cropIndex   map[string]uint32
	crops       []crop
	compacting  *compaction
	compactions atomic.Int64
	background  sync.WaitGroup
}

// sizes are in rows, but for segments.
type sizes struct {
	base     int // of a segment of the base, twice that at the most
	merge    int // the most that Apply merges itself
	segments int // of edits, before they are merged in the background
	share    int // the base is made again for edits of a share-th of it
}

var usualSizes = sizes{base: 1 << 16, merge: 1 << 14, segments: 12, share: 8}

// A crop is a CPF code with what it stands for.
type crop struct {
	cpf string
	Crop
}

// A segment is a run, and which of its rows are out of date. One of the base
// holds the rows from place lo to place hi, hi excluded; edits have lo = hi.
type segment struct {
	run    *run
	dead   deadSet
	lo, hi uint32
}

const endOfOrder = 1 << (2 * geo.CellZoom)

func (s *segment) inBase() bool { return s.lo < s.hi }
func (s *segment) live() int    { return s.run.len() - s.dead.count }

// NewMemory returns a store that is off until Load.
func NewMemory(o MemoryOptions) *Memory {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Memory{options: o, sizes: usualSizes, log: log, cropIndex: map[string]uint32{}}
}

// SetCertifiers gives the names that tiles of ScopeAll tell.
func (m *Memory) SetCertifiers(names map[sillon.OC]string) {
	m.write.Lock()
	defer m.write.Unlock()
	m.names = maps.Clone(names)
	if s := m.now.Load(); s != nil {
		m.publish(s.segments)
	}
}

// publish shows segments to readers. The lock is held.
func (m *Memory) publish(segments []segment) {
	m.now.Store(&Snapshot{segments: segments, crops: m.crops, names: m.names})
}

// cropOf returns the index of a CPF code. The lock is held.
func (m *Memory) cropOf(cpf string) uint32 {
	i, ok := m.cropIndex[cpf]
	if !ok {
		i = uint32(len(m.crops))
		cpf = clone(cpf)
		m.crops = append(m.crops, crop{cpf, m.options.Crops[cpf]})
		m.cropIndex[cpf] = i
	}
	return i
}

// Load replaces all parcels by those that rows adds, in any order and each key
// once, and turns the store on. Until it ends readers see the parcels before,
// and what Apply does meanwhile is lost: apply it again. It fails with
// ErrMemory when the limit is passed, with what rows fails with, on a parcel
// that cannot be read, and when ctx ends. With ErrMemory the store is off;
// after any other failure it is as it was, or off if the parcels before had to
// make room.
func (m *Memory) Load(ctx context.Context, rows func(add func(*Row) error) error) error {
	m.loading.Lock()
	defer m.loading.Unlock()
	h := newHeap(func(cpf string) uint32 {
		m.write.Lock()
		defer m.write.Unlock()
		return m.cropOf(cpf)
	})
	held := m.Stats().Bytes
	room := func(bytes int64) error {
		limit := m.options.Limit
		if limit > 0 && held+bytes > limit && held > 0 {
			m.turnOff()
			held = 0
		}
		if limit > 0 && bytes > limit {
			m.turnOff()
			return fmt.Errorf("%d bytes of %d: %w", bytes, limit, ErrMemory)
		}
		return nil
	}
	// add has the last word: rows may go on after its failure.
	var failure error
	err := rows(func(r *Row) error {
		if failure == nil {
			failure = errors.Join(ctx.Err(), h.add(r), room(h.bytes))
		}
		return failure
	})
	if err := cmp.Or(failure, err); err != nil {
		return err
	}
	var base []segment
	var packed int64
	h.runs(m.sizes.base, func(r *run) {
		base = append(base, segment{run: r})
		packed += r.size
		failure = cmp.Or(failure, ctx.Err(), room(h.bytes+packed))
	})
	if failure != nil {
		return failure
	}
	if len(base) == 0 {
		base = []segment{{run: newPacker(0, 0, 0).finish()}}
	}
	share(base)
	m.write.Lock()
	defer m.write.Unlock()
	m.compacting = nil
	m.publish(base)
	m.log.Info("tiles in memory", "parcels", m.Stats().Parcels, "bytes", packed, "segments", len(base))
	return nil
}

// share gives each segment of a base its part of the map.
func share(base []segment) {
	for i := range base {
		base[i].hi = endOfOrder
		if i > 0 {
			base[i].lo = base[i].run.order[0]
			base[i-1].hi = base[i].lo
		}
	}
}

func (m *Memory) turnOff() {
	m.write.Lock()
	defer m.write.Unlock()
	m.off()
}

// off forgets all parcels. The lock is held.
func (m *Memory) off() {
	m.compacting = nil
	m.now.Store(nil)
}

// Apply puts parcels in, in place of those of the same keys, takes others out,
// and tells what changed, in no order. Readers see all of it or nothing. A key
// may come more than once: its last row counts, and gone counts most. A parcel
// that cannot be read is taken out, and logged. While the store is off Apply
// does nothing.
func (m *Memory) Apply(rows []Row, gone []int64) []Change {
	m.write.Lock()
	defer m.write.Unlock()
	now := m.now.Load()
	if now == nil || len(rows)+len(gone) == 0 {
		return nil
	}
	edits := m.readEdits(rows, gone)
	segments := m.kill(now.segments, edits)
	if added := m.pack(edits); added != nil {
		segments = append(segments, segment{run: added})
	}
	segments = m.mergeLast(segments)
	m.publish(segments)
	if m.options.Limit > 0 && m.Stats().Bytes > m.options.Limit {
		m.log.Error("tiles from the database: the parcels do not fit in the memory allowed", "limit", m.options.Limit)
		m.off()
	} else {
		m.compactIfDue(segments)
	}
	changes := make([]Change, 0, len(edits))
	for i := range edits {
		if e := &edits[i]; e.WasThere || e.IsThere {
			changes = append(changes, e.Change)
		}
	}
	return changes
}

// An edit is what Apply does to a key.
type edit struct {
	key int64
	row *Row // nil takes the parcel out
	Change
}

// readEdits returns one edit for each key, in the order of the keys.
func (m *Memory) readEdits(rows []Row, gone []int64) []edit {
	edits := make([]edit, 0, len(rows)+len(gone))
	for i := range rows {
		edits = append(edits, edit{key: rows[i].Key, row: &rows[i]})
	}
	for _, key := range gone {
		edits = append(edits, edit{key: key})
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.key, b.key) })
	last := edits[:0]
	for i := range edits {
		if i+1 == len(edits) || edits[i+1].key != edits[i].key {
			last = append(last, edits[i])
		}
	}
	return last
}

// kill marks what is there of the edits' keys out of date, in a copy of the
// segments that has room for one more.
func (m *Memory) kill(segments []segment, edits []edit) []segment {
	out := append(make([]segment, 0, len(segments)+1), segments...)
	var rows []uint32
	for k := range out {
		s := &out[k]
		rows = rows[:0]
		for i := range edits {
			e := &edits[i]
			if e.WasThere {
				continue
			}
			if at, ok := s.run.find(e.key); ok && !s.dead.has(at) {
				rows = append(rows, at)
				e.Before, e.WasThere = s.run.tree.boxes[at], true
				m.compacting.note(s.run, e.key)
			}
		}
		if len(rows) > 0 {
			s.dead = s.dead.with(s.run.len(), rows)
		}
	}
	return slices.DeleteFunc(out, func(s segment) bool { return !s.inBase() && s.live() == 0 })
}

// pack makes a run of the rows of edits, nil if there are none.
func (m *Memory) pack(edits []edit) *run {
	h := newHeap(m.cropOf)
	var one square
	for i := range edits {
		e := &edits[i]
		if e.row == nil {
			continue
		}
		row, err := h.read(e.row, &one)
		if err != nil {
			m.log.Error("a parcel is not in the tiles", "err", err)
			continue
		}
		e.After, e.IsThere = row.box, true
	}
	if len(one.rows) == 0 {
		return nil
	}
	return h.pack([]*square{&one})
}

// Ready reports whether the store is on.
func (m *Memory) Ready() bool { return m.now.Load() != nil }

// Stats tells what the store holds.
func (m *Memory) Stats() MemoryStats {
	s := m.now.Load()
	if s == nil {
		return MemoryStats{}
	}
	out := MemoryStats{Segments: len(s.segments), Compactions: int(m.compactions.Load())}
	for i := range s.segments {
		out.Parcels += s.segments[i].live()
		out.Bytes += s.segments[i].run.size
	}
	return out
}

// Snapshot returns the parcels as they are now, for as long as it is used. ok
// is false while the store is off.
func (m *Memory) Snapshot() (s *Snapshot, ok bool) {
	s = m.now.Load()
	return s, s != nil
}

// Parcels implements Source on the snapshot of now; ErrOff while there is none.
func (m *Memory) Parcels(ctx context.Context, q *Query, a Address, f func(*Feature) error) error {
	if s, ok := m.Snapshot(); ok {
		return s.Parcels(ctx, q, a, f)
	}
	return ErrOff
}

// Cells implements Source on the snapshot of now; ErrOff while there is none.
func (m *Memory) Cells(ctx context.Context, q *Query, a Address, f func(*Cell) error) error {
	if s, ok := m.Snapshot(); ok {
		return s.Cells(ctx, q, a, f)
	}
	return ErrOff
}
