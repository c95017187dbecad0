package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// enough is more parcels than any of these tests changes.
const enough = 1000

// withParcels returns a database with two versions of a farm, 2025 with parcels
// a, b and c published, 2024 with old which is not, and its address.
func withParcels(t testing.TB) (*store.DB, string) {
	t.Helper()
	db, address := storetest.Open(t, 4)
	storetest.Farm(t, db, "1001", 1)
	save(t, db, store.Tenant(1), version("1001", 1, 2024), parcel("old", square(1, 47, 0.001)))
	b := parcel("b", square(1, 47.1, 0.001))
	b.NumeroIlot, b.NumeroParcelle, b.Name = "3", "7", "Champ"
	c := parcel("c", square(1, 47.2, 0.001))
	c.Name = "Pré"
	save(t, db, store.Tenant(1), version("1001", 1, 2025), parcel("a", square(1, 47, 0.001)), b, c)
	return db, address
}

// A follower knows the parcels from their changes alone.
type follower struct {
	db     *store.DB
	at     store.TileSnapshot
	rows   map[int64]store.TileRow
	tables []string
	resets int
}

func follow(t testing.TB, db *store.DB) *follower {
	t.Helper()
	f := &follower{db: db}
	f.load(t)
	return f
}

func (f *follower) load(t testing.TB) {
	t.Helper()
	f.rows = map[int64]store.TileRow{}
	var err error
	if f.at, err = f.db.LoadTiles(t.Context(), func(r *store.TileRow) error {
		row := *r
		row.EWKB = slices.Clone(r.EWKB)
		f.rows[r.Key] = row
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// catchUp returns the ids of the parcels that changed, those that are gone with
// a minus.
func (f *follower) catchUp(t testing.TB) []string {
	t.Helper()
	c, err := f.db.TileChanges(t.Context(), f.at, enough)
	if err != nil {
		t.Fatal(err)
	}
	f.at, f.tables = c.Next, c.Tables
	if c.Reset {
		f.resets++
		f.load(t)
		return []string{"reset"}
	}
	changed := []string{}
	for _, r := range c.Rows {
		changed = append(changed, r.Parcel)
		f.rows[r.Key] = r
	}
	for _, key := range c.Gone {
		if r, ok := f.rows[key]; ok {
			changed = append(changed, "-"+r.Parcel)
			delete(f.rows, key)
		}
	}
	slices.Sort(changed)
	return changed
}

// sequence is the reader that speed.md warns of: it remembers the last number
// it saw.
type sequence struct{ last int64 }

func (s *sequence) catchUp(t testing.TB, address string) []string {
	t.Helper()
	type row struct {
		Seq int64
		ID  string
	}
	c := connection(t, address)
	rows, _ := c.Query(t.Context(), `
		SELECT seq, p.id FROM change, unnest(parcels) AS k JOIN parcel p ON p.key = k WHERE seq > $1 ORDER BY seq`, s.last)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		t.Fatal(err)
	}
	changed := []string{}
	for _, r := range list {
		s.last = r.Seq
		changed = append(changed, r.ID)
	}
	return changed
}

// connection is one of a superuser, until t ends.
func connection(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// TestTileChangesCommitOrder has a transaction write first and commit last:
// it is waited for by nobody, and skipped by nobody but the reader that goes by
// numbers.
func TestTileChangesCommitOrder(t *testing.T) {
	t.Parallel()
	db, address := withParcels(t)
	edit := func(c *pgx.Conn, id string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), `UPDATE parcel SET surface_m2 = surface_m2 + 1 WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
	}
	slow, quick := connection(t, address), connection(t, address)
	f, naive := follow(t, db), &sequence{}
	naive.catchUp(t, address)
	look := func(when string, want, wantNaive []string) {
		t.Helper()
		if diff := cmp.Diff(want, f.catchUp(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(wantNaive, naive.catchUp(t, address)); diff != "" {
			t.Errorf("%s, by number (-want +got):\n%s", when, diff)
		}
	}
	tx, err := slow.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	edit(slow, "a")
	look("while the first is open", []string{}, []string{})
	edit(quick, "b")
	look("after a second one committed", []string{"b"}, []string{"b"})
	edit(quick, "c")
	look("after a third one committed", []string{"c"}, []string{"c"})
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	look("after the first one committed", []string{"a"}, []string{}) // skipped for ever
	look("afterwards", []string{}, []string{})
}

// TestTileChangesConcurrent has writers that hold their transactions open for
// any time, roll some back, in whole or in part, and a reader that must know
// all at the end, having loaded once.
func TestTileChangesConcurrent(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 4)
	const farms, writers, rounds = 5, 6, 60
	for i := range farms {
		numero := fmt.Sprint(2000 + i)
		storetest.Farm(t, db, numero, 1)
		parcels := make([]sillon.Parcel, 8)
		for k := range parcels {
			parcels[k] = parcel(fmt.Sprint(k), square(float64(i), 46+float64(k)/100, 0.001))
		}
		save(t, db, store.Tenant(1), version(numero, 1, 2025), parcels...)
	}
	f := follow(t, db)
	statements := []string{
		`UPDATE parcel SET surface_m2 = surface_m2 + 1 WHERE key %% 40 = %d`,
		`UPDATE parcel SET geom = ST_Translate(geom, 0.0001, 0) WHERE key %% 40 = %d`,
		`UPDATE parcel SET published = NOT published WHERE key %% 40 = %d`,
		`UPDATE parcel SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE key %% 40 = %d`,
		`DELETE FROM parcel WHERE key %% 40 = %d`,
		`INSERT INTO parcel (parcellaire_id, id, oc, published, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
		SELECT parcellaire_id, gen_random_uuid()::text, oc, true, tile_id + 1, cell_x, cell_y, geom, geometry_status, origine, surface_m2
		FROM parcel WHERE key %% 40 = %d LIMIT 1`,
	}
	var group sync.WaitGroup
	for w := range writers {
		c := connection(t, address)
		random := rand.New(rand.NewPCG(1, uint64(w)))
		group.Go(func() {
			for range rounds {
				script := []string{`BEGIN`}
				for range 1 + random.IntN(3) {
					s := fmt.Sprintf(statements[random.IntN(len(statements))], random.IntN(40))
					if random.IntN(3) == 0 {
						s = `SAVEPOINT s; ` + s + []string{`; RELEASE s`, `; ROLLBACK TO s`}[random.IntN(2)]
					}
					script = append(script, s, fmt.Sprintf(`SELECT pg_sleep(%f)`, random.ExpFloat64()/200))
				}
				script = append(script, []string{`COMMIT`, `COMMIT`, `ROLLBACK`}[random.IntN(3)])
				for _, s := range script {
					if _, err := c.Exec(t.Context(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
						_, _ = c.Exec(t.Context(), `ROLLBACK`) // of two that wait for each other, one fails
						break
					}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { defer close(done); group.Wait() }()
	looks, changed := 0, 0
	for running := true; running; looks++ {
		select {
		case <-done:
			running = false
		default:
		}
		changed += len(f.catchUp(t))
	}
	if f.resets > 0 || changed == 0 {
		t.Errorf("%d resets, %d changes; want the latter only", f.resets, changed)
	}
	want := follow(t, db)
	if diff := cmp.Diff(want.rows, f.rows); diff != "" {
		t.Errorf("after %d changes in %d looks (-want +got):\n%s", changed, looks, diff)
	}
}

// TestTileChangesLogged is what changes and what does not.
func TestTileChangesLogged(t *testing.T) {
	t.Parallel()
	const other = `
		INSERT INTO parcel (parcellaire_id, id, oc, published, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
		SELECT parcellaire_id, 'd', oc, %s, 5, 1, 2, geom, geometry_status, origine, surface_m2 FROM parcel WHERE id = 'a'`
	tests := []struct {
		name   string
		sql    string
		want   []string
		tables []string
	}{
		{"nothing", `SELECT 1`, nil, nil},
		{"a surface", `UPDATE parcel SET surface_m2 = 7 WHERE id = 'a'`, []string{"a"}, nil},
		{"a geometry, twice", `UPDATE parcel SET geom = ST_Translate(geom, 1, 0) WHERE id = 'a'; UPDATE parcel SET level = 'C1' WHERE id = 'a'`, []string{"a"}, nil},
		{"several", `UPDATE parcel SET level = 'C1'`, []string{"a", "b", "c"}, nil},
		{"one that is not published", `UPDATE parcel SET surface_m2 = 7 WHERE id = 'old'`, nil, nil},
		{"published now", `UPDATE parcel SET published = true WHERE id = 'old'`, []string{"old"}, nil},
		{"published no more", `UPDATE parcel SET published = false WHERE id = 'a'`, []string{"-a"}, nil},
		{"set aside", `UPDATE parcel SET deleted_at = now() WHERE id = 'a'`, []string{"-a"}, nil},
		{"set aside, then revived", `UPDATE parcel SET deleted_at = now() WHERE id = 'a'; UPDATE parcel SET deleted_at = NULL WHERE id = 'a'`, []string{"a"}, nil},
		{"deleted", `DELETE FROM parcel WHERE id = 'a'`, []string{"-a"}, nil},
		{"deleted although not published", `DELETE FROM parcel WHERE id = 'old'`, nil, nil},
		{"a new one", fmt.Sprintf(other, "true"), []string{"d"}, nil},
		{"a new one that is not published", fmt.Sprintf(other, "false"), nil, nil},
		{"another key", `UPDATE parcel SET key = DEFAULT WHERE id = 'a'`, []string{"-a", "a"}, nil},
		{"a rolled back edit", `BEGIN; DELETE FROM parcel; ROLLBACK`, nil, nil},
		{"all of them", `TRUNCATE parcel`, []string{"reset"}, nil},
		{"the year of the version", `UPDATE parcellaire SET year = 1999`, []string{"a", "b", "c"}, nil},
		{"the notes of the version", `UPDATE parcellaire SET audit_notes = 'x'`, nil, nil},
		{"who may read", `UPDATE parcel SET reader_oc = 7`, []string{"a", "b", "c"}, nil},
		{"the name of a certifier", `UPDATE certifier SET name = 'Autre'`, nil, []string{"certifier"}},
		{"a certifier that is there", `INSERT INTO certifier SELECT * FROM certifier ON CONFLICT DO NOTHING`, nil, nil},
		{"a crop", `INSERT INTO cpf VALUES ('01.11.12', 'Blé dur', 'Céréales')`, nil, []string{"cpf"}},
		{"communes and départements", `DELETE FROM commune; DELETE FROM departement`, nil, []string{"commune", "departement"}},
		{"a log that is pruned", `DELETE FROM change; UPDATE parcel SET level = 'C1' WHERE id = 'a'; DELETE FROM change`, []string{"reset"}, nil},
		{"a log that is lost", `TRUNCATE change`, []string{"reset"}, nil},
		{"a crash", `TRUNCATE change_epoch`, []string{"reset"}, nil},
		{"a log of another server", `INSERT INTO change (xid, parcels) SELECT '99999999999', array_agg(key) FROM parcel`, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, address := withParcels(t)
			f := follow(t, db)
			c := connection(t, address)
			if _, err := c.Exec(t.Context(), tt.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, f.catchUp(t), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.tables, f.tables, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(follow(t, db).rows, f.rows); diff != "" {
				t.Errorf("not what is there (-want +got):\n%s", diff)
			}
			if again := f.catchUp(t); len(again) != 0 {
				t.Errorf("%q a second time", again)
			}
		})
	}
}

func TestTileChangesLimit(t *testing.T) {
	t.Parallel()
	db, address := withParcels(t)
	f := follow(t, db)
	if _, err := connection(t, address).Exec(t.Context(), `UPDATE parcel SET level = 'C1'`); err != nil {
		t.Fatal(err)
	}
	for limit, reset := range map[int]bool{2: true, 3: false} {
		c, err := db.TileChanges(t.Context(), f.at, limit)
		if err != nil || c.Reset != reset || len(c.Rows) > limit {
			t.Errorf("3 changes, at most %d: reset %v, %d rows, %v", limit, c.Reset, len(c.Rows), err)
		}
	}
	if c, err := db.TileChanges(t.Context(), store.TileSnapshot{}, enough); err != nil || !c.Reset || c.Next == (store.TileSnapshot{}) {
		t.Errorf("since nothing: %+v, %v; want a reset, and an instant", c, err)
	}
	var changes int64
	var age time.Duration
	in(t, db, store.System, func(ctx context.Context, tx *store.Tx) (err error) {
		changes, age, err = tx.TileLag(ctx, f.at)
		return err
	})
	if changes != 3 || age <= 0 {
		t.Errorf("behind by %d changes, %v; want 3, and some time", changes, age)
	}
	f.catchUp(t)
	in(t, db, store.System, func(ctx context.Context, tx *store.Tx) (err error) {
		changes, age, err = tx.TileLag(ctx, f.at)
		return err
	})
	if changes != 0 || age != 0 {
		t.Errorf("behind by %d changes, %v; want none", changes, age)
	}
}

// TestLoadTiles is what the rows tell.
func TestLoadTiles(t *testing.T) {
	t.Parallel()
	db, address := withParcels(t)
	storetest.Exec(t, address, `
		UPDATE parcel SET commune = CASE id WHEN 'a' THEN '97411' WHEN 'b' THEN '2A004' END, reader_oc = 2, tile_id = 7, cell_x = 8, cell_y = 9`)
	rows := map[string]store.TileRow{}
	for _, r := range follow(t, db).rows {
		rows[r.Parcel] = r
	}
	if len(rows) != 3 {
		t.Fatalf("%d rows, want those of the latest version", len(rows))
	}
	a := rows["a"]
	id := askServer[string](t, address, `SELECT id::text FROM parcellaire WHERE published`)[0]
	want := store.TileRow{
		ID: 7, CellX: 8, CellY: 9, Level: sillon.LevelAB, CPF: "01.11.12", SurfaceM2: a.SurfaceM2, Year: 2025, Departement: "974", OC: 1, Reader: 2,
		Farm: "1001", Version: sillon.ParcellaireID(id), State: sillon.StateCertified, Parcel: "a", GeometryStatus: "valide",
	}
	if diff := cmp.Diff(want, a, cmpopts.IgnoreFields(store.TileRow{}, "Key", "EWKB")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id, want := range map[string][2]string{"a": {"", "974"}, "b": {"3.7", "2A"}, "c": {"Pré", ""}} {
		if got := [2]string{rows[id].Label, rows[id].Departement}; got != want {
			t.Errorf("%s: label and département %q, want %q", id, got, want)
		}
	}
	ewkb := askServer[string](t, address, `SELECT encode(ST_AsEWKB(geom), 'hex') FROM parcel WHERE id = 'a'`)[0]
	if got := fmt.Sprintf("%x", a.EWKB); got != ewkb {
		t.Errorf("geometry %s, want %s", got, ewkb)
	}
}

// TestChangesAreTold has the listeners wake once per transaction that changes
// what tiles show.
func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	_, address := withParcels(t)
	c := connection(t, address)
	for _, sql := range []string{
		`LISTEN ` + store.ChangeChannel,
		`UPDATE parcel SET surface_m2 = 7 WHERE id = 'old'`, // tells nobody
		`LISTEN told`,
		`BEGIN; DELETE FROM parcel WHERE id = 'a'; UPDATE parcel SET surface_m2 = 7; COMMIT`,
		`TRUNCATE parcel`, `UPDATE certifier SET name = 'Autre'`, `NOTIFY told`,
	} {
		if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var told []string
	for len(told) == 0 || told[len(told)-1] != "told" {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, n.Channel)
	}
	if got := strings.Join(told, " "); got != strings.Repeat(store.ChangeChannel+" ", 3)+"told" {
		t.Errorf("told %q, want three times and the end", got)
	}
}
