package tiles_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"sillon/geo"
	"sillon/sillon"
	"sillon/tiles"
)

// benchParcels is the number of parcels of the benchmarks (speed.md).
const benchParcels = 1_500_000

// benchRows makes fields of 10.6 vertices, on an even ground but for squares
// of zooms 14, 12 and 10 that are as dense as the densest of speed.md. A row is
// of use until the next.
func benchRows(n int) func(add func(*tiles.Row) error) error {
	return func(add func(*tiles.Row) error) error {
		rnd := rand.New(rand.NewPCG(3, 4))
		dense := at(10, 4.9, 44.7)
		side := math.Ldexp(1, -10)
		lonLat := func(x, y float64) (lon, lat float64) {
			return x*360 - 180, math.Atan(math.Sinh(math.Pi*(1-2*y))) * 180 / math.Pi
		}
		var r tiles.Row
		for i := range n {
			// Squares around the dense one, of 6 000 parcels each.
			square, width := float64(i/6_000), 1.0
			switch {
			case i < 85:
				square, width = 0, 1./16
			case i < 720:
				square, width = 0, 1./4
			case i < 8_500:
				square = 0
			}
			lon, lat := lonLat((float64(dense.X)+math.Mod(square, 16)+width*rnd.Float64())*side, (float64(dense.Y)-math.Floor(square/16)+width*rnd.Float64())*side)
			corners := 9 + rnd.IntN(3)
			ring := make(orb.Ring, 0, corners+1)
			for c := range corners {
				sin, cos := math.Sincos(2 * math.Pi * (float64(c) + 0.8*rnd.Float64()) / float64(corners))
				d := 0.0012 * (0.6 + 0.4*rnd.Float64())
				ring = append(ring, orb.Point{lon + d*cos, lat + 0.7*d*sin})
			}
			g := orb.Polygon{append(ring, ring[0])}
			b, err := ewkb.Marshal(g, 4326, binary.LittleEndian)
			if err != nil {
				return err
			}
			x, y := geo.CellOf(g)
			farm := i / 18
			r = tiles.Row{
				Key: int64(i), ID: rnd.Uint64N(1 << 53), CellX: uint32(x), CellY: uint32(y), EWKB: b,
				Level: sillon.Levels[rnd.IntN(5)], CPF: cropCodes[rnd.IntN(8)], SurfaceM2: 1e5 * rnd.Float64(), Year: 2025, Departement: "26",
				OC: sillon.OC(1 + farm%8), Farm: sillon.NumeroBio(fmt.Sprint(farm)), Version: sillon.ParcellaireID(fmt.Sprintf("00000000-0000-0000-0000-%012d", farm)),
				State: sillon.StateCertified, Parcel: fmt.Sprint(i), Label: fmt.Sprintf("%d.%d", i%20, i%7), GeometryStatus: sillon.GeometryValid,
			}
			if err := add(&r); err != nil {
				return err
			}
		}
		return nil
	}
}

var benchMemory = sync.OnceValue(func() *tiles.Memory {
	m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
	if err := m.Load(context.Background(), benchRows(benchParcels)); err != nil {
		panic(err)
	}
	return m
})

