package demo

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"
)

// Positions of a ring, the closing one included: it has 5 vertices at least.
const (
	minPositions = 6
	maxPositions = 40
)

// An outline bends the straight edges of a mosaic as hedges and contour lines
// do, and turns them into degrees. Each node and each edge is bent once, so
// that neighbours get the same positions.
type outline struct {
	mosaic *mosaic
	frame  frame
	step   float64 // metres between two vertices, about
	sway   float64 // metres, the most that a vertex leaves its edge
	waves  [3]wave
	nodes  []orb.Point // by node; zero is not bent yet
	bends  []bend      // by edge
	points []orb.Point
}

// A wave moves points by reach metres along way, as the sine of their place.
type wave struct {
	way, turn    point
	reach, phase float64
}

// A bend holds the vertices of an edge between its nodes: points[first:last].
type bend struct {
	first, last int32
	done        bool
}

// lay starts over on a grown mosaic.
func (o *outline) lay(rng *rand.Rand, m *mosaic, f frame, step, sway float64) {
	o.mosaic, o.frame, o.step, o.sway = m, f, step, sway
	for i := range o.waves {
		// Slopes add up to less than 0.3: the landscape folds nowhere, and
		// corners of 30° stay wider than the sway of their two edges.
		length := 500 * math.Exp(rng.Float64())
		slope := 0.03 + 0.06*rng.Float64()
		a, b := 2*math.Pi*rng.Float64(), 2*math.Pi*rng.Float64()
		turn := 2 * math.Pi / length
		o.waves[i] = wave{
			way:   point{math.Cos(a), math.Sin(a)},
			turn:  point{turn * math.Cos(b), turn * math.Sin(b)},
			reach: slope / turn, phase: 2 * math.Pi * rng.Float64(),
		}
	}
	o.nodes = zeroed(o.nodes, len(m.nodes))
	o.bends = zeroed(o.bends, len(m.edges))
	o.points = o.points[:0]
}

// zeroed returns n zero values, in the array of s when they fit.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, 2*n)
	}
	s = s[:n]
	clear(s)
	return s
}

// bent is where p ends up.
func (o *outline) bent(p point) orb.Point {
	q := p
	for _, w := range o.waves {
		d := w.reach * math.Sin(p.dot(w.turn)+w.phase)
		q.x += d * w.way.x
		q.y += d * w.way.y
	}
	return o.frame.degrees(q)
}

// ring returns the closed ring of the given sides, in degrees; ok is false when
// it has too few or too many positions.
func (o *outline) ring(rng *rand.Rand, sides []side) (r orb.Ring, ok bool) {
	n := len(sides) + 1
	for _, s := range sides {
		b := o.bend(rng, s>>1)
		n += int(b.last - b.first)
	}
	if n < minPositions || n > maxPositions {
		return nil, false
	}
	r = make(orb.Ring, 0, n)
	for _, s := range sides {
		node := &o.nodes[o.mosaic.start(s)]
		if *node == (orb.Point{}) {
			*node = o.bent(o.mosaic.nodes[o.mosaic.start(s)])
		}
		r = append(r, *node)
		b := o.bends[s>>1]
		between := o.points[b.first:b.last]
		if s&1 == 0 {
			r = append(r, between...)
			continue
		}
		for i := len(between) - 1; i >= 0; i-- {
			r = append(r, between[i])
		}
	}
	return append(r, r[0]), true
}

// bend gives an edge its vertices.
func (o *outline) bend(rng *rand.Rand, e side) bend {
	b := &o.bends[e]
	if b.done {
		return *b
	}
	p, q := o.mosaic.ends(e << 1)
	d := q.minus(p)
	length := math.Hypot(d.x, d.y)
	n := int(length / o.step * (0.6 + 0.8*rng.Float64()))
	sway := o.sway
	if o.mosaic.edges[e].lane {
		sway = 0.8
		n = max(n, int(length/60)) // a long chord would cut into the lane
	}
	if n == 0 && length > 40 {
		n = 1
	}
	n = min(n, 6)
	b.first = int32(len(o.points))
	bow := 0.025 * length * rng.NormFloat64()
	for j := range n {
		t := (float64(j) + 1 + 0.5*(rng.Float64()-0.5)) / float64(n+1)
		// Within a thin lens around the edge, so that edges of one corner stay apart.
		most := min(sway, 0.12*length*min(t, 1-t))
		off := bow*4*t*(1-t) + 0.012*length*rng.NormFloat64()
		off = max(-most, min(most, off)) / length
		o.points = append(o.points, o.bent(point{p.x + t*d.x - off*d.y, p.y + t*d.y + off*d.x}))
	}
	b.last = int32(len(o.points))
	b.done = true
	return *b
}

// pond returns a clockwise ring well inside the field of the given sides; ok is
// false when the field is too narrow for one.
func (o *outline) pond(rng *rand.Rand, sides []side) (r orb.Ring, ok bool) {
	var middle point
	for _, s := range sides {
		a, _ := o.mosaic.ends(s)
		middle.x += a.x / float64(len(sides))
		middle.y += a.y / float64(len(sides))
	}
	room := math.Inf(1)
	for _, s := range sides {
		a, b := o.mosaic.ends(s)
		d := b.minus(a)
		room = min(room, d.cross(middle.minus(a))/math.Hypot(d.x, d.y))
	}
	radius := (0.25 + 0.25*rng.Float64()) * (room - o.sway)
	if radius < 9 {
		return nil, false
	}
	n := 6 + rng.IntN(6)
	turn := 2 * math.Pi * rng.Float64()
	squeeze := 0.6 + 0.4*rng.Float64()
	for j := range n {
		a := -2 * math.Pi * (float64(j) + 0.4*rng.Float64()) / float64(n)
		d := radius * (0.75 + 0.25*rng.Float64())
		x, y := d*math.Cos(a), d*math.Sin(a)*squeeze
		r = append(r, o.bent(point{
			middle.x + x*math.Cos(turn) - y*math.Sin(turn), middle.y + x*math.Sin(turn) + y*math.Cos(turn),
		}))
	}
	return append(r, r[0]), true
}
