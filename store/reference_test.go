package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/paulmach/orb"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// rectangle is a box with so many positions more on its northern side, so that
// PostGIS cuts it in pieces.
func rectangle(west, south, east, north float64, more int) orb.Polygon {
	r := orb.Ring{{west, south}, {east, south}, {east, north}}
	for i := range more {
		r = append(r, orb.Point{east - (east-west)*float64(i+1)/float64(more+1), north})
	}
	return orb.Polygon{append(r, orb.Point{west, north}, orb.Point{west, south})}
}

// communes are an invented country. Their sides are dyadic, so that halves are
// equal to the last bit.
var communes = []store.Territory{
	{Code: "26001", Name: "West", Geometry: rectangle(5, 44, 5.125, 44.125, 0)},
	{Code: "26002", Name: "East", Geometry: rectangle(5.125, 44, 5.25, 44.125, 0)},
	{Code: "26003", Name: "Merged into West", Geometry: rectangle(5, 44, 5.0625, 44.125, 0), Inactive: true, Successor: "26001"},
	{Code: "26004", Name: "Long", Geometry: rectangle(5, 44.25, 6, 44.5, 300)},
	{Code: "26005", Name: "Below Long", Geometry: rectangle(5, 44.125, 6, 44.25, 0)},
	{Code: "2A001", Name: "Islands", Geometry: orb.MultiPolygon{rectangle(8.5, 41.5, 8.625, 41.625, 0), rectangle(8.75, 41.5, 8.875, 41.625, 0)}},
	{Code: "59001", Name: "North, nearer in degrees", Geometry: rectangle(2, 51.125, 2.5, 51.25, 0)},
	{Code: "59002", Name: "East, nearer in metres", Geometry: rectangle(2.625, 50.5, 2.75, 51.125, 0)},
	{Code: "59003", Name: "On the spot, but merged into one far away", Geometry: rectangle(2.375, 50.875, 2.5, 51, 0), Inactive: true, Successor: "26001"},
}

// loadCommunes makes territories the communes.
func loadCommunes(t testing.TB, db *store.DB, territories []store.Territory) {
	t.Helper()
	in(t, db, store.System, func(ctx context.Context, tx *store.Tx) error {
		next := 0
		n, err := tx.ReplaceTerritories(ctx, "communes", func() (store.Territory, bool, error) {
			if next == len(territories) {
				return store.Territory{}, false, nil
			}
			next++
			return territories[next-1], true, nil
		})
		if err == nil && n != len(territories) {
			t.Errorf("%d of %d communes stored", n, len(territories))
		}
		return err
	})
}

// TestC15Commune is domain.md §7, while no territories layer is loaded.
func TestC15Commune(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		geometry orb.Geometry
		given    string
		want     string // commune, then whether it is abroad; ? is not known
	}{
		{"in one", square(5.03, 44.03, 0.01), "", "26001 false"},
		{"in two, the larger part decides", rectangle(5.1, 44.03, 5.16, 44.04, 0), "", "26002 false"},
		{"in two, equal parts: the lowest code", rectangle(5.09375, 44.03125, 5.15625, 44.0625, 0), "", "26001 false"},
		{"along the border of another", rectangle(5.125, 44.03, 5.16, 44.04, 0), "", "26002 false"},
		{"in two pieces of one, each smaller than the part in another", rectangle(5.4, 44.247, 5.6, 44.254, 0), "", "26004 false"},
		{"in one of two islands", square(8.8, 41.55, 0.01), "", "2A001 false"},
		{"in two parts, each in an island", orb.MultiPolygon{square(8.55, 41.55, 0.01), square(8.8, 41.55, 0.01)}, "", "2A001 false"},
		{"given, and in it alone", square(5.03, 44.03, 0.01), "26001", "26001 false"},
		{"given, and in it for the smaller part", rectangle(5.1, 44.03, 5.16, 44.04, 0), "26001", "26001 false"},
		{"given, but elsewhere", square(5.03, 44.03, 0.01), "26002", "26001 false"},
		{"given, but unknown", square(5.03, 44.03, 0.01), "99999", "26001 false"},
		{"given, merged into one it is in", rectangle(5.1, 44.03, 5.16, 44.04, 0), "26003", "26001 false"},
		{"given, merged into one it is not in", square(5.2, 44.03, 0.01), "26003", "26002 false"},
		{"in a merged one", square(5.03, 44.03, 0.01), "", "26001 false"},
		{"at sea, near one", square(8.5, 41.45, 0.01), "", "2A001 ?"},
		{"at sea, as far from two: the lowest code", rectangle(5.0625, 43.9375, 5.1875, 43.96875, 0), "", "26001 ?"},
		{"at sea, the nearest in metres", rectangle(2.49, 50.99, 2.5, 51, 0), "", "59002 ?"},
		{"at sea, given one that is not the nearest", square(8.5, 41.45, 0.01), "26002", "2A001 ?"},
		{"24 km out", square(4.69, 44.06, 0.01), "", "26001 ?"},
		{"26 km out", square(4.66, 44.06, 0.01), "", "- ?"},
		{"another continent", square(-100, 40, 0.01), "26001", "- ?"},
	}
	for _, order := range []string{"in order", "in the other order"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			db, address := storetest.Open(t, 2)
			storetest.Farm(t, db, "1", 1)
			territories := slices.Clone(communes)
			if order != "in order" {
				slices.Reverse(territories)
			}
			var parcels []sillon.Parcel
			for i, tt := range tests {
				p := parcel(fmt.Sprint(i), tt.geometry)
				p.Commune = tt.given
				parcels = append(parcels, p)
			}
			located := func() []string {
				return askServer[string](t, address, `
					SELECT concat_ws(' ', coalesce(commune, '-'), coalesce(etranger::text, '?')) FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id
					WHERE v.deleted_at IS NULL ORDER BY p.id::int`)
			}
			check := func(when string, skip func(given string) bool) {
				t.Helper()
				for i, got := range located() {
					if tt := tests[i]; got != tt.want && !skip(tt.given) {
						t.Errorf("%s, %s: %q, want %q", when, tt.name, got, tt.want)
					}
				}
			}
			save(t, db, store.Tenant(1), version("1", 1, 2024), parcels...)
			for i, got := range located() {
				if got != "- ?" {
					t.Errorf("without communes, %s: %q", tests[i].name, got)
				}
			}
			loadCommunes(t, db, territories)
			locateAll(t, db, len(tests))
			check("located afterwards", func(given string) bool { return given != "" })

			storetest.Exec(t, address, `UPDATE parcellaire SET deleted_at = now()`)
			save(t, db, store.Tenant(1), version("1", 1, 2024), parcels...)
			check("stored", func(string) bool { return false })
		})
	}
}

