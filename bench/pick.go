package bench

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"sillon/tiles"
)

// A census counts the published parcels whose middle falls in each tile of one
// zoom. Tiles without any are not in it.
type census map[tiles.Address]int

// above is the census of the next coarser zoom.
func (c census) above() census {
	up := census{}
	for a, n := range c {
		up[tiles.Address{Z: a.Z - 1, X: a.X / 2, Y: a.Y / 2}] += n
	}
	return up
}

// The kinds of tiles that are measured.
const (
	kindDense   = "dense"
	kindTypical = "typical"
	kindCeiling = "50 KB" // one tile, beside bare net/http
	kindPlain   = "plain" // GeoJSON, as it is
	kindGzip    = "gzip"  // GeoJSON, compressed if the server does that
)

// pick returns at most n of the densest tiles, none with less than a fifth of
// the parcels of the first, and at most n of the typical ones: drawn from the middle fifth of the tiles that are not empty, by count.
// The order of both is drawn too, so that a server too slow to be asked for all
// is not asked for the heaviest alone. The same seed picks the same tiles.
func (c census) pick(n int, seed uint64) (dense, typical []tiles.Address) {
	all := make([]tiles.Address, 0, len(c))
	for a := range c {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b tiles.Address) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y))
	})
	rng := rand.New(rand.NewPCG(seed, 0))
	drawn := func(from []tiles.Address) []tiles.Address {
		from = slices.Clone(from)
		rng.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		return from[:min(n, len(from))]
	}
	few := slices.IndexFunc(all, func(a tiles.Address) bool { return 5*c[a] < c[all[0]] })
	if few < 0 {
		few = len(all)
	}
	dense = drawn(all[:min(n, few)])
	middle := all[len(all)*2/5 : min(len(all), len(all)*3/5+1)]
	return dense, drawn(middle)
}
