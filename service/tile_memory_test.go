package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/reference"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// national and certifier are actors.
var national = sillon.Actor{ID: "a", Roles: sillon.RoleINAO}

func certifier(oc sillon.OC) sillon.Actor {
	return sillon.Actor{ID: "c", Roles: sillon.RoleOCService, OC: oc}
}

// scattered gives some farms another certifier that may read them, and their
// parcels communes and labels.
var scattered = []string{
	`UPDATE parcellaire SET reader_oc = 1 + oc % 3 WHERE length(name) % 2 = 0`,
	`UPDATE parcel p SET reader_oc = v.reader_oc FROM parcellaire v WHERE v.id = p.parcellaire_id`,
	`UPDATE parcel SET commune = (ARRAY['26113', '07019', '2A004', '97101', NULL])[1 + key % 5]`,
	`UPDATE parcel SET numero_ilot = '12', numero_parcelle = (key % 100)::text WHERE key % 3 = 0 AND NOT en_attente_pac`,
	`UPDATE parcel SET geometry_status = 'corrigee' WHERE key % 7 = 0`,
	`UPDATE parcellaire SET year = 2020 + length(name) % 7`,
}

// TestTilesOfBothSourcesAreTheSame finds the same bytes whether a tile is made
// from the database or from memory: for each who asks and each filter, at each
// zoom.
func TestTilesOfBothSourcesAreTheSame(t *testing.T) {
	t.Parallel()
	fromPostGIS, c := withDemo(t)
	storetest.Exec(t, c.Config().ConnString(), scattered...)
	db, err := store.Connect(t.Context(), c.Config().ConnString(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	fromMemory, f := following(t, db)
	var owner sillon.OC
	if err := c.QueryRow(t.Context(), `SELECT oc FROM parcel GROUP BY oc ORDER BY count(*) DESC LIMIT 1`).Scan(&owner); err != nil {
		t.Fatal(err)
	}
	actors := map[string]sillon.Actor{
		"everybody": sillon.Public, "a certifier of today": certifier(1), "the author": certifier(owner), "a supervisor": national,
	}
	filters := map[string]service.TileFilter{
		"nothing":      {},
		"levels":       {Levels: []sillon.Level{sillon.LevelAB, sillon.LevelEngaged}},
		"crops":        {Crops: []string{"01.11.12", "01.19.10.2", "01.26.1"}},
		"years":        {Years: []int{2022, 2024}},
		"départements": {Departements: []string{"2A", "971", "26"}},
		"everything": {
			Levels: []sillon.Level{sillon.LevelC1, sillon.LevelAB, sillon.LevelCONV}, Crops: []string{"01.11.12", "01.19.10.8", "01.13.49"},
			Years: []int{2020, 2021, 2022, 2023}, Departements: []string{"07", "26"},
		},
	}
	for filtered, filter := range filters {
		for who, a := range actors {
			shown, compared := 0, 0
			for z := range 17 {
				found := tilesOf(t, c, z)
				step := len(found)/6 + 1
				for i := 0; i < len(found); i += step {
					q := service.TileQuery{Tileset: service.TilesParcelles, Filter: filter}
					got, err := askFor(t.Context(), fromMemory, a, q, z, found[i][0], found[i][1])
					if err != nil {
						t.Fatal(err)
					}
					want, err := askFor(t.Context(), fromPostGIS, a, q, z, found[i][0], found[i][1])
					if err != nil {
						t.Fatal(err)
					}
					compared++
					if len(want.Bytes) > 0 {
						shown++
					}
					if !bytes.Equal(got.Bytes, want.Bytes) {
						t.Errorf("%s filtered by %s: tile %d/%v: %d bytes from memory, %d from the database", who, filtered, z, found[i], len(got.Bytes), len(want.Bytes))
					}
				}
			}
			if shown == 0 {
				t.Errorf("%s filtered by %s: nothing in %d tiles", who, filtered, compared)
			}
		}
	}
	if _, ok := f.Source(); !ok {
		t.Error("memory was not used")
	}
}

// TestCropFilter holds the filter of crops, in the database, to the nomenclature.
func TestCropFilter(t *testing.T) {
	t.Parallel()
	nomenclature, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, c := range nomenclature.CPFs() {
		codes = append(codes, c.Code)
	}
	_, address := storetest.Open(t, 2)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	for _, above := range codes {
		rows, _ := conn.Query(t.Context(), `SELECT code FROM unnest($1::text[]) AS code WHERE code LIKE ANY ($2)`, codes, store.CropPatterns([]string{above}))
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, code := range codes {
			if sillon.CPFUnder(code, above) {
				want = append(want, code)
			}
		}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("below %s: %v, want %v", above, found, want)
		}
	}
}

// TestFilterIsChecked refuses what is no value of a filter.
func TestFilterIsChecked(t *testing.T) {
	t.Parallel()
	svc := newService(t, storetest.New(t))
	many := make([]int, service.MostFilterValues+1)
	for i := range many {
		many[i] = 2000 + i
	}
	tests := []struct {
		name   string
		filter service.TileFilter
	}{
		{"an unknown level", service.TileFilter{Levels: []sillon.Level{"C4"}}},
		{"no level", service.TileFilter{Levels: []sillon.Level{sillon.LevelUnknown}}},
		{"an unknown crop", service.TileFilter{Crops: []string{"01.11.12", "99.99"}}},
		{"a pattern", service.TileFilter{Crops: []string{"%"}}},
		{"a year of another time", service.TileFilter{Years: []int{1789}}},
		{"an unknown département", service.TileFilter{Departements: []string{"20"}}},
		{"too many values", service.TileFilter{Years: many}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := service.TileQuery{Tileset: service.TilesParcelles, Filter: tt.filter}
			if _, err := askFor(t.Context(), svc, sillon.Public, q, 0, 0, 0); !errors.Is(err, sillon.ErrInvalidRequest) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestDepartementSums holds the hectares of départements, from memory and from
// the database, to each other, and to each write.
func TestDepartementSums(t *testing.T) {
	t.Parallel()
	fromPostGIS, c := withDemo(t)
	storetest.Exec(t, c.Config().ConnString(), append(scattered,
		`INSERT INTO departement (code, name, geom) SELECT code, code, ST_MakeEnvelope(x, 44, x + 1, 45, 4326) FROM (VALUES ('07', 4), ('26', 5), ('2A', 9), ('971', 1)) v (code, x)`,
		`INSERT INTO reference_load (kind, source, sha256, count) VALUES ('departements', '', '', 4)`)...)
	db, err := store.Connect(t.Context(), c.Config().ConnString(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	fromMemory, f := following(t, db)
	q := service.TileQuery{Tileset: service.TilesDepartements}
	var last []byte
	for _, write := range []string{
		``, `UPDATE parcel SET level = 'C3' WHERE key % 4 = 0`, `DELETE FROM parcel WHERE key % 9 = 0`, `UPDATE parcel SET commune = '26001' WHERE key % 9 = 1`,
	} {
		storetest.Exec(t, c.Config().ConnString(), write)
		if err := f.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := askFor(t.Context(), fromMemory, sillon.Public, q, 5, 16, 11)
		if err != nil {
			t.Fatal(err)
		}
		want, err := askFor(t.Context(), fromPostGIS, sillon.Public, q, 5, 16, 11)
		if err != nil {
			t.Fatal(err)
		}
		list := tile(t, "departements", got.Bytes)
		if !bytes.Equal(got.Bytes, want.Bytes) || len(list) != 4 || bytes.Equal(got.Bytes, last) {
			t.Errorf("after %q: %v, want %v", write, list, tile(t, "departements", want.Bytes))
		}
		last = got.Bytes
		for _, d := range list {
			if n, err := strconv.Atoi(fmt.Sprint(d.Attributes["nombre"])); n == 0 || err != nil {
				t.Errorf("after %q: %v", write, d.Attributes)
			}
		}
	}
}
