// Package geotest makes polygons to test the geometry policy with: good ones,
// bad ones, and degenerate ones.
package geotest

import (
	"iter"
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"
)

// places are where parcels stand: one per territory, and the meridian of
// Greenwich, where longitudes change sign.
var places = []orb.Point{
	{2.3522, 46.8566}, {-0.00001, 44.5}, {9.2, 42.1}, {-61.0242, 14.6415}, {-52.8, 4.2}, {55.5364, -21.1151}, {45.15, -12.8},
}

// Rings returns n polygons, always the same for a seed. They are near French
// coordinates, rounded to nine decimals and closed; their size goes from a few
// grid units to a few kilometres. About half are invalid: crossed, wound twice,
// with spikes, repeated positions, holes that touch, cross, overlap or leave
// their shell.
func Rings(seed uint64, n int) iter.Seq[orb.Polygon] {
	return func(yield func(orb.Polygon) bool) {
		d := drawer{rand.New(rand.NewPCG(seed, 0x5111))}
		for range n {
			if !yield(d.polygon()) {
				return
			}
		}
	}
}

type drawer struct{ *rand.Rand }

// polygon draws in units of a step, then scales and rounds.
func (d drawer) polygon() orb.Polygon {
	families := []func() orb.Polygon{
		d.star, d.star, d.starWithHoles, d.scribble, d.lattice, d.lattice, d.latticeWithHoles, d.latticeWithHoles, d.touching,
		d.eight, d.twice, d.spiked, d.repeated, d.line, d.pentagram, d.walk, d.comb,
	}
	p := families[d.IntN(len(families))]()
	place := places[d.IntN(len(places))]
	step := math.Pow(10, -7+4*d.Float64()) // degrees
	if d.IntN(2) == 0 {
		step = []float64{1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 0.00025, 0.001}[d.IntN(7)]
	}
	for _, r := range p {
		for i := range r {
			r[i] = orb.Point{snap(place[0] + r[i][0]*step), snap(place[1] + r[i][1]*step)}
		}
	}
	return p
}

func snap(x float64) float64 { return math.Round(x*1e9)/1e9 + 0 }

func closed(r orb.Ring) orb.Ring { return append(r, r[0]) }

// round draws n positions around a centre, in order.
func (d drawer) round(x, y, radius float64, n int) orb.Ring {
	r := make(orb.Ring, n)
	for i := range r {
		a := 2 * math.Pi * (float64(i) + 0.8*d.Float64()) / float64(n)
		l := radius * (0.3 + 0.7*d.Float64())
		r[i] = orb.Point{x + l*math.Cos(a), y + l*math.Sin(a)}
	}
	if d.IntN(2) == 0 {
		r.Reverse()
	}
	return closed(r)
}

func (d drawer) star() orb.Polygon { return orb.Polygon{d.round(0, 0, 10, 3+d.IntN(60))} }

func (d drawer) starWithHoles() orb.Polygon {
	p := d.star()
	for range 1 + d.IntN(3) {
		p = append(p, d.round(8*d.Float64()-4, 8*d.Float64()-4, 3*d.Float64(), 3+d.IntN(6)))
	}
	return p
}

func (d drawer) scribble() orb.Polygon {
	r := make(orb.Ring, 3+d.IntN(12))
	for i := range r {
		r[i] = orb.Point{10 * d.Float64(), 10 * d.Float64()}
	}
	return orb.Polygon{closed(r)}
}

// ring draws on whole steps, so that positions coincide and lie on edges.
func (d drawer) ring(size, n int) orb.Ring {
	r := make(orb.Ring, n)
	for i := range r {
		r[i] = orb.Point{float64(d.IntN(size)), float64(d.IntN(size))}
	}
	return closed(r)
}

func (d drawer) lattice() orb.Polygon { return orb.Polygon{d.ring(2+d.IntN(6), 3+d.IntN(9))} }

