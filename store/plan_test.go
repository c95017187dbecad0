package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// A country holds 12 500 farms of 20 certifiers with a parcellaire each, of
// 50 000 parcels in all, every tenth farm having changed certifier, and the
// 20 000 records of a push.
func country(t testing.TB) (*store.DB, string) {
	t.Helper()
	db, address := storetest.Open(t, 2)
	storetest.Exec(t, address, `
		INSERT INTO certifier (id, name) SELECT i, 'OC ' || i FROM generate_series(1, 20) AS i`, `
		INSERT INTO farm (numero_bio, name, commune, current_oc, current_state, ocs)
		SELECT i, 'Ferme ' || i, '26113', present, 'ENGAGEE', CASE WHEN present = first THEN ARRAY[present] ELSE ARRAY[first, present] END
		FROM generate_series(1, 12500) AS i, LATERAL (SELECT 1 + i % 20 AS first) a,
			LATERAL (SELECT CASE WHEN i % 10 = 3 THEN 1 + (i + 7) % 20 ELSE first END AS present) b`, `
		INSERT INTO link (oc, numero_bio, state, start) SELECT current_oc, numero_bio, 'ENGAGEE', '2020-01-01' FROM farm`, `
		INSERT INTO parcellaire (id, numero_bio, oc, reader_oc, name, year, state, audit_date, certified_from, certified_until, published)
		SELECT gen_random_uuid(), numero_bio, ocs[1], nullif(current_oc, ocs[1]), '', 2025, 'CERTIFIED', '2025-03-01', '2025-03-15', '2027-03-31', true
		FROM farm`, `
		INSERT INTO parcel (parcellaire_id, id, oc, reader_oc, published, tile_id, cell_x, cell_y, geom, geometry_status, crops, level, origine, surface_m2)
		SELECT v.id, k, v.oc, v.reader_oc, true, 4 * v.numero_bio::int + k, 0, 0,
			ST_MakeEnvelope(lon, lat, lon + 0.002, lat + 0.002, 4326), 'valide', '[{"cpf": "01.11.12", "unite": "ha"}]', 'AB', 'api', 10000
		FROM parcellaire v, generate_series(1, 4) AS k,
			LATERAL (SELECT (hashtext(v.numero_bio) & 65535) / 65536.0 * 8 - 2 + k * 0.003 AS lon, (hashtext('y' || v.numero_bio) & 65535) / 65536.0 * 7 + 43 AS lat) at`, `
		INSERT INTO import_job (oc, actor_id, received) VALUES (1, 't', 20000)`, `
		INSERT INTO import_record (job, oc, rank, numero_bio, start, length, state)
		SELECT 1, 1, i, i, 1000 * i, 1000, CASE WHEN i < 10000 THEN 'stored' ELSE 'todo' END FROM generate_series(0, 19999) AS i`, `
		INSERT INTO event (parcellaire_id, oc, type, actor_id, actor_role, state)
		SELECT id, oc, 'FeatureCollectionCreation', 't', 'oc_service', state FROM parcellaire`, `
		INSERT INTO change (xid, parcels) SELECT i::text::xid8, ARRAY[i] FROM generate_series(1, 20000) AS i`,
		`VACUUM ANALYZE`)
	return db, address
}

// A node is a step of a plan, as EXPLAIN (FORMAT JSON) tells it.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Cond     string `json:"Index Cond"`
	Plans    []node `json:"Plans"`
}

// each calls f for n and all the steps below it.
func (n *node) each(f func(*node)) {
	f(n)
	for i := range n.Plans {
		n.Plans[i].each(f)
	}
}

// scans returns what a plan reads of the tables above 10⁴ rows, one line each.
func (n *node) scans() []string {
	var lines []string
	n.each(func(s *node) {
		if s.Type == "Seq Scan" && slices.Contains(large, s.Relation) || s.Index != "" {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s%s %s", s.Type, s.Relation, s.Index, s.Cond)))
		}
	})
	return lines
}

// large are the tables of country above 10⁴ rows.
var large = []string{"farm", "link", "link_history", "parcellaire", "parcel", "change", "event", "import_record"}

// An explainer explains each statement before it runs: as planned for its
// arguments, or for any, as InQuickTx has it.
type explainer struct {
	pgx.Tx
	t       testing.TB
	generic bool
	plans   []node
}