// cpu is the processor time of the process, in ns: on a machine that others
// use, the time of a benchmark says little.
func cpu() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail on oneself
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEncode makes tiles from 1 500 000 parcels in memory.
func BenchmarkEncode(b *testing.B) {
	m := benchMemory()
	for _, tt := range []struct {
		name  string
		a     tiles.Address
		scope tiles.Scope
	}{
		{"z14", tiles.Address{Z: 14, X: at(10, 4.9, 44.7).X << 4, Y: at(10, 4.9, 44.7).Y << 4}, tiles.Public},
		{"z12", tiles.Address{Z: 12, X: at(10, 4.9, 44.7).X << 2, Y: at(10, 4.9, 44.7).Y << 2}, tiles.Public},
		{"z10", at(10, 4.9, 44.7), tiles.Public},
		{"z14 private", tiles.Address{Z: 14, X: at(10, 4.9, 44.7).X << 4, Y: at(10, 4.9, 44.7).Y << 4}, tiles.Scope{Kind: tiles.ScopeAll}},
		{"z10 of a certifier", at(10, 4.9, 44.7), tiles.Scope{Kind: tiles.ScopeCertifier, OC: 3}},
		{"z0", at(0, 4.9, 44.7), tiles.Public},
		{"z4", at(4, 4.9, 44.7), tiles.Public},
		{"z5", at(5, 4.9, 44.7), tiles.Public},
		{"z6", at(6, 4.9, 44.7), tiles.Public},
		{"z7", at(7, 4.9, 44.7), tiles.Public},
		{"z8", at(8, 4.9, 44.7), tiles.Public},
		{"z9", at(9, 4.9, 44.7), tiles.Public},
		{"z0 of a certifier", at(0, 4.9, 44.7), tiles.Scope{Kind: tiles.ScopeCertifier, OC: 3}},
		{"z5 of a certifier", at(5, 4.9, 44.7), tiles.Scope{Kind: tiles.ScopeCertifier, OC: 3}},
	} {
		for _, gzip := range []bool{false, true} {
			name := tt.name
			if gzip {
				name += " gzip"
			}
			b.Run(name, func(b *testing.B) {
				q := &tiles.Query{Scope: tt.scope}
				b.ReportAllocs()
				start := cpu()
				var tile *tiles.Tile
				for b.Loop() {
					var err error
					if tile, err = tiles.Encode(b.Context(), m, q, tt.a); err != nil {
						b.Fatal(err)
					}
					if gzip {
						tile.Body(tiles.Gzip)
					}
				}
				b.ReportMetric((cpu()-start)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(len(tile.Bytes)), "bytes")
				b.ReportMetric(float64(len(tile.Body(tiles.Gzip))), "gz")
			})
		}
	}
}

// TestMemoryOfAParcel holds a parcel of 10.6 vertices to its share of 350 MB
// for 1 500 000 of them.
func TestMemoryOfAParcel(t *testing.T) {
	t.Parallel()
	const n = 20_000
	m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
	if err := m.Load(t.Context(), benchRows(n)); err != nil {
		t.Fatal(err)
	}
	if each := m.Stats().Bytes / n; each > 350_000_000/benchParcels {
		t.Errorf("%d bytes", each)
	}
}

// BenchmarkApply puts batches of 30 edits in, with the compactions that they
// call for.
func BenchmarkApply(b *testing.B) {
	m := benchMemory()
	rnd := rand.New(rand.NewPCG(5, 6))
	var rows []tiles.Row
	_ = benchRows(30_000)(func(r *tiles.Row) error {
		rows = append(rows, *r)
		return nil
	})
	start := cpu()
	for b.Loop() {
		from := rnd.IntN(len(rows) - 30)
		batch := slices.Clone(rows[from : from+30])
		for i := range batch {
			batch[i].Key = rnd.Int64N(benchParcels)
		}
		m.Apply(batch, nil)
	}
	m.Settle()
	b.ReportMetric((cpu()-start)/float64(b.N), "cpu-ns/op")
}

// BenchmarkLoad loads 1 500 000 parcels, and tells the heap that they take.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := cpu()
		m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
		if err := m.Load(context.Background(), benchRows(benchParcels)); err != nil {
			b.Fatal(err)
		}
		spent := cpu() - start
		var peak runtime.MemStats
		runtime.ReadMemStats(&peak)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(spent/1e9, "cpu-s")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		b.ReportMetric(float64(peak.HeapSys)/1e6, "sys-MB")
		b.ReportMetric(float64(m.Stats().Bytes)/1e6, "counted-MB")
		runtime.KeepAlive(m)
	}
	start := cpu()
	_ = benchRows(benchParcels)(func(*tiles.Row) error { return nil })
	b.ReportMetric((cpu()-start)/1e9, "making-cpu-s")
}
