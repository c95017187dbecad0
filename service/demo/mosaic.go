package demo

import (
	"math"
	"math/rand/v2"
)

// A point is in metres east and north.
type point struct{ x, y float64 }

func (p point) minus(q point) point { return point{p.x - q.x, p.y - q.y} }

func (p point) dot(q point) float64 { return p.x*q.x + p.y*q.y }

func (p point) cross(q point) float64 { return p.x*q.y - p.y*q.x }

// An edge is a straight border between two nodes. A cut that ends on an edge
// splits it in two for the cells of both sides at once: that is what keeps
// borders shared to the last digit.
type edge struct {
	from, to int32
	first    int32 // the children from→node and node→to are first and first+1; 0 is none
	frame    bool  // on the border of the landscape
	lane     bool  // along a lane, where edges must stay apart
}

// A side is an edge as a ring walks it: edge<<1, +1 when walked backwards.
type side int32

// A cell is a field of the landscape: a convex ring, counter-clockwise.
type cell struct {
	start, end int32 // its sides in mosaic.sides
	axis       float64
	depth      int32
	block      int32 // cells of one block are not parted by a lane
}

// A mosaic is a landscape: a square cut again and again into convex fields, as
// inheritance and hedges did. Positions are straight; outline bends them.
type mosaic struct {
	nodes []point
	edges []edge
	sides []side // rings, one after the other; those of cut cells stay
	cells []cell
	todo  []cell
	ring  []side // scratch of leaves
	next  []side // scratch of cut
	block int32
}

// A pattern says what fields are like.
type pattern struct {
	square float64 // m², what fields tend to
	strips float64 // length over width that fields tend to
	axis   float64 // radians, where strips run
}

// minField is in m²: no cut makes a smaller field.
const minField = 4000

// grow makes the landscape, a square of the given side around the origin.
func (m *mosaic) grow(rng *rand.Rand, width float64, p pattern) {
	h := width / 2
	m.nodes = append(m.nodes[:0], point{-h, -h}, point{h, -h}, point{h, h}, point{-h, h})
	m.edges = append(m.edges[:0], edge{}) // edge 0 is none
	m.sides, m.cells, m.block = m.sides[:0], m.cells[:0], 0
	for i := range int32(4) {
		m.edges = append(m.edges, edge{from: i, to: (i + 1) % 4, frame: true})
		m.sides = append(m.sides, side(len(m.edges)-1)<<1)
	}
	m.todo = append(m.todo[:0], cell{end: 4, axis: p.axis})
	for len(m.todo) > 0 {
		c := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		if m.area(m.leaves(c)) < p.square*(1.15+0.9*rng.Float64()) || !m.split(rng, c, p) {
			m.cells = append(m.cells, c)
		}
	}
}

// split cuts c in two, and reports false when no good cut was found.
func (m *mosaic) split(rng *rand.Rand, c cell, p pattern) bool {
	for range 5 {
		ring := m.leaves(c)
		k, ok := m.cutAcross(rng, c, ring, p)
		if !ok || !m.sound(ring, k) {
			continue
		}
		lane := 0.0
		if c.depth < 3 && rng.Float64() < 0.6 {
			lane = 6 + 4*rng.Float64()
		}
		m.cut(c, k, lane)
		for i := range m.todo[len(m.todo)-2:] {
			child := &m.todo[len(m.todo)-2+i]
			child.depth++
			if c.depth < 3 { // each quarter has its own lie
				child.axis += 0.15 * rng.NormFloat64()
				if rng.Float64() < 0.2 {
					child.axis += math.Pi / 2
				}
			}
		}
		return true
	}
	return false
}

// A crossing is where a cut meets a ring: at a share t of the way along the
// i-th side, 0 being its first node.
type crossing struct {
	i int
	t float64
}

