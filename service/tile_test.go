package service_test

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/geo/mvt/mvttest"
	"sillon/reference"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
	"sillon/tiles"
)

// withDemo returns a service on 3 000 parcels of the demonstration, more that
// have holes and parts, and a connection of a superuser to its database.
func withDemo(t testing.TB) (*service.Service, *pgx.Conn) {
	t.Helper()
	db, address := storetest.Open(t, 2)
	svc := newService(t, db)
	nomenclature, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var codes []sillon.CropCode
	for _, c := range nomenclature.CPFs() {
		codes = append(codes, sillon.CropCode{Code: c.Code, Label: c.Label, Group: c.Group})
	}
	if err := svc.LoadNomenclature(ctx, codes); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.StoreDemo(ctx, 5, 3_000, nil); err != nil {
		t.Fatal(err)
	}
	storeShapes(t, db)
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return svc, c
}

// storeShapes stores the parcellaire of a farm whose parcels have holes, parts,
// and hardly any width.
func storeShapes(t testing.TB, db *store.DB) {
	t.Helper()
	storetest.Farm(t, db, "1001", 90)
	ring := func(lon, lat, radius float64, corners int) orb.Ring {
		var r orb.Ring
		for i := range corners {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(corners))
			r = append(r, orb.Point{lon + radius*cos, lat + 0.7*radius*sin})
		}
		return append(r, r[0])
	}
	hole := func(lon, lat, radius float64, corners int) orb.Ring {
		r := ring(lon, lat, radius, corners)
		r.Reverse()
		return r
	}
	shapes := []orb.Geometry{
		orb.Polygon{ring(2, 47, 0.08, 90), hole(2, 47, 0.03, 40), hole(2.05, 47, 0.01, 7)},
		orb.Polygon{ring(2.2, 47, 0.004, 30), hole(2.2, 47, 0.002, 12)},
		orb.Polygon{ring(2.25, 47, 0.0003, 12), hole(2.25, 47, 0.00005, 6)},
		orb.MultiPolygon{{ring(2.3, 47, 0.003, 20)}, {ring(2.31, 47.001, 0.002, 9), hole(2.31, 47.001, 0.001, 5)}, {ring(2.29, 47, 0.00002, 4)}},
		bound(2.4, 47, 2.40004, 47.02).ToPolygon(),
		bound(2.45, 47, 2.45002, 47.00002).ToPolygon(),
	}
	v := sillon.Parcellaire{
		ID: "00000000-0000-0000-0000-000000000090", NumeroBio: "1001", OC: 90, Name: "Shapes", State: sillon.StateCertified, Revision: 1,
		AuditDate: sillon.Date{Year: 2025, Month: 3, Day: 1}, CertifiedFrom: sillon.Date{Year: 2025, Month: 3, Day: 1},
		CertifiedUntil: sillon.Date{Year: 2027, Month: 3, Day: 31},
	}
	parcels, moved := make([]sillon.Parcel, len(shapes)), make([]bool, len(shapes))
	levels := []sillon.Level{sillon.LevelUnknown, sillon.LevelEngaged, sillon.LevelC1, sillon.LevelC2, sillon.LevelC3, sillon.LevelCONV}
	for i, g := range shapes {
		parcels[i] = sillon.Parcel{
			ID: strconv.Itoa(i), Geometry: g, GeometryStatus: sillon.GeometryValid, Level: levels[i], Origin: sillon.OriginAPI, SurfaceM2: geo.Area(g), Revision: 1,
		}
	}
	if err := db.InTx(context.Background(), store.System, func(tx *store.Tx) error {
		return tx.Save(context.Background(), store.Saving{Parcellaire: &v, New: true, Written: parcels, Moved: moved})
	}); err != nil {
		t.Fatal(err)
	}
}

// ask asks for a tile of parcels as an actor.
func ask(ctx context.Context, svc *service.Service, a sillon.Actor, z, x, y int) (*tiles.Tile, error) {
	return askFor(ctx, svc, a, service.TileQuery{Tileset: service.TilesParcelles}, z, x, y)
}

func askFor(ctx context.Context, svc *service.Service, a sillon.Actor, q service.TileQuery, z, x, y int) (*tiles.Tile, error) {
	found, err := svc.FindTile(ctx, a, &service.TileRequest{TileQuery: q, Z: strconv.Itoa(z), X: strconv.Itoa(x), Y: strconv.Itoa(y)})
	if err != nil {
		return nil, err
	}
	return svc.Tile(ctx, &found)
}

