package geo

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
)

func TestBoundOf(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	ring := func() orb.Ring {
		r := make(orb.Ring, rnd.IntN(6))
		for i := range r {
			r[i] = orb.Point{rnd.Float64()*360 - 180, rnd.Float64()*180 - 90}
		}
		return r
	}
	for range 1000 {
		var g orb.Geometry = orb.Polygon{ring(), ring()}[:rnd.IntN(3)]
		if rnd.IntN(2) == 0 {
			g = orb.MultiPolygon{{ring()}, {}, {ring(), ring()}}[:rnd.IntN(4)]
		}
		if got, want := boundOf(g), g.Bound(); got != want && (!got.IsEmpty() || !want.IsEmpty()) {
			t.Fatalf("boundOf(%v) = %v, want %v", g, got, want)
		}
	}
	if got := boundOf(orb.Point{1, 2}); got != (orb.Point{1, 2}).Bound() {
		t.Errorf("of a point: %v", got)
	}
}
