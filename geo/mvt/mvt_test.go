package mvt_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	orbmvt "github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/maptile"
	"pgregory.net/rapid"

	"sillon/geo/mvt"
	"sillon/geo/mvt/mvttest"
)

// place is the tile of the tests at a zoom: fields of the Drôme.
func place(z uint32) maptile.Tile {
	return maptile.At(orb.Point{4.9, 44.7}, maptile.Zoom(z))
}

// lonLat is the position of a point in units of a tile, exactly.
func lonLat(t maptile.Tile, x, y float64) orb.Point {
	side := math.Exp2(float64(t.Z)) * mvt.Extent
	wx := (float64(t.X)*mvt.Extent + x) / side
	wy := (float64(t.Y)*mvt.Extent + y) / side
	return orb.Point{wx*360 - 180, math.Atan(math.Sinh(math.Pi*(1-2*wy))) * 180 / math.Pi}
}

// polygon makes rings given in units of a tile a polygon of positions.
func polygon(t maptile.Tile, rings ...[]orb.Point) orb.Polygon {
	var p orb.Polygon
	for _, pts := range rings {
		var r orb.Ring
		for _, q := range pts {
			r = append(r, lonLat(t, q[0], q[1]))
		}
		if len(r) > 0 {
			r = append(r, r[0])
		}
		p = append(p, r)
	}
	return p
}

