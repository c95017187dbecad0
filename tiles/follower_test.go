package tiles_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
	"sillon/tiles"
)

// plenty is more memory than any of these tests needs.
const plenty = 1 << 30

// A land is a database with parcels p0, p1… of one farm, a superuser's
// connection to it, and what a follower of it told.
type land struct {
	t        testing.TB
	db       *store.DB
	address  string
	conn     *pgx.Conn
	follower *tiles.Follower
	stop     func()

	mu   sync.Mutex
	told []string
	log  bytes.Buffer
}

// newLand returns a land whose follower runs, with so much memory.
func newLand(t testing.TB, parcels int, limit int64) *land {
	t.Helper()
	l := &land{t: t}
	l.db, l.address = storetest.Open(t, 4)
	storetest.Farm(t, l.db, "1001", 1)
	v := sillon.Parcellaire{
		ID: sillon.ParcellaireID(uuid.NewString()), NumeroBio: "1001", OC: 1, State: sillon.StateCertified, Year: 2025, Revision: 1,
		AuditDate: sillon.Date{Year: 2025, Month: 3, Day: 1}, CertifiedFrom: sillon.Date{Year: 2025, Month: 3, Day: 15},
		CertifiedUntil: sillon.Date{Year: 2027, Month: 3, Day: 31},
	}
	list, moved := make([]sillon.Parcel, parcels), make([]bool, parcels)
	for i := range list {
		west := 2 + float64(i)/1000
		g := orb.Polygon{{{west, 47}, {west + .0005, 47}, {west + .0005, 47.0005}, {west, 47.0005}, {west, 47}}}
		list[i] = sillon.Parcel{
			ID: fmt.Sprintf("p%d", i), Geometry: g, GeometryStatus: sillon.GeometryValid, Level: sillon.LevelAB, Origin: sillon.OriginAPI,
			SurfaceM2: geo.Area(g), Revision: 1, Crops: []sillon.Crop{{ID: "1", CPF: "01.11.12", Unit: sillon.UnitHectare}},
		}
	}
	if err := l.db.InTx(t.Context(), store.Tenant(1), func(tx *store.Tx) error {
		return tx.Save(t.Context(), store.Saving{Parcellaire: &v, New: true, Written: list, Moved: moved})
	}); err != nil {
		t.Fatal(err)
	}
	l.conn = l.connect()
	l.exec(`INSERT INTO cpf VALUES ('01.11.12', 'Blé tendre', 'Céréales')`)
	l.follow(limit)
	return l
}

// follow starts a follower.
func (l *land) follow(limit int64) {
	l.t.Helper()
	tell := func(s string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, s)
	}
	l.follower = tiles.NewFollower(l.db, tiles.FollowerOptions{
		Limit: limit, Log: slog.New(slog.NewTextHandler(locked{l}, nil)),
		OnChange: func(c []tiles.Change) { tell(fmt.Sprintf("%d changes", len(c))) },
		OnReload: func() { tell("reload") },
		OnTables: func(names []string) { tell(strings.Join(names, " ")) },
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); l.follower.Run(ctx) }()
	l.stop = func() { cancel(); <-ended }
	l.t.Cleanup(l.stop)
	if limit > 1 {
		l.until(tiles.FollowerReady)
	}
	for !l.follower.Fresh() {
		l.catchUp()
	}
}

// locked writes to the log of a land.
type locked struct{ *land }

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

func (l *land) connect() *pgx.Conn {
	l.t.Helper()
	c, err := pgx.Connect(l.t.Context(), l.address)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(l.t.Context())) })
	return c
}

