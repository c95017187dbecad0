package tiles_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/paulmach/orb/maptile"

	"sillon/geo/mvt"
	"sillon/geo/mvt/mvttest"
	"sillon/tiles"
)

// memory is a Source of what is in memory, all of it public.
type memory struct {
	parcels []tiles.Feature
	cells   []tiles.Cell
	areas   []tiles.Area
}

func (m *memory) Parcels(_ context.Context, q *tiles.Query, a tiles.Address, f func(*tiles.Feature) error) error {
	for i := range m.parcels {
		g, _, err := ewkb.Unmarshal(m.parcels[i].EWKB)
		if q.Scope != tiles.Public || err == nil && !g.Bound().Intersects(a.Bound()) {
			continue
		}
		if err := f(&m.parcels[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Cells(_ context.Context, q *tiles.Query, _ tiles.Address, f func(*tiles.Cell) error) error {
	for i := range m.cells {
		if q.Scope != tiles.Public {
			continue
		}
		if err := f(&m.cells[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Areas(_ context.Context, _ tiles.Layer, _ tiles.Address, f func(*tiles.Area) error) error {
	for i := range m.areas {
		if err := f(&m.areas[i]); err != nil {
			return err
		}
	}
	return nil
}

// field is a square of a hundred metres or so, west and south of a corner.
func field(tb testing.TB, lon, lat float64) []byte {
	tb.Helper()
	b, err := ewkb.Marshal(orb.Bound{Min: orb.Point{lon - 0.001, lat - 0.001}, Max: orb.Point{lon, lat}}.ToPolygon(), 4326)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func at(z uint32, lon, lat float64) tiles.Address {
	t := maptile.At(orb.Point{lon, lat}, maptile.Zoom(z))
	return tiles.Address{Z: z, X: t.X, Y: t.Y}
}

// encode makes a public tile of any tileset.
func encode(t *testing.T, src *memory, layer tiles.Layer, a tiles.Address) (*tiles.Tile, error) {
	t.Helper()
	if layer == tiles.LayerParcelles {
		return tiles.Encode(t.Context(), src, &tiles.Query{Scope: tiles.Public}, a)
	}
	return tiles.EncodeAreas(t.Context(), src, layer, a)
}

func decode(t *testing.T, src *memory, layer tiles.Layer, a tiles.Address) []mvttest.Layer {
	t.Helper()
	tile, err := encode(t, src, layer, a)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := mvttest.Decode(tile.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return layers
}

func TestParcels(t *testing.T) {
	t.Parallel()
	src := &memory{parcels: []tiles.Feature{
		{ID: 1 << 40, EWKB: field(t, 4.9, 44.7), Level: "AB", CPF: "01.11.11", Culture: "Blé dur", Group: "Céréales", SurfaceM2: 12345},
		{ID: 2, EWKB: field(t, 4.905, 44.7), SurfaceM2: 8880},
		{ID: 3, EWKB: field(t, 0, 48), Level: "C1"},
	}}
	tests := []struct {
		name string
		zoom uint32
		want []map[string]any
	}{
		{"no crop at zoom 10", 10, []map[string]any{{"niveau": "AB", "groupe": "Céréales"}, {}}},
		{"nor at zoom 11", 11, []map[string]any{{"niveau": "AB", "groupe": "Céréales"}, {}}},
		{"all at zoom 12", 12, []map[string]any{
			{"niveau": "AB", "groupe": "Céréales", "cpf": "01.11.11", "culture": "Blé dur", "surface": 1.23}, {"surface": 0.89},
		}},
		{"one alone at zoom 16", 16, []map[string]any{
			{"niveau": "AB", "groupe": "Céréales", "cpf": "01.11.11", "culture": "Blé dur", "surface": 1.23},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			layers := decode(t, src, tiles.LayerParcelles, at(tt.zoom, 4.8995, 44.6995))
			if len(layers) != 1 || layers[0].Name != "parcelles" {
				t.Fatalf("layers %v", layers)
			}
			var got []map[string]any
			for i, f := range layers[0].Features {
				got = append(got, f.Attributes)
				if f.ID != src.parcels[i].ID {
					t.Errorf("id %d, want %d", f.ID, src.parcels[i].ID)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAttributesByScope tells what names a farm to nobody who sees all parcels,
// and a certifier only to those who see those of all.
func TestAttributesByScope(t *testing.T) {
	t.Parallel()
	const version = "00000000-0000-0000-0000-000000000007"
	feature := tiles.Feature{
		ID: 1, EWKB: field(t, 4.9, 44.7), Level: "AB", CPF: "01.11.11", Culture: "Blé dur", Group: "Céréales", SurfaceM2: 12345.6,
		Farm: "1001", Version: version, State: "CERTIFIED", Parcel: "12", Label: "1.2", GeometryStatus: "corrigee", Certifier: "Certificateur",
	}
	bare := tiles.Feature{ID: 2, EWKB: field(t, 4.9, 44.7), Farm: "1001", Version: version, State: "CERTIFIED", Parcel: "13", GeometryStatus: "valide"}
	near := map[string]any{"niveau": "AB", "groupe": "Céréales", "cpf": "01.11.11", "culture": "Blé dur", "surface": 1.23}
	with := func(pairs ...any) map[string]any {
		m := maps.Clone(near)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	private := []any{
		"surface", 1.2346, "numeroBio", "1001", "parcellaire", version, "parcelle", "12", "libelle", "1.2", "statut", "CERTIFIED", "geometrieStatut", "corrigee",
	}
	tests := []struct {
		name  string
		scope tiles.Scope
		zoom  uint32
		want  map[string]any
	}{
		{"everybody", tiles.Public, 12, near},
		{"a certifier", tiles.Scope{Kind: tiles.ScopeCertifier, OC: 1}, 12, with(private...)},
		{"a farm", tiles.Scope{Kind: tiles.ScopeFarm, Farm: "1001"}, 16, with(private...)},
		{"a parcellaire", tiles.Scope{Kind: tiles.ScopeVersion, Version: version}, 12, with(private...)},
		{"a supervisor", tiles.Scope{Kind: tiles.ScopeAll}, 12, with(append(private, "certificateur", "Certificateur")...)},
		{"a certifier from afar", tiles.Scope{Kind: tiles.ScopeCertifier, OC: 1}, 11, map[string]any{"niveau": "AB", "groupe": "Céréales"}},
		{"a supervisor from afar", tiles.Scope{Kind: tiles.ScopeAll}, 10, map[string]any{"niveau": "AB", "groupe": "Céréales", "certificateur": "Certificateur"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := &blind{parcels: []tiles.Feature{feature, bare}}
			tile, err := tiles.Encode(t.Context(), src, &tiles.Query{Scope: tt.scope}, at(tt.zoom, 4.8995, 44.6995))
			if err != nil {
				t.Fatal(err)
			}
			layers, err := mvttest.Decode(tile.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, layers[0].Features[0].Attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			for _, absent := range []string{"niveau", "groupe", "cpf", "culture", "libelle", "geometrieStatut", "certificateur"} {
				if v, ok := layers[0].Features[1].Attributes[absent]; ok {
					t.Errorf("%s is %q, want none", absent, v)
				}
			}
		})
	}
}

// blind is a Source that shows its parcels to all.
type blind struct {
	memory
	parcels []tiles.Feature
}

func (b *blind) Parcels(_ context.Context, _ *tiles.Query, _ tiles.Address, f func(*tiles.Feature) error) error {
	for i := range b.parcels {
		if err := f(&b.parcels[i]); err != nil {
			return err
		}
	}
	return nil
}

func TestCells(t *testing.T) {
	t.Parallel()
	const z = 9
	a := at(z, 4.9, 44.7)
	src := &memory{cells: []tiles.Cell{
		{X: a.X * 64, Y: a.Y * 64, Count: 3, Surfaces: tiles.Surfaces{AB: 1_040_000, CONV: 2_000_000, Other: 30_000}},
		{X: a.X*64 + 63, Y: a.Y*64 + 1, Count: 1, Surfaces: tiles.Surfaces{C2: 123_456_700}},
		{X: a.X*64 + 5, Y: a.Y * 64, Count: 1, Surfaces: tiles.Surfaces{AB: 100_000, Other: 2_000_000}},
	}}
	layers := decode(t, src, tiles.LayerParcelles, a)
	if len(layers) != 1 || layers[0].Name != "mailles" {
		t.Fatalf("layers %v", layers)
	}
	square := func(x, y float64) orb.MultiPolygon {
		return orb.MultiPolygon{{{{x, y}, {x + 64, y}, {x + 64, y + 64}, {x, y + 64}, {x, y}}}}
	}
	id := func(c tiles.Cell) uint64 { return uint64(c.Y)<<(z+6) | uint64(c.X) }
	want := []mvttest.Feature{
		{ID: id(src.cells[0]), Geometry: square(0, 0), Attributes: map[string]any{
			"nombre": int64(3), "niveau": "CONV", "ha": 3.1, "ha_AB": 1.0, "ha_CONV": 2.0,
		}},
		{ID: id(src.cells[1]), Geometry: square(4032, 64), Attributes: map[string]any{
			"nombre": int64(1), "niveau": "C2", "ha": 123.0, "ha_C2": 123.0,
		}},
		{ID: id(src.cells[2]), Geometry: square(320, 0), Attributes: map[string]any{
			"nombre": int64(1), "ha": 2.1, "ha_AB": 0.1, "ha_autre": 2.0,
		}},
	}
	if diff := cmp.Diff(want, layers[0].Features); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCellsOfADenseTile(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	a := at(7, 4.9, 44.7)
	src := &memory{}
	for i := range uint32(64 * 64) {
		ha := func(most, often float64) int64 {
			if rnd.Float64() > often {
				return 0
			}
			return int64(1e6 * most * rnd.Float64() * rnd.Float64())
		}
		src.cells = append(src.cells, tiles.Cell{
			X: a.X*64 + i%64, Y: a.Y*64 + i/64, Count: rnd.IntN(100),
			Surfaces: tiles.Surfaces{AB: ha(300, 1), C1: ha(60, 0.6), C2: ha(60, 0.6), C3: ha(30, 0.4), CONV: ha(20, 0.2), Other: ha(10, 0.1)},
		})
	}
	tile, err := tiles.Encode(t.Context(), src, &tiles.Query{Scope: tiles.Public}, a)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tile.Body(tiles.Gzip)); n > 100_000 {
		t.Errorf("%d bytes, want 100 000 at the most", n)
	}
}

func TestAreas(t *testing.T) {
	t.Parallel()
	var shape mvt.Shape
	if err := shape.AppendEWKB(field(t, 4.9, 44.7)); err != nil {
		t.Fatal(err)
	}
	sums := tiles.Sums{Count: 3, Surfaces: tiles.Surfaces{AB: 75_000_000, C2: 24_960_000, Other: 40_000}}
	src := &memory{areas: []tiles.Area{
		{Code: "26", Name: "Drôme", EWKB: field(t, 4.9, 44.7), Sums: sums},
		{Code: "07", Name: "Ardèche", Shape: shape},
		{Code: "2A", Name: "Corse-du-Sud", EWKB: field(t, 9, 42)},
	}}
	tests := []struct {
		name  string
		layer tiles.Layer
		want  []map[string]any
	}{
		{"départements tell hectares, and shares of them", tiles.LayerDepartements, []map[string]any{
			{"code": "26", "nom": "Drôme", "nombre": int64(3), "ha": 100.0, "ha_AB": 75.0, "part_AB": 75.0, "ha_C2": 25.0, "part_C2": 25.0},
			{"code": "07", "nom": "Ardèche", "nombre": int64(0), "ha": 0.0},
		}},
		{"communes do not", tiles.LayerCommunes, []map[string]any{{"code": "26", "nom": "Drôme"}, {"code": "07", "nom": "Ardèche"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			layers := decode(t, src, tt.layer, at(12, 4.9, 44.7))
			if len(layers) != 1 || layers[0].Name != string(tt.layer) {
				t.Fatalf("layers %v", layers)
			}
			var got []map[string]any
			for _, f := range layers[0].Features {
				got = append(got, f.Attributes)
				if f.ID == 0 {
					t.Error("an area without id")
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if a, b := layers[0].Features[0], layers[0].Features[1]; !cmp.Equal(a.Geometry, b.Geometry) {
				t.Error("the two forms of a shape differ")
			}
		})
	}
}

func TestTooDenseATileLosesDetailAndNoParcel(t *testing.T) {
	t.Parallel()
	const n = 9_000
	a := at(10, 4.9, 44.7)
	box := a.Bound()
	rnd := rand.New(rand.NewPCG(1, 2))
	src := &memory{}
	for i := range n {
		cx := box.Min[0] + rnd.Float64()*(box.Max[0]-box.Min[0])
		cy := box.Min[1] + rnd.Float64()*(box.Max[1]-box.Min[1])
		var r orb.Ring
		for k := range 60 {
			s, c := math.Sincos(float64(k) * math.Pi / 30)
			d := 0.002 * (0.7 + 0.3*rnd.Float64())
			r = append(r, orb.Point{cx + d*c, cy + d*s})
		}
		b, err := ewkb.Marshal(orb.Polygon{append(r, r[0])}, 4326)
		if err != nil {
			t.Fatal(err)
		}
		src.parcels = append(src.parcels, tiles.Feature{ID: uint64(i), EWKB: b, Level: "AB"})
	}
	tile, err := tiles.Encode(t.Context(), src, &tiles.Query{Scope: tiles.Public}, a)
	if err != nil {
		t.Fatal(err)
	}
	if size := len(tile.Body(tiles.Gzip)); size > 500_000 {
		t.Errorf("%d bytes, want 500 000 at the most", size)
	}
	layers, err := mvttest.Decode(tile.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(layers[0].Features); got < n*99/100 {
		t.Errorf("%d parcels of %d", got, n)
	}
}

// TestFarTooDenseATile has more parcels than any detail makes room for: they
// are all there, with their level alone.
func TestFarTooDenseATile(t *testing.T) {
	t.Parallel()
	const n = 34_000
	a := at(10, 4.9, 44.7)
	box := a.Bound()
	rnd := rand.New(rand.NewPCG(1, 2))
	src := &blind{}
	for i := range n {
		lon := box.Min[0] + (0.1+0.8*rnd.Float64())*(box.Max[0]-box.Min[0])
		lat := box.Min[1] + (0.1+0.8*rnd.Float64())*(box.Max[1]-box.Min[1])
		src.parcels = append(src.parcels, tiles.Feature{
			ID: rnd.Uint64N(1<<40)<<13 | uint64(i&8191), EWKB: field(t, lon, lat), Level: "AB", Group: fmt.Sprint("Groupe ", i), Certifier: "Certificateur",
		})
	}
	tile, err := tiles.Encode(t.Context(), src, &tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeAll}}, a)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := mvttest.Decode(tile.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(layers[0].Features); got != n {
		t.Errorf("%d parcels of %d", got, n)
	}
	if diff := cmp.Diff(map[string]any{"niveau": "AB"}, layers[0].Features[0].Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if size := len(tile.Body(tiles.Gzip)); size > 500_000 {
		t.Errorf("%d bytes, want 500 000 at the most", size)
	}
}

func TestEncodeFails(t *testing.T) {
	t.Parallel()
	bad := &memory{
		parcels: []tiles.Feature{{ID: 1, EWKB: []byte{1, 3, 0, 0, 0}}},
		cells:   []tiles.Cell{{X: 1 << 14}},
		areas:   []tiles.Area{{Code: "26", EWKB: []byte{1}}},
	}
	tests := []struct {
		name  string
		layer tiles.Layer
		a     tiles.Address
		want  error
	}{
		{"parcels past zoom 16", tiles.LayerParcelles, at(17, 4.9, 44.7), tiles.ErrNoTile},
		{"départements past zoom 12", tiles.LayerDepartements, at(13, 4.9, 44.7), tiles.ErrNoTile},
		{"communes before zoom 8", tiles.LayerCommunes, at(7, 4.9, 44.7), tiles.ErrNoTile},
		{"unknown tileset", "cantons", at(10, 4.9, 44.7), tiles.ErrNoTile},
		{"outside the world", tiles.LayerParcelles, tiles.Address{Z: 3, X: 8}, tiles.ErrNoTile},
		{"unreadable parcel", tiles.LayerParcelles, at(12, 4.9, 44.7), mvt.ErrEWKB},
		{"unreadable département", tiles.LayerDepartements, at(12, 4.9, 44.7), mvt.ErrEWKB},
		{"cell of another tile", tiles.LayerParcelles, at(3, 4.9, 44.7), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := encode(t, bad, tt.layer, tt.a)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestTile(t *testing.T) {
	t.Parallel()
	src := &memory{parcels: []tiles.Feature{{ID: 1, EWKB: field(t, 4.9, 44.7), Level: "AB"}}}
	a := at(12, 4.9, 44.7)
	encode := func(scope tiles.Scope) *tiles.Tile {
		tile, err := tiles.Encode(t.Context(), src, &tiles.Query{Scope: scope}, a)
		if err != nil {
			t.Fatal(err)
		}
		return tile
	}
	tile, empty := encode(tiles.Public), encode(tiles.Scope{})
	r, err := gzip.NewReader(bytes.NewReader(tile.Body(tiles.Gzip)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, tile.Bytes) {
		t.Errorf("gzip gives %x, %v, want %x", b, err, tile.Bytes)
	}
	if len(empty.Bytes) != 0 {
		t.Errorf("a scope that sees nothing sees %x", empty.Bytes)
	}
	if again := encode(tiles.Public); again.ETag(tiles.Gzip) != tile.ETag(tiles.Gzip) || !bytes.Equal(again.Bytes, tile.Bytes) {
		t.Error("the same tile differs")
	}
	tags := map[string]bool{}
	for _, t := range []*tiles.Tile{tile, empty} {
		for _, c := range []tiles.Coding{tiles.Identity, tiles.Gzip, tiles.Zstd} {
			tags[t.ETag(c)] = true
		}
	}
	if etag := tile.ETag(tiles.Identity); len(tags) != 6 || !strings.HasPrefix(etag, `"`) || !strings.HasSuffix(etag, `"`) {
		t.Errorf("tags %v", tags)
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		z, x, y string
		want    tiles.Address
		ok      bool
	}{
		{"the world", "0", "0", "0", tiles.Address{}, true},
		{"deepest", "22", "4194303", "4194303", tiles.Address{Z: 22, X: 4194303, Y: 4194303}, true},
		{"too deep", "23", "0", "0", tiles.Address{}, false},
		{"column past the last", "3", "8", "0", tiles.Address{}, false},
		{"row past the last", "3", "0", "8", tiles.Address{}, false},
		{"row 2³¹-1", "10", "0", "2147483647", tiles.Address{}, false},
		{"negative", "3", "-1", "0", tiles.Address{}, false},
		{"signed", "3", "+1", "0", tiles.Address{}, false},
		{"leading zero", "3", "01", "0", tiles.Address{}, false},
		{"with a suffix", "3", "1", "0.mvt", tiles.Address{}, false},
		{"nothing", "", "", "", tiles.Address{}, false},
		{"a zoom that wraps", "4294967296", "0", "0", tiles.Address{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := tiles.ParseAddress(tt.z, tt.x, tt.y)
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %v, want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	for _, a := range []tiles.Address{{}, {Z: 1, X: 1, Y: 1}, at(10, 4.9, 44.7), at(16, 55.5, -21.1)} {
		t.Run(fmt.Sprint(a), func(t *testing.T) {
			t.Parallel()
			got := a.Bound()
			want := maptile.New(a.X, a.Y, maptile.Zoom(a.Z)).Bound(64. / 4096)
			for i := range 2 {
				if math.Abs(got.Min[i]-want.Min[i]) > 0.02*(want.Max[i]-want.Min[i]) || math.Abs(got.Max[i]-want.Max[i]) > 0.02*(want.Max[i]-want.Min[i]) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
}

func TestTileJSON(t *testing.T) {
	t.Parallel()
	for _, layer := range []tiles.Layer{tiles.LayerParcelles, tiles.LayerCommunes, tiles.LayerDepartements} {
		t.Run(string(layer), func(t *testing.T) {
			t.Parallel()
			d, ok := tiles.TileJSON(layer, tiles.DescriptionOptions{PublicURL: "https://exemple.fr/", Query: "niveau=AB&v=7", Scope: tiles.Public})
			if !ok {
				t.Fatal("no such tileset")
			}
			b, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				TileJSON string     `json:"tilejson"`
				Tiles    []string   `json:"tiles"`
				Bounds   [4]float64 `json:"bounds"`
				MinZoom  uint32     `json:"minzoom"`
				MaxZoom  uint32     `json:"maxzoom"`
				Layers   []struct {
					ID               string `json:"id"`
					MinZoom, MaxZoom uint32
					Fields           map[string]string `json:"fields"`
				} `json:"vector_layers"`
			}
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			if doc.TileJSON != "3.0.0" || doc.Bounds[0] >= doc.Bounds[2] || doc.Bounds[1] >= doc.Bounds[3] {
				t.Errorf("got %s", b)
			}
			if diff := cmp.Diff([]string{"https://exemple.fr/tiles/" + string(layer) + "/{z}/{x}/{y}.mvt?niveau=AB&v=7"}, doc.Tiles); diff != "" {
				t.Errorf("tiles (-want +got):\n%s", diff)
			}
			if first, deepest, _ := layer.Zooms(); doc.MinZoom != first || doc.MaxZoom != deepest {
				t.Errorf("zooms %d to %d, want %d to %d", doc.MinZoom, doc.MaxZoom, first, deepest)
			}
			for _, l := range doc.Layers {
				if len(l.Fields) == 0 || l.MinZoom > l.MaxZoom || l.MaxZoom > doc.MaxZoom {
					t.Errorf("layer %+v", l)
				}
			}
		})
	}
	if _, ok := tiles.TileJSON("cantons", tiles.DescriptionOptions{}); ok {
		t.Error("unknown tileset described")
	}
}

// TestTileJSONTellsAll finds each attribute of each layer described, and no
// other.
func TestTileJSONTellsAll(t *testing.T) {
	t.Parallel()
	a9 := at(9, 4.9, 44.7)
	src := &memory{
		parcels: []tiles.Feature{{ID: 1, EWKB: field(t, 4.9, 44.7), Level: "AB", CPF: "01.11.11", Culture: "Blé dur", Group: "Céréales"}},
		cells:   []tiles.Cell{{X: a9.X * 64, Y: a9.Y * 64, Count: 1, Surfaces: tiles.Surfaces{AB: 2e6, C1: 1e6, C2: 1e6, C3: 1e6, CONV: 1e6, Other: 1e6}}},
		areas: []tiles.Area{{
			Code: "26", Name: "Drôme", EWKB: field(t, 4.9, 44.7),
			Sums: tiles.Sums{Count: 6, Surfaces: tiles.Surfaces{AB: 2e6, C1: 1e6, C2: 1e6, C3: 1e6, CONV: 1e6, Other: 1e6}},
		}},
	}
	written := map[string]map[string]bool{}
	described := map[string]map[string]bool{}
	for _, tt := range []struct {
		layer tiles.Layer
		zoom  uint32
	}{{tiles.LayerParcelles, 9}, {tiles.LayerParcelles, 12}, {tiles.LayerCommunes, 12}, {tiles.LayerDepartements, 12}} {
		for _, l := range decode(t, src, tt.layer, at(tt.zoom, 4.9, 44.7)) {
			written[l.Name] = map[string]bool{}
			for k := range l.Features[0].Attributes {
				written[l.Name][k] = true
			}
		}
		d, _ := tiles.TileJSON(tt.layer, tiles.DescriptionOptions{Scope: tiles.Public})
		for _, l := range d.VectorLayers {
			described[l.ID] = map[string]bool{}
			for k := range l.Fields {
				described[l.ID][k] = true
			}
		}
	}
	if diff := cmp.Diff(written, described); diff != "" {
		t.Errorf("attributes (-written +described):\n%s", diff)
	}
}
