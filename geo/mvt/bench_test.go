package mvt_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"sillon/geo/mvt"
)

// BenchmarkTile encodes the densest tiles of 1 500 000 parcels of 10.6
// vertices (speed.md), with the attributes of their zoom.
func BenchmarkTile(b *testing.B) {
	for _, tt := range []struct {
		zoom     uint32
		features int
	}{{14, 150}, {12, 1240}, {10, 9600}} {
		b.Run(fmt.Sprintf("z%d", tt.zoom), func(b *testing.B) {
			tile := place(tt.zoom)
			rnd := rand.New(rand.NewPCG(5, 6))
			side := mvt.Extent / math.Sqrt(float64(tt.features))
			fields := make([][]byte, tt.features)
			surfaces := make([]float64, tt.features)
			vertices := 0
			for i := range fields {
				n := 9 + rnd.IntN(3) // and the closing one: 10.6 in all, or near
				vertices += n + 1
				ring := blob(rnd, mvt.Extent*rnd.Float64(), mvt.Extent*rnd.Float64(), 0.6*side, n)
				fields[i] = marshal(b, polygon(tile, ring), binary.LittleEndian)
				surfaces[i] = math.Round(1000*rnd.Float64()) / 100
			}
			levels := []string{"AB", "C1", "C2", "C3", "CONV"}
			groups := []string{"Céréales", "Prairies", "Vignes", "Fruits à coque", "Légumes"}
			var l mvt.Layer
			var out []byte
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if err := l.Begin("parcelles", tt.zoom, tile.X, tile.Y, mvt.Fine); err != nil {
					b.Fatal(err)
				}
				level, group, cpf, surface := l.Key("niveau"), l.Key("groupe"), l.Key("cpf"), l.Key("surface")
				for i, f := range fields {
					ok, err := l.Polygons(f)
					if err != nil {
						b.Fatal(err)
					}
					if !ok {
						continue
					}
					l.String(level, levels[i%5])
					l.String(group, groups[i%5])
					if tt.zoom >= 12 {
						l.String(cpf, groups[i%4])
						l.Double(surface, surfaces[i])
					}
					l.Add(uint64(i))
				}
				out = l.Append(out[:0])
			}
			b.ReportMetric(float64(len(out)), "bytes")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(vertices), "ns/vertex")
		})
	}
}
