package mvt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrEWKB is what a geometry that Polygons cannot read fails with: cut short,
// neither a polygon nor a multipolygon, with Z or M, not in WGS 84, or with a
// coordinate that is no finite number.
var ErrEWKB = errors.New("unreadable EWKB")

const (
	ewkbPolygon      = 3
	ewkbMultiPolygon = 6
	ewkbHasSRID      = 0x20000000
	wgs84            = 4326

	pointSize = 16
)

// A point is in units of the tile.
type point struct{ x, y int32 }

// A ring is a run of the points of a workspace, not closed by its first point.
type ring struct {
	start, end int
	area2      int64 // twice its signed area: positive if clockwise on the screen
	hole       bool
}

// A workspace is the memory that the shapes of a layer pass through.
type workspace struct {
	raw, spare []point // the ring being read
	acc        []int64 // see simplify
	points     []point // the rings of the polygon being read
	rings      []ring
	edges      []edge // see sweep
}

// Polygons makes the EWKB of a polygon or a multipolygon, in WGS 84, the shape
// of the feature being written. ok is false when nothing of it is in the tile.
// It fails with ErrEWKB.
func (l *Layer) Polygons(ewkb []byte) (ok bool, err error) {
	l.begin()
	r := reader{buf: ewkb}
	kind, err := r.header()
	if err != nil {
		return false, err
	}
	var collapsed mark
	switch kind {
	case ewkbPolygon:
		err = l.polygon(&r, &collapsed)
	case ewkbMultiPolygon:
		var n int
		if n, err = r.count(5); err != nil {
			return false, err
		}
		for range n {
			if kind, err = r.header(); err != nil {
				break
			}
			if kind != ewkbPolygon {
				err = fmt.Errorf("%w: type %d in a multipolygon", ErrEWKB, kind)
				break
			}
			if err = l.polygon(&r, &collapsed); err != nil {
				break
			}
		}
	default:
		err = fmt.Errorf("%w: type %d", ErrEWKB, kind)
	}
	if err == nil && len(r.buf) > 0 {
		err = fmt.Errorf("%w: %d bytes too many", ErrEWKB, len(r.buf))
	}
	if err != nil {
		l.shape = l.shape[:0]
		return false, err
	}
	return l.end(collapsed), nil
}

// end draws a collapsed shape, and tells whether there is a shape at all.
func (l *Layer) end(collapsed mark) bool {
	if at := collapsed.at; collapsed.set && l.keepsCollapsed && len(l.shape) == 0 {
		l.Rect(at.x, at.y, at.x+1, at.y+1)
	}
	return len(l.shape) > 0
}

// Rect makes a rectangle, in units of the tile, the shape of the feature being
// written. It is not clipped.
func (l *Layer) Rect(minX, minY, maxX, maxY int32) {
	l.begin()
	corners := [4]point{{minX, minY}, {maxX, minY}, {maxX, maxY}, {minX, maxY}}
	l.draw(corners[:], true)
}

func (l *Layer) begin() {
	l.shape = l.shape[:0]
	l.at = point{}
}

// A mark is where a shell was of which nothing is left.
type mark struct {
	at  point
	set bool
}

// polygon reads a polygon, header excluded, and draws what is in the tile.
func (l *Layer) polygon(r *reader, collapsed *mark) error {
	n, err := r.count(4)
	if err != nil {
		return err
	}
	l.work.begin()
	kept := true
	for i := range n {
		coords, err := r.ring()
		if err != nil {
			return err
		}
		if !kept {
			continue // a hole of nothing, read for its faults only
		}
		found, err := l.snap(coords, r.big)
		if err != nil {
			return err
		}
		kept = l.take(found, i > 0, collapsed)
	}
	l.drawAll()
	return nil
}

func (w *workspace) begin() { w.points, w.rings = w.points[:0], w.rings[:0] }

// take keeps what the tile holds of the snapped ring. kept is false when
// nothing is left of the shell, so that its holes are holes of nothing.
func (l *Layer) take(found snapped, hole bool, collapsed *mark) (kept bool) {
	w := &l.work
	if len(w.raw) == 0 {
		return hole // a shell of no point holds nothing
	}
	first := w.raw[0]
	if found.area2 != 0 && found.touchesBox() {
		l.finish(found, hole)
	}
	if kept = len(w.rings) > 0; !kept && inBox(first) {
		*collapsed = mark{first, true}
	}
	return kept
}

