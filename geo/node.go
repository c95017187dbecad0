package geo

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"github.com/paulmach/orb"
)

// perDegree is the number of grid units in a degree: positions keep nine
// decimals (domain.md §8).
const perDegree = 1e9

// A strand is how often a ring passes over an edge. Its ends are on the grid:
// whole numbers of 1e-9 degree, which a float64 holds exactly.
type strand struct {
	a, b  orb.Point // a before b
	ring  int
	turns int // passes from a to b less those from b to a
}

func newStrand(a, b orb.Point, ring, turns int) strand {
	if before(b, a) {
		return strand{b, a, ring, -turns}
	}
	return strand{a, b, ring, turns}
}

// gather sorts strands and adds up those of one ring on one edge. Passes in
// opposite directions cancel, and what has cancelled is left out.
func gather(s []strand) []strand {
	slices.SortFunc(s, func(s, t strand) int {
		return cmp.Or(compare(s.a, t.a), compare(s.b, t.b), cmp.Compare(s.ring, t.ring))
	})
	out := s[:0]
	for i := 0; i < len(s); {
		sum := s[i]
		for i++; i < len(s) && s[i].a == sum.a && s[i].b == sum.b && s[i].ring == sum.ring; i++ {
			sum.turns += s[i].turns
		}
		if sum.turns != 0 {
			out = append(out, sum)
		}
	}
	return out
}

// edgesOf returns the strands of each edge, from strands that are gathered.
func edgesOf(s []strand) [][]strand {
	var edges [][]strand
	for i := 0; i < len(s); {
		j := i + 1
		for j < len(s) && s[j].a == s[i].a && s[j].b == s[i].b {
			j++
		}
		edges = append(edges, s[i:j:j])
		i = j
	}
	return edges
}

// node cuts strands where they meet, by snap rounding (Hobby, Practical segment
// intersection with finite precision output, 1999): every end and every
// crossing makes the grid square around it hot, and a strand is bent through
// the centre of each hot square that it visits. This is done again until
// nothing moves, so that no end is left nearer than half a unit to a strand
// that does not stop there: the result stays sound when it becomes degrees.
// It depends on the set of strands alone, not on their order nor direction.
// ok is false when the work ran out.
func node(s []strand, w *work) (noded []strand, ok bool) {
	limit := work(4*len(s) + 100_000) // crossings may be as many as pairs
	s = gather(s)
	for {
		edges := edgesOf(s)
		hot, ok := hotSquares(edges, &limit, w)
		if !ok {
			return nil, false
		}
		next, moved, ok := bend(edges, hot, w)
		if !ok {
			return nil, false
		}
		if !moved {
			return s, true
		}
		s = gather(next)
	}
}

// hotSquares returns the centres of the hot squares of edges.
func hotSquares(edges [][]strand, limit, w *work) (hot []orb.Point, ok bool) {
	hot = make([]orb.Point, 0, 2*len(edges))
	extents := make([]extent, len(edges))
	for i, e := range edges {
		hot = append(hot, e[0].a, e[0].b)
		extents[i] = extentOf(e[0].a, e[0].b)
	}
	x := newIndex(extents)
	for i, e := range edges {
		a, b := e[0].a, e[0].b
		x.visit(a, b, w, func(j int) bool {
			if j >= i {
				return true
			}
			c, d := edges[j][0].a, edges[j][0].b
			if side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0 {
				hot = append(hot, crossingSquare(a, b, c, d))
				return limit.spend(1)
			}
			return true
		})
		if *limit < 0 || *w < 0 {
			return nil, false
		}
	}
	slices.SortFunc(hot, compare)
	return slices.Compact(hot), true
}

// crossingSquare returns the centre of the grid square in which ab crosses cd:
// the crossing rounded half up, exactly.
func crossingSquare(a, b, c, d orb.Point) orb.Point {
	dx, dy, ex, ey := b[0]-a[0], b[1]-a[1], d[0]-c[0], d[1]-c[1]
	t := productDifference(c[0]-a[0], ey, c[1]-a[1], ex) / productDifference(dx, ey, dy, ex)
	x, y := a[0]+math.Floor(t*dx+0.5), a[1]+math.Floor(t*dy+0.5)
	// The error of t·dx is under a thousandth of a unit: it matters only near
	// the side of a square.
	if nearHalf(t*dx) || nearHalf(t*dy) {
		return crossingSquareExact(a, b, c, d)
	}
	return orb.Point{x, y}
}

