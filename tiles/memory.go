package tiles

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sillon/geo/mvt"
	"sillon/sillon"
)

// A Memory holds all the published parcels in memory. Readers take a Snapshot
// and never wait; writers wait for each other.
type Memory struct {
	options MemoryOptions
	write   sync.Mutex
	now     atomic.Pointer[Snapshot] // nil is off
	names   map[sillon.OC]string
}

// NewMemory returns a store that is off until Load.
func NewMemory(o MemoryOptions) *Memory { return &Memory{options: o} }

// SetCertifiers gives the names that tiles of ScopeAll tell.
func (m *Memory) SetCertifiers(names map[sillon.OC]string) {
	m.write.Lock()
	defer m.write.Unlock()
	m.names = maps.Clone(names)
	if s := m.now.Load(); s != nil {
		next := *s
		next.names = m.names
		m.now.Store(&next)
	}
}

// Load replaces all parcels by those that rows adds, in any order, and turns
// the store on. Until it ends readers see the parcels before. When the limit is
// passed it fails with ErrMemory, and the store is off; it fails with what rows
// fails with, or on a parcel that cannot be read, and changes nothing.
func (m *Memory) Load(_ context.Context, rows func(add func(*Row) error) error) error {
	m.write.Lock()
	defer m.write.Unlock()
	var size int64
	var all []parcel
	err := rows(func(r *Row) error {
		p, err := newParcel(r)
		if err != nil {
			return err
		}
		all = append(all, p)
		if size += int64(8*len(p.shape.Points) + 150); m.options.Limit > 0 && size > m.options.Limit {
			return ErrMemory
		}
		return nil
	})
	if err != nil {
		m.now.Store(nil)
		return err
	}
	slices.SortFunc(all, parcel.compare)
	m.now.Store(&Snapshot{all, m.options.Crops, m.names})
	return nil
}

// Apply puts parcels in, in place of those of the same keys, takes others out,
// and tells what changed. Readers see all of it or nothing. While the store is
// off it does nothing.
func (m *Memory) Apply(rows []Row, gone []int64) []Change {
	m.write.Lock()
	defer m.write.Unlock()
	s := m.now.Load()
	if s == nil {
		return nil
	}
	byKey := map[int64]parcel{}
	for _, p := range s.parcels {
		byKey[p.row.Key] = p
	}
	changes := map[int64]*Change{}
	change := func(key int64) *Change {
		if changes[key] == nil {
			before, ok := byKey[key]
			changes[key] = &Change{Before: before.box, WasThere: ok}
		}
		return changes[key]
	}
	for i := range rows {
		p, err := newParcel(&rows[i])
		if err != nil {
			continue
		}
		c := change(p.row.Key)
		c.After, c.IsThere = p.box, true
		byKey[p.row.Key] = p
	}
	for _, key := range gone {
		c := change(key)
		c.After, c.IsThere = Box{}, false
		delete(byKey, key)
	}
	m.now.Store(&Snapshot{slices.SortedFunc(maps.Values(byKey), parcel.compare), s.crops, s.names})
	var out []Change
	for _, c := range changes {
		if c.WasThere || c.IsThere {
			out = append(out, *c)
		}
	}
	return out
}

// Ready reports whether the store is on.
func (m *Memory) Ready() bool { return m.now.Load() != nil }

// Stats tells what the store holds.
func (m *Memory) Stats() MemoryStats {
	s := m.now.Load()
	if s == nil {
		return MemoryStats{}
	}
	return MemoryStats{Parcels: len(s.parcels), Segments: 1}
}

// Snapshot returns the parcels as they are now, for as long as it is used. ok
// is false while the store is off.
func (m *Memory) Snapshot() (s *Snapshot, ok bool) {
	s = m.now.Load()
	return s, s != nil
}

// A Snapshot is the parcels of a Memory at one time: a Source, of all but
// départements.
type Snapshot struct {
	parcels []parcel
	crops   map[string]Crop
	names   map[sillon.OC]string
}

type parcel struct {
	row   Row
	order uint32
	shape mvt.Shape
	box   Box
}