// cutAcross picks a cut of c: two crossings, in the order of the ring.
func (m *mosaic) cutAcross(rng *rand.Rand, c cell, ring []side, p pattern) (k [2]crossing, ok bool) {
	along := point{math.Cos(c.axis), math.Sin(c.axis)}
	long, wide := m.extent(ring, along), m.extent(ring, point{-along.y, along.x})
	normal := along
	if long.size() < wide.size()*p.strips && (c.depth > 2 || long.size() < wide.size()) {
		normal = point{-along.y, along.x}
	}
	tilt := 0.07 * rng.NormFloat64()
	normal = point{normal.x*math.Cos(tilt) - normal.y*math.Sin(tilt), normal.x*math.Sin(tilt) + normal.y*math.Cos(tilt)}
	reach := m.extent(ring, normal)
	at := reach.low + reach.size()*(0.5+0.3*(rng.Float64()-0.5))

	const snap = 14.0 // metres: a cut this near to a node goes through it
	n := 0
	for i, s := range ring {
		a, b := m.ends(s)
		da, db := a.dot(normal)-at, b.dot(normal)-at
		if (da > 0) == (db > 0) {
			continue
		}
		if n == 2 {
			return k, false
		}
		x := crossing{i, da / (da - db)}
		switch length := math.Hypot(b.x-a.x, b.y-a.y); {
		case x.t*length < snap:
			x.t = 0
		case (1-x.t)*length < snap:
			x.i, x.t = (i+1)%len(ring), 0
		}
		k[n] = x
		n++
	}
	if k[1].i < k[0].i {
		k[0], k[1] = k[1], k[0] // the second was snapped to the first node
	}
	return k, n == 2 && k[0].i != k[1].i
}

// sound reports whether the halves that k makes are large and stout enough,
// with no sharp corner.
func (m *mosaic) sound(ring []side, k [2]crossing) bool {
	p, q := m.where(ring, k[0]), m.where(ring, k[1])
	chord := q.minus(p)
	length := math.Hypot(chord.x, chord.y)
	const sharp = 0.5 // sine of 30°
	for _, x := range k {
		before := ring[(x.i+len(ring)-1)%len(ring)]
		if x.t > 0 {
			before = ring[x.i]
		}
		for _, s := range [2]side{before, ring[x.i]} {
			a, b := m.ends(s)
			d := b.minus(a)
			if math.Abs(d.cross(chord)) < sharp*length*math.Hypot(d.x, d.y) {
				return false
			}
		}
	}
	for h := range k {
		area, round := m.half(ring, k[h], k[1-h])
		const stout = 0.3 // 4πA/P², 0.79 for a square
		if area < minField || 4*math.Pi*area < stout*round*round {
			return false
		}
	}
	return true
}

// half measures the part of ring from one crossing to the other: area in m²
// and perimeter in metres.
func (m *mosaic) half(ring []side, from, to crossing) (area, round float64) {
	start := m.where(ring, from)
	last := start
	walk := func(p point) {
		area += last.cross(p) / 2
		round += math.Hypot(p.x-last.x, p.y-last.y)
		last = p
	}
	for i := from.i + 1; ; i++ {
		j := i % len(ring)
		if j == to.i && to.t == 0 {
			break
		}
		a, _ := m.ends(ring[j])
		walk(a)
		if j == to.i {
			break
		}
	}
	walk(m.where(ring, to))
	walk(start)
	return area, round
}

// where is the position of x.
func (m *mosaic) where(ring []side, x crossing) point {
	a, b := m.ends(ring[x.i])
	return point{a.x + x.t*(b.x-a.x), a.y + x.t*(b.y-a.y)}
}

