package geo

import (
	"slices"

	"github.com/paulmach/orb"
)

// An arrangement is the map that noded strands draw. Edge e is the two
// half-edges 2e, from its first end to the other, and 2e+1, back.
type arrangement struct {
	at      []orb.Point // of each vertex
	from    []int       // vertex of each half-edge
	strands [][]strand  // of each edge
	spokes  []int       // half-edges by vertex, anticlockwise
	first   []int       // first spoke of each vertex, and the end
	spoke   []int       // place of each half-edge in spokes
	face    []int       // boundary cycle on the left of each half-edge
	cycles  [][]int     // half-edges of each cycle
	land    []bool      // whether the shape covers the inside of each cycle
}

func newArrangement(s []strand) *arrangement {
	a := &arrangement{strands: edgesOf(s)}
	vertices := map[orb.Point]int{}
	vertex := func(p orb.Point) int {
		v, ok := vertices[p]
		if !ok {
			v = len(a.at)
			vertices[p] = v
			a.at = append(a.at, p)
		}
		return v
	}
	for _, e := range a.strands {
		a.from = append(a.from, vertex(e[0].a), vertex(e[0].b))
	}
	a.sortSpokes()
	a.walkFaces()
	return a
}

func (a *arrangement) to(h int) int { return a.from[h^1] }

// sortSpokes lists the half-edges that leave each vertex, anticlockwise from
// the south.
func (a *arrangement) sortSpokes() {
	a.first = make([]int, len(a.at)+1)
	for _, v := range a.from {
		a.first[v+1]++
	}
	for v := range a.at {
		a.first[v+1] += a.first[v]
	}
	a.spokes = make([]int, len(a.from))
	next := slices.Clone(a.first)
	for h, v := range a.from {
		a.spokes[next[v]] = h
		next[v]++
	}
	a.spoke = make([]int, len(a.from))
	for v, p := range a.at {
		around := a.spokes[a.first[v]:a.first[v+1]]
		slices.SortFunc(around, func(g, h int) int {
			q, r := a.at[a.to(g)], a.at[a.to(h)]
			if east := before(p, q); east != before(p, r) {
				if east {
					return -1
				}
				return 1
			}
			return -side(p, q, r)
		})
		for i, h := range around {
			a.spoke[h] = a.first[v] + i
		}
	}
}

// clockwise returns the spoke after h, turning clockwise.
func (a *arrangement) clockwise(h int) int {
	v := a.from[h]
	if i := a.spoke[h]; i > a.first[v] {
		return a.spokes[i-1]
	}
	return a.spokes[a.first[v+1]-1]
}

// walkFaces follows the left side of each half-edge until it is back.
func (a *arrangement) walkFaces() {
	a.face = make([]int, len(a.from))
	for h := range a.face {
		a.face[h] = -1
	}
	for h := range a.face {
		if a.face[h] >= 0 {
			continue
		}
		var cycle []int
		for g := h; a.face[g] < 0; g = a.clockwise(g ^ 1) {
			a.face[g] = len(a.cycles)
			cycle = append(cycle, g)
		}
		a.cycles = append(a.cycles, cycle)
	}
	a.land = make([]bool, len(a.cycles))
}

// label tells for each cycle whether it has land on its left. It knows how
// often each ring turns around one position of each connected piece, and keeps
// count while it walks from face to face. It reports whether the work sufficed.
func (a *arrangement) label(sh *shape, w *work) bool {
	c := newCover(sh)
	x := a.index()
	seen := make([]bool, len(a.cycles))
	type step struct{ cycle, next, by int } // by is the half-edge crossed to come here
	for _, v := range a.westFirst() {
		outer := a.face[a.spokes[a.first[v+1]-1]] // the last spoke has the west on its left
		if seen[outer] {
			continue
		}
		around := a.crossedFrom(v, x, w)
		for _, h := range around {
			c.cross(a.strands[h/2], h)
		}
		seen[outer] = true
		a.land[outer] = c.holding > 0
		stack := []step{{outer, 0, -1}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(a.cycles[top.cycle]) {
				if top.by >= 0 {
					c.cross(a.strands[top.by/2], top.by^1)
				}
				stack = stack[:len(stack)-1]
				continue
			}
			h := a.cycles[top.cycle][top.next]
			top.next++
			if f := a.face[h^1]; !seen[f] {
				seen[f] = true
				c.cross(a.strands[h/2], h)
				a.land[f] = c.holding > 0
				stack = append(stack, step{f, 0, h})
			}
		}
		for _, h := range around {
			c.cross(a.strands[h/2], h^1)
		}
	}
	return *w >= 0
}

// westFirst returns the vertices from west to east: the first of a connected
// piece is on its outside.
func (a *arrangement) westFirst() []int {
	order := make([]int, len(a.at))
	for v := range order {
		order[v] = v
	}
	slices.SortFunc(order, func(u, v int) int { return compare(a.at[u], a.at[v]) })
	return order
}

