package mvt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"sillon/geo/mvt"
)

// sameShape fails unless the shape read from EWKB gives the bytes that the
// EWKB gives, or both are refused.
func sameShape(tb checker, ewkb []byte, z, x, y uint32, d mvt.Detail) {
	tb.Helper()
	var s mvt.Shape
	readErr := s.AppendEWKB(ewkb)
	var fromEWKB, fromShape mvt.Layer
	for _, l := range []*mvt.Layer{&fromEWKB, &fromShape} {
		if err := l.Begin("essai", z, x, y, d); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := fromEWKB.Polygons(ewkb)
	if (err == nil) != (readErr == nil) || readErr != nil && !errors.Is(readErr, mvt.ErrEWKB) {
		tb.Fatalf("%v, want %v", readErr, err)
	}
	if err != nil {
		return
	}
	if got := fromShape.Shape(s); got != want {
		tb.Fatalf("shape in the tile: %v, want %v", got, want)
	}
	fromEWKB.Add(1)
	fromShape.Add(1)
	if got, want := fromShape.Append(nil), fromEWKB.Append(nil); !bytes.Equal(got, want) {
		tb.Fatalf("%x, want %x", got, want)
	}
}

// TestShapeGivesTheBytesOfEWKB holds for any polygons, as they are and as a
// tile cuts them, down to those that collapse.
func TestShapeGivesTheBytesOfEWKB(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		tile := place(uint32(rapid.IntRange(0, 16).Draw(t, "zoom")))
		spread := rapid.SampledFrom([]float64{2, 300, 4000}).Draw(t, "spread")
		part := func() orb.Polygon {
			cx, cy := 5000*rnd.Float64()-500, 5000*rnd.Float64()-500
			rings := [][]orb.Point{blob(rnd, cx, cy, spread, 3+rnd.IntN(30))}
			if rnd.IntN(10) == 0 {
				rings[0] = nil
			}
			for range max(0, rnd.IntN(6)-2) {
				hole := blob(rnd, cx, cy, spread*rnd.Float64()/3, 1+rnd.IntN(9))
				if rnd.IntN(2) == 0 {
					slices.Reverse(hole)
				}
				rings = append(rings, slices.Concat(hole, hole[len(hole)-1:])) // a point twice
			}
			if rnd.IntN(20) == 0 {
				rings = nil
			}
			return polygon(tile, rings...)
		}
		var g orb.Geometry = part()
		if rnd.IntN(3) == 0 {
			var mp orb.MultiPolygon
			for range rnd.IntN(4) {
				mp = append(mp, part())
			}
			g = mp
		}
		order := rapid.SampledFrom([]binary.ByteOrder{binary.LittleEndian, binary.BigEndian}).Draw(t, "order")
		sameShape(t, marshal(t, g, order), uint32(tile.Z), tile.X, tile.Y, mvt.Detail(rnd.IntN(4)))
	})
}

// TestShapeAppends reads one shape after the other into the same memory.
func TestShapeAppends(t *testing.T) {
	t.Parallel()
	tile := place(14)
	square := polygon(tile, points{{100, 100}, {200, 100}, {200, 200}, {100, 200}}, points{{120, 120}, {120, 140}, {140, 140}, {140, 120}})
	var s mvt.Shape
	for range 2 {
		if err := s.AppendEWKB(marshal(t, orb.MultiPolygon{square, square}, binary.LittleEndian)); err != nil {
			t.Fatal(err)
		}
	}
	half := len(s.Points) / 2
	if !slices.Equal(s.Points[:half], s.Points[half:]) || !slices.Equal(s.Rings, []uint32{4, 8, 12, 16, 4, 8, 12, 16}) || !slices.Equal(s.Parts, []uint32{2, 4, 2, 4}) {
		t.Errorf("%+v", s)
	}
}

func FuzzShape(f *testing.F) {
	tile := place(14)
	square := polygon(tile, points{{100, 100}, {200, 100}, {200, 200}, {100, 200}}, points{{120, 120}, {120, 140}, {140, 140}, {140, 120}})
	for _, g := range []orb.Geometry{square, orb.MultiPolygon{square, square}, orb.Polygon{}, orb.MultiPolygon{}, orb.Point{4, 44}} {
		f.Add(marshal(f, g, binary.LittleEndian))
		f.Add(marshal(f, g, binary.BigEndian))
	}
	f.Fuzz(func(t *testing.T, ewkb []byte) {
		sameShape(t, ewkb, uint32(tile.Z), tile.X, tile.Y, mvt.Fine)
	})
}
