package mvt

import (
	"math"
	"slices"
)

// star reports that the whole border of a ring is seen from the mean of its
// points, as that of most fields is, and gives twice its area: such a ring
// neither touches nor crosses itself. False says nothing.
func star(pts []point) (area2 int64, ok bool) {
	n := int32(len(pts))
	if n > 1<<12 {
		return 0, false
	}
	var cx, cy int32 // the sums fit: the points are in the box
	for _, p := range pts {
		cx += p.x
		cy += p.y
	}
	cx, cy = cx/n, cy/n
	last := pts[n-1]
	px, py := last.x-cx, last.y-cy
	var left, right int64 // negative once a triangle turns that way
	var turns int32
	for _, p := range pts {
		x, y := p.x-cx, p.y-cy
		cross := int64(px*y - x*py)
		area2 += cross
		left |= cross
		right |= -cross
		if cross == 0 {
			return 0, false
		}
		turns += (py ^ y) >> 31
		px, py = x, y
	}
	return area2, (left >= 0 || right >= 0) && turns == -2
}

// mend cuts the ring where it touches or crosses itself, and keeps the parts
// that turn the way the ring does. A part that turns the other way is a hole
// if it lies in another part, and else the inside of a neck that snapping
// turned over: it is dropped.
func (w *workspace) mend(clockwise, hole bool) {
	parts := [][]point{w.raw}
	for i := 0; i < len(parts); {
		a, b, found := w.cutAtFault(parts[i])
		if !found {
			i++
			continue
		}
		parts[i] = a
		parts = append(parts, b)
		parts = slices.DeleteFunc(parts, func(p []point) bool { return area2(p) == 0 })
	}
	start := len(w.rings)
	for _, p := range parts {
		if a := area2(p); a > 0 == clockwise {
			w.keep(p, a, hole)
		}
	}
	if hole {
		return
	}
	kept := w.rings[start:]
	for _, p := range parts {
		a := area2(p)
		if a > 0 == clockwise {
			continue
		}
		if slices.ContainsFunc(kept, func(r ring) bool { return within(p, w.of(r)) }) {
			w.keep(p, a, true)
		}
	}
}

// An edge goes from point i of a ring to the next.
type edge struct{ minX, maxX, minY, maxY, i int32 }

// cutAtFault looks for two edges that meet where they should not, and returns
// the two rings made by cutting there. Each has fewer points than the ring.
func (w *workspace) cutAtFault(pts []point) (a, b []point, found bool) {
	if len(pts) < 3 {
		return nil, nil, false
	}
	w.edges = w.edges[:0]
	p := pts[len(pts)-1]
	for i, q := range pts {
		from := i - 1
		if i == 0 {
			from = len(pts) - 1
		}
		w.edges = append(w.edges, edge{min(p.x, q.x), max(p.x, q.x), min(p.y, q.y), max(p.y, q.y), int32(from)})
		p = q
	}
	if len(pts) > 16 {
		slices.SortFunc(w.edges, func(e, f edge) int { return int(e.minX - f.minX) })
	}
	sorted := len(pts) > 16
	for k := range w.edges {
		e := &w.edges[k]
		for j := k + 1; j < len(w.edges); j++ {
			f := &w.edges[j]
			if f.minX > e.maxX {
				if sorted {
					break
				}
				continue
			}
			if f.maxX < e.minX || f.minY > e.maxY || f.maxY < e.minY {
				continue
			}
			if a, b, found := cutPair(pts, int(e.i), int(f.i)); found {
				return a, b, true
			}
		}
	}
	return nil, nil, false
}

// cutPair cuts a ring where its edges i and j meet, if they should not.
func cutPair(pts []point, i, j int) (a, b []point, found bool) {
	i2, j2 := (i+1)%len(pts), (j+1)%len(pts)
	pi, qi, pj, qj := pts[i], pts[i2], pts[j], pts[j2]
	// An end of one on the other: of neighbours, only the ends not shared.
	ij, ij2 := side2(pi, qi, pj), side2(pi, qi, qj)
	ji, ji2 := side2(pj, qj, pi), side2(pj, qj, qi)
	switch {
	case j != i2 && ij == 0 && between(pi, qi, pj):
		a, b = cutAtPoint(pts, j, i)
	case j2 != i && ij2 == 0 && between(pi, qi, qj):
		a, b = cutAtPoint(pts, j2, i)
	case i != j2 && ji == 0 && between(pj, qj, pi):
		a, b = cutAtPoint(pts, i, j)
	case i2 != j && ji2 == 0 && between(pj, qj, qi):
		a, b = cutAtPoint(pts, i2, j)
	case j != i2 && j2 != i && (ij < 0) != (ij2 < 0) && (ji < 0) != (ji2 < 0) && ij != 0 && ij2 != 0 && ji != 0 && ji2 != 0:
		t := float64(ji) / float64(ji-ji2)
		x := point{
			pi.x + int32(math.Round(t*float64(qi.x-pi.x))),
			pi.y + int32(math.Round(t*float64(qi.y-pi.y))),
		}
		a = tidy(append(run(pts, i2, j), x))
		b = tidy(append(run(pts, j2, i), x))
	default:
		return nil, nil, false
	}
	return a, b, true
}

// cutAtPoint cuts a ring where its point k lies on its edge e.
func cutAtPoint(pts []point, k, e int) (a, b []point) {
	return tidy(run(pts, (e+1)%len(pts), k)), tidy(run(pts, k, e))
}

// run copies the points of a ring from one to another, both included.
func run(pts []point, from, to int) []point {
	if from <= to {
		return slices.Concat(pts[from : to+1])
	}
	return slices.Concat(pts[from:], pts[:to+1])
}

// tidy drops repeated points.
func tidy(pts []point) []point {
	pts = slices.Compact(pts)
	for len(pts) > 1 && pts[len(pts)-1] == pts[0] {
		pts = pts[:len(pts)-1]
	}
	return pts
}

// side2 is twice the signed area of a, b, p: 0 when they are in line.
func side2(a, b, p point) int64 {
	return int64(b.x-a.x)*int64(p.y-a.y) - int64(p.x-a.x)*int64(b.y-a.y)
}

// between reports whether p, in line with a and b, is not beyond them.
func between(a, b, p point) bool {
	return min(a.x, b.x) <= p.x && p.x <= max(a.x, b.x) && min(a.y, b.y) <= p.y && p.y <= max(a.y, b.y)
}

// within reports whether the first point of inner that is not on the border of
// outer lies inside it.
func within(inner, outer []point) bool {
	for _, p := range inner {
		if in, on := locate(p, outer); !on {
			return in
		}
	}
	return false
}

// locate tells whether p is in a ring, or on its border.
func locate(p point, pts []point) (in, on bool) {
	a := pts[len(pts)-1]
	for _, b := range pts {
		s := side2(a, b, p)
		if s == 0 && between(a, b, p) {
			return false, true
		}
		if (a.y > p.y) != (b.y > p.y) && (s > 0) == (b.y > a.y) {
			in = !in
		}
		a = b
	}
	return in, false
}
