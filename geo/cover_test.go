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
	c.Add("18002", orb.MultiPolygon{block(2.2, 47, 0.1), block(2.4, 47, 0.1)})
	tests := []struct {
		name string
		g    orb.Geometry
		want string
		ok   bool
	}{
		{"inside a piece", block(2.01, 47.01, 0.01), "18001", true},
		{"inside the second part", block(2.45, 47.05, 0.001), "18002", true},
		{"inside the hole", block(2.045, 47.045, 0.001), "", false},
		{"across two pieces of one commune", block(2.095, 47.05, 0.01), "", false},
		{"across two communes", block(2.195, 47.05, 0.01), "", false},
		{"along a border", block(2.2, 47.05, 0.01), "", false},
		{"a centimetre from a border", block(2.2000001, 47.05, 0.01), "", false},
		{"a metre from a border", block(2.20001, 47.05, 0.01), "18002", true},
		{"nowhere", block(5, 47, 0.01), "", false},
		{"around a whole piece", block(1.9, 46.9, 0.3), "", false},
		{"the whole world", orb.Polygon{{{-180, -90}, {180, -90}, {180, 90}, {-180, -90}}}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := c.Locate(tt.g); got != tt.want || ok != tt.ok {
				t.Errorf("Locate() = %q, %v, want %q, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
	if _, ok := (*geo.Cover)(nil).Locate(block(2, 47, 0.1)); ok {
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
		if _, ok := c.Locate(g); !ok {
			b.Fatal("lost")
		}
	}
}