func (d drawer) latticeWithHoles() orb.Polygon {
	p := orb.Polygon{{{0, 0}, {6, 0}, {6, 6}, {0, 6}, {0, 0}}}
	if d.IntN(3) == 0 {
		p = d.lattice()
	}
	for range 1 + d.IntN(4) {
		p = append(p, d.ring(7, 3+d.IntN(2)))
	}
	return p
}

// touching is a square with holes that touch it, or one another, in positions
// or along edges.
func (d drawer) touching() orb.Polygon {
	p := orb.Polygon{{{0, 0}, {8, 0}, {8, 8}, {0, 8}, {0, 0}}}
	for range 1 + d.IntN(4) {
		x, y := float64(d.IntN(8)), float64(d.IntN(8))
		hole := orb.Ring{{x, y + 1}, {x + 1, y}, {x + 2, y + 1}, {x + 1, y + 2}}
		if d.IntN(3) == 0 {
			hole = orb.Ring{{x, y}, {x + 1, y}, {x + 1, y + 1}, {x, y + 1}}
		}
		p = append(p, closed(hole))
	}
	return p
}

func (d drawer) eight() orb.Polygon {
	a, b := 1+10*d.Float64(), 1+10*d.Float64()
	if d.IntN(2) == 0 {
		b = a
	}
	return orb.Polygon{{{-a, -a}, {b, b}, {b, -b}, {-a, a}, {-a, -a}}}
}

func (d drawer) twice() orb.Polygon {
	r := d.round(0, 0, 10, 3+d.IntN(8))
	return orb.Polygon{append(r, r[1:]...)}
}

func (d drawer) spiked() orb.Polygon {
	r := d.round(0, 0, 10, 4+d.IntN(8))
	i := 1 + d.IntN(len(r)-1)
	out := append(orb.Ring{}, r[:i]...)
	out = append(out, orb.Point{20 * d.Float64(), 20 * d.Float64()}, r[i-1])
	return orb.Polygon{append(out, r[i:]...)}
}

func (d drawer) repeated() orb.Polygon {
	r := d.round(0, 0, 10, 3+d.IntN(8))
	i := d.IntN(len(r))
	out := append(orb.Ring{}, r[:i+1]...)
	return orb.Polygon{append(out, r[i:]...)}
}

func (d drawer) line() orb.Polygon {
	x, y := float64(d.IntN(9)-4), float64(d.IntN(9)-4)
	r := make(orb.Ring, 3+d.IntN(4))
	for i := range r {
		t := float64(d.IntN(10))
		r[i] = orb.Point{t * x, t * y}
	}
	return orb.Polygon{closed(r)}
}

func (d drawer) pentagram() orb.Polygon {
	r := make(orb.Ring, 5)
	turn := d.Float64()
	for i := range r {
		sin, cos := math.Sincos(turn + 4*math.Pi*float64(i)/5)
		r[i] = orb.Point{10 * cos, 10 * sin}
	}
	return orb.Polygon{closed(r)}
}

// walk goes by whole steps along both axes and comes back to where it began.
func (d drawer) walk() orb.Polygon {
	r := orb.Ring{{0, 0}}
	for range 4 + d.IntN(40) {
		p := r[len(r)-1]
		p[d.IntN(2)] += float64(2*d.IntN(2) - 1)
		r = append(r, p)
	}
	return orb.Polygon{closed(r)}
}

// comb has teeth that may reach the opposite side.
func (d drawer) comb() orb.Polygon {
	n := 3 + d.IntN(30)
	r := orb.Ring{{0, 0}, {float64(n), 0}}
	for i := n; i > 0; i-- {
		y := 1 + 9*d.Float64()
		if d.IntN(20) == 0 {
			y = 0
		}
		r = append(r, orb.Point{float64(i), 10}, orb.Point{float64(i) - 0.5, y})
	}
	return orb.Polygon{closed(append(r, orb.Point{0, 10}))}
}