// checker is a *testing.T or a *rapid.T.
type checker interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func marshal(tb checker, g orb.Geometry, order binary.ByteOrder) []byte {
	tb.Helper()
	b, err := ewkb.Marshal(g, 4326, order)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// encode encodes one geometry with the id 7, and returns what a strict reader
// sees; nil when the tile is empty.
func encode(tb checker, g orb.Geometry, t maptile.Tile, d mvt.Detail) *mvttest.Feature {
	tb.Helper()
	var l mvt.Layer
	if err := l.Begin("essai", uint32(t.Z), t.X, t.Y, d); err != nil {
		tb.Fatal(err)
	}
	ok, err := l.Polygons(marshal(tb, g, binary.LittleEndian))
	if err != nil {
		tb.Fatal(err)
	}
	if !ok {
		return nil
	}
	l.Add(7)
	layers, err := mvttest.Decode(l.Append(nil))
	if err != nil {
		tb.Fatalf("%v\nof %v", err, g)
	}
	return &layers[0].Features[0]
}

type points = []orb.Point

func TestPolygons(t *testing.T) {
	t.Parallel()
	square := points{{100, 100}, {200, 100}, {200, 200}, {100, 200}}
	small := points{{120, 120}, {120, 140}, {140, 140}, {140, 120}}
	tests := []struct {
		name  string
		shape func(maptile.Tile) orb.Geometry
		rings []int // points of each ring, the closing one included
		area  float64
	}{
		{"square", func(t maptile.Tile) orb.Geometry { return polygon(t, square) }, []int{5}, 1e4},
		{"square turned the other way", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{100, 100}, {100, 200}, {200, 200}, {200, 100}})
		}, []int{5}, 1e4},
		{"with a hole", func(t maptile.Tile) orb.Geometry { return polygon(t, square, small) }, []int{5, 5}, 1e4 - 400},
		{"hole that turns like its shell", func(t maptile.Tile) orb.Geometry {
			return polygon(t, square, points{{120, 120}, {140, 120}, {140, 140}, {120, 140}})
		}, []int{5, 5}, 1e4 - 400},
		{"two parts", func(t maptile.Tile) orb.Geometry {
			return orb.MultiPolygon{polygon(t, square), polygon(t, points{{300, 100}, {310, 100}, {310, 110}, {300, 110}})}
		}, []int{5, 5}, 1e4 + 100},
		{"points in line and repeated", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{150, 100}, {150, 100}, {200, 100}, {200, 150}, {200.2, 170}, {200, 200}, {100, 200}, {100, 100}})
		}, []int{5}, 1e4},
		{"spike", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{100, 100}, {200, 100}, {260, 100}, {200, 100}, {200, 200}, {100, 200}})
		}, []int{5}, 1e4},
		{"partly in the tile", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{-1000, 100}, {36, 100}, {36, 200}, {-1000, 200}})
		}, []int{5}, 1e4},
		{"covers the tile", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{-1000, -1000}, {9000, -1000}, {9000, 9000}, {-1000, 9000}})
		}, []int{5}, 4224 * 4224},
		{"comb cut by the side of the tile", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{-500, 0}, {36, 0}, {36, 100}, {-300, 100}, {-300, 200}, {36, 200}, {36, 300}, {-500, 300}})
		}, []int{5, 5}, 2e4},
		{"bow tie keeps its larger half", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{0, 0}, {300, 0}, {0, 200}, {100, 200}})
		}, []int{4}, 150 * 150},
		{"pinched in two", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{0, 0}, {100, 0}, {50.2, 50}, {100, 100}, {0, 100}, {49.8, 50}})
		}, []int{4, 4}, 5000},
		{"closes on itself", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{0, 0}, {100, 0}, {100, 100}, {0, 100}, {0, 50.2}, {20, 50.2}, {20, 80}, {80, 80}, {80, 20}, {20, 20}, {20, 49.8}, {0, 49.8}})
		}, []int{6, 6}, 1e4 - 3600},
		{"collapsed to a point", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{100.1, 100.1}, {100.3, 100.1}, {100.3, 100.3}})
		}, []int{5}, 1},
		{"collapsed to a line", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{100, 100.1}, {150, 100.1}, {150, 100.3}, {100, 100.3}})
		}, []int{5}, 1},
		{"hole of a collapsed part", func(t maptile.Tile) orb.Geometry {
			return orb.MultiPolygon{polygon(t, points{{1, 1.1}, {9, 1.1}, {9, 1.3}}, small), polygon(t, square)}
		}, []int{5}, 1e4},
		{"hole after an empty hole", func(t maptile.Tile) orb.Geometry {
			return polygon(t, square, nil, small)
		}, []int{5, 5}, 1e4 - 400},
		{"collapsed hole", func(t maptile.Tile) orb.Geometry {
			return polygon(t, square, points{{150, 150}, {150.1, 150.1}, {150.2, 150}})
		}, []int{5}, 1e4},
		{"elsewhere", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{5000, 0}, {5100, 0}, {5100, 100}})
		}, nil, 0},
		{"around the corner of the tile", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{-300, -10}, {-10, -300}, {-300, -300}})
		}, nil, 0},
		{"collapsed elsewhere", func(t maptile.Tile) orb.Geometry {
			return polygon(t, points{{5000, 0}, {5000.1, 0}, {5000.1, 0.1}})
		}, nil, 0},
		{"empty", func(maptile.Tile) orb.Geometry { return orb.MultiPolygon{} }, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tile := place(14)
			f := encode(t, tt.shape(tile), tile, mvt.Fine)
			if f == nil {
				if tt.rings != nil {
					t.Fatal("nothing in the tile")
				}
				return
			}
			var rings []int
			for _, p := range f.Geometry {
				for _, r := range p {
					rings = append(rings, len(r))
					if !mvttest.Simple(r) {
						t.Errorf("ring meets itself: %v", r)
					}
				}
			}
			if diff := cmp.Diff(tt.rings, rings); diff != "" {
				t.Errorf("rings (-want +got):\n%s\n%v", diff, f.Geometry)
			}
			if f.Area() != tt.area {
				t.Errorf("area %v, want %v: %v", f.Area(), tt.area, f.Geometry)
			}
		})
	}
}

func TestCollapsedBelowZoom10(t *testing.T) {
	t.Parallel()
	tile := place(9)
	g := polygon(tile, points{{100.1, 100.1}, {100.3, 100.1}, {100.3, 100.3}})
	if f := encode(t, g, tile, mvt.Fine); f != nil {
		t.Errorf("got %v, want nothing", f.Geometry)
	}
}

