package mvt

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A Shape is a polygon or a multipolygon in world coordinates. Points holds x
// and y in turn. Rings holds where each ring ends in Points, counted in
// points, and Parts where each polygon ends in Rings; the first ring of a
// polygon is its shell. Without Rings all points are one ring, and without
// Parts all rings are one polygon. The point that closes a ring is left out.
type Shape struct {
	Points []uint32
	Rings  []uint32
	Parts  []uint32
}

// Shape makes a shape that AppendEWKB read the shape of the feature being
// written, and gives the bytes that Polygons gives for the EWKB. ok is false
// when nothing of it is in the tile.
func (l *Layer) Shape(s Shape) (ok bool) {
	l.begin()
	var collapsed mark
	switch {
	case len(s.Rings) == 0:
		l.oneRing(s.Points, &collapsed)
	case len(s.Parts) == 0:
		l.rings(s.Points, 0, s.Rings, &collapsed)
	default:
		ring, start := uint32(0), uint32(0)
		for _, end := range s.Parts {
			start = l.rings(s.Points, start, s.Rings[ring:end], &collapsed)
			ring = end
		}
	}
	return l.end(collapsed)
}

// oneRing is rings for a shell alone. Most fields are in the tile whole and
// without a fault: these are drawn as they come.
func (l *Layer) oneRing(points []uint32, collapsed *mark) {
	w := &l.work
	found := l.snapWorld(points)
	if found.area2 == 0 || !found.insideBox() || !found.touchesBox() {
		w.begin()
		l.take(found, false, collapsed)
		l.drawAll()
		return
	}
	first := w.raw[0]
	w.simplify(l.detail, found.area2)
	if len(w.raw) >= 3 {
		if area, ok := star(w.raw); ok {
			l.draw(w.raw, area > 0)
			return
		}
		w.begin()
		w.mend(found.area2 > 0, false)
		l.drawAll()
		if len(w.rings) > 0 {
			return
		}
	}
	if inBox(first) {
		*collapsed = mark{first, true}
	}
}

// rings draws the polygon of the rings that start at a point and end at ends,
// and returns where the last one does.
func (l *Layer) rings(points []uint32, start uint32, ends []uint32, collapsed *mark) uint32 {
	l.work.begin()
	kept := true
	for i, end := range ends {
		if kept {
			kept = l.take(l.snapWorld(points[2*start:2*end]), i > 0, collapsed)
		}
		start = end
	}
	l.drawAll()
	return start
}

// snapWorld is snap for a ring in world coordinates.
func (l *Layer) snapWorld(coords []uint32) snapped {
	w := &l.work
	n := len(coords) / 2
	if cap(w.raw) < n {
		w.raw = make([]point, 0, 2*n)
	}
	s := nowhere
	if n == 0 {
		w.raw = w.raw[:0]
		return s
	}
	out := w.raw[:n]
	last := l.onGrid(coords[0], coords[1])
	out[0] = last
	k := 1
	s.minX, s.maxX, s.minY, s.maxY = last.x, last.x, last.y, last.y
	originX, originY, shift, detail := l.originX, l.originY, l.shift&63, l.detail&31
	for coords = coords[2:]; len(coords) >= 2; coords = coords[2:] {
		p := point{
			int32((int64(coords[0])-originX)>>shift) << detail,
			int32((int64(coords[1])-originY)>>shift) << detail,
		}
		if p == last {
			continue
		}
		last = p
		out[k] = p
		k++
		s.minX, s.maxX = min(s.minX, p.x), max(s.maxX, p.x)
		s.minY, s.maxY = min(s.minY, p.y), max(s.maxY, p.y)
	}
	w.raw = open(out[:k])
	s.area2 = area2(w.raw)
	return s
}

// AppendEWKB reads the EWKB of a polygon or a multipolygon, in WGS 84, and
// appends its points, its ring ends and its part ends to those of s, counted
// from the first of its own. It fails with ErrEWKB, and s is then of no use.
func (s *Shape) AppendEWKB(ewkb []byte) error {
	r := reader{buf: ewkb}
	kind, err := r.header()
	if err != nil {
		return err
	}
	firstPoint, firstRing := len(s.Points), len(s.Rings)
	switch kind {
	case ewkbPolygon:
		err = s.appendPolygon(&r, firstPoint)
	case ewkbMultiPolygon:
		var n int
		if n, err = r.count(5); err != nil {
			return err
		}
		for range n {
			if kind, err = r.header(); err != nil {
				return err
			}
			if kind != ewkbPolygon {
				return fmt.Errorf("%w: type %d in a multipolygon", ErrEWKB, kind)
			}
			if err = s.appendPolygon(&r, firstPoint); err != nil {
				return err
			}
			s.Parts = append(s.Parts, uint32(len(s.Rings)-firstRing))
		}
	default:
		err = fmt.Errorf("%w: type %d", ErrEWKB, kind)
	}
	if err == nil && len(r.buf) > 0 {
		err = fmt.Errorf("%w: %d bytes too many", ErrEWKB, len(r.buf))
	}
	return err
}

func (s *Shape) appendPolygon(r *reader, first int) error {
	n, err := r.count(4)
	if err != nil {
		return err
	}
	for range n {
		coords, err := r.ring()
		if err != nil {
			return err
		}
		if err := s.appendRing(coords, r.big); err != nil {
			return err
		}
		s.Rings = append(s.Rings, uint32(len(s.Points)-first)/2)
	}
	return nil
}

// appendRing appends a ring without the points that repeat the one before or
// close it: no grid tells them apart.
func (s *Shape) appendRing(coords []byte, big bool) error {
	start := len(s.Points)
	for ; len(coords) >= pointSize; coords = coords[pointSize:] {
		var a, b uint64
		if big {
			a, b = binary.BigEndian.Uint64(coords), binary.BigEndian.Uint64(coords[8:])
		} else {
			a, b = binary.LittleEndian.Uint64(coords), binary.LittleEndian.Uint64(coords[8:])
		}
		lon, lat := math.Float64frombits(a), math.Float64frombits(b)
		if sum := lon + lat; sum-sum != 0 {
			return fmt.Errorf("%w: position %v %v", ErrEWKB, lon, lat)
		}
		x, y := World(lon, lat)
		if n := len(s.Points); n > start && s.Points[n-2] == x && s.Points[n-1] == y {
			continue
		}
		s.Points = append(s.Points, x, y)
	}
	for n := len(s.Points); n > start+2 && s.Points[n-2] == s.Points[start] && s.Points[n-1] == s.Points[start+1]; n -= 2 {
		s.Points = s.Points[:n-2]
	}
	return nil
}