// cut replaces c by two cells in m.todo, a lane of the given width in metres
// between them when it is not 0 and there is room for it.
func (m *mosaic) cut(c cell, k [2]crossing, lane float64) {
	ring := m.leaves(c)
	p, q := m.where(ring, k[0]), m.where(ring, k[1])
	chord := q.minus(p)
	length := math.Hypot(chord.x, chord.y)

	// A lane needs two nodes at each end, far from other nodes.
	var gap [2]float64
	for j, x := range k {
		a, b := m.ends(ring[x.i])
		d := b.minus(a)
		size := math.Hypot(d.x, d.y)
		gap[j] = lane * length / math.Abs(d.cross(chord)) // share of the side
		if x.t == 0 || min(x.t, 1-x.t)*size < 3*lane {
			lane = 0
		}
	}

	var tails, heads [2]int // where next stops before, and resumes after, each crossing
	next := m.next[:0]
	for i, s := range ring {
		done := false
		for j, x := range k {
			if x.i != i {
				continue
			}
			switch {
			case x.t == 0:
				tails[j], heads[j] = len(next), len(next)
			case lane == 0:
				a, b := m.divide(s, x.t)
				next = append(next, a, b)
				tails[j], heads[j] = len(next)-1, len(next)-1
				done = true
			default:
				a, b := m.divide(s, x.t-gap[j]/2)
				b, e := m.divide(b, gap[j]/(1-x.t+gap[j]/2))
				next = append(next, a, b, e)
				tails[j], heads[j] = len(next)-2, len(next)-1
				done = true
			}
		}
		if !done {
			next = append(next, s)
		}
	}

	// The first cell goes from after crossing 0 to before crossing 1, the
	// second from after crossing 1 round to before crossing 0.
	m.next = next
	node := func(at int) int32 { return m.start(next[at%len(next)]) }
	border := func(from, to int32) side {
		m.edges = append(m.edges, edge{from: from, to: to, lane: lane > 0})
		return side(len(m.edges)-1) << 1
	}
	one := border(node(tails[1]), node(heads[0]))
	two := one ^ 1
	if lane > 0 {
		two = border(node(tails[0]), node(heads[1]))
	}
	m.push(c, lane > 0, next[heads[0]:tails[1]], nil, one)
	m.push(c, lane > 0, next[heads[1]:], next[:tails[0]], two)
}

// push adds to m.todo a cell like c with a ring of its own.
func (m *mosaic) push(c cell, lane bool, a, b []side, last side) {
	if lane || c.depth < 2 {
		m.block++
		c.block = m.block
	}
	c.start = int32(len(m.sides))
	m.sides = append(append(append(m.sides, a...), b...), last)
	c.end = int32(len(m.sides))
	m.todo = append(m.todo, c)
}

// divide splits the edge of s at a share t of the way along s, and returns the
// two parts as s walks them.
func (m *mosaic) divide(s side, t float64) (a, b side) {
	p, q := m.ends(s)
	e := &m.edges[s>>1]
	n := int32(len(m.nodes))
	m.nodes = append(m.nodes, point{p.x + t*(q.x-p.x), p.y + t*(q.y-p.y)})
	e.first = int32(len(m.edges))
	first, second := edge{from: e.from, to: n, frame: e.frame, lane: e.lane}, edge{from: n, to: e.to, frame: e.frame, lane: e.lane}
	a, b = side(e.first)<<1, side(e.first+1)<<1
	m.edges = append(m.edges, first, second)
	if s&1 == 1 {
		return b | 1, a | 1
	}
	return a, b
}

// leaves returns the ring of c by edges that are not split. It is valid until
// the next call.
func (m *mosaic) leaves(c cell) []side {
	m.ring = m.ring[:0]
	for _, s := range m.sides[c.start:c.end] {
		m.ring = m.leaf(m.ring, s)
	}
	return m.ring
}

func (m *mosaic) leaf(ring []side, s side) []side {
	first := side(m.edges[s>>1].first)
	switch {
	case first == 0:
		return append(ring, s)
	case s&1 == 1:
		return m.leaf(m.leaf(ring, (first+1)<<1|1), first<<1|1)
	default:
		return m.leaf(m.leaf(ring, first<<1), (first+1)<<1)
	}
}

// start is the node that s leaves.
func (m *mosaic) start(s side) int32 {
	if s&1 == 1 {
		return m.edges[s>>1].to
	}
	return m.edges[s>>1].from
}

// ends are the positions that s leaves and reaches.
func (m *mosaic) ends(s side) (a, b point) { return m.nodes[m.start(s)], m.nodes[m.start(s^1)] }

// area is in m².
func (m *mosaic) area(ring []side) float64 {
	sum := 0.0
	for _, s := range ring {
		a, b := m.ends(s)
		sum += a.cross(b)
	}
	return sum / 2
}

// A span is the reach of a ring along a direction.
type span struct{ low, high float64 }

func (s span) size() float64 { return s.high - s.low }

func (m *mosaic) extent(ring []side, along point) span {
	e := span{math.Inf(1), math.Inf(-1)}
	for _, s := range ring {
		a, _ := m.ends(s)
		d := a.dot(along)
		e.low, e.high = min(e.low, d), max(e.high, d)
	}
	return e
}