func TestCoarserDetailHasFewerPoints(t *testing.T) {
	t.Parallel()
	tile := place(10)
	rnd := rand.New(rand.NewPCG(1, 2))
	g := polygon(tile, blob(rnd, 500, 500, 60, 60))
	last := math.MaxInt
	for d := range mvt.Detail(4) {
		n := len(encode(t, g, tile, d).Geometry[0][0])
		if n >= last {
			t.Errorf("detail %d: %d points, %d before", d, n, last)
		}
		last = n
	}
}

// TestReadByOrb reads what a layer can hold with another reader.
func TestReadByOrb(t *testing.T) {
	t.Parallel()
	tile := place(12)
	g := orb.MultiPolygon{
		polygon(tile, points{{100, 100}, {200, 100}, {200, 200}, {100, 200}}, points{{120, 120}, {120, 140}, {140, 140}, {140, 120}}),
		polygon(tile, points{{300, 100}, {310, 100}, {310, 110}, {300, 110}}),
	}
	var l mvt.Layer
	for range 2 { // the second time with memory of the first
		if err := l.Begin("essai", 12, tile.X, tile.Y, mvt.Fine); err != nil {
			t.Fatal(err)
		}
		s, d, u, i, b := l.Key("s"), l.Key("d"), l.Key("u"), l.Key("i"), l.Key("b")
		for id, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			if ok, err := l.Polygons(marshal(t, g, order)); !ok || err != nil {
				t.Fatal(ok, err)
			}
			l.String(s, "Blé tendre")
			l.Double(d, 12.34)
			l.Uint(u, 1<<40)
			l.Sint(i, -5)
			l.Bool(b, true)
			l.Add(1<<52 + uint64(id))
		}
	}
	raw := l.Append(nil)
	if _, err := mvttest.Decode(raw); err != nil {
		t.Fatal(err)
	}
	layers, err := orbmvt.Unmarshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 1 || layers[0].Version != 2 || layers[0].Extent != mvt.Extent || layers[0].Name != "essai" || len(layers[0].Features) != 2 {
		t.Fatalf("got %+v", layers)
	}
	want := orb.MultiPolygon{
		{{{100, 100}, {200, 100}, {200, 200}, {100, 200}, {100, 100}}, {{120, 120}, {120, 140}, {140, 140}, {140, 120}, {120, 120}}},
		{{{300, 100}, {310, 100}, {310, 110}, {300, 110}, {300, 100}}},
	}
	for id, f := range layers[0].Features {
		if got := f.ID.(float64); got != float64(1<<52+id) {
			t.Errorf("id %v", got)
		}
		if diff := cmp.Diff(orb.Geometry(want), f.Geometry); diff != "" {
			t.Errorf("geometry (-want +got):\n%s", diff)
		}
		attributes := map[string]any{"s": "Blé tendre", "d": 12.34, "u": float64(1 << 40), "i": -5.0, "b": true}
		if diff := cmp.Diff(attributes, map[string]any(f.Properties)); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	}
}

func TestEmptyLayer(t *testing.T) {
	t.Parallel()
	var l mvt.Layer
	if err := l.Begin("essai", 3, 4, 2, mvt.Fine); err != nil {
		t.Fatal(err)
	}
	l.Key("s")
	l.Add(1) // no shape
	if got := l.Append([]byte("x")); string(got) != "x" {
		t.Errorf("got %q, want %q", got, "x")
	}
}

