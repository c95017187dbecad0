package tiles

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
	"sync"
	"unsafe"

	"sillon/geo"
	"sillon/geo/mvt"
	"sillon/sillon"
)

// A run is parcels that do not change any more, one column for each thing they
// have, in the order of Source.Parcels. Row i is the i-th of each column.
type run struct {
	order   []uint32 // parcelOrder
	ids     []uint64
	surface []float64 // m²
	meta    []meta
	crop    []uint32 // in Snapshot.crops
	owner   []uint32 // in owners
	owners  []owner

	points   []uint32 // of all, x and y in turn
	pointEnd []uint32 // in points, counted in points
	complex  []uint32 // the rows that are not one ring, in order
	rings    []shapeEnds

	text    string   // of all: length of the parcel's id, the id, the label
	textEnd []uint32 // in text

	tree tree

	keys []int64 // sorted
	at   []uint32

	pyramid []sums // from zoom pyramidTop on, none for a small run

	summed       sync.Once
	departements map[int]sum // by packDepartement, once summed

	size int64 // bytes of memory
}

// shapeEnds are the Rings and Parts of a shape.
type shapeEnds struct{ rings, parts []uint32 }

// An owner is what the parcels of a parcellaire share.
type owner struct {
	farm    sillon.NumeroBio
	version sillon.ParcellaireID
	state   sillon.State
	oc      sillon.OC
	reader  sillon.OC
	year    int32
}

// A meta packs what takes few bits: the level, the geometry status, whether
// the shape is more than one ring, and the three bytes of the département.
type meta uint32

const (
	metaStatus      = 3
	metaComplex     = 1 << 5
	metaDepartement = 8
)

// levelCodes and statusCodes are in the order of their bits in a meta.
var (
	levelCodes = [8]sillon.Level{
		sillon.LevelUnknown, sillon.LevelCONV, sillon.LevelC1, sillon.LevelC2, sillon.LevelC3, sillon.LevelAB, sillon.LevelEngaged,
	}
	statusCodes = [4]sillon.GeometryStatus{"", sillon.GeometryValid, sillon.GeometryCorrected, sillon.GeometryToCheck}
)

func newMeta(r *Row) meta {
	m := packDepartement(r.Departement) << metaDepartement
	m |= max(0, slices.Index(levelCodes[:7], r.Level))
	m |= max(0, slices.Index(statusCodes[:], r.GeometryStatus)) << metaStatus
	return meta(m)
}

// packDepartement makes a code of up to three bytes a number, 0 for any other.
func packDepartement(code string) (n int) {
	if len(code) > 3 {
		return 0
	}
	for _, c := range []byte(code) {
		n = n<<8 | int(c)
	}
	return n
}

func (m meta) level() int                    { return int(m & 7) }
func (m meta) status() sillon.GeometryStatus { return statusCodes[m>>metaStatus&3] }
func (m meta) departement() int              { return int(m >> metaDepartement) }

func (r *run) len() int { return len(r.order) }

func (r *run) shape(i uint32) mvt.Shape {
	start := uint32(0)
	if i > 0 {
		start = r.pointEnd[i-1]
	}
	s := mvt.Shape{Points: r.points[2*start : 2*r.pointEnd[i]]}
	if r.meta[i]&metaComplex != 0 {
		k, _ := slices.BinarySearch(r.complex, i)
		s.Rings, s.Parts = r.rings[k].rings, r.rings[k].parts
	}
	return s
}

// texts are the id of a row's parcel in its parcellaire, and its label.
func (r *run) texts(i uint32) (parcel, label string) {
	t := r.textOf(i)
	n, skip := uvarint(t)
	return t[skip : skip+n], t[skip+n:]
}

func (r *run) textOf(i uint32) string {
	start := uint32(0)
	if i > 0 {
		start = r.textEnd[i-1]
	}
	return r.text[start:r.textEnd[i]]
}

// uvarint is binary.Uvarint of what binary.AppendUvarint wrote.
func uvarint(s string) (v, size int) {
	for size < len(s) {
		b := s[size]
		v |= int(b&0x7f) << (7 * size)
		size++
		if b < 0x80 {
			break
		}
	}
	return v, size
}

// find returns the row of a key.
func (r *run) find(key int64) (i uint32, ok bool) {
	if n := len(r.keys); n == 0 || key < r.keys[0] || key > r.keys[n-1] {
		return 0, false
	}
	k, ok := slices.BinarySearch(r.keys, key)
	if !ok {
		return 0, false
	}
	return r.at[k], true
}

// rowKeys returns the keys in the order of the rows.
func (r *run) rowKeys() []int64 {
	keys := make([]int64, len(r.keys))
	for i, at := range r.at {
		keys[at] = r.keys[i]
	}
	return keys
}

// between returns the rows from place lo to place hi, hi excluded.
func (r *run) between(lo, hi uint32) (from, to uint32) {
	return uint32(r.lower(lo)), uint32(r.lower(hi))
}

func (r *run) lower(order uint32) int {
	return sort.Search(len(r.order), func(i int) bool { return r.order[i] >= order })
}

