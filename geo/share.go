package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// A sharer measures what a geometry has in common with the pieces of a cover,
// by area in the plane of degrees. Its unit is coverUnit squared, its origin
// the corner of the geometry's box.
//
// The geometry is the signed sum of the triangles that its edges make with one
// of its positions, and a piece the signed sum of its rings; a ring clipped by
// a triangle may run along it and back, which adds nothing to its signed area.
// So no position, crossing or common border is a special case.
type sharer struct {
	box     extent // of the geometry
	rings   []signedRing
	area    float64
	clipped [][]orb.Point // rings of the piece, cut to the box
	in, out []orb.Point   // see cut
}

// A signedRing counts its area once, whatever its direction; a hole counts
// against it.
type signedRing struct {
	points []orb.Point
	sign   float64
}

func newSharer(g orb.Geometry) *sharer {
	b := boundOf(g)
	s := &sharer{box: extent{maxX: (b.Max[0] - b.Min[0]) / coverUnit, maxY: (b.Max[1] - b.Min[1]) / coverUnit}}
	polygons, _ := g.(orb.MultiPolygon)
	if polygon, ok := g.(orb.Polygon); ok {
		polygons = orb.MultiPolygon{polygon}
	}
	for _, polygon := range polygons {
		for i, ring := range polygon {
			points := make([]orb.Point, len(ring))
			for k, at := range ring {
				points[k] = orb.Point{(at[0] - b.Min[0]) / coverUnit, (at[1] - b.Min[1]) / coverUnit}
			}
			area := signedArea(points)
			sign := math.Copysign(1, area)
			if i > 0 {
				sign = -sign
			}
			s.rings = append(s.rings, signedRing{points, sign})
			s.area += sign * area
		}
	}
	return s
}

// signedArea is positive when the ring, closed or not, turns anticlockwise.
func signedArea(ring []orb.Point) float64 {
	if len(ring) < 3 {
		return 0
	}
	sum, o := 0.0, ring[0]
	for i := 2; i < len(ring); i++ {
		p, q := ring[i-1], ring[i]
		sum += (p[0]-o[0])*(q[1]-o[1]) - (q[0]-o[0])*(p[1]-o[1])
	}
	return sum / 2
}

// of returns the area that the geometry, whose box starts at min, has in p.
func (s *sharer) of(p *piece, minX, minY float64) float64 {
	count := 0
	for _, ring := range p.rings {
		if count == len(s.clipped) {
			s.clipped = append(s.clipped, nil)
		}
		points := s.cutToBox(s.nearBox(s.clipped[count][:0], ring, minX, minY))
		s.clipped[count] = append(s.clipped[count][:0], points...)
		if len(points) > 2 {
			count++
		}
	}
	sum := 0.0
	for _, r := range s.rings {
		o := r.points[0]
		for i := 2; i < len(r.points); i++ {
			a, b, sign := r.points[i-1], r.points[i], r.sign
			switch turn := signedArea([]orb.Point{o, a, b}); {
			case turn == 0:
				continue
			case turn < 0:
				a, b, sign = b, a, -sign
			}
			for _, ring := range s.clipped[:count] {
				sum += sign * s.inTriangle(ring, o, a, b)
			}
		}
	}
	return sum
}

// nearBox appends the positions of a ring, from (minX, minY), but those that lie
// on one side of the box with both their neighbours: cutting removes them.
func (s *sharer) nearBox(points []orb.Point, ring [][2]int32, minX, minY float64) []orb.Point {
	const west, east, south, north = 1, 2, 4, 8
	sides := func(p orb.Point) (code int) {
		if p[0] < 0 {
			code = west
		} else if p[0] > s.box.maxX {
			code = east
		}
		if p[1] < 0 {
			code |= south
		} else if p[1] > s.box.maxY {
			code |= north
		}
		return code
	}
	kept, last := 0, 0 // sides of the last position appended, and of the last seen
	for i, at := range ring {
		p := orb.Point{float64(at[0]) - minX, float64(at[1]) - minY}
		code := sides(p)
		if n := len(points); i > 1 && kept&last&code != 0 {
			points[n-1] = p
		} else {
			points = append(points, p)
			kept = last
		}
		last = code
	}
	return points
}

func (s *sharer) cutToBox(ring []orb.Point) []orb.Point {
	b := s.box
	ring = s.cut(ring, func(p orb.Point) float64 { return p[0] })
	ring = s.cut(ring, func(p orb.Point) float64 { return b.maxX - p[0] })
	ring = s.cut(ring, func(p orb.Point) float64 { return p[1] })
	return s.cut(ring, func(p orb.Point) float64 { return b.maxY - p[1] })
}

// inTriangle returns the signed area of what is left of a ring within an
// anticlockwise triangle.
func (s *sharer) inTriangle(ring []orb.Point, o, a, b orb.Point) float64 {
	left := func(p, q orb.Point) func(orb.Point) float64 {
		dx, dy := q[0]-p[0], q[1]-p[1]
		return func(at orb.Point) float64 { return dx*(at[1]-p[1]) - dy*(at[0]-p[0]) }
	}
	ring = s.cut(ring, left(o, a))
	ring = s.cut(ring, left(a, b))
	return signedArea(s.cut(ring, left(b, o)))
}

// cut keeps what lies where depth is not negative (Sutherland and Hodgman,
// Reentrant Polygon Clipping, 1974); depth is linear. The result is good until
// the cut after the next.
func (s *sharer) cut(ring []orb.Point, depth func(orb.Point) float64) []orb.Point {
	out := s.out[:0]
	if n := len(ring); n > 0 {
		p := ring[n-1]
		d := depth(p)
		for _, q := range ring {
			e := depth(q)
			if (d < 0) != (e < 0) {
				t := d / (d - e)
				out = append(out, orb.Point{p[0] + t*(q[0]-p[0]), p[1] + t*(q[1]-p[1])})
			}
			if e >= 0 {
				out = append(out, q)
			}
			p, d = q, e
		}
	}
	s.in, s.out = out, s.in
	return out
}