func TestRect(t *testing.T) {
	t.Parallel()
	var l mvt.Layer
	if err := l.Begin("mailles", 3, 4, 2, mvt.Fine); err != nil {
		t.Fatal(err)
	}
	l.Rect(64, 128, 128, 192)
	l.Add(1)
	layers, err := mvttest.Decode(l.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := orb.MultiPolygon{{{{64, 128}, {128, 128}, {128, 192}, {64, 192}, {64, 128}}}}
	if diff := cmp.Diff(want, layers[0].Features[0].Geometry); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	for _, a := range [][3]uint32{{21, 0, 0}, {3, 8, 0}, {3, 0, 8}} {
		var l mvt.Layer
		if err := l.Begin("essai", a[0], a[1], a[2], mvt.Fine); err == nil {
			t.Errorf("tile %v was accepted", a)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	tile := place(14)
	square := polygon(tile, points{{100, 100}, {200, 100}, {200, 200}, {100, 200}})
	good := marshal(t, square, binary.LittleEndian)
	with := func(at int, b ...byte) []byte {
		out := append([]byte(nil), good...)
		copy(out[at:], b)
		return out
	}
	other, err := ewkb.Marshal(square, 3857)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		ewkb []byte
	}{
		{"nothing", nil},
		{"byte order 2", with(0, 2)},
		{"a point", marshal(t, orb.Point{4, 44}, binary.LittleEndian)},
		{"with Z", with(4, 0xa0)},
		{"in Web-Mercator", other},
		{"more rings than bytes", with(9, 0xff, 0xff, 0xff, 0xff)},
		{"more points than bytes", with(13, 0xff, 0xff, 0xff, 0x7f)},
		{"NaN", with(17, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)},
		{"infinity", with(17, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f)},
		{"cut short", good[:len(good)-1]},
		{"too long", append(with(0), 0)},
		{"a multipolygon of a point", append([]byte{1, 6, 0, 0, 0, 1, 0, 0, 0}, marshal(t, orb.Point{4, 44}, binary.LittleEndian)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l mvt.Layer
			if err := l.Begin("essai", uint32(tile.Z), tile.X, tile.Y, mvt.Fine); err != nil {
				t.Fatal(err)
			}
			ok, err := l.Polygons(tt.ewkb)
			if ok || !errors.Is(err, mvt.ErrEWKB) {
				t.Errorf("got %v, %v, want ErrEWKB", ok, err)
			}
		})
	}
}

func TestWorld(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lon := rapid.Float64Range(-180, 179.999999).Draw(t, "lon")
		lat := rapid.Float64Range(-85, 85).Draw(t, "lat")
		x, y := mvt.World(lon, lat)
		wantX := (lon + 180) / 360 * (1 << 32)
		wantY := (0.5 - math.Log(math.Tan(math.Pi/4+lat*math.Pi/360))/(2*math.Pi)) * (1 << 32)
		if math.Abs(float64(x)-wantX) > 1.01 || math.Abs(float64(y)-wantY) > 1.6 {
			t.Errorf("World(%v, %v) = %d, %d, want %v, %v", lon, lat, x, y, wantX, wantY)
		}
	})
}

func TestWorldAtTheEdge(t *testing.T) {
	t.Parallel()
	const last = 1<<32 - 1
	tests := []struct {
		name     string
		lon, lat float64
		x, y     uint32
		within   uint32
	}{
		{"north-west", -180, 90, 0, 0, 20},
		{"south-east", 180, -90, last, last, 20},
		{"beyond", 1e300, -1e300, last, last, 20},
		{"infinite", math.Inf(1), math.Inf(1), last, 0, 20},
		{"NaN", math.NaN(), math.NaN(), 1 << 31, 1 << 31, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, y := mvt.World(tt.lon, tt.lat)
			if max(x, tt.x)-min(x, tt.x) > tt.within || max(y, tt.y)-min(y, tt.y) > tt.within {
				t.Errorf("World(%v, %v) = %d, %d, want %d, %d", tt.lon, tt.lat, x, y, tt.x, tt.y)
			}
		})
	}
}

