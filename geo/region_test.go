package geo_test

import (
	"testing"

	"github.com/paulmach/orb"

	"sillon/geo"
)

func TestRegions(t *testing.T) {
	t.Parallel()
	france, reunion := square(2.5, 46.5, 100), square(55.5, -21.1, 100)
	tests := []struct {
		name     string
		geometry orb.Geometry
		in       bool
		crs      geo.CRS
	}{
		{"nothing", nil, false, geo.Lambert93},
		{"no ring", orb.Polygon{}, false, geo.Lambert93},
		{"no part", orb.MultiPolygon{{}, {{}}}, false, geo.Lambert93},
		{"mainland", france, true, geo.Lambert93},
		{"Réunion", reunion, true, geo.UTM40S},
		{"Quebec", square(-71, 46.8, 100), false, geo.Lambert93},
		{"Saint-Martin has no box", square(-63.05, 18.07, 100), false, geo.UTM20N},
		{"Saint-Pierre-et-Miquelon has no box", square(-56.2, 46.8, 100), false, geo.UTM21N},
		{"across the side of a box", square(2.5, 51.0888, 1000), true, geo.Lambert93},
		{"box inside the parcel", square(2.5, 46.5, 4_000_000), true, geo.Lambert93},
		{"bound in a box, parcel outside", orb.Polygon{{{9, 41}, {9.7, 41}, {9.7, 41.4}, {9.65, 41.05}, {9, 41}}}, false, geo.Lambert93},
		{"box in a hole", orb.Polygon{{{40, -20}, {50, -20}, {50, -5}, {40, -5}, {40, -20}}, {{44, -14}, {46, -14}, {46, -12}, {44, -12}, {44, -14}}}, false, geo.Lambert93},
		{"most of it in Réunion", orb.MultiPolygon{france, square(55.5, -21.1, 1000)}, true, geo.UTM40S},
		{"most of it on the mainland", orb.Collection{square(2.5, 46.5, 1000), reunion}, true, geo.Lambert93},
		{"ring", reunion[0], true, geo.UTM40S},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := geo.InRegions(tt.geometry); got != tt.in {
				t.Errorf("InRegions() = %v, want %v", got, tt.in)
			}
			if got := geo.LegalCRS(tt.geometry); got != tt.crs {
				t.Errorf("LegalCRS() = %d, want %d", got, tt.crs)
			}
		})
	}
}