// bytes counts the memory that the run holds.
func (r *run) bytes() int64 {
	n := int64(cap(r.order)*4+cap(r.ids)*8+cap(r.surface)*8+cap(r.meta)*4+cap(r.crop)*4+cap(r.owner)*4) +
		int64(cap(r.points)*4+cap(r.pointEnd)*4+cap(r.complex)*4+len(r.text)+cap(r.textEnd)*4+cap(r.keys)*8+cap(r.at)*4) +
		int64(cap(r.tree.boxes)*16) + int64(cap(r.owners))*int64(unsafe.Sizeof(owner{}))
	for _, e := range r.rings {
		n += int64(unsafe.Sizeof(e)) + int64(4*(cap(e.rings)+cap(e.parts)))
	}
	for _, o := range r.owners {
		n += int64(len(o.farm) + len(o.version))
	}
	for _, s := range r.pyramid {
		n += int64(cap(s.order)*4) + int64(cap(s.cells))*int64(unsafe.Sizeof(sum{}))
	}
	return n
}

// A packer makes a run of rows that come in its order.
type packer struct {
	run    *run // apart, so that it does not keep the rest in memory
	text   []byte
	keys   []keyAt
	owners map[owner]uint32
}

type keyAt struct {
	key int64
	at  uint32
}

// newPacker has room for rows with so many points and bytes of text in all.
func newPacker(rows, points, text int) *packer {
	return &packer{
		run: &run{
			order: make([]uint32, 0, rows), ids: make([]uint64, 0, rows), surface: make([]float64, 0, rows), meta: make([]meta, 0, rows),
			crop: make([]uint32, 0, rows), owner: make([]uint32, 0, rows),
			points: make([]uint32, 0, 2*points), pointEnd: make([]uint32, 0, rows), textEnd: make([]uint32, 0, rows),
			tree: newTree(rows),
		},
		text: make([]byte, 0, text), keys: make([]keyAt, 0, rows), owners: map[owner]uint32{},
	}
}

// A packed is a row as packer takes it.
type packed struct {
	key     int64
	id      uint64
	surface float64
	box     Box
	order   uint32
	meta    meta
	crop    uint32
}

func (p *packer) add(row *packed, points []uint32, ends *shapeEnds, owner uint32) {
	r := p.run
	i := uint32(len(r.order))
	r.order, r.ids, r.surface = append(r.order, row.order), append(r.ids, row.id), append(r.surface, row.surface)
	r.meta, r.crop, r.owner = append(r.meta, row.meta), append(r.crop, row.crop), append(r.owner, owner)
	r.points = append(r.points, points...)
	r.pointEnd = append(r.pointEnd, uint32(len(r.points)/2))
	r.textEnd = append(r.textEnd, uint32(len(p.text)))
	r.tree.boxes = append(r.tree.boxes, row.box)
	if ends != nil {
		r.complex, r.rings = append(r.complex, i), append(r.rings, *ends)
	}
	p.keys = append(p.keys, keyAt{row.key, i})
}

// ownerOf enters an owner.
func (p *packer) ownerOf(o *owner) uint32 {
	i, ok := p.owners[*o]
	if !ok {
		i = uint32(len(p.run.owners))
		p.owners[*o] = i
		p.run.owners = append(p.run.owners, *o)
	}
	return i
}

// finish returns the run.
func (p *packer) finish() *run {
	r := p.run
	r.text = unsafe.String(unsafe.SliceData(p.text), len(p.text)) // nobody writes to it any more
	r.owners = slices.Clip(r.owners)
	r.tree.finish()
	slices.SortFunc(p.keys, func(a, b keyAt) int { return cmp.Compare(a.key, b.key) })
	r.keys, r.at = make([]int64, len(p.keys)), make([]uint32, len(p.keys))
	for i, k := range p.keys {
		r.keys[i], r.at[i] = k.key, k.at
	}
	if r.len() >= pyramidRows {
		r.pyramid = newPyramid(r)
	}
	r.size = r.bytes()
	return r
}

// A tree is a packed R-tree on the boxes of a run: each box but the first ones,
// which are those of the rows, holds the next nodeSize boxes of the level below.
type tree struct {
	boxes []Box
	level []int // where each level begins in boxes
}

const (
	nodeBits = 4
	nodeSize = 1 << nodeBits
)

// newTree is a tree with room for rows, and no box yet.
func newTree(rows int) tree {
	size := rows
	for n := rows; n > 1; {
		n = (n + nodeSize - 1) / nodeSize
		size += n
	}
	return tree{boxes: make([]Box, 0, size)}
}

// finish adds the levels above that of the rows.
func (t *tree) finish() {
	t.level = []int{0}
	for from := 0; len(t.boxes)-from > 1; {
		to := len(t.boxes)
		t.level = append(t.level, to)
		for ; from < to; from += nodeSize {
			b := t.boxes[from]
			for _, c := range t.boxes[from+1 : min(from+nodeSize, to)] {
				b = b.union(c)
			}
			t.boxes = append(t.boxes, b)
		}
		from = to
	}
}

