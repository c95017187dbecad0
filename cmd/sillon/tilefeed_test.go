package main

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/geo/mvt/mvttest"
)

// A feed is what /readyz tells of the tiles of a node.
type feed struct {
	Source            string
	Etat              string
	Ecoute            bool
	RetardChangements int
	RetardSecondes    float64
}

func (n *node) feed(t *testing.T) feed {
	t.Helper()
	code, body := n.get(t, "/readyz", "")
	var r struct{ Tuiles feed }
	if err := json.Unmarshal([]byte(body), &r); err != nil || code != http.StatusOK {
		t.Fatalf("/readyz: %d %s, %v", code, body, err)
	}
	return r.Tuiles
}

// metric returns the line of a metric that a node serves.
func (n *node) metric(t *testing.T, name string) string {
	t.Helper()
	_, body := n.get(t, "/metrics", "")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, "sillon_tiles_"+name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return "missing"
}

// parcels returns the levels of the parcels in the tile of the tests, by id.
func (n *node) parcels(t *testing.T) map[uint64]any {
	t.Helper()
	code, body := n.get(t, "/tiles/parcelles/11/1035/721.mvt", "")
	if code != http.StatusOK && code != http.StatusNoContent {
		t.Fatalf("tile: %d %s", code, body)
	}
	layers, err := mvttest.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	levels := map[uint64]any{}
	for _, l := range layers {
		for _, f := range l.Features {
			levels[f.ID] = f.Attributes["niveau"]
		}
	}
	return levels
}

// until looks at something again until it is so, and returns how long that took.
func until(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	for begin := time.Now(); ; {
		if so() {
			return time.Since(begin)
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("not so: %s", what)
		}
	}
}

// twoNodes starts two nodes on a database of their own with 40 published parcels
// in one tile, tile_id 1 to 40, and returns what opens a superuser's connection
// to it.
func twoNodes(t *testing.T, env ...string) (nodes []*node, connect func() *pgx.Conn) {
	t.Helper()
	address := emptyDatabase(t)
	env = append(env, served(address)...)
	call{env: env, args: []string{"migrate"}}.must(t)
	connect = func() *pgx.Conn {
		c, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
		return c
	}
	if _, err := connect().Exec(t.Context(), `
		INSERT INTO certifier (id, name) VALUES (1, 'OC 1');
		INSERT INTO farm (numero_bio, name) VALUES ('1001', 'Ferme');
		INSERT INTO parcellaire (id, numero_bio, oc, name, year, state, audit_date, certified_from, certified_until, published)
		VALUES (gen_random_uuid(), '1001', 1, '', 2025, 'CERTIFIED', '2025-03-01', '2025-03-15', '2027-03-31', true);
		INSERT INTO parcel (parcellaire_id, id, oc, published, tile_id, cell_x, cell_y, geom, geometry_status, level, origine, surface_m2)
		SELECT v.id, k, 1, true, k, 16560 + k / 8, 11540, ST_MakeEnvelope(lon, 46.83, lon + 0.001, 46.831, 4326), 'valide', 'AB', 'api', 1000
		FROM parcellaire v, generate_series(1, 40) AS k, LATERAL (SELECT 1.94 + k * 0.002 AS lon) at`); err != nil {
		t.Fatal(err)
	}
	nodes = []*node{start(t, env, "serve"), start(t, env, "serve")}
	for _, n := range nodes {
		if got := len(n.parcels(t)); got != 40 {
			t.Fatalf("%d parcels in the tile, want 40: %v", got, n.parcels(t))
		}
	}
	return nodes, connect
}

// ready waits until a node has its tiles from memory, and is told of changes.
func (n *node) ready(t *testing.T) {
	t.Helper()
	until(t, "tiles from memory", func() bool { f := n.feed(t); return f.Source == "memoire" && f.Ecoute })
}

