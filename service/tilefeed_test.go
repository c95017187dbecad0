package service_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/importers/registry"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
	"sillon/tiles"
)

// following returns a service whose parcels are in memory, and what keeps
// them there.
func following(t testing.TB, db *store.DB) (*service.Service, *tiles.Follower) {
	t.Helper()
	o, cache := tiles.FollowerOptions{Limit: 1 << 30}, tiles.NewCache(8<<20)
	cache.Follow(&o)
	f := tiles.NewFollower(db, o)
	svc, err := service.New(db, service.Options{IsCPF: isCPF, Log: slog.New(slog.DiscardHandler), Tiles: f, TilesCache: cache})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	for begin := time.Now(); f.Status().State != tiles.FollowerReady; {
		if err := f.CatchUp(t.Context()); err != nil || time.Since(begin) > time.Minute {
			t.Fatalf("%+v, %v", f.Status(), err)
		}
	}
	return svc, f
}

// TestMemoryTilesConcurrent has writers change, publish, hide, add and remove
// parcels of the demonstration, while tiles are read, some writers holding their
// transactions open: at the end each tile made from memory is that made from
// PostGIS, byte by byte.
func TestMemoryTilesConcurrent(t *testing.T) {
	t.Parallel()
	fromPostGIS, c := withDemo(t)
	db, err := store.Connect(t.Context(), c.Config().ConnString(), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	fromMemory, f := following(t, db)
	statements := []string{
		`UPDATE parcel SET surface_m2 = surface_m2 * 1.1 WHERE key %% 500 = %d`,
		`UPDATE parcel SET geom = ST_Translate(geom, 0.0002, -0.0001) WHERE key %% 500 = %d`,
		`UPDATE parcel SET level = 'C2', crops = '[]' WHERE key %% 500 = %d`,
		`UPDATE parcel SET published = NOT published WHERE key %% 500 = %d`,
		`UPDATE parcel SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE key %% 500 = %d`,
		`DELETE FROM parcel WHERE key %% 500 = %d`,
		`INSERT INTO parcel (parcellaire_id, id, oc, published, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
		SELECT parcellaire_id, gen_random_uuid()::text, oc, true, (random() * 1e15)::bigint + 1, cell_x, cell_y, ST_Translate(geom, 0, 0.0003),
			geometry_status, origine, surface_m2
		FROM parcel WHERE key %% 500 = %d`,
	}
	var writers sync.WaitGroup
	for w := range 4 {
		conn, err := pgx.Connect(t.Context(), c.Config().ConnString())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		random := rand.New(rand.NewPCG(2, uint64(w)))
		writers.Go(func() {
			for range 40 {
				script := `BEGIN; ` + fmt.Sprintf(statements[random.IntN(len(statements))], random.IntN(500)) +
					fmt.Sprintf(`; SELECT pg_sleep(%f); `, random.ExpFloat64()/100) + []string{`COMMIT`, `COMMIT`, `ROLLBACK`}[random.IntN(3)]
				if _, err := conn.Exec(t.Context(), script, pgx.QueryExecModeSimpleProtocol); err != nil {
					_, _ = conn.Exec(t.Context(), `ROLLBACK`) // of two that wait for each other, one fails
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { defer close(done); writers.Wait() }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if _, err := ask(t.Context(), fromMemory, sillon.Public, 5, 16, 11); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, z := range []int{0, 5, 8, 9, 10, 12, 14} {
		for _, at := range tilesOf(t, c, z) {
			if _, ok := f.Source(); !ok {
				t.Fatal("no parcels in memory")
			}
			x, y := at[0], at[1]
			got, err := ask(t.Context(), fromMemory, sillon.Public, z, x, y)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ask(t.Context(), fromPostGIS, sillon.Public, z, x, y)
			if err != nil {
				t.Fatal(err)
			}
			if compared++; !bytes.Equal(got.Bytes, want.Bytes) {
				t.Errorf("%d/%d/%d: %d bytes from memory, and others, %d, from PostGIS", z, x, y, len(got.Bytes), len(want.Bytes))
			}
		}
	}
	if s := f.Status(); s.Reloads != 1 {
		t.Errorf("loaded %d times, want once", s.Reloads)
	}
	t.Logf("%d tiles compared", compared)
}

// features counts what a tile that holds the parcels of the test has for a scope.
func features(t testing.TB, f *tiles.Follower, scope tiles.Scope) (n int) {
	t.Helper()
	src, ok := f.Source()
	if !ok {
		t.Fatalf("no parcels in memory: %+v", f.Status())
	}
	a, _ := tiles.ParseAddress("5", "16", "11")
	if err := src.Parcels(t.Context(), &tiles.Query{Scope: scope}, a, func(*tiles.Feature) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPushInNextTile: once a job is seen to be done its parcels are in memory,
// whichever node stored them.
func TestPushInNextTile(t *testing.T) {
	t.Parallel()
	db, _ := storetest.Open(t, 6)
	here, mine := following(t, db)
	there, theirs := following(t, db)
	for i := range 10 {
		numero := strconv.Itoa(1000 + i)
		storetest.Farm(t, db, numero, 1)
		id := push(t, here, record(numero, 2026))
		if more, err := here.WorkImports(t.Context(), 1, holder, time.Minute); more || err != nil {
			t.Fatalf("more %v, %v", more, err)
		}
		if n := features(t, mine, tiles.Public); n != i+1 {
			t.Errorf("%d parcels on the node that stored, want %d", n, i+1)
		}
		if v := job(t, there, id); v.State != "DONE" {
			t.Fatalf("job %s", v.State)
		}
		if n := features(t, theirs, tiles.Public); n != i+1 {
			t.Errorf("%d parcels on the node that was asked, want %d", n, i+1)
		}
	}
}

// TestRegistryInNextTile: who may read a farm from now on sees its parcels in
// the next tile, who may not any more does not (S11).
func TestRegistryInNextTile(t *testing.T) {
	t.Parallel()
	db, _ := storetest.Open(t, 6)
	svc, f := following(t, db)
	storetest.Farm(t, db, "1001", 1)
	storetest.Farm(t, db, "1002", 2)
	storetest.Farm(t, db, "1003", 3)
	push(t, svc, record("1001", 2026))
	if _, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); err != nil {
		t.Fatal(err)
	}
	seen := func() (n [3]int) {
		for i := range n {
			n[i] = features(t, f, tiles.Scope{Kind: tiles.ScopeCertifier, OC: sillon.OC(i + 1)})
		}
		return n
	}
	if got := seen(); got != [3]int{1, 0, 0} {
		t.Errorf("%v parcels of each certifier at first", got)
	}
	agency := sillon.Actor{ID: "a", Roles: sillon.RoleAgenceBio}
	for _, edit := range []struct {
		oc          sillon.OC
		state       string
		start, stop string
		want        [3]int
	}{
		{1, "NON ENGAGEE", "2020-01-01", "2026-01-01", [3]int{1, 0, 0}},
		{2, "ENGAGEE", "2026-01-02", "", [3]int{1, 1, 0}},
		{2, "NON ENGAGEE", "2026-01-02", "2026-01-03", [3]int{1, 0, 0}},
		{3, "ENGAGEE", "2026-01-04", "", [3]int{1, 0, 1}},
	} {
		e := service.LinkEdit{NumeroBio: "1001", Certifier: edit.oc, LinkEdit: registry.LinkEdit{State: sillon.To(edit.state), Start: sillon.To(edit.start)}}
		if edit.stop != "" {
			e.Stop = sillon.To(edit.stop)
		}
		if _, _, err := svc.PutLink(t.Context(), agency, e); err != nil {
			t.Fatalf("%+v: %v", edit, err)
		}
		if got := seen(); got != edit.want {
			t.Errorf("%+v: %v parcels of each certifier", edit, got)
		}
	}
}
