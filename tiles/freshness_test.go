package tiles_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paulmach/orb"

	"sillon/geo/mvt/mvttest"
	"sillon/sillon"
	"sillon/tiles"
)

const (
	herd       = 8  // parcels of a farm of TestFreshnessUnderLoad
	freshFarms = 40 // of them
)

// freshTile is the tile that they are all in.
var freshTile = at(12, 4.91, 44.72)

// freshFarm is a farm as it stands after an edit: its parcels, in a row from
// west to east, are as many metres wide as the number of the edit tells, and
// say so.
func freshFarm(t *testing.T, rnd *rand.Rand, farm, edit int) []tiles.Row {
	t.Helper()
	var rows []tiles.Row
	for i := range herd {
		west, south := freshTile.Bound().Min[0]+0.003+0.002*float64(i), freshTile.Bound().Min[1]+0.003+0.0014*float64(farm)
		side := 0.0005 + 0.0001*float64(edit%10)
		g := orb.Bound{Min: orb.Point{west, south}, Max: orb.Point{west + side, south + 0.001}}.ToPolygon()
		r := rowOf(t, rnd, int64(farm*herd+i), g)
		r.Farm, r.Parcel, r.SurfaceM2 = sillon.NumeroBio(fmt.Sprint(farm)), fmt.Sprint(i), float64(edit)
		rows = append(rows, r)
	}
	return rows
}

// TestFreshnessUnderLoad edits farms as fast as it can while readers decode
// every tile that they get: no parcel is torn, twice there, missing, or of an
// edit that another parcel of its farm does not know yet; and none is older
// than the last edit that had ended when the tile was asked for.
func TestFreshnessUnderLoad(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{})
	m.Resize(60, 40, 3, 4)
	var all []tiles.Row
	for farm := range freshFarms {
		all = append(all, freshFarm(t, rnd, farm, 1)...)
	}
	if err := load(m, all); err != nil {
		t.Fatal(err)
	}
	var applied [freshFarms]atomic.Int64
	var tilesRead atomic.Int64
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var since [freshFarms]int64
				for i := range since {
					since[i] = applied[i].Load()
				}
				if err := checkFarms(t.Context(), m, since[:]); err != nil {
					t.Error(err)
					return
				}
				tilesRead.Add(1)
			}
		})
	}
	edits := 1_500
	if testing.Short() {
		edits = 200
	}
	for edit := 2; edit < edits || tilesRead.Load() < 100; edit++ {
		farm := rnd.IntN(freshFarms)
		m.Apply(freshFarm(t, rnd, farm, edit), nil)
		applied[farm].Store(int64(edit))
		if t.Failed() {
			break
		}
	}
	close(stop)
	readers.Wait()
	m.Settle()
	t.Logf("%d tiles, %+v", tilesRead.Load(), m.Stats())
}

// checkFarms reads a tile that shows all the farms, and the cells of them.
func checkFarms(ctx context.Context, m *tiles.Memory, since []int64) error {
	q := &tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeAll}}
	tile, err := tiles.Encode(ctx, m, q, freshTile)
	if err != nil {
		return err
	}
	layers, err := mvttest.Decode(tile.Bytes) // refuses an id that is there twice
	if err != nil {
		return err
	}
	type state struct{ parcels, edit, width int }
	farms := map[string]state{}
	for _, f := range layers[0].Features {
		farm := f.Attributes["numeroBio"].(string)
		b := f.Geometry.Bound()
		s := state{1, int(math.Round(f.Attributes["surface"].(float64) * 1e4)), int(b.Max[0] - b.Min[0])}
		old, known := farms[farm]
		// The border of the grid may lie anywhere in the shape: a unit is 0.00002°.
		if want := (0.0005 + 0.0001*float64(s.edit%10)) * 4096 * 4096 / 360; math.Abs(float64(s.width)-want) > 1.5 {
			return fmt.Errorf("farm %s: a parcel of edit %d is %d units wide, want %.1f", farm, s.edit, s.width, want)
		}
		if known && old.edit != s.edit {
			return fmt.Errorf("farm %s: parcels of edits %d and %d", farm, old.edit, s.edit)
		}
		s.parcels += old.parcels
		farms[farm] = s
	}
	for i := range since {
		if s := farms[fmt.Sprint(i)]; s.parcels != herd || int64(s.edit) < since[i] {
			return fmt.Errorf("farm %d: %d parcels of edit %d, want %d of edit %d or later", i, s.parcels, s.edit, herd, since[i])
		}
	}
	cells, err := tiles.Encode(ctx, m, q, tiles.Address{Z: 7, X: freshTile.X >> 5, Y: freshTile.Y >> 5})
	if err != nil {
		return err
	}
	if layers, err = mvttest.Decode(cells.Bytes); err != nil {
		return err
	}
	var count int64
	for _, f := range layers[0].Features {
		count += f.Attributes["nombre"].(int64)
	}
	if count != herd*freshFarms {
		return fmt.Errorf("%d parcels in cells, want %d", count, herd*freshFarms)
	}
	return nil
}