func (l *land) exec(sql string) {
	l.t.Helper()
	if _, err := l.conn.Exec(l.t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
}

// until waits for a state: each look takes its time.
func (l *land) until(want tiles.FollowerState) {
	l.t.Helper()
	for begin := time.Now(); l.follower.Status().State != want; {
		_ = l.follower.CatchUp(l.t.Context()) // it may be the failure that is waited for
		if time.Since(begin) > 30*time.Second {
			l.t.Fatalf("state %d, want %d\n%s", l.follower.Status().State, want, l.said())
		}
	}
}

func (l *land) catchUp() {
	l.t.Helper()
	if err := l.follower.CatchUp(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *land) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

// heard returns what was told since the last time.
func (l *land) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told
	l.told = nil
	return told
}

// surfaces returns the surface of each parcel in the source, by its id.
func (l *land) surfaces() map[string]float64 {
	l.t.Helper()
	m := map[string]float64{}
	l.features(func(f *tiles.Feature) { m[f.Parcel] = f.SurfaceM2 })
	return m
}

func (l *land) features(each func(*tiles.Feature)) {
	l.t.Helper()
	src, ok := l.follower.Source()
	if !ok {
		l.t.Fatalf("no source: %+v", l.follower.Status())
	}
	a, _ := tiles.ParseAddress("6", "32", "22")
	if err := src.Parcels(l.t.Context(), &tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeAll}}, a, func(f *tiles.Feature) error {
		each(f)
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
}

// there returns the surfaces that the database has.
func (l *land) there() map[string]float64 {
	l.t.Helper()
	m := map[string]float64{}
	if _, err := l.db.LoadTiles(l.t.Context(), func(r *store.TileRow) error {
		m[r.Parcel] = r.SurfaceM2
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
	return m
}

// TestFollowerCatchUp has writers look for their own change at once, each time.
func TestFollowerCatchUp(t *testing.T) {
	t.Parallel()
	const writers, edits = 4, 40
	l := newLand(t, writers, plenty)
	var group sync.WaitGroup
	for w := range writers {
		c := l.connect()
		group.Go(func() {
			for i := range edits {
				surface := float64(100 + i)
				if _, err := c.Exec(t.Context(), `UPDATE parcel SET surface_m2 = $1 WHERE id = $2`, surface, fmt.Sprintf("p%d", w)); err != nil {
					t.Error(err)
					return
				}
				if err := l.follower.CatchUp(t.Context()); err != nil {
					t.Error(err)
				}
				if got := l.surfaces()[fmt.Sprintf("p%d", w)]; got != surface {
					t.Errorf("parcel %d has %v right after the edit, want %v", w, got, surface)
				}
			}
		})
	}
	group.Wait()
	if s := l.follower.Status(); s.Reloads != 1 || s.Memory.Parcels != writers || s.Age > tiles.StaleAfter {
		t.Errorf("%+v, want all parcels, loaded once", s)
	}
}

// TestFollowerIsTold sees what others commit without being asked to look, and
// in less time than the next look would take.
func TestFollowerIsTold(t *testing.T) {
	t.Parallel()
	l := newLand(t, 2, plenty)
	var slowest time.Duration
	for i := range 20 {
		surface := float64(100 + i)
		l.exec(fmt.Sprintf(`UPDATE parcel SET surface_m2 = %f WHERE id = 'p1'`, surface))
		begin := time.Now()
		for l.surfaces()["p1"] != surface {
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("edit %d is not seen", i)
			}
		}
		slowest = max(slowest, time.Since(begin))
	}
	t.Logf("seen after %v at most", slowest)
}

// TestFollowerTells is what is told, and shown, after an edit.
func TestFollowerTells(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		sql  string
		want []string
	}{
		{"nothing", `SELECT 1`, nil},
		{"two parcels", `UPDATE parcel SET level = 'C1' WHERE id IN ('p0', 'p1')`, []string{"2 changes"}},
		{"a parcel that is gone", `DELETE FROM parcel WHERE id = 'p0'`, []string{"1 changes"}},
		{"a year", `UPDATE parcellaire SET year = 1999`, []string{"3 changes"}},
		{"all parcels", `TRUNCATE parcel`, []string{"reload"}},
		{"a log that was pruned", `UPDATE parcel SET level = 'C1'; DELETE FROM change`, []string{"reload"}},
		{"a crash of the database", `TRUNCATE change_epoch; UPDATE parcel SET level = 'C1'`, []string{"reload"}},
		{"a certifier", `UPDATE certifier SET name = 'Autre'`, []string{"certifier"}},
		{"a crop", `UPDATE cpf SET label = 'Autre'`, []string{"reload", "cpf"}},
		{"communes, and a parcel", `DELETE FROM commune; UPDATE parcel SET commune = '26001' WHERE id = 'p0'`, []string{"1 changes", "commune"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLand(t, 3, plenty)
			l.heard()
			l.exec(`BEGIN; ` + tt.sql + `; COMMIT`)
			l.catchUp()
			// A look may have been between the statements of none, but not of these.
			if diff := cmp.Diff(tt.want, l.heard()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			l.until(tiles.FollowerReady)
			if diff := cmp.Diff(l.there(), l.surfaces()); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
			names := map[string]bool{}
			l.features(func(f *tiles.Feature) { names[f.Certifier+", "+f.Culture] = true })
			want := map[string]string{"a certifier": "Autre, Blé tendre", "a crop": "OC 1, Autre", "all parcels": ""}
			name, special := want[tt.name]
			if !special {
				name = "OC 1, Blé tendre"
			}
			if got := strings.Join(slices.Collect(maps.Keys(names)), "; "); got != name {
				t.Errorf("named %q, want %q", got, name)
			}
		})
	}
}

// TestFollowerWithoutMemory leaves parcels to the database, says so once, and
// still tells that something changed.
func TestFollowerWithoutMemory(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit int64
		says  string
	}{"none is wanted": {0, "no memory is given to parcels"}, "too little": {1, "the parcels do not fit in the memory given"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLand(t, 3, tt.limit)
			l.until(tiles.FollowerOff)
			l.catchUp()
			l.heard()
			l.exec(`UPDATE parcel SET level = 'C1'; UPDATE certifier SET name = 'Autre'`)
			l.catchUp()
			if diff := cmp.Diff([]string{"reload", "certifier"}, l.heard()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if _, ok := l.follower.Source(); ok || !l.follower.Fresh() {
				t.Errorf("source %v, fresh %v; want what is told to be fresh, and no source", ok, l.follower.Fresh())
			}
			if said := l.said(); strings.Count(said, tt.says) != 1 || strings.Count(said, "PostGIS") != 1 {
				t.Errorf("said:\n%s\nwant %q, once", said, tt.says)
			}
		})
	}
}

// TestFollowerOutgrowsMemory: parcels that do not fit any more are left to the
// database.
func TestFollowerOutgrowsMemory(t *testing.T) {
	t.Parallel()
	l := newLand(t, 2, 100_000)
	l.heard()
	l.exec(`
		INSERT INTO parcel (parcellaire_id, id, oc, published, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
		SELECT parcellaire_id, 'x' || k, oc, true, 10 + k, cell_x, cell_y, geom, geometry_status, origine, surface_m2
		FROM parcel, generate_series(1, 5000) AS k
		WHERE id = 'p0'`)
	l.catchUp()
	if _, ok := l.follower.Source(); ok || l.follower.Status().State != tiles.FollowerOff {
		t.Errorf("%+v, want it off", l.follower.Status())
	}
	if diff := cmp.Diff([]string{"reload"}, l.heard()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if said := l.said(); strings.Count(said, "fit in the memory") != 1 {
		t.Errorf("said:\n%s\nwant why, once", said)
	}
}

// TestFollowerBehind: what cannot be read is not shown, and is caught up with.
func TestFollowerBehind(t *testing.T) {
	t.Parallel()
	l := newLand(t, 2, plenty)
	l.exec(`ALTER TABLE change RENAME TO hidden`)
	if err := l.follower.CatchUp(t.Context()); err == nil {
		t.Error("caught up without a log")
	}
	if _, ok := l.follower.Source(); ok || l.follower.Fresh() || l.follower.Status().State != tiles.FollowerBehind {
		t.Errorf("shown although it may lack changes: %+v", l.follower.Status())
	}
	l.exec(`ALTER TABLE hidden RENAME TO change; UPDATE parcel SET surface_m2 = 7`)
	l.until(tiles.FollowerReady)
	if diff := cmp.Diff(map[string]float64{"p0": 7, "p1": 7}, l.surfaces()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s := l.follower.Status(); s.Reloads != 1 {
		t.Errorf("loaded %d times, want once", s.Reloads)
	}
	if said := l.said(); strings.Count(said, "changes of tiles not read") != 1 || strings.Count(said, "are read again") != 1 {
		t.Errorf("said:\n%s\nwant one word of each", said)
	}
}

// TestFollowerLosesConnection has the connection that listens cut off.
func TestFollowerLosesConnection(t *testing.T) {
	t.Parallel()
	l := newLand(t, 2, plenty)
	listening := func(want bool) {
		t.Helper()
		for begin := time.Now(); l.follower.Status().Listening != want; l.catchUp() {
			if time.Since(begin) > 30*time.Second {
				t.Fatalf("listening %v, want %v", !want, want)
			}
		}
	}
	listening(true)
	l.exec(`
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sillon listener' AND datname = current_database();
		UPDATE parcel SET surface_m2 = 7 WHERE id = 'p1'`)
	listening(false)
	l.catchUp()
	if got := l.surfaces()["p1"]; got != 7 {
		t.Errorf("surface %v, want that of the edit nobody told", got)
	}
	listening(true)
	if said := l.said(); strings.Count(said, "not told") != 1 || strings.Count(said, "listening to changes of tiles again") != 1 {
		t.Errorf("said:\n%s\nwant one word of each", said)
	}
}

// TestFollowerStopped: nobody waits for one that does not run, and its source
// is none.
func TestFollowerStopped(t *testing.T) {
	t.Parallel()
	l := newLand(t, 1, plenty)
	l.stop()
	l.catchUp()
	if _, ok := l.follower.Source(); ok {
		t.Error("a source after the end")
	}
	never := tiles.NewFollower(l.db, tiles.FollowerOptions{Limit: plenty})
	if err := never.CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
	if _, ok := never.Source(); ok {
		t.Error("a source before the start")
	}
}