func (p parcel) compare(q parcel) int {
	return cmp.Or(cmp.Compare(p.order, q.order), cmp.Compare(p.row.ID, q.row.ID))
}

func newParcel(r *Row) (parcel, error) {
	p := parcel{row: *r, order: parcelOrder(r.CellX, r.CellY)}
	p.row.EWKB = bytes.Clone(r.EWKB)
	if err := p.shape.AppendEWKB(r.EWKB); err != nil {
		return p, fmt.Errorf("parcel %d: %w", r.ID, err)
	}
	p.box = Box{1<<32 - 1, 1<<32 - 1, 0, 0}
	for i := 0; i < len(p.shape.Points); i += 2 {
		x, y := p.shape.Points[i], p.shape.Points[i+1]
		p.box = Box{min(p.box.MinX, x), min(p.box.MinY, y), max(p.box.MaxX, x), max(p.box.MaxY, y)}
	}
	return p, nil
}

func (q *Query) shows(r *Row) bool {
	f := &q.Filter
	switch q.Scope.Kind {
	case ScopePublic, ScopeAll:
	case ScopeCertifier:
		if r.OC != q.Scope.OC && r.Reader != q.Scope.OC {
			return false
		}
	case ScopeFarm:
		if r.Farm != q.Scope.Farm {
			return false
		}
	case ScopeNone, ScopeVersion:
		return false
	}
	return (len(f.Levels) == 0 || slices.Contains(f.Levels, string(r.Level))) &&
		(len(f.Crops) == 0 || slices.ContainsFunc(f.Crops, func(c string) bool { return strings.HasPrefix(r.CPF, c) })) &&
		(len(f.Years) == 0 || slices.Contains(f.Years, r.Year)) &&
		(len(f.Departements) == 0 || slices.Contains(f.Departements, r.Departement))
}

// Parcels implements Source.
func (s *Snapshot) Parcels(_ context.Context, q *Query, a Address, f func(*Feature) error) error {
	box := a.Box()
	var out Feature
	for i := range s.parcels {
		p := &s.parcels[i]
		if !p.box.Meets(box) || !q.shows(&p.row) {
			continue
		}
		crop := s.crops[p.row.CPF]
		out = Feature{
			ID: p.row.ID, Shape: p.shape, Level: string(p.row.Level), CPF: p.row.CPF, Culture: crop.Label, Group: crop.Group,
			SurfaceM2: p.row.SurfaceM2,
		}
		if q.Scope.Private() {
			out.Farm, out.Version, out.State = string(p.row.Farm), string(p.row.Version), string(p.row.State)
			out.Parcel, out.Label, out.GeometryStatus = p.row.Parcel, p.row.Label, string(p.row.GeometryStatus)
		}
		if q.Scope.Kind == ScopeAll {
			out.Certifier = s.names[p.row.OC]
		}
		if err := f(&out); err != nil {
			return err
		}
	}
	return nil
}

// Cells implements Source.
func (s *Snapshot) Cells(_ context.Context, q *Query, a Address, f func(*Cell) error) error {
	zoom := a.Z + CellBits
	cells := map[uint32]*Cell{}
	for i := range s.parcels {
		p := &s.parcels[i]
		x, y := p.row.CellX>>(15-zoom), p.row.CellY>>(15-zoom)
		if x>>CellBits != a.X || y>>CellBits != a.Y || !q.shows(&p.row) {
			continue
		}
		order := CellOrder(x, y, zoom)
		if cells[order] == nil {
			cells[order] = &Cell{X: x, Y: y}
		}
		cells[order].Count++
		cells[order].Surfaces.Add(p.row.Level, SquareDecimetres(p.row.SurfaceM2))
	}
	for _, order := range slices.Sorted(maps.Keys(cells)) {
		if err := f(cells[order]); err != nil {
			return err
		}
	}
	return nil
}

// Departements implements Source: there are none here, ErrNotHere.
func (s *Snapshot) Departements(context.Context, Address, func(*Area) error) error {
	return ErrNotHere
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

// Departements implements Source: there are none here, ErrNotHere.
func (m *Memory) Departements(context.Context, Address, func(*Area) error) error { return ErrNotHere }