// blob is a field of n points around a centre, all seen from it.
func blob(rnd *rand.Rand, cx, cy, radius float64, n int) points {
	var out points
	for i := range n {
		a := 2 * math.Pi * (float64(i) + 0.8*rnd.Float64()) / float64(n)
		r := radius * (0.6 + 0.4*rnd.Float64())
		out = append(out, orb.Point{cx + r*math.Cos(a), cy + r*math.Sin(a)})
	}
	return out
}

// TestAnyField holds for each field, whole in the tile and large: the area is
// kept within 0.5 %, the rings are simple and turn as they must.
func TestAnyField(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		tile := place(uint32(rapid.IntRange(14, 16).Draw(t, "zoom")))
		n := rapid.IntRange(8, 300).Draw(t, "points")
		shell := blob(rnd, 2000, 2000, 300+1500*rnd.Float64(), n)
		hole := blob(rnd, 2000, 2000, 50, rapid.IntRange(3, 20).Draw(t, "points of the hole"))
		want := area(shell) - area(hole)
		f := encode(t, polygon(tile, shell, hole), tile, mvt.Fine)
		if f == nil || math.Abs(f.Area()-want) > 0.005*want {
			t.Fatalf("got %v, want an area of %v", f, want)
		}
		checkSimple(t, f)
	})
}

// TestAnyRing holds for whatever ring: what leaves is simple and in the box.
func TestAnyRing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tile := place(14)
		coordinate := rapid.Float64Range(-200, 4300)
		if rapid.Bool().Draw(t, "cramped") {
			coordinate = rapid.Float64Range(0, 12)
		}
		rings := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) orb.Point {
			return orb.Point{coordinate.Draw(t, "x"), coordinate.Draw(t, "y")}
		}), 3, 40), 1, 3).Draw(t, "rings")
		d := mvt.Detail(rapid.IntRange(0, 3).Draw(t, "detail"))
		if f := encode(t, polygon(tile, rings...), tile, d); f != nil {
			checkSimple(t, f)
		}
	})
}

func checkSimple(t *rapid.T, f *mvttest.Feature) {
	t.Helper()
	box := orb.Bound{Min: orb.Point{-mvt.Buffer, -mvt.Buffer}, Max: orb.Point{mvt.Extent + mvt.Buffer, mvt.Extent + mvt.Buffer}}
	for _, p := range f.Geometry {
		for _, r := range p {
			if !mvttest.Simple(r) {
				t.Fatalf("ring meets itself: %v", r)
			}
			for _, q := range r {
				if !box.Contains(q) {
					t.Fatalf("%v outside the box", q)
				}
			}
		}
	}
}

func area(pts points) float64 {
	return mvttest.RingArea(append(append(orb.Ring{}, pts...), pts[0]))
}

// FuzzPolygons must find no EWKB that makes the encoder panic, or write a tile
// that a strict reader refuses.
func FuzzPolygons(f *testing.F) {
	tile := place(14)
	rnd := rand.New(rand.NewPCG(3, 4))
	p := polygon(tile, blob(rnd, 2000, 2000, 900, 12), blob(rnd, 2000, 2000, 90, 5))
	f.Add(marshal(f, p, binary.LittleEndian))
	f.Add(marshal(f, p, binary.BigEndian))
	f.Add(marshal(f, orb.MultiPolygon{p, polygon(tile, points{{-9, -9}, {5000, 0}, {0, 5000}})}, binary.LittleEndian))
	var l mvt.Layer
	f.Fuzz(func(t *testing.T, b []byte) {
		for z := uint32(8); z <= 16; z += 4 {
			a := place(z)
			if err := l.Begin("essai", z, a.X, a.Y, mvt.Fine); err != nil {
				t.Fatal(err)
			}
			ok, err := l.Polygons(b)
			if err != nil && !errors.Is(err, mvt.ErrEWKB) {
				t.Fatal(err)
			}
			l.Add(1)
			if ok != (l.Len() == 1) {
				t.Fatalf("ok %v, %d features", ok, l.Len())
			}
			if _, err := mvttest.Decode(l.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
