package api_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/paulmach/orb"

	"sillon/sillon"
	"sillon/store"
)

// TestC44TotalsAddUp holds every total against the sum of its parts, level by
// level, while random parcels come, change and go: of a version, as every reply
// tells it, and of the cells of the map at every zoom.
func TestC44TotalsAddUp(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 44)) //nolint:gosec // a test that can be run again
	states := []any{"AB", "C1", "C2", "C3", "CONV", "BIO", absent}
	farms := []string{"1001", "1002", "1003"}
	for range 6 {
		for _, numero := range farms {
			parcels := []object{}
			for i := range random.IntN(12) {
				if random.IntN(3) == 0 {
					continue // gone, or not there yet
				}
				parcels = append(parcels, bad(fmt.Sprint("p", i), object{
					"etatProduction": states[random.IntN(len(states))],
					"geom":           rectangle(-4+12*random.Float64(), 43+7*random.Float64(), math.Pow(10, -4+2*random.Float64())),
				}))
			}
			s.store(t, ocOne, []object{record(numero).with(object{"parcelles": parcels})})
		}
		s.addsUp(t, farms)
		if t.Failed() {
			return
		}
	}
	s.drop(t, s.version(t, "1002", 1, audit))
	s.addsUp(t, []string{"1001", "1003"})
}

// addsUp checks the totals of the newest versions of farms, which are all that
// is published.
func (s *server) addsUp(t *testing.T, farms []string) {
	t.Helper()
	type sums map[sillon.Level]float64
	near := func(a, b, unit float64) bool { return math.Abs(a-b) <= unit/2+1e-9*math.Abs(a) }
	all, parcels := make(sums), 0
	for _, numero := range farms {
		v := s.version(t, numero, 1, audit)
		var collection struct {
			Features []struct {
				Properties struct {
					Surface          float64
					NiveauConversion *sillon.Level
				}
			}
		}
		s.get(t, ocOne, versionPath(v)+"/parcelles").into(t, &collection)
		shown, levels := 0.0, make(sums)
		for _, f := range collection.Features {
			level := sillon.LevelUnknown
			if f.Properties.NiveauConversion != nil {
				level = *f.Properties.NiveauConversion
			}
			shown, levels[level] = shown+f.Properties.Surface, levels[level]+f.Properties.Surface
		}
		total := 0.0
		for level := range levels {
			sum, err := strconv.ParseFloat(s.one(t, `
				SELECT sum(surface_m2)::text FROM parcel WHERE parcellaire_id = $1 AND level = $2 AND deleted_at IS NULL`, v, string(level)), 64)
			if err != nil {
				t.Fatal(err)
			}
			if n := float64(len(collection.Features)); !near(sum/1e4, levels[level], n*1e-4) {
				t.Errorf("farm %s, level %q: %v m², shown %v ha", numero, level, sum, levels[level])
			}
			total, all[level] = total+sum, all[level]+sum
		}
		parcels += len(collection.Features)

		stored, err := strconv.ParseFloat(s.one(t, `SELECT surface_m2::text FROM parcellaire WHERE id = $1`, v), 64)
		if err != nil || !near(stored, total, 1e-6) {
			t.Errorf("farm %s: %v m², of parcels %v m²: %v", numero, stored, total, err)
		}
		var version struct {
			Surface     float64
			NbParcelles int
		}
		s.get(t, ocOne, versionPath(v)).into(t, &version)
		var sheet struct {
			Parcellaire struct {
				ID          string
				Surface     float64
				NbParcelles int
			}
		}
		s.get(t, agenceBio, farmPath(numero)).into(t, &sheet)
		if n := len(collection.Features); version.NbParcelles != n || !near(version.Surface, total/1e4, 1e-4) || !near(version.Surface, shown, float64(n+1)*1e-4) ||
			sheet.Parcellaire.Surface != version.Surface || sheet.Parcellaire.NbParcelles != n {
			t.Errorf("farm %s: %d parcels of %v m², %v ha shown; version %+v, sheet %+v", numero, n, total, shown, version, sheet)
		}
	}
	for zoom := 0; zoom <= 15; zoom += 3 {
		cells, count := make(sums), 0
		if err := s.db.InTx(t.Context(), store.Open, func(tx *store.Tx) error {
			world := orb.Bound{Min: orb.Point{-180, -85}, Max: orb.Point{180, 85}}
			return tx.TileCells(t.Context(), &store.TileQuery{}, zoom, 0, 0, 1<<zoom, 1<<zoom, world, func(c *store.TileCell) error {
				cells[c.Level] += float64(c.SurfaceDM2) / 100
				count += c.Count
				return nil
			})
		}); err != nil {
			t.Fatal(err)
		}
		for _, level := range append([]sillon.Level{sillon.LevelUnknown}, sillon.Levels...) {
			if !near(cells[level], all[level], 0.01*float64(parcels)) { // each is rounded
				t.Errorf("zoom %d, level %q: cells of %v m², parcels of %v m²", zoom, level, cells[level], all[level])
			}
		}
		if count != parcels {
			t.Errorf("zoom %d: %d parcels in cells, %d in all", zoom, count, parcels)
		}
	}
}
