package geo_test

import (
	"errors"
	"math"
	"testing"

	"github.com/paulmach/orb"

	"sillon/geo"
)

// project is g in metres of a projection, maybe with the northing first.
func project(p orb.Polygon, crs geo.CRS, swapped bool) orb.Polygon {
	out := p.Clone()
	for _, r := range out {
		for i := range r {
			if r[i] = crs.FromWGS84(r[i]); swapped {
				r[i][0], r[i][1] = r[i][1], r[i][0]
			}
		}
	}
	return out
}

func TestPlaceDegrees(t *testing.T) {
	t.Parallel()
	swapped := orb.Polygon{{{46.5, 2.5}, {46.501, 2.5}, {46.501, 2.501}, {46.5, 2.5}}}
	tests := []struct {
		name     string
		geometry orb.Geometry
		want     geo.Placement
	}{
		{"France", square(2.5, 46.5, 100), geo.Placement{From: geo.WGS84}},
		{"Réunion", square(55.5, -21.1, 100), geo.Placement{From: geo.WGS84}},
		{"latitude first", swapped, geo.Placement{From: geo.WGS84, Moved: true, Swapped: true}},
		{"latitude first in Réunion", orb.Polygon{{{-21.1, 55.5}, {-21.1, 55.501}, {-21.101, 55.5}, {-21.1, 55.5}}}, geo.Placement{From: geo.WGS84, Moved: true, Swapped: true}},
		{"latitude first, partly in the box", orb.Polygon{{{46.5, 2.5}, {46.5, 12.5}, {40, 2.5}, {46.5, 2.5}}}, geo.Placement{From: geo.WGS84, OutOfBounds: true}},
		{"Quebec", square(-71, 46.8, 100), geo.Placement{From: geo.WGS84, OutOfBounds: true}},
		{"Saint-Martin", square(-63.05, 18.07, 100), geo.Placement{From: geo.WGS84, OutOfBounds: true}},
		{"nothing", orb.Polygon{}, geo.Placement{From: geo.WGS84, OutOfBounds: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := geo.Place(tt.geometry, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			want.Geometry = tt.geometry
			if want.Swapped {
				want.Geometry = project(tt.geometry.(orb.Polygon), geo.WGS84, true)
			}
			if !orb.Equal(got.Geometry, want.Geometry) {
				t.Errorf("geometry %v, want %v", got.Geometry, want.Geometry)
			}
			got.Geometry, want.Geometry = nil, nil
			if got != want {
				t.Errorf("Place() = %+v, want %+v", got, want)
			}
		})
	}
}

func TestPlaceMetres(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		lon, lat float64
		crs      geo.CRS
	}{
		{"Lambert-93", 4.8, 49.5, geo.Lambert93},
		{"Corsica", 9.1, 42.2, geo.Lambert93},
		{"CC42", 9.1, 42.2, geo.CC42},
		{"CC43", 5.5, 43.4, geo.CC43},
		{"CC44", 0.5, 44.1, geo.CC44},
		{"CC45", 5.5, 45.2, geo.CC45},
		{"CC46", 2.5, 45.8, geo.CC46},
		{"CC47", 2.5, 46.7, geo.CC47},
		{"CC48", -2.5, 48.1, geo.CC48},
		{"CC49", 2.5, 49.2, geo.CC49},
		{"CC50", 2.5, 50.3, geo.CC50},
		{"UTM 20N", -61.0242, 14.6415, geo.UTM20N},
		{"UTM 22N", -52.3, 4.9, geo.UTM22N},
		{"UTM 40S", 55.5364, -21.1151, geo.UTM40S},
		{"UTM 38S", 45.15, -12.8, geo.UTM38S},
		{"Web-Mercator", -0.5, 48.1, geo.WebMercator},
		{"Web-Mercator overseas", 55.5364, -21.1151, geo.WebMercator},
	}
	land := geo.NewLand()
	for _, tt := range tests {
		land.Add(square(tt.lon, tt.lat, 10_000))
	}
	for _, tt := range tests {
		for _, swapped := range []bool{false, true} {
			name := tt.name
			if swapped {
				name += ", northing first"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := square(tt.lon, tt.lat, 100)
				got, err := geo.Place(project(want, tt.crs, swapped), land, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !got.Moved || got.From != tt.crs || got.Swapped != swapped || got.OutOfBounds {
					t.Errorf("Place() = %+v", got)
				}
				for i, p := range got.Geometry.(orb.Polygon)[0] {
					if planarDistance(p, want[0][i]) > 1e-9 {
						t.Errorf("%v, want %v", p, want[0][i])
					}
				}
			})
		}
	}
}

// In the south, the metres of Lambert-93 are those of Web-Mercator elsewhere.
func TestPlaceByTheFarm(t *testing.T) {
	t.Parallel()
	parcel := square(2.1, 43.3, 100)
	metres := project(parcel, geo.Lambert93, false)
	mercator := geo.WebMercator.ToWGS84(metres[0][0])
	land := geo.NewLand()
	land.Add(square(2.1, 43.3, 10_000))
	onlyOne, err := geo.Place(metres, land, nil)
	if err != nil || onlyOne.From != geo.Lambert93 {
		t.Errorf("with land at one place: %+v, %v", onlyOne, err)
	}
	land.Add(square(mercator[0], mercator[1], 10_000))

	tests := []struct {
		name string
		land *geo.Land
		home *orb.Point
		want geo.CRS // 0: refused
	}{
		{"no farm", land, nil, 0},
		{"farm near one", land, &orb.Point{2.5, 43.5}, geo.Lambert93},
		{"farm near the other", land, &orb.Point{mercator[0] + 0.5, mercator[1]}, geo.WebMercator},
		{"farm far from both", land, &orb.Point{-61, 14.6}, 0},
		{"no land loaded, no farm", nil, nil, 0},
		{"no land loaded, farm near one", nil, &orb.Point{2.5, 43.5}, geo.Lambert93},
		{"no land anywhere", geo.NewLand(), &orb.Point{2.5, 43.5}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := geo.Place(metres, tt.land, tt.home)
			if got.From != tt.want || (err == nil) != (tt.want != 0) {
				t.Errorf("Place() = %+v, %v, want %d", got, err, tt.want)
			}
		})
	}
}

func TestPlaceRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		ring     orb.Ring
		latitude bool
	}{
		{"latitude", orb.Ring{{2, 46}, {2, 91}, {200, 46}, {2, 46}}, true},
		{"longitude", orb.Ring{{2, 46}, {181, 46}, {2, 91}, {2, 46}}, false},
		{"both", orb.Ring{{1e6, 1e5}, {1e6, 1e5}, {1e6, 1e5}, {1e6, 1e5}}, true},
		{"not a number", orb.Ring{{2, 46}, {math.NaN(), 46}, {2, 47}, {2, 46}}, false},
		{"metres of the open sea", orb.Ring{{3e6, 1e6}, {3e6 + 100, 1e6}, {3e6, 1e6 + 100}, {3e6, 1e6}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := geo.Place(orb.Polygon{tt.ring}, nil, nil)
			var position *geo.PositionError
			if !errors.As(err, &position) || position.Latitude != tt.latitude {
				t.Errorf("error %v, want latitude %v", err, tt.latitude)
			}
		})
	}
}

func BenchmarkPlace(b *testing.B) {
	var g orb.Geometry = decagon(2.5, 46.5)
	for b.Loop() {
		_, _ = geo.Place(g, nil, nil)
	}
}
