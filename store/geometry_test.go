package store_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"sillon/geo"
	"sillon/geo/geotest"
	"sillon/store/storetest"
)

// server returns a connection of a superuser to a database of its own.
func server(t testing.TB) *pgx.Conn {
	t.Helper()
	_, address := storetest.Open(t, 1)
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// measured returns what PostGIS answers for each geometry g, degrees, of a
// list: an expression of g and of the number n beside it.
func measured[T any](t testing.TB, c *pgx.Conn, expression string, geometries []orb.Geometry, numbers []int32) []T {
	t.Helper()
	encoded := make([][]byte, len(geometries))
	for i, g := range geometries {
		encoded[i] = ewkb.MustMarshal(g, 4326)
	}
	rows, _ := c.Query(t.Context(), `
		SELECT `+expression+`
		FROM unnest($1::bytea[], $2::int[]) WITH ORDINALITY AS u (b, n, ord), LATERAL (SELECT b::geometry AS g) AS made
		ORDER BY ord`, encoded, numbers)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// repeats reports whether a position follows itself.
func repeats(p orb.Polygon) bool {
	return slices.ContainsFunc(p, func(r orb.Ring) bool { return len(slices.Compact(slices.Clone(r))) < len(r) })
}

// isSurface holds for a valid polygon that is wider than the grid of nine
// decimals, which gives a surface by chance to what was drawn as a line.
const isSurface = `
	ST_IsValid(g) AND (
		SELECT 2 * ST_Area(u) >= greatest(ST_XMax(u) - ST_XMin(u), ST_YMax(u) - ST_YMin(u)) - 0.5
		FROM (SELECT ST_SnapToGrid(ST_Scale(g, 1e9, 1e9), 1) AS u OFFSET 0) AS units)`

// TestC10NormaliseAgainstPostGIS proves on 10⁵ polygons, half of them bad, that
// geo and PostGIS agree on which are valid, and that what geo makes of them can
// all be stored. A repeated position is valid to PostGIS alone (domain.md §8).
func TestC10NormaliseAgainstPostGIS(t *testing.T) {
	t.Parallel()
	const polygons, batch = 100_000, 5_000
	c := server(t)
	for _, sql := range []string{
		`CREATE TEMPORARY TABLE shape (LIKE parcel INCLUDING CONSTRAINTS INCLUDING DEFAULTS)`,
		`ALTER TABLE shape ALTER key DROP NOT NULL, ALTER parcellaire_id DROP NOT NULL, ALTER cell_x DROP NOT NULL, ALTER cell_y DROP NOT NULL`,
	} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	status := map[geo.Verdict]string{geo.VerdictValid: "valide", geo.VerdictCorrected: "corrigee", geo.VerdictToCheck: "a_verifier"}
	verdicts := map[string]int{}
	for drawn := range slices.Chunk(slices.Collect(geotest.Rings(7, polygons)), batch) {
		var written []orb.Geometry
		var ours []string
		var geoms, declared [][]byte
		var statuses []string
		var surfaces []float64
		for _, p := range drawn {
			written = append(written, p)
			n, err := geo.Normalise(p)
			if err != nil {
				ours = append(ours, err.Error())
				verdicts[err.Error()]++
				continue
			}
			ours = append(ours, status[n.Verdict])
			verdicts[status[n.Verdict]]++
			statuses = append(statuses, status[n.Verdict])
			geoms = append(geoms, ewkb.MustMarshal(n.Geometry, 4326))
			var d []byte
			if n.Declared != nil {
				d = ewkb.MustMarshal(n.Declared, 4326)
			}
			declared = append(declared, d)
			surfaces = append(surfaces, geo.Area(n.Geometry))
		}
		for i, valid := range measured[bool](t, c, isSurface, written, make([]int32, len(written))) {
			if valid = valid && !repeats(drawn[i]); valid != (ours[i] == "valide") {
				t.Errorf("PostGIS says valid %v, geo says %s: %v", valid, ours[i], drawn[i])
			}
		}
		if _, err := c.Exec(t.Context(), `
			INSERT INTO shape (id, tile_id, origine, geom, declared, geometry_status, surface_m2)
			SELECT 'x', 1, 'api', s.geom::geometry, s.declared::geometry, s.status, s.surface
			FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::float8[]) AS s (geom, declared, status, surface)`,
			geoms, declared, statuses, surfaces); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d polygons: %v", polygons, verdicts)
	if verdicts["valide"] < polygons/5 || verdicts["corrigee"] == 0 || verdicts["a_verifier"] == 0 {
		t.Error("a verdict was hardly tried")
	}
}

// A place is a box of a territory and what it is measured in.
type place struct {
	name       string
	box        orb.Bound
	projection geo.CRS
	datum      int32 // EPSG code of the degrees that the projection is made from
}

func box(west, south, east, north float64) orb.Bound {
	return orb.Bound{Min: orb.Point{west, south}, Max: orb.Point{east, north}}
}

// places are those of certifier-exchange.md §3, and the three islands outside.
var places = []place{
	{"métropole", box(-4.7, 42.5, 8.2, 51), geo.Lambert93, 4171},
	{"Corse", box(8.6, 41.4, 9.5, 43), geo.Lambert93, 4171},
	{"Guadeloupe", box(-61.8, 15.9, -61, 16.5), geo.UTM20N, 5489},
	{"Martinique", box(-61.2, 14.4, -60.82, 14.9), geo.UTM20N, 5489},
	{"Guyane", box(-54.5, 2.2, -51.7, 5.7), geo.UTM22N, 4624},
	{"Réunion", box(55.22, -21.38, 55.83, -20.88), geo.UTM40S, 4627},
	{"Mayotte", box(45.02, -13, 45.29, -12.64), geo.UTM38S, 4470},
	{"Saint-Martin", box(-63.15, 18.04, -63, 18.12), geo.UTM20N, 5489},
	{"Saint-Barthélemy", box(-62.9, 17.87, -62.79, 17.95), geo.UTM20N, 5489},
	{"Saint-Pierre-et-Miquelon", box(-56.4, 46.75, -56.1, 47.1), geo.UTM21N, 4463},
}

// fields draws n parcels of 3 to 20 corners and 5 m to 1 km across in p, every
// fourth with a hole.
func (p place) fields(rng *rand.Rand, n int) iter.Seq[orb.Polygon] {
	return func(yield func(orb.Polygon) bool) {
		for range n {
			middle := p.point(rng)
			radius := 5 * math.Pow(100, rng.Float64()) / 111_000
			field := orb.Polygon{star(rng, middle, radius, 3+rng.IntN(18))}
			if rng.IntN(4) == 0 {
				hole := star(rng, middle, radius/8, 3+rng.IntN(5))
				hole.Reverse()
				field = append(field, hole)
			}
			if !yield(field) {
				return
			}
		}
	}
}

func (p place) point(rng *rand.Rand) orb.Point {
	return orb.Point{
		p.box.Min[0] + rng.Float64()*(p.box.Max[0]-p.box.Min[0]), p.box.Min[1] + rng.Float64()*(p.box.Max[1]-p.box.Min[1]),
	}
}

// star is a ring of n corners around middle.
func star(rng *rand.Rand, middle orb.Point, radius float64, n int) orb.Ring {
	r := make(orb.Ring, 0, n+1)
	for i := range n {
		sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.5*rng.Float64()) / float64(n))
		length := radius * (0.6 + 0.4*rng.Float64())
		r = append(r, orb.Point{middle[0] + length*cos, middle[1] + length*sin})
	}
	return append(r, r[0])
}

// TestC20AreasAgainstPostGIS proves that surfaces are those of the legal
// projection and of the ellipsoid, as PostGIS measures them: on 10⁴ parcels in
// all territories, to a hundred-millionth where 0.01 % is asked for.
func TestC20AreasAgainstPostGIS(t *testing.T) {
	t.Parallel()
	c := server(t)
	rng := rand.New(rand.NewPCG(20, 20))
	for _, p := range places {
		var fields []orb.Geometry
		var projections []int32
		for f := range p.fields(rng, 1_000) {
			if got := geo.LegalCRS(f); got != p.projection {
				t.Fatalf("%s is measured in %d, want %d: %v", p.name, got, p.projection, f)
			}
			fields, projections = append(fields, f), append(projections, int32(p.projection))
		}
		legal := measured[float64](t, c, `ST_Area(ST_Transform(g, n))`, fields, projections)
		geodesic := measured[float64](t, c, `ST_Area(g::geography)`, fields, projections)
		var worstLegal, worstGeodesic float64
		for i, f := range fields {
			worstLegal = max(worstLegal, math.Abs(geo.Area(f)/legal[i]-1))
			// PostGIS sums areas from the equator: a few square centimetres of noise.
			worstGeodesic = max(worstGeodesic, (math.Abs(geo.GeodesicArea(f)-geodesic[i])-1e-3)/geodesic[i])
		}
		if worstLegal > 1e-8 {
			t.Errorf("%s: a legal area differs by %.1e", p.name, worstLegal)
		}
		if worstGeodesic > 1e-7 {
			t.Errorf("%s: a geodesic area differs by %.1e", p.name, worstGeodesic)
		}
	}
}

// TestC21ProjectionsAgainstPostGIS proves that every reference system goes
// where PostGIS goes, to a millimetre, both ways.
func TestC21ProjectionsAgainstPostGIS(t *testing.T) {
	t.Parallel()
	c := server(t)
	rng := rand.New(rand.NewPCG(21, 21))
	tried := slices.Clone(places)
	for crs := geo.CC42; crs <= geo.CC50; crs++ {
		lat := 42 + float64(crs-geo.CC42)
		tried = append(tried, place{"conic conformal", box(-5, lat-1, 9.5, lat+1), crs, 4171})
	}
	tried = append(tried, place{"Web-Mercator", box(-180, -85, 180, 85), geo.WebMercator, 4326})
	for _, p := range tried {
		var points []orb.Geometry
		var datums []int32
		for range 500 {
			points, datums = append(points, p.point(rng)), append(datums, p.datum)
		}
		code := int(p.projection)
		xs := measured[float64](t, c, fmt.Sprintf(`ST_X(ST_Transform(ST_SetSRID(g, n), %d))`, code), points, datums)
		ys := measured[float64](t, c, fmt.Sprintf(`ST_Y(ST_Transform(ST_SetSRID(g, n), %d))`, code), points, datums)
		var worst, worstBack float64 // metres
		for i := range points {
			degrees := points[i].(orb.Point)
			metres := p.projection.FromWGS84(degrees)
			worst = max(worst, math.Hypot(metres[0]-xs[i], metres[1]-ys[i]))
			back := p.projection.ToWGS84(orb.Point{xs[i], ys[i]})
			worstBack = max(worstBack, 111_320*math.Hypot(back[0]-degrees[0], back[1]-degrees[1]))
		}
		if !(worst < 1e-3 && worstBack < 1e-3) {
			t.Errorf("%s, EPSG:%d: %.4f m and back %.4f m from PostGIS", p.name, code, worst, worstBack)
		}
	}
}