// search appends to out the rows whose box meets b, in order.
func (t *tree) search(b *Box, out []uint32) []uint32 {
	if len(t.boxes) == 0 || !t.boxes[len(t.boxes)-1].Meets(*b) {
		return out
	}
	if len(t.level) == 1 {
		return append(out, 0)
	}
	return t.below(len(t.level)-1, 0, b, out)
}

// below searches what is below box i of a level.
func (t *tree) below(level, i int, b *Box, out []uint32) []uint32 {
	first := i << nodeBits
	start := t.level[level-1]
	boxes := t.boxes[start+first : min(start+first+nodeSize, t.level[level])]
	for k := range boxes {
		c := &boxes[k]
		switch {
		case c.MinX > b.MaxX || c.MaxX < b.MinX || c.MinY > b.MaxY || c.MaxY < b.MinY:
		case level == 1:
			out = append(out, uint32(first+k))
		case c.MinX >= b.MinX && c.MaxX <= b.MaxX && c.MinY >= b.MinY && c.MaxY <= b.MaxY:
			shift := nodeBits * (level - 1)
			for row, to := (first+k)<<shift, min((first+k+1)<<shift, t.rows()); row < to; row++ {
				out = append(out, uint32(row))
			}
		default:
			out = t.below(level-1, first+k, b, out)
		}
	}
	return out
}

func (t *tree) rows() int {
	if len(t.level) > 1 {
		return t.level[1]
	}
	return len(t.boxes)
}

func (b Box) union(c Box) Box {
	return Box{min(b.MinX, c.MinX), min(b.MinY, c.MinY), max(b.MaxX, c.MaxX), max(b.MaxY, c.MaxY)}
}

const (
	pyramidTop    = CellBits // the cells of the tile of zoom 0
	pyramidBottom = 12
	pyramidRows   = 1 << 12 // fewer are counted one by one
)

// sums are the cells of a zoom that hold rows of a run, in their order.
type sums struct {
	order []uint32
	cells []sum
}

// A sum counts parcels, and their square decimetres by levelCodes.
type sum struct {
	count int64
	dm2   [7]int64
}

func (s *sum) add(t *sum) {
	s.count += t.count
	for i := range s.dm2 {
		s.dm2[i] += t.dm2[i]
	}
}

func (s *sum) cell() Cell {
	c := Cell{Count: int(s.count)}
	for i, dm2 := range s.dm2 {
		c.Surfaces.Add(levelCodes[i], dm2)
	}
	return c
}

func newPyramid(r *run) []sums {
	p := make([]sums, pyramidBottom-pyramidTop+1)
	for k := range p {
		s := &p[k]
		shift := 2 * uint(geo.CellZoom-pyramidTop-k)
		for i, order := range r.order {
			o := order >> shift
			if n := len(s.order); n == 0 || s.order[n-1] != o {
				s.order, s.cells = append(s.order, o), append(s.cells, sum{})
			}
			c := &s.cells[len(s.cells)-1]
			c.count++
			c.dm2[r.meta[i].level()] += SquareDecimetres(r.surface[i])
		}
		s.order, s.cells = slices.Clip(s.order), slices.Clip(s.cells)
	}
	return p
}

// A dead set says which rows of a run are out of date. It is a value: with
// returns another one, and shares the pages that are the same.
type deadSet struct {
	pages []*deadPage // nil where all live
	count int
}

const deadPageBits = 12

type deadPage [1 << (deadPageBits - 6)]uint64

func (d *deadSet) has(i uint32) bool {
	if d.count == 0 {
		return false
	}
	p := d.pages[i>>deadPageBits]
	return p != nil && p[i>>6%uint32(len(p))]>>(i&63)&1 != 0
}

// with returns the set with more rows of a run of n, which it has not yet.
func (d *deadSet) with(n int, rows []uint32) deadSet {
	out := deadSet{make([]*deadPage, (n+1<<deadPageBits-1)>>deadPageBits), d.count}
	copy(out.pages, d.pages)
	for _, i := range rows {
		k := i >> deadPageBits
		p := out.pages[k]
		if p == nil || d.pages != nil && p == d.pages[k] {
			own := new(deadPage)
			if p != nil {
				*own = *p
			}
			p = own
			out.pages[k] = p
		}
		word, bit := &p[i>>6%uint32(len(p))], uint64(1)<<(i&63)
		if *word&bit == 0 {
			*word |= bit
			out.count++
		}
	}
	return out
}

// each calls f with the rows of the set from one to another, excluded.
func (d *deadSet) each(from, to uint32, f func(i uint32)) {
	if d.count == 0 || from >= to {
		return
	}
	for k := from >> deadPageBits; k <= (to-1)>>deadPageBits; k++ {
		p := d.pages[k]
		if p == nil {
			continue
		}
		for w, word := range p {
			for ; word != 0; word &= word - 1 {
				i := k<<deadPageBits | uint32(w)<<6 | uint32(bits.TrailingZeros64(word))
				if i >= from && i < to {
					f(i)
				}
			}
		}
	}
}

// appendText appends what textOf returns.
func appendText(b []byte, parcel, label string) []byte {
	b = binary.AppendUvarint(b, uint64(len(parcel)))
	return append(append(b, parcel...), label...)
}