// locateAll gives every parcel its commune, a few at a time.
func locateAll(t testing.TB, db *store.DB, parcels int) {
	t.Helper()
	total, after := 0, int64(0)
	for {
		var n int
		in(t, db, store.System, func(ctx context.Context, tx *store.Tx) (err error) {
			n, after, err = tx.LocateParcels(ctx, after, 5)
			return err
		})
		if n == 0 {
			break
		}
		total += n
	}
	if total != parcels {
		t.Errorf("%d parcels were looked at, want %d", total, parcels)
	}
}

// TestC15CommuneFollowsGeometry proves that a parcel that moves changes its
// commune, and that one that does not keeps it.
func TestC15CommuneFollowsGeometry(t *testing.T) {
	t.Parallel()
	db, _ := storetest.Open(t, 2)
	storetest.Farm(t, db, "1", 1)
	loadCommunes(t, db, communes)
	v := version("1", 1, 2024)
	save(t, db, store.Tenant(1), v, parcel("moves", square(5.03, 44.03, 0.01)), parcel("stays", square(5.03, 44.05, 0.01)))
	var target store.PushTarget
	read := func() map[string]string {
		in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) (err error) {
			target, err = pushTarget(ctx, tx, "1", 1, v.AuditDate)
			return err
		})
		found := map[string]string{}
		for _, p := range target.Parcels {
			found[p.ID] = p.Commune
		}
		return found
	}
	if got := read(); got["moves"] != "26001" || got["stays"] != "26001" {
		t.Fatalf("communes %v", got)
	}
	target.Parcels[0].Geometry = square(5.2, 44.03, 0.01)
	target.Parcels[1].Name = "renamed"
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		return tx.Save(ctx, store.Saving{Parcellaire: target.Parcellaire, Written: target.Parcels, Moved: []bool{true, false}})
	})
	if got := read(); got["moves"] != "26002" || got["stays"] != "26001" {
		t.Errorf("communes %v", got)
	}
}

// TestReplaceTerritories proves that a load takes the place of the one before
// whole, mends outlines that are not valid, and that one that fails leaves all
// in place.
func TestReplaceTerritories(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	eight := orb.Polygon{{{0, 0}, {1, 1}, {1, 0}, {0, 1}, {0, 0}}}
	loadCommunes(t, db, communes)
	loadCommunes(t, db, append(slices.Clone(communes[:2]), store.Territory{Code: "26009", Name: "Crossed", Geometry: eight}))
	state := func() []string {
		return askServer[string](t, address, `
			SELECT concat_ws(' ', code, round(ST_Area(geom)::numeric, 6)::float8, (SELECT round(sum(ST_Area(p.geom))::numeric, 6)::float8 FROM commune_part p WHERE p.code = c.code))
			FROM commune c WHERE ST_IsValid(geom) AND ST_Intersects(center, geom) ORDER BY code`)
	}
	want := []string{"26001 0.015625 0.015625", "26002 0.015625 0.015625", "26009 0.5 0.5"}
	if got := state(); !slices.Equal(got, want) {
		t.Errorf("communes %v, want %v", got, want)
	}
	failure := errors.New("no")
	err := db.InTx(t.Context(), store.System, func(tx *store.Tx) error {
		given := false
		_, err := tx.ReplaceTerritories(t.Context(), "communes", func() (store.Territory, bool, error) {
			if given {
				return store.Territory{}, false, failure
			}
			given = true
			return communes[3], true, nil
		})
		return err
	})
	if err == nil {
		t.Error("a source that fails was loaded")
	}
	if got := state(); !slices.Equal(got, want) {
		t.Errorf("after a failure: communes %v, want %v", got, want)
	}
	for _, kind := range []string{"departements", "regions"} {
		in(t, db, store.System, func(ctx context.Context, tx *store.Tx) error {
			given := false
			_, err := tx.ReplaceTerritories(ctx, kind, func() (store.Territory, bool, error) {
				given = !given
				return store.Territory{Code: "26", Name: "Drôme", Geometry: rectangle(5, 44, 6, 45, 0)}, given, nil
			})
			return err
		})
	}
	if n := askServer[int](t, address, `SELECT (SELECT count(*) FROM departement) + (SELECT count(*) FROM region)`)[0]; n != 2 {
		t.Errorf("%d département and region", n)
	}
}