func (a *arrangement) index() *index {
	extents := make([]extent, len(a.strands))
	for i, e := range a.strands {
		extents[i] = extentOf(e[0].a, e[0].b)
	}
	return newIndex(extents)
}

// crossedFrom returns the half-edges that a walk crosses, from their left to
// their right, coming from far in the west to just before v.
func (a *arrangement) crossedFrom(v int, x *index, w *work) (crossed []int) {
	p := a.at[v]
	x.visit(orb.Point{-400 * perDegree, p[1]}, p, w, func(e int) bool {
		lo, hi := a.strands[e][0].a, a.strands[e][0].b
		upwards := lo[1] <= hi[1]
		if !upwards {
			lo, hi = hi, lo
		}
		if lo[1] <= p[1] && p[1] < hi[1] && side(lo, hi, p) < 0 {
			h := 2 * e
			if !upwards {
				h++
			}
			crossed = append(crossed, h) // it goes up: its left is the west
		}
		return true
	})
	return crossed
}

// A cover counts, for the place where a walk stands, how often each ring turns
// around it and how many parts hold it.
type cover struct {
	*shape
	turns   []int  // of each ring
	inShell []bool // of each part
	inHoles []bool // of each part: an odd number of its holes cover the place
	holding int
}

func newCover(sh *shape) *cover {
	return &cover{shape: sh, turns: make([]int, len(sh.part)), inShell: make([]bool, sh.parts), inHoles: make([]bool, sh.parts)}
}

// cross walks over an edge, from the left of its half-edge h to the right.
func (c *cover) cross(edge []strand, h int) {
	for _, s := range edge {
		turns := s.turns
		if h%2 != 0 {
			turns = -turns
		}
		was := c.covers(s.ring)
		c.turns[s.ring] -= turns
		if c.covers(s.ring) == was {
			continue
		}
		p := c.part[s.ring]
		held := c.inShell[p] && !c.inHoles[p]
		if c.shell[s.ring] {
			c.inShell[p] = !c.inShell[p]
		} else {
			c.inHoles[p] = !c.inHoles[p]
		}
		switch holds := c.inShell[p] && !c.inHoles[p]; {
		case holds && !held:
			c.holding++
		case held && !holds:
			c.holding--
		}
	}
}

func (c *cover) covers(ring int) bool {
	if c.wound[ring] {
		return c.turns[ring] != 0
	}
	return c.turns[ring]%2 != 0
}

// isShore reports whether h has land on its left only.
func (a *arrangement) isShore(h int) bool { return a.land[a.face[h]] && !a.land[a.face[h^1]] }

// outline returns the rings around the land, which they keep on their left.
// At a vertex with several shores a ring keeps to the land it goes along, and a
// ring that comes back to a vertex is cut in two there: so parts touch in
// positions at most, and no ring touches itself.
func (a *arrangement) outline(rings int) []loop {
	sizes := make([]int, rings) // edges of each ring
	for _, e := range a.strands {
		for _, s := range e {
			sizes[s.ring]++
		}
	}
	var loops []loop
	done := make([]bool, len(a.from))
	place := make([]int, len(a.at)) // in the walk, plus one
	for start := range a.from {
		if done[start] || !a.isShore(start) {
			continue
		}
		var walk []int
		for h := start; !done[h]; h = a.nextShore(h) {
			done[h] = true
			walk = append(walk, h)
			place[a.from[h]] = len(walk)
			if at := place[a.to(h)]; at > 0 {
				loops = append(loops, a.loop(walk[at-1:], sizes))
				for _, g := range walk[at-1:] {
					place[a.from[g]] = 0
				}
				walk = walk[:at-1]
			}
		}
	}
	return loops
}

func (a *arrangement) nextShore(h int) int {
	for h ^= 1; ; {
		h = a.clockwise(h)
		if a.isShore(h) {
			return h
		}
	}
}

// loop makes a ring of a closed walk. sizes are the edges of each input ring.
func (a *arrangement) loop(walk []int, sizes []int) loop {
	r := make(orb.Ring, len(walk))
	for i, h := range walk {
		r[i] = a.at[a.from[h]]
	}
	l := loop{ring: canonical(r), extent: extentOfRing(r)}
	for _, s := range a.strands[walk[0]/2] {
		l.written = l.written || sizes[s.ring] == len(walk) && a.runsAlong(walk, s.ring)
	}
	return l
}

// runsAlong reports whether all of a walk is on a ring of the input.
func (a *arrangement) runsAlong(walk []int, ring int) bool {
	for _, h := range walk {
		if !slices.ContainsFunc(a.strands[h/2], func(s strand) bool { return s.ring == ring }) {
			return false
		}
	}
	return true
}
