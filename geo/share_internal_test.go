package geo

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
)

// TestSharesAddUp cuts the ground into crooked quadrilaterals, half of them with
// a hole that another piece fills, and checks that the shares of any polygon
// add up to its area.
func TestSharesAddUp(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	const side, step = 8, 0.01
	var corners [side + 1][side + 1]orb.Point
	for i := range corners {
		for j := range corners[i] {
			corners[i][j] = orb.Point{2 + step*(float64(i)+0.6*(r.Float64()-0.5)), 47 + step*(float64(j)+0.6*(r.Float64()-0.5))}
		}
	}
	c := NewCover()
	for i := range side {
		for j := range side {
			ring := orb.Ring{corners[i][j], corners[i+1][j], corners[i+1][j+1], corners[i][j+1], corners[i][j]}
			polygon := orb.Polygon{ring}
			if (i+j)%2 == 0 {
				mid := orb.Point{2 + step*(float64(i)+0.5), 47 + step*(float64(j)+0.5)}
				hole := star(r, mid, 0.001)
				polygon = append(polygon, hole)
				c.Add("hole", orb.Polygon{hole})
			}
			if r.IntN(2) == 0 {
				polygon[0].Reverse()
			}
			c.Add("piece", polygon)
		}
	}
	for n := range 500 {
		at := orb.Point{2 + step*(2+4*r.Float64()), 47 + step*(2+3*r.Float64())}
		shell := star(r, at, 0.001+0.015*r.Float64())
		var g orb.Geometry = orb.Polygon{shell, star(r, at, 0.0004)}
		if n%2 == 0 {
			g = orb.MultiPolygon{{shell}, {star(r, orb.Point{at[0], at[1] + 0.02}, 0.002)}}
		}
		if n%3 == 0 {
			shell.Reverse()
		}
		s := newSharer(g)
		b := g.Bound()
		sum := 0.0
		for i := range c.pieces {
			share := s.of(&c.pieces[i], b.Min[0]/coverUnit, b.Min[1]/coverUnit)
			if share < -1e-3*s.area {
				t.Fatalf("polygon %d: share %g of %g", n, share, s.area)
			}
			sum += share
		}
		if s.area <= 0 || math.Abs(sum-s.area) > 1e-4*s.area {
			t.Errorf("polygon %d: shares add up to %g, area %g", n, sum, s.area)
		}
	}
}

// star is a ring without crossings around at, of random radii below most.
func star(r *rand.Rand, at orb.Point, most float64) orb.Ring {
	n := 5 + r.IntN(20)
	var ring orb.Ring
	for i := range n {
		angle := 2 * math.Pi * float64(i) / float64(n)
		radius := most * (0.5 + 0.5*r.Float64())
		ring = append(ring, orb.Point{at[0] + radius*math.Cos(angle), at[1] + radius*math.Sin(angle)})
	}
	return append(ring, ring[0])
}