func (e *explainer) explain(ctx context.Context, sql string, args []any) {
	if len(args) == 1 {
		if named, ok := args[0].(pgx.QueryRewriter); ok {
			var err error
			if sql, args, err = named.RewriteQuery(ctx, e.Conn(), sql, nil); err != nil {
				e.t.Fatal(err)
			}
		}
	}
	explained := `EXPLAIN (FORMAT JSON) ` + sql
	if e.generic && len(args) > 0 {
		if _, err := e.Tx.Exec(ctx, `SET LOCAL plan_cache_mode = force_generic_plan; PREPARE explained AS `+sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			e.t.Fatalf("prepare %s: %v", sql, err)
		}
		defer func() {
			if _, err := e.Tx.Exec(ctx, `DEALLOCATE explained`); err != nil {
				e.t.Error(err)
			}
		}()
		explained = `EXPLAIN (FORMAT JSON) EXECUTE explained (NULL` + strings.Repeat(", NULL", len(args)-1) + `)`
		args = nil
	}
	var text []byte
	if err := e.Tx.QueryRow(ctx, explained, args...).Scan(&text); err != nil {
		e.t.Fatalf("explain %s: %v", sql, err)
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal(text, &plans); err != nil {
		e.t.Fatal(err)
	}
	e.plans = append(e.plans, plans[0].Plan)
}

func (e *explainer) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	e.explain(ctx, sql, args)
	return e.Tx.Exec(ctx, sql, args...)
}

func (e *explainer) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	e.explain(ctx, sql, args)
	return e.Tx.Query(ctx, sql, args...)
}

func (e *explainer) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	e.explain(ctx, sql, args)
	return e.Tx.QueryRow(ctx, sql, args...)
}

func (e *explainer) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		e.explain(ctx, q.SQL, q.Arguments)
	}
	return e.Tx.SendBatch(ctx, b)
}

// explained runs f as a scope does, and returns the plans of its statements.
func explained(t testing.TB, db *store.DB, scope store.Scope, generic bool, f func(context.Context, *store.Tx) error) []node {
	t.Helper()
	var plans []node
	in(t, db, scope, func(ctx context.Context, tx *store.Tx) error {
		e := &explainer{Tx: tx.Tx, t: t, generic: generic}
		err := f(ctx, &store.Tx{Tx: e})
		plans = e.plans
		return err
	})
	return plans
}

// inBox counts the parcels that meet a box, as every spatial read must write it.
const inBox = `
	SELECT count(*) FROM parcel
	WHERE geom && ST_MakeEnvelope(2, 46, 2.2, 46.2, 4326) AND ST_Intersects(geom, ST_MakeEnvelope(2, 46, 2.2, 46.2, 4326))`

// checkSpatialPlan proves that a certifier's spatial reads use the index on
// certifier and box under row-level security, which they do only while the box
// operator is leakproof (guards.md), and says what that is worth.
func checkSpatialPlan(t *testing.T, db *store.DB, address string) {
	t.Helper()
	counted := func(ctx context.Context, tx *store.Tx) error {
		var n int
		return tx.QueryRow(ctx, inBox).Scan(&n)
	}
	plan := explained(t, db, store.Tenant(4), false, counted)[0]
	arms := plan.scans()
	if !slices.ContainsFunc(arms, func(s string) bool { return strings.Contains(s, "parcel_oc_geom_idx") }) {
		t.Errorf("parcel_oc_geom_idx is not used: %v", arms)
	}
	for _, arm := range arms {
		if !strings.Contains(arm, "geom &&") {
			t.Errorf("an index is not asked for the box: %s", arm)
		}
	}
	marked := fastest(t, db, counted)
	storetest.Exec(t, address, `ALTER FUNCTION geometry_overlaps(geometry, geometry) NOT LEAKPROOF`)
	for _, arm := range explained(t, db, store.Tenant(4), false, counted)[0].scans() {
		if strings.Contains(arm, "geom &&") {
			t.Errorf("without the mark an index is asked for the box: %s", arm)
		}
	}
	t.Logf("parcels of a certifier in a box: %v, without the leakproof mark %v", marked, fastest(t, db, counted))
}

