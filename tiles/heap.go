package tiles

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unsafe"

	"sillon/geo"
	"sillon/geo/mvt"
)

// A heap takes rows in any order and makes runs of them. It keeps the rows of
// each square of zoom heapZoom apart, so that the runs can be made one by one,
// and the rows forgotten as they go.
type heap struct {
	crops   func(cpf string) uint32
	squares map[uint32]*square // by the first bits of their order
	bytes   int64

	owners []owner
	known  map[owner]uint32

	shape mvt.Shape
}

const (
	heapZoom  = 10
	heapShift = 2 * (geo.CellZoom - heapZoom)
)

// A square is the rows of a square of the map, as they came.
type square struct {
	rows   []loose
	points []uint32
	text   []byte
	shapes []shapeEnds
}

// A loose is a row of a square.
type loose struct {
	packed
	owner         uint32 // in heap.owners
	point, points uint32 // first one and number, in square.points, of numbers
	text, texts   uint32 // the same in square.text
	shape         int32  // in square.shapes, -1 for one ring
}

func newHeap(crops func(string) uint32) *heap {
	return &heap{crops: crops, squares: map[uint32]*square{}, known: map[owner]uint32{}}
}

// add takes a row. It fails with mvt.ErrEWKB.
func (h *heap) add(r *Row) error {
	at := parcelOrder(r.CellX, r.CellY) >> heapShift
	s := h.squares[at]
	if s == nil {
		s = &square{}
		h.squares[at] = s
	}
	before := s.size()
	_, err := h.read(r, s)
	h.bytes += s.size() - before
	return err
}

// read appends a row to a square, and returns what it has become.
func (h *heap) read(r *Row, s *square) (*packed, error) {
	h.shape.Points, h.shape.Rings, h.shape.Parts = h.shape.Points[:0], h.shape.Rings[:0], h.shape.Parts[:0]
	if err := h.shape.AppendEWKB(r.EWKB); err != nil {
		return nil, fmt.Errorf("parcel %d: %w", r.ID, err)
	}
	row := loose{packed: packed{
		key: r.Key, id: r.ID, surface: r.SurfaceM2, box: boxOf(h.shape.Points),
		order: parcelOrder(r.CellX, r.CellY), meta: newMeta(r), crop: h.crops(r.CPF),
	}, owner: h.owner(r), shape: -1}
	if len(h.shape.Rings) != 1 || len(h.shape.Parts) > 1 {
		row.meta |= metaComplex
		row.shape = int32(len(s.shapes))
		s.shapes = append(s.shapes, shapeEnds{slices.Clone(h.shape.Rings), slices.Clone(h.shape.Parts)})
		h.bytes += int64(4*len(h.shape.Rings) + 4*len(h.shape.Parts))
	}
	row.point, row.points = uint32(len(s.points)), uint32(len(h.shape.Points))
	s.points = append(s.points, h.shape.Points...)
	row.text = uint32(len(s.text))
	s.text = appendText(s.text, r.Parcel, r.Label)
	row.texts = uint32(len(s.text)) - row.text
	s.rows = append(s.rows, row)
	return &s.rows[len(s.rows)-1].packed, nil
}

// size is the memory of the square, but for its shapes' ends.
func (s *square) size() int64 {
	return int64(cap(s.rows))*int64(unsafe.Sizeof(loose{})) + int64(4*cap(s.points)+cap(s.text)) +
		int64(cap(s.shapes))*int64(unsafe.Sizeof(shapeEnds{}))
}

func boxOf(points []uint32) Box {
	b := Box{MinX: 1<<32 - 1, MinY: 1<<32 - 1}
	for i := 0; i+1 < len(points); i += 2 {
		x, y := points[i], points[i+1]
		b = Box{min(b.MinX, x), min(b.MinY, y), max(b.MaxX, x), max(b.MaxY, y)}
	}
	return b
}

func (h *heap) owner(r *Row) uint32 {
	o := owner{r.Farm, r.Version, r.State, r.OC, r.Reader, int32(r.Year)}
	if n := len(h.owners); n > 0 && o == h.owners[n-1] {
		return uint32(n - 1)
	}
	i, ok := h.known[o]
	if !ok {
		i = uint32(len(h.owners))
		// The row's memory is not ours.
		o.farm, o.version, o.state = clone(o.farm), clone(o.version), clone(o.state)
		h.owners, h.known[o] = append(h.owners, o), i
		h.bytes += 2*int64(unsafe.Sizeof(o)) + int64(len(o.farm)+len(o.version)+len(o.state))
	}
	return i
}

// runs makes a run of each stretch of squares that hold size rows or a little
// less, more if one square does, and hands it to f in order. What has become
// a run is no longer in the heap.
func (h *heap) runs(size int, f func(*run)) {
	var stretch []*square
	rows := 0
	flush := func() {
		if rows > 0 {
			f(h.pack(stretch))
		}
		stretch, rows = stretch[:0], 0
	}
	for _, k := range slices.Sorted(maps.Keys(h.squares)) {
		s := h.squares[k]
		if rows > 0 && rows+len(s.rows) > size {
			flush()
		}
		stretch, rows = append(stretch, s), rows+len(s.rows)
		delete(h.squares, k)
	}
	flush()
}

// A place is where a row goes, and where it is.
type place struct {
	order, row uint32
	id         uint64
}

// inOrder lists the rows in the order of a run.
func (s *square) inOrder() []place {
	places := make([]place, len(s.rows))
	for i := range s.rows {
		places[i] = place{s.rows[i].order, uint32(i), s.rows[i].id}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id)) })
	return places
}

// pack makes a run of squares that follow each other.
func (h *heap) pack(squares []*square) *run {
	var rows, points, text int
	for _, s := range squares {
		rows, points, text = rows+len(s.rows), points+len(s.points)/2, text+len(s.text)
	}
	p := newPacker(rows, points, text)
	for k, s := range squares {
		for _, at := range s.inOrder() {
			row := &s.rows[at.row]
			var ends *shapeEnds
			if row.shape >= 0 {
				ends = &s.shapes[row.shape]
			}
			p.text = append(p.text, s.text[row.text:row.text+row.texts]...)
			p.add(&row.packed, s.points[row.point:row.point+row.points], ends, p.ownerOf(&h.owners[row.owner]))
		}
		h.bytes -= s.size()
		squares[k] = nil
	}
	return p.finish()
}

func clone[S ~string](s S) S { return S(strings.Clone(string(s))) }
