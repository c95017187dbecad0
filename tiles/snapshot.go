package tiles

import (
	"context"
	"slices"
	"sync"

	"sillon/geo"
	"sillon/sillon"
)

// A Snapshot is the parcels of a Memory at one time: a Source. It
// does not change.
type Snapshot struct {
	segments []segment // of the base in order, then edits
	crops    []crop
	names    map[sillon.OC]string
}

var (
	_ Source = (*Memory)(nil)
	_ Source = (*Snapshot)(nil)
)

// A reading is what one answer of a Snapshot works with.
type reading struct {
	rows    []uint32
	cursors []cursor
	cells   [CellsPerTile * CellsPerTile]sum // by the last bits of their order; all zero between readings
	feature Feature
	cell    Cell
}

var readings = sync.Pool{New: func() any { return new(reading) }}

// A cursor is the rows of a run that are still to be yielded.
type cursor struct {
	run  *run
	rows []uint32
}

// Parcels implements Source.
func (s *Snapshot) Parcels(ctx context.Context, q *Query, a Address, f func(*Feature) error) error {
	l := newLens(q, s.crops)
	if l.none {
		return ctx.Err()
	}
	w := readings.Get().(*reading)
	defer w.free()
	w.find(s, &l, a)
	yield := yielder{s: s, private: q.Scope.Private(), certifiers: q.Scope.Kind == ScopeAll, out: &w.feature, f: f}
	for len(w.cursors) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, second := w.nextTwo()
		c := &w.cursors[first]
		n := len(c.rows)
		if second >= 0 {
			// Up to where the other one has its turn.
			other := &w.cursors[second]
			n = 1
			for n < len(c.rows) && c.run.before(c.rows[n], other.run, other.rows[0]) {
				n++
			}
		}
		if err := yield.rows(c.run, c.rows[:n]); err != nil {
			return err
		}
		if c.rows = c.rows[n:]; len(c.rows) == 0 {
			w.cursors = slices.Delete(w.cursors, first, first+1)
		}
	}
	return nil
}

// find fills the cursors with the rows that are in a tile and seen by a lens.
func (w *reading) find(s *Snapshot, l *lens, a Address) {
	box := a.Box()
	w.rows, w.cursors = w.rows[:0], w.cursors[:0]
	for i := range s.segments {
		seg := &s.segments[i]
		from := len(w.rows)
		w.rows = seg.run.tree.search(&box, w.rows)
		if found := w.rows[from:]; len(found) > 0 && (seg.dead.count > 0 || !l.all) {
			kept := found[:0]
			for _, row := range found {
				if !seg.dead.has(row) && l.shows(seg.run, row) {
					kept = append(kept, row)
				}
			}
			w.rows = w.rows[:from+len(kept)]
		}
		if len(w.rows) > from {
			// rows may still move: only the length counts until all are there.
			w.cursors = append(w.cursors, cursor{seg.run, w.rows[from:]})
		}
	}
	from := 0
	for i := range w.cursors {
		c := &w.cursors[i]
		to := from + len(c.rows)
		c.rows = w.rows[from:to]
		from = to
	}
}

// nextTwo returns the cursor whose turn it is, and the one after it, -1 if
// there is none.
func (w *reading) nextTwo() (first, second int) {
	second = -1
	for i := 1; i < len(w.cursors); i++ {
		c := &w.cursors[i]
		switch {
		case w.before(c, first):
			first, second = i, first
		case second < 0 || w.before(c, second):
			second = i
		}
	}
	return first, second
}

func (w *reading) before(c *cursor, i int) bool {
	return c.run.before(c.rows[0], w.cursors[i].run, w.cursors[i].rows[0])
}

// free gives a reading back, without what keeps a snapshot in memory.
func (w *reading) free() {
	clear(w.cursors[:cap(w.cursors)])
	w.feature = Feature{}
	readings.Put(w)
}

// A yielder hands rows on as features.
type yielder struct {
	s          *Snapshot
	private    bool
	certifiers bool
	out        *Feature
	f          func(*Feature) error
}

func (y *yielder) rows(r *run, rows []uint32) error {
	out := y.out
	for _, i := range rows {
		m := r.meta[i]
		out.ID, out.Shape, out.SurfaceM2 = r.ids[i], r.shape(i), r.surface[i]
		if kind := r.crop[i]<<3 + uint32(m.level()) + 1; kind != out.Kind {
			crop := &y.s.crops[r.crop[i]]
			out.Kind, out.Level = kind, string(levelCodes[m.level()])
			out.CPF, out.Culture, out.Group = crop.cpf, crop.Label, crop.Group
		}
		if y.private {
			o := &r.owners[r.owner[i]]
			out.Farm, out.Version, out.State = string(o.farm), string(o.version), string(o.state)
			out.Parcel, out.Label = r.texts(i)
			out.GeometryStatus = string(m.status())
			if y.certifiers {
				out.Certifier = y.s.names[o.oc]
			}
		}
		if err := y.f(out); err != nil {
			return err
		}
	}
	return nil
}

// Cells implements Source.
func (s *Snapshot) Cells(ctx context.Context, q *Query, a Address, f func(*Cell) error) error {
	l := newLens(q, s.crops)
	zoom := a.Z + CellBits
	if l.none || zoom > geo.CellZoom {
		return ctx.Err()
	}
	w := readings.Get().(*reading)
	lo := CellOrder(a.X, a.Y, a.Z) << (2 * (geo.CellZoom - a.Z))
	hi := lo + 1<<(2*(geo.CellZoom-a.Z))
	for i := range s.segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.count(&s.segments[i], &l, zoom, lo, hi)
	}
	first := CellOrder(a.X, a.Y, a.Z) << (2 * CellBits)
	for i := range w.cells {
		if w.cells[i].count == 0 {
			continue
		}
		c := &w.cell
		*c = w.cells[i].cell()
		c.X, c.Y = cellAt(first+uint32(i), zoom)
		if err := f(c); err != nil {
			return err
		}
		w.cells[i] = sum{}
	}
	readings.Put(w) // empty again, which it is not after a failure
	return nil
}

// count adds the rows of a segment from place lo to place hi to the cells.
func (w *reading) count(s *segment, l *lens, zoom, lo, hi uint32) {
	const mask = CellsPerTile*CellsPerTile - 1
	r := s.run
	shift := 2 * (geo.CellZoom - zoom)
	if l.all && r.pyramid != nil && zoom <= pyramidBottom {
		p := &r.pyramid[zoom-pyramidTop]
		from, _ := slices.BinarySearch(p.order, lo>>shift)
		for k := from; k < len(p.order) && p.order[k] < hi>>shift; k++ {
			w.cells[p.order[k]&mask].add(&p.cells[k])
		}
		if s.dead.count > 0 {
			from, to := r.between(lo, hi)
			s.dead.each(from, to, func(i uint32) {
				c := &w.cells[r.order[i]>>shift&mask]
				c.count--
				c.dm2[r.meta[i].level()] -= SquareDecimetres(r.surface[i])
			})
		}
		return
	}
	from, to := r.between(lo, hi)
	for i := from; i < to; i++ {
		if s.dead.has(i) || !l.all && !l.shows(r, i) {
			continue
		}
		c := &w.cells[r.order[i]>>shift&mask]
		c.count++
		c.dm2[r.meta[i].level()] += SquareDecimetres(r.surface[i])
	}
}
