package geo

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// A contact is how two segments meet.
type contact uint8

const (
	apart    contact = iota
	touching         // in one position, which ends one of them
	crossing         // in the inside of both, or along a piece
)

// meet tells how ab and cd meet, and where when they touch.
func meet(a, b, c, d orb.Point) (contact, orb.Point) {
	ofC, ofD := side(a, b, c), side(a, b, d)
	if ofC*ofD > 0 {
		return apart, orb.Point{}
	}
	ofA, ofB := side(c, d, a), side(c, d, b)
	if ofA*ofB > 0 {
		return apart, orb.Point{}
	}
	switch {
	case ofC == 0 && ofD == 0: // on one line: compare along it
		if before(b, a) {
			a, b = b, a
		}
		if before(d, c) {
			c, d = d, c
		}
		switch {
		case b == c:
			return touching, b
		case d == a:
			return touching, a
		case before(b, c) || before(d, a):
			return apart, orb.Point{}
		default:
			return crossing, orb.Point{}
		}
	case ofC == 0:
		return touching, c
	case ofD == 0:
		return touching, d
	case ofA == 0:
		return touching, a
	case ofB == 0:
		return touching, b
	default:
		return crossing, orb.Point{}
	}
}

// isSpike reports whether a ring comes back on itself at b.
func isSpike(a, b, c orb.Point) bool {
	return (a[0]-b[0])*(c[0]-b[0])+(a[1]-b[1])*(c[1]-b[1]) > 0 && side(a, b, c) == 0
}

// few is the number of segments under which comparing all of them is faster
// than an index.
const few = 128

// isValid reports whether parts, made of closed rings without repeated
// positions, are valid in the sense of OGC and of ST_IsValid. ok is false when
// the work ran out first.
func isValid(parts orb.MultiPolygon, w *work) (valid, ok bool) {
	for _, p := range parts {
		for _, r := range p {
			if len(r) < 4 {
				return false, true
			}
		}
	}
	if len(parts) == 1 && len(parts[0]) == 1 && len(parts[0][0]) <= few {
		return isSimple(parts[0][0]), true
	}
	v := newValidation(parts)
	if !v.contacts(w) {
		return false, *w >= 0
	}
	return v.touchesAreSound() && v.nesting(w), *w >= 0
}

// isSimple reports whether a small ring neither crosses nor touches itself.
func isSimple(r orb.Ring) bool {
	n := len(r) - 1
	for i := range n {
		if isSpike(r[(i+n-1)%n], r[i], r[i+1]) {
			return false
		}
		e := extentOf(r[i], r[i+1])
		for j := i + 2; j < n; j++ {
			if e.misses(r[j], r[j+1]) || i == 0 && j == n-1 {
				continue
			}
			if how, _ := meet(r[i], r[i+1], r[j], r[j+1]); how != apart {
				return false
			}
		}
	}
	return true
}

// A validation is the work sheet of isValid.
type validation struct {
	parts   orb.MultiPolygon
	rings   []orb.Ring
	part    []int // of each ring
	edges   []ringEdge
	touches []touch
}

// A ringEdge is the edge of a ring from position at to the next.
type ringEdge struct{ ring, at int }

// A touch is a position that two rings share.
type touch struct {
	at           orb.Point
	ring1, ring2 int
	from1, to1   orb.Point // the neighbours of at on the first ring
	from2, to2   orb.Point
}

func newValidation(parts orb.MultiPolygon) *validation {
	v := &validation{parts: parts}
	for i, p := range parts {
		for _, r := range p {
			for at := range len(r) - 1 {
				v.edges = append(v.edges, ringEdge{len(v.rings), at})
			}
			v.rings = append(v.rings, r)
			v.part = append(v.part, i)
		}
	}
	return v
}

// contacts compares the edges. It notes where rings touch, and reports whether
// no edge crosses another and no ring touches itself.
func (v *validation) contacts(w *work) bool {
	if len(v.edges) <= few {
		for i, e := range v.edges {
			r := v.rings[e.ring]
			x := extentOf(r[e.at], r[e.at+1])
			for j, f := range v.edges[:i] {
				s := v.rings[f.ring]
				if !x.misses(s[f.at], s[f.at+1]) && !v.compare(i, j) {
					return false
				}
			}
		}
		return true
	}
	extents := make([]extent, len(v.edges))
	for i, e := range v.edges {
		extents[i] = extentOf(v.rings[e.ring][e.at], v.rings[e.ring][e.at+1])
	}
	x := newIndex(extents)
	for i, e := range v.edges {
		sound := true
		x.visit(v.rings[e.ring][e.at], v.rings[e.ring][e.at+1], w, func(j int) bool {
			sound = j >= i || v.compare(i, j)
			return sound
		})
		if !sound || *w < 0 {
			return false
		}
	}
	return true
}