// TestTilesOnTwoNodes has several sessions edit the parcels of one tile on two
// nodes, one of which writes first and commits last: everything shows on both,
// and nothing waits for it.
func TestTilesOnTwoNodes(t *testing.T) {
	t.Parallel()
	nodes, connect := twoNodes(t)
	for _, n := range nodes {
		n.ready(t)
	}
	both := func(what string, so func(levels map[uint64]any) bool) (slowest time.Duration) {
		t.Helper()
		for _, n := range nodes {
			slowest = max(slowest, until(t, what, func() bool { return so(n.parcels(t)) }))
		}
		return slowest
	}
	slow, quick := connect(), connect()
	exec := func(c *pgx.Conn, sql string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(slow, `BEGIN`)
	exec(slow, `UPDATE parcel SET level = 'CONV' WHERE tile_id = 1`)

	// Many writers, each at parcels of its own.
	const writers, edits = 4, 25
	want := map[uint64]any{1: "AB"}
	var mu sync.Mutex
	var group sync.WaitGroup
	for w := range writers {
		c := connect()
		random := rand.New(rand.NewPCG(3, uint64(w)))
		group.Go(func() {
			for range edits {
				id := uint64(2 + w + writers*random.IntN(9))
				level := []string{"AB", "C1", "C2", "C3"}[random.IntN(4)]
				if _, err := c.Exec(t.Context(), `UPDATE parcel SET level = $1 WHERE tile_id = $2`, level, id); err != nil {
					t.Error(err)
				}
				mu.Lock()
				want[id] = level
				mu.Unlock()
			}
		})
	}
	group.Wait()
	shown := func(levels map[uint64]any) bool {
		for id, level := range want {
			if levels[id] != level {
				return false
			}
		}
		return len(levels) == 40
	}
	t.Logf("all edits shown on both nodes after %v, while a transaction is open", both("all that is committed", shown))
	exec(slow, `COMMIT`)
	want[1] = "CONV"
	t.Logf("the late one after %v", both("the transaction that committed last", shown))

	exec(quick, `UPDATE parcel SET geom = ST_Translate(geom, 5, 0) WHERE tile_id = 2`)
	both("a parcel moved by hand", func(l map[uint64]any) bool { return len(l) == 39 && l[2] == nil })
	exec(quick, `DELETE FROM parcel WHERE tile_id = 3`)
	both("a parcel deleted by hand", func(l map[uint64]any) bool { return len(l) == 38 })
	for _, n := range nodes {
		if f := n.feed(t); f.Source != "memoire" || f.Etat != "a_jour" {
			t.Errorf("%+v, want tiles from memory", f)
		}
		if got := n.metric(t, "loads_total"); got != "1" {
			t.Errorf("loaded %s times, want once", got)
		}
	}
	exec(quick, `TRUNCATE parcel`)
	both("an empty table", func(l map[uint64]any) bool { return len(l) == 0 })
	for _, n := range nodes {
		until(t, "loaded again", func() bool { return n.metric(t, "loads_total") == "2" && n.metric(t, "parcels") == "0" })
		n.stop(t)
	}
}

// TestTilesLoseConnection cuts off the connections that listen: it shows, no
// change is lost meanwhile, and they come back.
func TestTilesLoseConnection(t *testing.T) {
	t.Parallel()
	nodes, connect := twoNodes(t)
	conn := connect()
	for _, n := range nodes {
		n.ready(t)
	}
	if _, err := conn.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sillon listener' AND datname = current_database();
		UPDATE parcel SET level = 'C3' WHERE tile_id = 7`); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	until(t, "nodes that do not listen, in /readyz and in the metrics", func() bool {
		for _, n := range nodes {
			told[n.url+"/readyz"] = told[n.url+"/readyz"] || !n.feed(t).Ecoute
			told[n.url+"/metrics"] = told[n.url+"/metrics"] || n.metric(t, "listening") == "0"
		}
		return !slices.Contains(slices.Collect(maps.Values(told)), false)
	})
	for _, n := range nodes {
		until(t, "an edit that nobody told", func() bool { return n.parcels(t)[7] == "C3" })
		n.ready(t)
		if got := []string{n.metric(t, "listening"), n.metric(t, "ready"), n.metric(t, "parcels"), n.metric(t, "loads_total")}; !slices.Equal(got, []string{"1", "1", "40", "1"}) {
			t.Errorf("listening, ready, parcels, loads: %q", got)
		}
	}
}

// TestTilesBehind: a node that cannot read the changes says how far behind it
// is, and has its tiles from PostGIS.
func TestTilesBehind(t *testing.T) {
	t.Parallel()
	nodes, connect := twoNodes(t)
	conn := connect()
	n := nodes[0]
	n.ready(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	// A column that no public tile may read.
	exec(`ALTER TABLE parcel RENAME COLUMN numero_ilot TO hidden`)
	exec(`UPDATE parcel SET level = 'C3' WHERE tile_id = 7`)
	until(t, "a node that is behind", func() bool {
		f := n.feed(t)
		return f.Source == "postgis" && f.Etat == "en_retard" && f.RetardChangements == 1 && f.RetardSecondes > 1
	})
	if got := []string{n.metric(t, "ready"), n.metric(t, "lag_changes")}; !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("ready, changes behind: %q", got)
	}
	if got := n.parcels(t)[7]; got != "C3" {
		t.Errorf("level %v while memory is behind, want that of the table", got)
	}
	exec(`ALTER TABLE parcel RENAME COLUMN hidden TO numero_ilot`)
	n.ready(t)
	if got, f := n.parcels(t)[7], n.feed(t); got != "C3" || f.RetardChangements != 0 || f.RetardSecondes != 0 {
		t.Errorf("level %v, %+v afterwards", got, f)
	}
}

// TestTilesWithoutMemory: nodes whose memory is off, or too small, have the same
// tiles from PostGIS, and say so once.
func TestTilesWithoutMemory(t *testing.T) {
	t.Parallel()
	for memory, says := range map[string]string{"0": "no memory is given to parcels", "1kB": "the parcels do not fit in the memory given to them"} {
		t.Run(memory, func(t *testing.T) {
			t.Parallel()
			nodes, connect := twoNodes(t, "SILLON_TILES_MEMORY="+memory)
			if _, err := connect().Exec(t.Context(), `UPDATE parcel SET level = 'C3' WHERE tile_id = 7`); err != nil {
				t.Fatal(err)
			}
			for _, n := range nodes {
				until(t, "a node without memory", func() bool { return n.feed(t).Etat == "sans_memoire" })
				if f := n.feed(t); f.Source != "postgis" || n.metric(t, "ready") != "0" {
					t.Errorf("%+v, want tiles from PostGIS", f)
				}
				// The tile of before may be kept until the node is told.
				until(t, "the edit", func() bool { return n.parcels(t)[7] == "C3" })
				if got := n.parcels(t); len(got) != 40 {
					t.Errorf("parcels %v", slices.Collect(maps.Values(got)))
				}
				if said := n.said(); strings.Count(said, says) != 1 {
					t.Errorf("said %s\nwant %q once", said, says)
				}
			}
		})
	}
}