// fastest is the least time that f takes as a certifier.
func fastest(t testing.TB, db *store.DB, f func(context.Context, *store.Tx) error) time.Duration {
	t.Helper()
	least := time.Hour
	in(t, db, store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
		for range 20 {
			start := time.Now()
			if err := f(ctx, tx); err != nil {
				return err
			}
			least = min(least, time.Since(start))
		}
		return nil
	})
	return least
}

// TestP1Plans proves that no statement of the service goes through a whole
// table, row-level security and all.
func TestP1Plans(t *testing.T) {
	t.Parallel()
	db, address := country(t)
	var id sillon.ParcellaireID
	in(t, db, store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT id::text FROM parcellaire WHERE oc = 4 LIMIT 1`).Scan(&id)
	})
	at, err := db.TileSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	noVersion, noParcel := func(*sillon.Parcellaire) error { return nil }, func(*sillon.ParcelView) error { return nil }
	tests := []struct {
		name  string
		scope store.Scope
		read  func(context.Context, *store.Tx) error
		want  string // an index that must be used
		quick bool   // also runs in InQuickTx
	}{
		{"public tile", store.Open, func(ctx context.Context, tx *store.Tx) error {
			return tx.OpenTileParcels(ctx, &store.TileQuery{}, square(2, 46, 0.3).Bound(), func(*store.OpenParcel) error { return nil })
		}, "parcel_geom_idx", false},
		{"cells of a tile", store.Open, func(ctx context.Context, tx *store.Tx) error {
			return tx.TileCells(ctx, &store.TileQuery{}, 15, 16_500, 11_600, 16_564, 11_664, square(2, 46, 0.7).Bound(), func(*store.TileCell) error { return nil })
		}, "parcel_geom_idx", false},
		{"tile of a certifier", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			return tx.TileParcels(ctx, &store.TileQuery{Private: true, OC: 4}, square(2, 46, 0.3).Bound(), func(*store.TileParcel) error { return nil })
		}, "parcel_oc_geom_idx", false},
		{"tile of a version", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			return tx.TileParcels(ctx, &store.TileQuery{Private: true, Version: id}, square(2, 46, 0.3).Bound(), func(*store.TileParcel) error { return nil })
		}, "parcel_id_key", false},
		{"filtered public tile", store.National, func(ctx context.Context, tx *store.Tx) error {
			return tx.OpenTileParcels(ctx, &store.TileQuery{Levels: []string{"AB"}, Crops: []string{"01.1"}, Years: []int{2025}, Departements: []string{"26"}},
				square(2, 46, 0.3).Bound(), func(*store.OpenParcel) error { return nil })
		}, "parcel_geom_idx", false},
		{"changes that tiles lack", store.System, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.TileLag(ctx, at)
			return err
		}, "change_xid_idx", true},
		{"exchange of a certifier", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			return tx.StreamExchange(ctx, store.ExchangeQuery{OC: 4}, noVersion, noParcel)
		}, "parcellaire_oc_idx", false},
		{"a page of the exchange", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			return tx.StreamExchange(ctx, store.ExchangeQuery{OC: 4, After: "500", Limit: 50}, noVersion, noParcel)
		}, "parcellaire_oc_idx", false},
		{"exchange of a farm", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			return tx.StreamExchange(ctx, store.ExchangeQuery{NumeroBio: "3"}, noVersion, noParcel)
		}, "parcel_id_key", false},
		{"target of a push", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := pushTarget(ctx, tx, "3", 4, sillon.Date{Year: 2025, Month: 3, Day: 1})
			return err
		}, "parcel_id_key", true},
		{"known geometries", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.KnownGeometries(ctx, 4, []store.FarmParcel{{NumeroBio: "3", ID: "1"}, {NumeroBio: "3", ID: "2"}}, nil)
			return err
		}, "parcel_id_key", true},
		{"records to do", store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.TodoRecords(ctx, 1, 100, 4<<20)
			return err
		}, "import_record_todo_idx", false},
		{"claim and settle", store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.TakeLane(ctx, 1, alice, time.Minute); err != nil {
				return err
			}
			ranks := []int{12_000 + 2*runs, 12_001 + 2*runs}
			runs++
			audits := []store.FarmAudit{{NumeroBio: "1", Audit: sillon.Date{Year: 2025, Month: 3, Day: 1}}, {NumeroBio: "2", Audit: sillon.Date{Year: 2025, Month: 3, Day: 1}}}
			if _, _, err := tx.ClaimTargets(ctx, store.Claim{Job: 1, OC: 1, Holder: alice, Ranks: ranks}, audits); err != nil {
				return err
			}
			return tx.Settle(ctx, 1, 1, store.Settled{Rank: ranks[0]}, store.Settled{Rank: ranks[1]})
		}, "import_record_pkey", true},
		{"farms of a certifier", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Farms(ctx, store.FarmQuery{Limit: 201})
			return err
		}, "parcellaire_farm_idx", false},
		{"all farms", store.National, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Farms(ctx, store.FarmQuery{After: "5000", Limit: 201})
			return err
		}, "farm_pkey", false},
		{"a parcellaire", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.Parcellaire(ctx, id)
			return err
		}, "parcellaire_pkey", false},
		{"parcels of a parcellaire", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			return tx.StreamParcels(ctx, id, noParcel)
		}, "parcel_id_key", false},
		{"parcels exported", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExportParcels(ctx, id)
			return err
		}, "parcel_id_key", false},
		{"past crops", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.PastCrops(ctx, &sillon.Parcellaire{ID: id, NumeroBio: "3", Year: 2026})
			return err
		}, "parcellaire_farm_idx", false},
		{"present certifier", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.PresentCertifier(ctx, "3")
			return err
		}, "farm_pkey", false},
		{"versions of a farm", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.FarmParcellaires(ctx, "3", store.VersionPlace{}, 51)
			return err
		}, "parcellaire_farm_idx", false},
		{"history of a version", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Events(ctx, id, 0, 21)
			return err
		}, "event_parcellaire_idx", false},
		{"a version deleted and restored", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			p, err := tx.LockParcellaire(ctx, id, time.Now())
			if err != nil {
				return err
			}
			if err := tx.DeleteParcellaire(ctx, p, sillon.Event{Type: sillon.EventDeletion, State: p.State}); err != nil {
				return err
			}
			if p, err = tx.LockParcellaire(ctx, id, time.Now()); err != nil {
				return err
			}
			return tx.RestoreParcellaire(ctx, p, sillon.Event{Type: sillon.EventRestoration, State: p.State})
		}, "parcel_id_key", false},
		{"a batch of parcels to locate", store.System, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.LocateParcels(ctx, 20_000, 1_000)
			return err
		}, "parcel_pkey", false},
		{"a few farms saved", store.System, func(ctx context.Context, tx *store.Tx) error {
			return tx.SaveFarms(ctx, []sillon.Farm{{NumeroBio: "77", Links: []sillon.Link{{Certifier: sillon.Certifier{ID: 18}, State: sillon.LinkEngaged}}}})
		}, "parcellaire_farm_idx", false},
		{"links that age", store.System, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.AgeLinks(ctx, "77", 100)
			return err
		}, "link_not_engaged_idx", false},
		{"a parcellaire saved", store.Tenant(4), func(ctx context.Context, tx *store.Tx) error {
			v := version("3", 4, 2026)
			v.AuditDate.Day = 1 + runs
			runs++
			return tx.Save(ctx, store.Saving{Parcellaire: &v, New: true, Written: []sillon.Parcel{parcel("x", square(2, 46, 0.1))}, Moved: []bool{true}})
		}, "parcellaire_pkey", true},
	}
	for _, tt := range tests {
		plans := map[string][]node{tt.name: explained(t, db, tt.scope, false, tt.read)}
		if tt.quick {
			plans[tt.name+", planned for any arguments"] = explained(t, db, tt.scope, true, tt.read)
		}
		for name, nodes := range plans {
			var scans []string
			for i := range nodes {
				scans = append(scans, nodes[i].scans()...)
			}
			if slices.ContainsFunc(scans, func(s string) bool { return strings.HasPrefix(s, "Seq Scan") }) {
				t.Errorf("%s: a whole table is read:\n\t%s", name, strings.Join(scans, "\n\t"))
			}
			if !slices.ContainsFunc(scans, func(s string) bool { return strings.Contains(s, tt.want) }) {
				t.Errorf("%s: %s is not used:\n\t%s", name, tt.want, strings.Join(scans, "\n\t"))
			}
		}
	}
	checkSpatialPlan(t, db, address)
}
