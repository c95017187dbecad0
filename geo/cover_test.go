package geo_test

import (
	"testing"

	"github.com/paulmach/orb"

	"sillon/geo"
)

func block(x, y, side float64) orb.Polygon {
	return orb.Polygon{{{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}, {x, y}}}
}

func TestCoverLocate(t *testing.T) {
	t.Parallel()
	c := geo.NewCover()
	holed := append(block(2, 47, 0.1), block(2.04, 47.04, 0.02)[0])
	c.Add("18001", holed)
	c.Add("18001", block(2.1, 47, 0.1))
	c.Add("18003", block(2.6, 47, 0.01))
	c.Add("18002", orb.MultiPolygon{block(2.2, 47, 0.1), block(2.4, 47, 0.1)})
	tests := []struct {
		name  string
		g     orb.Geometry
		given string
		want  string
		ok    bool
	}{
		{"inside a piece", block(2.01, 47.01, 0.01), "", "18001", true},
		{"inside a piece that is not the one given", block(2.01, 47.01, 0.01), "18002", "18001", true},
		{"inside the second part", block(2.45, 47.05, 0.001), "", "18002", true},
		{"inside the hole", block(2.045, 47.045, 0.001), "", "", false},
		{"over a corner of the hole", block(2.035, 47.035, 0.01), "", "18001", true},
		{"across two pieces of one name", block(2.095, 47.05, 0.01), "", "", false},
		{"most in the first", block(2.194, 47.05, 0.01), "", "18001", true},
		{"most in the second", block(2.196, 47.05, 0.01), "", "18002", true},
		{"most in the first, but the second given", block(2.191, 47.05, 0.01), "18002", "18002", true},
		{"a known one given that is elsewhere", block(2.196, 47.05, 0.01), "18003", "18002", true},
		{"an unknown one given", block(2.196, 47.05, 0.01), "18999", "", false},
		{"half and half", block(2.195, 47.05, 0.01), "", "", false},
		{"along a border", block(2.2, 47.05, 0.01), "", "18002", true},
		{"along a border, the other side given", block(2.2, 47.05, 0.01), "18001", "", false},
		{"a centimetre from a border", block(2.2000001, 47.05, 0.01), "", "18002", true},
		{"a metre from a border", block(2.20001, 47.05, 0.01), "", "18002", true},
		{"nowhere", block(5, 47, 0.01), "", "", false},
		{"along a piece, outside", block(2, 46.99, 0.01), "", "", false},
		{"around a whole piece", block(1.9, 46.9, 0.3), "", "18001", true},
		{"around a piece with a hole around it", append(block(2.59, 46.99, 0.03), block(2.599, 46.999, 0.012)[0]), "", "", false},
		{"two parts", orb.MultiPolygon{block(2.19, 47.05, 0.002), block(2.205, 47.05, 0.004)}, "", "18002", true},
		{"the whole world", orb.Polygon{{{-180, -90}, {180, -90}, {180, 90}, {-180, -90}}}, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := c.Locate(tt.g, tt.given); got != tt.want || ok != tt.ok {
				t.Errorf("Locate() = %q, %v, want %q, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
	if _, ok := (*geo.Cover)(nil).Locate(block(2, 47, 0.1), ""); ok {
		t.Error("a cover that is not there found something")
	}
}

func BenchmarkCoverLocate(b *testing.B) {
	c := geo.NewCover()
	for i := range 50 {
		for j := range 50 {
			c.Add("18001", block(2+float64(i)*0.02, 47+float64(j)*0.02, 0.02))
		}
	}
	g := block(2.505, 47.505, 0.002)
	for b.Loop() {
		if _, ok := c.Locate(g, ""); !ok {
			b.Fatal("lost")
		}
	}
}
