package bench

import (
	"slices"
	"testing"

	"sillon/tiles"
)

// rows is a census of n tiles of zoom 14 in a row; tile i has i+1 parcels.
func rows(n int) census {
	c := census{}
	for i := range n {
		c[tiles.Address{Z: 14, X: 8000 + uint32(i), Y: 5700}] = i + 1
	}
	return c
}

func TestPick(t *testing.T) {
	t.Parallel()
	c := rows(100)
	dense, typical := c.pick(10, 1)
	if len(dense) != 10 || len(typical) != 10 {
		t.Fatalf("%d dense and %d typical tiles, want 10 of each", len(dense), len(typical))
	}
	for _, a := range dense {
		if c[a] <= 90 {
			t.Errorf("%v with %d parcels is not one of the ten densest", a, c[a])
		}
	}
	for _, a := range typical {
		if c[a] < 40 || c[a] > 60 {
			t.Errorf("%v with %d parcels is not of the middle fifth", a, c[a])
		}
	}
	again, _ := rows(100).pick(10, 1)
	if !slices.Equal(dense, again) {
		t.Errorf("the same seed picks %v, then %v", dense, again)
	}
	if other, _ := c.pick(10, 2); slices.Equal(dense, other) {
		t.Errorf("another seed keeps the order %v", other)
	}
}

func TestPickOfFewTiles(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 5; n++ {
		if dense, typical := rows(n).pick(10, 1); len(dense) != n || len(typical) == 0 {
			t.Errorf("of %d tiles %d dense and %d typical, want all and at least one", n, len(dense), len(typical))
		}
	}
	if dense, _ := rows(10).pick(10, 1); len(dense) != 9 {
		t.Errorf("of ten tiles %d are dense, want all but the one with a tenth of the most", len(dense))
	}
}

func TestCensusAbove(t *testing.T) {
	t.Parallel()
	c := rows(101)
	up := c.above()
	if n := len(up); n != 51 {
		t.Errorf("%d tiles above, want 51", n)
	}
	if got := up[tiles.Address{Z: 13, X: 4000, Y: 2850}]; got != 1+2 {
		t.Errorf("the first tile above has %d parcels, want 3", got)
	}
	sum := 0
	for _, n := range up.above().above() {
		sum += n
	}
	if sum != 101*102/2 {
		t.Errorf("%d parcels three zooms above, want all %d", sum, 101*102/2)
	}
}