func inBox(p point) bool {
	return p.x >= low && p.x < high && p.y >= low && p.y < high
}

// A snapped ring is in workspace.raw.
type snapped struct {
	area2                  int64
	minX, minY, maxX, maxY int32
}

func (s *snapped) touchesBox() bool {
	return s.minX < high && s.maxX > low && s.minY < high && s.maxY > low
}

func (s *snapped) insideBox() bool {
	return s.minX >= low && s.maxX <= high && s.minY >= low && s.maxY <= high
}

// snap brings a ring of EWKB into workspace.raw, on the grid and without
// repeated points.
func (l *Layer) snap(coords []byte, big bool) (snapped, error) {
	w := &l.work
	n := len(coords) / pointSize
	if cap(w.raw) < n {
		w.raw = make([]point, 0, 2*n)
	}
	out := w.raw[:n]
	k := 0
	s := nowhere
	for ; len(coords) >= pointSize; coords = coords[pointSize:] {
		var a, b uint64
		if big {
			a, b = binary.BigEndian.Uint64(coords), binary.BigEndian.Uint64(coords[8:])
		} else {
			a, b = binary.LittleEndian.Uint64(coords), binary.LittleEndian.Uint64(coords[8:])
		}
		lon, lat := math.Float64frombits(a), math.Float64frombits(b)
		if sum := lon + lat; sum-sum != 0 {
			return s, fmt.Errorf("%w: position %v %v", ErrEWKB, lon, lat)
		}
		p := l.onGrid(World(lon, lat))
		if k > 0 && p == out[k-1] {
			continue
		}
		out[k] = p
		k++
		s.minX, s.maxX = min(s.minX, p.x), max(s.maxX, p.x)
		s.minY, s.maxY = min(s.minY, p.y), max(s.maxY, p.y)
	}
	w.raw = open(out[:k])
	s.area2 = area2(w.raw)
	return s, nil
}

// nowhere is the box of no point.
var nowhere = snapped{minX: math.MaxInt32, minY: math.MaxInt32, maxX: math.MinInt32, maxY: math.MinInt32}

// onGrid is where a world coordinate lies in the tile.
func (l *Layer) onGrid(x, y uint32) point {
	return point{
		int32((int64(x)-l.originX)>>l.shift) << l.detail,
		int32((int64(y)-l.originY)>>l.shift) << l.detail,
	}
}

// open drops the points that close a ring.
func open(pts []point) []point {
	for len(pts) > 1 && pts[len(pts)-1] == pts[0] {
		pts = pts[:len(pts)-1]
	}
	return pts
}

// finish simplifies, clips and mends the snapped ring, and keeps what is left
// of it among the rings of the polygon.
func (l *Layer) finish(s snapped, hole bool) {
	w := &l.work
	w.simplify(l.detail, s.area2)
	if !s.insideBox() {
		w.clip(&s)
	}
	if len(w.raw) < 3 {
		return
	}
	if area, ok := star(w.raw); ok {
		w.keep(w.raw, area, hole)
	} else {
		w.mend(s.area2 > 0, hole)
	}
}

// keep copies a ring into the polygon.
func (w *workspace) keep(pts []point, area int64, hole bool) {
	if area == 0 {
		return
	}
	start := len(w.points)
	w.points = append(w.points, pts...)
	w.rings = append(w.rings, ring{start, len(w.points), area, hole})
}

func (w *workspace) of(r ring) []point { return w.points[r.start:r.end] }

// drawAll draws the rings of the polygon, each shell followed by its holes. A
// shell whose holes leave nothing of it is not drawn: the tile lies in a hole.
func (l *Layer) drawAll() {
	w := &l.work
	shells := 0
	for _, r := range w.rings {
		if !r.hole {
			shells++
		}
	}
	for _, shell := range w.rings {
		if shell.hole {
			continue
		}
		isIn := func(r ring) bool { return r.hole && (shells == 1 || within(w.of(r), w.of(shell))) }
		left := abs(shell.area2)
		for _, r := range w.rings {
			if isIn(r) {
				left -= abs(r.area2)
			}
		}
		if left <= 0 {
			continue
		}
		l.draw(w.of(shell), shell.area2 > 0)
		for _, r := range w.rings {
			if isIn(r) {
				l.draw(w.of(r), r.area2 < 0)
			}
		}
	}
}