// productDifference returns p·q − r·s with all its digits, even when they
// nearly cancel.
func productDifference(p, q, r, s float64) float64 {
	x, y := float64(p*q), float64(r*s)
	return (x - y) + (math.FMA(p, q, -x) - math.FMA(r, s, -y))
}

func nearHalf(x float64) bool {
	_, frac := math.Modf(math.Abs(x))
	return math.Abs(frac-0.5) < 0.001
}

func crossingSquareExact(a, b, c, d orb.Point) orb.Point {
	cross := func(ux, uy, vx, vy float64) *big.Int {
		p := new(big.Int).Mul(whole(ux), whole(vy))
		return p.Sub(p, new(big.Int).Mul(whole(uy), whole(vx)))
	}
	dx, dy := b[0]-a[0], b[1]-a[1]
	den := cross(dx, dy, d[0]-c[0], d[1]-c[1])
	num := cross(c[0]-a[0], c[1]-a[1], d[0]-c[0], d[1]-c[1])
	if den.Sign() < 0 {
		den.Neg(den)
		num.Neg(num)
	}
	along := func(d float64) float64 {
		n := new(big.Int).Mul(num, whole(2*d))
		n.Add(n, den)
		return float64(n.Div(n, new(big.Int).Lsh(den, 1)).Int64()) // Div rounds down: den is positive
	}
	return orb.Point{a[0] + along(dx), a[1] + along(dy)}
}

func whole(f float64) *big.Int { return big.NewInt(int64(f)) }

// bend leads every strand through the hot squares it visits, and reports
// whether any has changed.
func bend(edges [][]strand, hot []orb.Point, w *work) (out []strand, moved, ok bool) {
	extents := make([]extent, len(hot))
	for i, c := range hot {
		extents[i] = extent{c[0] - 0.5, c[1] - 0.5, c[0] + 0.5, c[1] + 0.5}
	}
	x := newIndex(extents)
	var path []orb.Point
	for _, e := range edges {
		a, b := e[0].a, e[0].b
		path = append(path[:0], a, b)
		x.visit(a, b, w, func(i int) bool {
			if c := hot[i]; c != a && c != b && visits(a, b, c) {
				path = append(path, c)
			}
			return true
		})
		if !w.spend(len(path) * len(e)) {
			return nil, false, false
		}
		if len(path) > 2 {
			moved = true
			sortAlong(path, b[1] < a[1])
		}
		for i := 1; i < len(path); i++ {
			for _, s := range e {
				out = append(out, newStrand(path[i-1], path[i], s.ring, s.turns))
			}
		}
	}
	return out, moved, true
}

// sortAlong sorts grid squares as a segment visits them that goes east, and
// down or up.
func sortAlong(path []orb.Point, down bool) {
	slices.SortFunc(path, func(p, q orb.Point) int {
		if down {
			p[1], q[1] = -p[1], -q[1]
		}
		return compare(p, q)
	})
}

// visits reports whether ab passes through the grid square of centre c, whose
// left and lower sides belong to it, but not the right and upper ones.
func visits(a, b, c orb.Point) bool {
	s := extentOf(a, b)
	if s.maxX < c[0]-0.5 || s.minX >= c[0]+0.5 || s.maxY < c[1]-0.5 || s.minY >= c[1]+0.5 {
		return false
	}
	if a[0] == b[0] || a[1] == b[1] {
		return true
	}
	// Doubled, the corners are whole numbers too.
	a, b = orb.Point{2 * a[0], 2 * a[1]}, orb.Point{2 * b[0], 2 * b[1]}
	left, right, low, high := 2*c[0]-1, 2*c[0]+1, 2*c[1]-1, 2*c[1]+1
	corner := side(a, b, orb.Point{left, low})
	sum := corner + side(a, b, orb.Point{left, high}) + side(a, b, orb.Point{right, low}) + side(a, b, orb.Point{right, high})
	switch sum {
	case 4, -4: // all on one side
		return false
	case 3, -3: // only a corner is on the line
		return corner == 0
	default:
		return true
	}
}