// tile returns the features of the only layer of a tile, by id.
func tile(t testing.TB, layer string, bytes []byte) map[uint64]mvttest.Feature {
	t.Helper()
	layers, err := mvttest.Decode(bytes)
	if err != nil {
		t.Fatal(err)
	}
	features := map[uint64]mvttest.Feature{}
	for _, l := range layers {
		if l.Name != layer || l.Extent != 4096 {
			t.Fatalf("layer %q of extent %d", l.Name, l.Extent)
		}
		for _, f := range l.Features {
			features[f.ID] = f
		}
	}
	return features
}

// tilesOf lists the tiles of a zoom that published parcels are in.
func tilesOf(t testing.TB, c *pgx.Conn, z int) [][2]int {
	t.Helper()
	rows, _ := c.Query(t.Context(), `
		WITH box AS (
			SELECT ((ST_XMin(m) + w) * n / w / 2)::numeric AS x0, ((ST_XMax(m) + w) * n / w / 2)::numeric AS x1,
				((w - ST_YMax(m)) * n / w / 2)::numeric AS y0, ((w - ST_YMin(m)) * n / w / 2)::numeric AS y1
			FROM parcel, LATERAL (SELECT ST_Transform(geom, 3857) AS m) m, LATERAL (SELECT 20037508.342789244 AS w, 1 << $1::int AS n) k
			WHERE published AND deleted_at IS NULL
		)
		SELECT DISTINCT ARRAY[x, y] FROM box, generate_series(floor(x0)::int, floor(x1)::int) AS x, generate_series(floor(y0)::int, floor(y1)::int) AS y
		ORDER BY 1`, z)
	found, err := pgx.CollectRows(rows, pgx.RowTo[[2]int])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// oracle is a tile of parcels as PostGIS makes it.
const oracle = `
	SELECT coalesce(ST_AsMVT(f, 'parcelles', 4096, 'shape', 'id'), '')
	FROM (
		SELECT p.tile_id AS id, nullif(p.level, '') AS niveau, nullif(c.crop_group, '') AS groupe,
			CASE WHEN $1::int >= 12 THEN nullif(p.main_cpf, '') END AS cpf, CASE WHEN $1 >= 12 THEN nullif(c.label, '') END AS culture,
			CASE WHEN $1 >= 12 THEN round((p.surface_m2 / 10000)::numeric, 2)::float8 END AS surface,
			ST_AsMVTGeom(ST_Transform(p.geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS shape
		FROM parcel p
		LEFT JOIN cpf c ON c.code = p.main_cpf
		WHERE p.published AND p.deleted_at IS NULL
			AND p.geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096), 4326)
	) f
	WHERE shape IS NOT NULL`

// TestTileAgainstPostGIS holds the tiles of parcels to those of ST_AsMVT: the
// same parcels with the same attributes, and the same surface. Ours keep a
// square unit for a parcel too small to be drawn, which PostGIS drops.
func TestTileAgainstPostGIS(t *testing.T) {
	t.Parallel()
	svc, c := withDemo(t)
	for z := 10; z <= 14; z++ {
		parcels, kept, worst := 0, 0, 0.0
		for _, at := range tilesOf(t, c, z) {
			name := fmt.Sprintf("%d/%d/%d", z, at[0], at[1])
			made, err := ask(t.Context(), svc, sillon.Public, z, at[0], at[1])
			if err != nil {
				t.Fatal(err)
			}
			var reference []byte
			if err := c.QueryRow(t.Context(), oracle, z, at[0], at[1]).Scan(&reference); err != nil {
				t.Fatal(err)
			}
			ours, theirs := tile(t, "parcelles", made.Bytes), tile(t, "parcelles", reference)
			var area, want float64
			for id, f := range ours {
				area += f.Area()
				o, ok := theirs[id]
				if !ok {
					kept++
					if f.Area() != 1 || len(f.Geometry) != 1 || len(f.Geometry[0]) != 1 {
						t.Errorf("%s: parcel %d is %v, and PostGIS has none", name, id, f.Geometry)
					}
					area--
					continue
				}
				parcels++
				want += o.Area()
				if fmt.Sprint(f.Attributes) != fmt.Sprint(o.Attributes) {
					t.Errorf("%s: parcel %d has %v, want %v", name, id, f.Attributes, o.Attributes)
				}
			}
			for id, o := range theirs {
				if _, ok := ours[id]; !ok {
					t.Errorf("%s: parcel %d is missing: %v", name, id, o.Geometry)
				}
			}
			// Snapping to the grid is worth some tens of square units a tile.
			if off := math.Abs(area - want); off > max(0.0005*want, 50) {
				t.Errorf("%s: a surface of %.1f, want %.1f", name, area, want)
			}
			if want > 1e5 {
				worst = max(worst, math.Abs(area/want-1))
			}
		}
		t.Logf("zoom %d: %d parcels, %d kept as one unit, surface of dense tiles off by %.4f %% at most", z, parcels, kept, 100*worst)
	}
}

// cellSums are the sums of published parcels by cell of a zoom and by level,
// from the geometries alone.
const cellSums = `
	SELECT least(n - 1, floor((ST_X(m) + w) * n / w / 2)::int), least(n - 1, floor((w - ST_Y(m)) * n / w / 2)::int), level, count(*), sum(surface_m2)
	FROM parcel, LATERAL (SELECT ST_Transform(ST_Centroid(ST_Envelope(geom)), 3857) AS m) m,
		LATERAL (SELECT 20037508.342789244 AS w, 1 << ($1::int + 6) AS n) k
	WHERE published AND deleted_at IS NULL
	GROUP BY 1, 2, 3`

// hectares is what a cell shows of a surface.
func hectares(m2 float64) float64 {
	if m2 >= 1e5 {
		return math.Round(m2 / 1e4)
	}
	return math.Round(m2/1e3) / 10
}

// TestCellsAgainstPostGIS holds the cells of zooms 0 to 9 to sums in SQL: every
// parcel is in one cell of a zoom, under its level.
func TestCellsAgainstPostGIS(t *testing.T) {
	t.Parallel()
	svc, c := withDemo(t)
	attribute := map[string]string{"AB": "ha_AB", "C1": "ha_C1", "C2": "ha_C2", "C3": "ha_C3", "CONV": "ha_CONV", "AB?": "ha_autre", "": "ha_autre"}
	for z := range 10 {
		count, surface := map[uint64]int64{}, map[uint64]map[string]float64{}
		rows, _ := c.Query(t.Context(), cellSums, z)
		var x, y uint64
		var level string
		var n int64
		var m2 float64
		if _, err := pgx.ForEachRow(rows, []any{&x, &y, &level, &n, &m2}, func() error {
			id := y<<(z+6) | x
			if surface[id] == nil {
				surface[id] = map[string]float64{}
			}
			count[id] += n
			surface[id][attribute[level]] += m2
			surface[id]["ha"] += m2
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		holding := map[[2]uint64]bool{}
		for id := range count {
			holding[[2]uint64{id & (1<<(z+6) - 1) >> 6, id >> (z + 6) >> 6}] = true
		}
		cells := map[uint64]mvttest.Feature{}
		for at := range holding {
			made, err := ask(t.Context(), svc, sillon.Public, z, int(at[0]), int(at[1]))
			if err != nil {
				t.Fatal(err)
			}
			for id, f := range tile(t, "mailles", made.Bytes) {
				cells[id] = f
			}
		}
		if len(cells) != len(count) {
			t.Errorf("zoom %d: %d cells, want %d", z, len(cells), len(count))
		}
		for id, f := range cells {
			want := map[string]any{"nombre": count[id]}
			for key, m2 := range surface[id] {
				if ha := hectares(m2); ha > 0 || key == "ha" {
					want[key] = ha
				}
			}
			if main, most := mainLevel(surface[id]); most > 0 && main != "" {
				want["niveau"] = main
			}
			if fmt.Sprint(f.Attributes) != fmt.Sprint(want) {
				t.Errorf("zoom %d, cell %d: %v, want %v", z, id, f.Attributes, want)
			}
			x, y := float64(id&63*64), float64(id>>(z+6)&63*64)
			if got, want := f.Geometry.Bound(), bound(x, y, x+64, y+64); got != want {
				t.Errorf("zoom %d, cell %d: drawn at %v, want %v", z, id, got, want)
			}
		}
	}
}

// mainLevel is the level that has most of the surfaces, empty for none.
func mainLevel(surfaces map[string]float64) (level string, most float64) {
	for key, name := range map[string]string{"ha_AB": "AB", "ha_C1": "C1", "ha_C2": "C2", "ha_C3": "C3", "ha_CONV": "CONV", "ha_autre": ""} {
		if surfaces[key] > most {
			level, most = name, surfaces[key]
		}
	}
	return level, most
}