const (
	moveTo    = 1<<3 | 1
	closePath = 1<<3 | 7

	maxVarint = 5 // bytes of the longest varint of 32 bits
)

func lineTo(count int) uint32 { return uint32(count)<<3 | 2 }

// draw appends a ring to the shape, its points in their order or backwards.
func (l *Layer) draw(pts []point, forwards bool) {
	l.shape = slices.Grow(l.shape, 2*maxVarint+2+2*maxVarint*len(pts))
	b := l.shape[:cap(l.shape)]
	i, at := len(l.shape), l.at
	b[i] = moveTo
	i = putStep(b, i+1, pts[0].x-at.x, pts[0].y-at.y)
	i = putVarint(b, i, lineTo(len(pts)-1))
	at = pts[0]
	if forwards {
		for _, p := range pts[1:] {
			i = putStep(b, i, p.x-at.x, p.y-at.y)
			at = p
		}
	} else {
		for k := len(pts) - 1; k > 0; k-- {
			p := pts[k]
			i = putStep(b, i, p.x-at.x, p.y-at.y)
			at = p
		}
	}
	b[i] = closePath
	l.shape, l.at = b[:i+1], at
}

func putStep(b []byte, i int, dx, dy int32) int {
	u, v := zigzag(dx), zigzag(dy)
	if u|v < 0x80 {
		_ = b[i+1]
		b[i], b[i+1] = byte(u), byte(v)
		return i + 2
	}
	return putVarint(b, putVarint(b, i, u), v)
}

// putVarint is binary.PutUvarint with the short case inlined.
func putVarint(b []byte, i int, v uint32) int {
	if v < 0x80 {
		b[i] = byte(v)
		return i + 1
	}
	return i + binary.PutUvarint(b[i:], uint64(v))
}

func zigzag(v int32) uint32 { return uint32(v<<1 ^ v>>31) }

// area2 is twice the signed area of a ring: positive if clockwise on the
// screen, where y grows downwards.
func area2(pts []point) int64 {
	if len(pts) < 3 {
		return 0
	}
	var sum int64
	o := pts[0]
	px, py := int64(pts[1].x-o.x), int64(pts[1].y-o.y)
	for _, p := range pts[2:] {
		x, y := int64(p.x-o.x), int64(p.y-o.y)
		sum += px*y - x*py
		px, py = x, y
	}
	return sum
}

// reader walks EWKB and never past its end.
type reader struct {
	buf []byte
	big bool // byte order of the geometry being read
}

// header reads a byte order, a type and its SRID, and returns the type.
func (r *reader) header() (kind uint32, err error) {
	if len(r.buf) < 5 || r.buf[0] > 1 {
		return 0, fmt.Errorf("%w: no header", ErrEWKB)
	}
	r.big = r.buf[0] == 0
	r.buf = r.buf[1:]
	kind = r.uint32()
	if kind&ewkbHasSRID != 0 {
		if len(r.buf) < 4 {
			return 0, fmt.Errorf("%w: no SRID", ErrEWKB)
		}
		if srid := r.uint32(); srid != wgs84 {
			return 0, fmt.Errorf("%w: SRID %d", ErrEWKB, srid)
		}
	}
	return kind &^ ewkbHasSRID, nil
}

// count reads a number of things of at least size bytes each.
func (r *reader) count(size int) (int, error) {
	if len(r.buf) < 4 {
		return 0, fmt.Errorf("%w: cut short", ErrEWKB)
	}
	n := r.uint32()
	if uint64(n)*uint64(size) > uint64(len(r.buf)) {
		return 0, fmt.Errorf("%w: %d announced, %d bytes left", ErrEWKB, n, len(r.buf))
	}
	return int(n), nil
}

// ring returns the coordinates of a ring.
func (r *reader) ring() ([]byte, error) {
	n, err := r.count(pointSize)
	if err != nil {
		return nil, err
	}
	coords := r.buf[:n*pointSize]
	r.buf = r.buf[len(coords):]
	return coords, nil
}

func (r *reader) uint32() uint32 {
	b := r.buf
	r.buf = b[4:]
	if r.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}