func (v *validation) compare(i, j int) bool {
	e, f := v.edges[i], v.edges[j]
	r, s := v.rings[e.ring], v.rings[f.ring]
	if e.ring == f.ring {
		n := len(r) - 1
		switch {
		case (e.at+1)%n == f.at:
			return !isSpike(r[e.at], r[f.at], r[f.at+1])
		case (f.at+1)%n == e.at:
			return !isSpike(r[f.at], r[e.at], r[e.at+1])
		}
	}
	how, at := meet(r[e.at], r[e.at+1], s[f.at], s[f.at+1])
	if how == apart {
		return true
	}
	if how == crossing || e.ring == f.ring {
		return false
	}
	t := touch{at: at, ring1: e.ring, ring2: f.ring}
	t.from1, t.to1 = around(r, e.at, at)
	t.from2, t.to2 = around(s, f.at, at)
	v.touches = append(v.touches, t)
	return true
}

// around returns the neighbours of p, a position of the edge of r that begins
// at i.
func around(r orb.Ring, i int, p orb.Point) (from, to orb.Point) {
	n := len(r) - 1
	switch p {
	case r[i]:
		return r[(i+n-1)%n], r[i+1]
	case r[i+1]:
		return r[i], r[(i+2)%n]
	default:
		return r[i], r[i+1]
	}
}

// touchesAreSound reports whether no ring passes to the other side of another
// where they touch, and whether each part stays in one piece: its rings and the
// positions where they touch may form a tree, but no loop.
func (v *validation) touchesAreSound() bool {
	type incidence struct {
		part int
		at   orb.Point
		ring int
	}
	var all []incidence
	for _, t := range v.touches {
		if inSector(t.at, t.from1, t.to1, t.from2) != inSector(t.at, t.from1, t.to1, t.to2) {
			return false
		}
		if p := v.part[t.ring1]; p == v.part[t.ring2] {
			all = append(all, incidence{p, t.at, t.ring1}, incidence{p, t.at, t.ring2})
		}
	}
	slices.SortFunc(all, func(a, b incidence) int {
		return cmp.Or(cmp.Compare(a.part, b.part), compare(a.at, b.at), cmp.Compare(a.ring, b.ring))
	})
	all = slices.Compact(all)

	// A union-find forest, of rings first and then of positions.
	up := make([]int, len(v.rings), len(v.rings)+len(all))
	for i := range up {
		up[i] = i
	}
	root := func(i int) int {
		for up[i] != i {
			up[i] = up[up[i]]
			i = up[i]
		}
		return i
	}
	for i, in := range all {
		if i == 0 || all[i-1].part != in.part || all[i-1].at != in.at {
			up = append(up, len(up))
		}
		ring, at := root(in.ring), root(len(up)-1)
		if ring == at {
			return false
		}
		up[ring] = at
	}
	return true
}

// nesting reports whether holes are in their shell, not in one another, and
// shells not in other parts. Rings are known not to cross.
func (v *validation) nesting(w *work) bool {
	type outline struct {
		extent
		anticlockwise bool
	}
	outlines := make([]outline, len(v.rings))
	first := make([]int, len(v.parts)) // ring of each part: its shell
	for i, r := range v.rings {
		outlines[i] = outline{extentOfRing(r), isAnticlockwise(r)}
		if i > 0 && v.part[i] != v.part[i-1] {
			first[v.part[i]] = i
		}
	}
	contains := func(outer, inner int) bool {
		if o := outlines[inner].extent; o.union(outlines[outer].extent) != outlines[outer].extent {
			return false
		}
		w.spend(len(v.rings[outer]))
		return ringInside(v.rings[inner], v.rings[outer], outlines[outer].anticlockwise)
	}
	for p := range v.parts {
		shell, end := first[p], first[p]+len(v.parts[p])
		for hole := shell + 1; hole < end; hole++ {
			if !contains(shell, hole) {
				return false
			}
			for other := shell + 1; other < end; other++ {
				if other != hole && contains(other, hole) || !w.spend(1) {
					return false
				}
			}
		}
		for q, other := range first {
			if q == p || !contains(other, shell) {
				if !w.spend(1) {
					return false
				}
				continue
			}
			inHole := false
			for hole := other + 1; hole < other+len(v.parts[q]) && !inHole; hole++ {
				inHole = contains(hole, shell)
			}
			if !inHole {
				return false
			}
		}
	}
	return true
}

func extentOfRing(r orb.Ring) extent {
	e := extentOf(r[0], r[0])
	for _, p := range r[1:] {
		e = e.union(extentOf(p, p))
	}
	return e
}
