package geo_test

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"github.com/tidwall/geodesic"

	"sillon/geo"
	"sillon/geo/geotest"
)

// square is a square of metres a side, drawn in degrees around a position.
func square(lon, lat, metres float64) orb.Polygon {
	// One degree on the ellipsoid of WGS84, along the meridian and the parallel.
	const e2 = 0.00669437999014
	sin, cos := math.Sincos(lat * math.Pi / 180)
	n := 6378137 / math.Sqrt(1-e2*sin*sin) * math.Pi / 180
	m := n * (1 - e2) / (1 - e2*sin*sin)
	dx, dy := metres/(n*cos)/2, metres/m/2
	return orb.Polygon{{{lon - dx, lat - dy}, {lon + dx, lat - dy}, {lon + dx, lat + dy}, {lon - dx, lat + dy}, {lon - dx, lat - dy}}}
}

// A hectare is a hectare in every territory, in its legal projection, to what
// that projection is off (half a percent at most): with Lambert-93 that of Réunion would
// be 3.5 ha.
func TestAreaOfAHectare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		lon, lat float64
		crs      geo.CRS
	}{
		{"south", 2.5, 42.4, geo.Lambert93},
		{"middle", 2.5, 46.5, geo.Lambert93},
		{"north", 2.5, 51, geo.Lambert93},
		{"Corsica", 9.1, 42.2, geo.Lambert93},
		{"Martinique", -61.0242, 14.6415, geo.UTM20N},
		{"Guadeloupe", -61.5, 16.2, geo.UTM20N},
		{"Guyane", -52.3, 4.9, geo.UTM22N},
		{"Réunion", 55.5364, -21.1151, geo.UTM40S},
		{"Mayotte", 45.15, -12.8, geo.UTM38S},
		{"Saint-Martin", -63.05, 18.07, geo.UTM20N},
		{"Saint-Barthélemy", -62.83, 17.9, geo.UTM20N},
		{"Saint-Pierre-et-Miquelon", -56.3, 46.9, geo.UTM21N},
		{"Belgium", 4.4, 51.2, geo.Lambert93},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := square(tt.lon, tt.lat, 100)
			if got := geo.LegalCRS(p); got != tt.crs {
				t.Errorf("LegalCRS() = %d, want %d", got, tt.crs)
			}
			if got := geo.Area(p); math.Abs(got-10_000) > 50 {
				t.Errorf("Area() = %.3f, want 10000", got)
			}
			if got := geo.GeodesicArea(p); math.Abs(got-10_000) > 0.01 {
				t.Errorf("GeodesicArea() = %.4f, want 10000", got)
			}
		})
	}
}

func TestAreaOfParts(t *testing.T) {
	t.Parallel()
	shell, hole := square(2.5, 46.5, 100), square(2.5, 46.5, 50)
	other := square(2.6, 46.5, 200)
	annulus := orb.Polygon{shell[0], hole[0]}
	reversed := annulus.Clone()
	reversed[1].Reverse()
	tests := []struct {
		name     string
		geometry orb.Geometry
		want     float64
	}{
		{"nothing", nil, 0},
		{"no ring", orb.Polygon{}, 0},
		{"empty ring", orb.Polygon{{}}, 0},
		{"point", orb.Point{2, 46}, 0},
		{"ring", shell[0], 10_000},
		{"unclosed ring", shell[0][:4], 10_000},
		{"hole", annulus, 7_500},
		{"hole in the other direction", reversed, 7_500},
		{"two parts", orb.MultiPolygon{annulus, other}, 47_500},
		{"collection", orb.Collection{annulus, orb.Point{1, 1}, other}, 47_500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := geo.GeodesicArea(tt.geometry); math.Abs(got-tt.want) > 1e-6*tt.want {
				t.Errorf("GeodesicArea() = %.4f, want %.0f", got, tt.want)
			}
			if got := geo.Area(tt.geometry); math.Abs(got-tt.want) > 2.5e-3*tt.want {
				t.Errorf("Area() = %.4f, want %.0f", got, tt.want)
			}
		})
	}
}

// The series of Karney are the truth. They round to a tenth of a square metre.
func TestGeodesicAreaAgainstKarney(t *testing.T) {
	t.Parallel()
	check := func(p orb.Polygon) {
		var want float64
		k := geodesic.WGS84.PolygonInit(false)
		for _, v := range p[0] {
			k.AddPoint(v[1], v[0])
		}
		k.Compute(false, true, &want, nil)
		want = math.Abs(want)
		if got := geo.GeodesicArea(p); math.Abs(got-want) > 1e-6*want+0.5 {
			t.Errorf("GeodesicArea(%v) = %.4f, want %.4f", p, got, want)
		}
	}
	for p := range geotest.Rings(3, 5000) {
		check(p[:1])
	}
	for _, metres := range []float64{1_000, 5_000, 10_000, 50_000, 500_000} {
		for _, lat := range []float64{-60, -21, 0, 4, 46, 51} {
			p := square(3, lat, metres)
			check(p)
			check(orb.Polygon{p[0][1:]}) // a triangle, whose sides cannot make up for one another
		}
	}
}

func BenchmarkArea(b *testing.B) {
	for name, p := range map[string]orb.Polygon{"Lambert-93": decagon(2.5, 46.5), "UTM": decagon(55.5, -21.1)} {
		var g orb.Geometry = p
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				geo.Area(g)
			}
		})
	}
}

func BenchmarkGeodesicArea(b *testing.B) {
	var g orb.Geometry = decagon(2.5, 46.5)
	for b.Loop() {
		geo.GeodesicArea(g)
	}
}

// decagon is a parcel of ten sides.
func decagon(lon, lat float64) orb.Polygon {
	r := make(orb.Ring, 11)
	for i := range r {
		sin, cos := math.Sincos(float64(i%10) * math.Pi / 5)
		r[i] = orb.Point{lon + 0.001*cos, lat + 0.001*sin}
	}
	return orb.Polygon{r}
}
