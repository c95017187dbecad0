package geo

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
)

// side is what rational arithmetic says, also where doubles cannot tell.
func TestSideIsExact(t *testing.T) {
	t.Parallel()
	sub := func(x, y float64) *big.Rat {
		return new(big.Rat).Sub(new(big.Rat).SetFloat64(x), new(big.Rat).SetFloat64(y))
	}
	r := rand.New(rand.NewPCG(1, 1))
	zeros := 0
	for i := range 50_000 {
		lon, step := []float64{0, 2.5, -61, 55.5, 179.9}[i%5], []float64{1e-9, 1e-6, 1e-3, 1}[i/5%4]
		point := func() orb.Point {
			return round(orb.Point{lon + step*float64(r.IntN(5)-2), 46 + step*float64(r.IntN(5)-2)})
		}
		a, b, c := point(), point(), point()
		left := new(big.Rat).Mul(sub(a[0], c[0]), sub(b[1], c[1]))
		right := new(big.Rat).Mul(sub(a[1], c[1]), sub(b[0], c[0]))
		want := left.Cmp(right)
		if got := side(a, b, c); got != want {
			t.Fatalf("side(%v, %v, %v) = %d, want %d", a, b, c, got, want)
		}
		if want == 0 {
			zeros++
		}
	}
	if zeros == 0 {
		t.Error("no three positions on a line")
	}
}

// The fast way to round a crossing gives what the exact one gives.
func TestCrossingSquare(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	crossings := 0
	for i := range 400_000 {
		size := []float64{4, 20, 1e4, 1e8, 1e11}[i%5]
		point := func() orb.Point {
			return orb.Point{2e9 + math.Round(size*r.Float64()), 46e9 + math.Round(size*r.Float64())}
		}
		a, b, c, d := point(), point(), point(), point()
		if i%3 == 0 { // nearly parallel
			c, d = orb.Point{a[0] + float64(r.IntN(3)), a[1] + 1}, orb.Point{b[0] + float64(r.IntN(3)), b[1] - 1}
		}
		if side(a, b, c)*side(a, b, d) >= 0 || side(c, d, a)*side(c, d, b) >= 0 {
			continue
		}
		crossings++
		want := crossingSquareExact(a, b, c, d)
		for _, got := range []orb.Point{crossingSquare(a, b, c, d), crossingSquare(b, a, c, d), crossingSquare(d, c, b, a)} {
			if got != want {
				t.Fatalf("crossingSquare(%v, %v, %v, %v) = %v, want %v", a, b, c, d, got, want)
			}
		}
		if !visits(lower(a, b), upper(a, b), want) || !visits(lower(c, d), upper(c, d), want) {
			t.Fatalf("%v %v and %v %v do not visit the square where they cross, %v", a, b, c, d, want)
		}
	}
	if crossings < 10_000 {
		t.Errorf("%d crossings are too few", crossings)
	}
}

func lower(a, b orb.Point) orb.Point {
	if before(b, a) {
		return b
	}
	return a
}

func upper(a, b orb.Point) orb.Point {
	if before(b, a) {
		return a
	}
	return b
}

// An index finds what a look at all items finds.
func TestIndexMissesNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 7, 8, 9, 64, 65, 1000} {
		point := func(size float64) orb.Point { return round(orb.Point{2 + size*r.Float64(), 46 + size*r.Float64()}) }
		items := make([]extent, n)
		for i := range items {
			p := point(0.01)
			items[i] = extentOf(p, orb.Point{p[0] + 0.001*r.Float64(), p[1] + 0.001*r.Float64()})
		}
		x := newIndex(items)
		for range 100 {
			a, b := point(0.01), point(0.01)
			found := map[int]bool{}
			w := work(1_000_000)
			x.visit(a, b, &w, func(i int) bool {
				found[i] = true
				return true
			})
			for i, e := range items {
				if e.meets(a, b) != found[i] {
					t.Fatalf("%d items: item %d found %v", n, i, found[i])
				}
			}
		}
	}
}
