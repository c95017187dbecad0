package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// serviceRoles are the roles that the service may take.
var serviceRoles = []string{"sillon_api", "sillon_national", "sillon_public", "sillon_system"}

// withTwoCertifiers returns a database where certifiers 1 and 2 have a row or
// more of everything, and its address.
func withTwoCertifiers(t testing.TB) (*store.DB, string) {
	t.Helper()
	return withTwoCertifiersOn(t, 4)
}

// withTwoCertifiersOn is withTwoCertifiers with a pool of so many connections.
func withTwoCertifiersOn(t testing.TB, connections int) (*store.DB, string) {
	t.Helper()
	db, address := storetest.Open(t, connections)
	for oc := sillon.OC(1); oc <= 2; oc++ {
		numero := fmt.Sprintf("100%d", oc)
		storetest.Farm(t, db, numero, oc)
		at := float64(oc)
		save(t, db, store.Tenant(oc), version(numero, oc, 2024), parcel("old", square(at, 47, 0.001)))
		save(t, db, store.Tenant(oc), version(numero, oc, 2025), parcel("a", square(at, 47, 0.001)), parcel("b", square(at, 47.1, 0.001)))
		in(t, db, store.Tenant(oc), func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.TakeLane(ctx, oc, uuid.NewString(), time.Minute); err != nil {
				return err
			}
			job, err := tx.InsertImport(ctx, newImport(oc, 2))
			if err != nil {
				return err
			}
			if err := tx.SaveReply(ctx, oc, store.Reply{Job: job, Status: 202, Body: []byte("{}")}); err != nil {
				return err
			}
			if _, err := tx.TakeKey(ctx, oc, "key", uuid.NewString(), time.Minute); err != nil {
				return err
			}
			if err := tx.SaveTold(ctx, sillon.Actor{OC: oc}, "key", store.Told{Content: make([]byte, 32), Status: 201, Body: []byte("{}")}); err != nil {
				return err
			}
			w := &store.Webhook{OC: oc, ID: sillon.WebhookID(uuid.NewString()), URL: "https://certificateur.example/", Events: sillon.WebhookEvents}
			if err := tx.InsertWebhook(ctx, w, []byte("secret")); err != nil {
				return err
			}
			return tx.AddDeliveries(ctx, oc, sillon.WebhookImportEnded, []byte("{}"))
		})
		in(t, db, store.System, func(ctx context.Context, tx *store.Tx) error {
			hash := sha256.Sum256([]byte(numero))
			if err := tx.InsertTraces(ctx, store.Trace{Kind: sillon.TraceRefusal, OC: &oc, Times: 1}); err != nil {
				return err
			}
			return tx.SaveToken(ctx, store.Token{ID: uuid.NewString(), Prefix: numero, Role: "oc_service", OC: &oc}, hash[:])
		})
	}
	return db, address
}

// newImport is a push of n records with one issue each.
func newImport(oc sillon.OC, n int) store.NewImport {
	i := store.NewImport{
		Job: store.ImportJob{OC: oc, ActorID: "t", State: "CREATED", Received: n, Accepted: n}, SHA256: make([]byte, 32), Size: int64(10 * n),
	}
	for rank := range n {
		i.Records = append(i.Records, store.ImportRecord{Rank: rank, NumeroBio: "1001", Start: int64(10 * rank), Length: 10})
		i.Issues = append(i.Issues, store.LoggedIssue{Rank: rank, Issue: sillon.IssueDuplicateRecord("1001")})
	}
	sent := false
	i.Pieces = func() (store.Piece, bool, error) {
		if sent {
			return store.Piece{}, false, nil
		}
		sent = true
		return store.Piece{Data: make([]byte, 10*n)}, true, nil
	}
	return i
}

// farmData lists the tables that tell something of a farm or of a certifier's
// work: all of ours but the reference data, the names of certifiers and what no
// request reads, the change log and the runs of retention.
const farmData = `
	SELECT c.relname
	FROM pg_class c
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname !~ '^(river_|goose_|spatial_ref_sys$)'
		AND c.relname NOT IN ('reference_load', 'region', 'departement', 'commune', 'commune_part', 'land', 'cpf', 'certifier', 'change', 'change_epoch', 'retention_run', 'directory_sync')
	ORDER BY 1`

// TestUnscopedRead proves that the database alone keeps certifiers apart: the
// queries have no condition at all (S11, C38, domain.md §3.3).
func TestUnscopedRead(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	for _, table := range askServer[string](t, address, farmData) {
		readable := askServer[bool](t, address, `SELECT has_table_privilege('sillon_api', $1, 'SELECT')`, table)[0]
		if all := askServer[int](t, address, `SELECT count(*) FROM `+table)[0]; all < 2 {
			t.Errorf("%s: %d rows, the test needs one of each certifier", table, all)
		}
		for name, scope := range map[string]store.Scope{"no certifier": store.Tenant(0), "a certifier of no farm": store.Tenant(3)} {
			n, err := run(t, db, scope, `SELECT * FROM `+table)
			if readable && err != nil || !readable && sqlState(err) != notAllowed || n != 0 {
				t.Errorf("%s, %s: %d rows, %v", table, name, n, err)
			}
		}
		if !readable {
			continue
		}
		owner := "oc"
		if table == "farm" {
			owner = "ocs[1]"
		}
		for oc := range sillon.OC(3) {
			if oc == 0 {
				continue
			}
			owners := ask[[]sillon.OC](t, db, store.Tenant(oc), `SELECT array_agg(DISTINCT `+owner+`) FROM `+table)
			if !slices.Equal(owners, []sillon.OC{oc}) {
				t.Errorf("%s: certifier %d sees the rows of %v", table, oc, owners)
			}
		}
	}
}

// TestForeignWrite proves that no statement of a certifier makes, takes or
// changes a row of another (S1, S7).
func TestForeignWrite(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	theirs := askServer[string](t, address, `SELECT id::text FROM parcellaire WHERE oc = 2 AND year = 2025`)[0]
	job := askServer[int64](t, address, `SELECT id FROM import_job WHERE oc = 2`)[0]
	storetest.Exec(t, address, fmt.Sprintf(`INSERT INTO import_job (id, oc, actor_id) OVERRIDING SYSTEM VALUE VALUES (%d, 2, 't')`, job+1000)) // that has no reply
	box := `ST_MakeEnvelope(3, 47, 3.001, 47.001, 4326)`
	tests := []struct {
		name, sql string
		state     string // of the refusal; empty when no row is there to be written
	}{
		{"new parcellaire", `INSERT INTO parcellaire (id, numero_bio, oc, name, state) VALUES (gen_random_uuid(), '1002', 2, '', 'OPERATOR_DRAFT')`, notAllowed},
		{"new parcellaire of nobody", `INSERT INTO parcellaire (id, numero_bio, name, state) VALUES (gen_random_uuid(), '1002', '', 'OPERATOR_DRAFT')`, notAllowed},
		{"new parcel", `INSERT INTO parcel (parcellaire_id, id, oc, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
			VALUES ('` + theirs + `', 'x', 2, 1, 0, 0, ` + box + `, 'valide', 'api', 1)`, notAllowed},
		{"new parcel of nobody", `INSERT INTO parcel (parcellaire_id, id, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
			VALUES ('` + theirs + `', 'x', 1, 0, 0, ` + box + `, 'valide', 'api', 1)`, notAllowed},
		{"new event", `INSERT INTO event (parcellaire_id, oc, type, actor_id, actor_role, state)
			VALUES ('` + theirs + `', 2, 'FeatureUpdate', 'x', 'x', 'CERTIFIED')`, notAllowed},
		{"new job", `INSERT INTO import_job (oc, actor_id) VALUES (2, 'x')`, notAllowed},
		{"new payload", fmt.Sprintf(`INSERT INTO import_payload (job, oc, start, length, data) VALUES (%d, 2, 99, 1, '')`, job), notAllowed},
		{"new record", fmt.Sprintf(`INSERT INTO import_record (job, oc, rank, start, length, state) VALUES (%d, 2, 99, 0, 1, 'todo')`, job), notAllowed},
		{"new log", fmt.Sprintf(`INSERT INTO import_log (job, oc, rank, type, code, message) VALUES (%d, 2, 0, 'error', 'x', 'x')`, job), notAllowed},
		{"event of its own on theirs", `INSERT INTO event (parcellaire_id, oc, type, actor_id, actor_role, state)
			VALUES ('` + theirs + `', 1, 'FeatureUpdate', 'x', 'x', 'CERTIFIED')`, notAllowed},
		{"payload of its own on theirs", fmt.Sprintf(`INSERT INTO import_payload (job, oc, start, length, data) VALUES (%d, 1, 99, 1, '')`, job), foreignKeyViolation},
		{"record of its own on theirs", fmt.Sprintf(`INSERT INTO import_record (job, oc, rank, start, length, state) VALUES (%d, 1, 99, 0, 1, 'todo')`, job), foreignKeyViolation},
		{"record moved to theirs", fmt.Sprintf(`UPDATE import_record SET job = %d, rank = 99 WHERE rank = 0`, job), foreignKeyViolation},
		{"log of its own on theirs", fmt.Sprintf(`INSERT INTO import_log (job, oc, rank, type, code, message) VALUES (%d, 1, 0, 'error', 'x', 'x')`, job), foreignKeyViolation},
		{"reply of its own on theirs", fmt.Sprintf(`INSERT INTO import_reply (job, oc, status, body) VALUES (%d + 1000, 1, 202, '')`, job), foreignKeyViolation},
		{"key of its own on theirs", fmt.Sprintf(`UPDATE idempotency_key SET job = %d, content = sha256('')`, job), foreignKeyViolation},
		{"new told", `INSERT INTO told (oc, actor_id, key, content, status, location, etag, body) VALUES (2, '', 'x', sha256(''), 201, '', '', '')`, notAllowed},
		{"new key", `INSERT INTO idempotency_key (oc, key, holder, busy_until) VALUES (2, 'x', gen_random_uuid(), now())`, notAllowed},
		{"their key", `DELETE FROM idempotency_key WHERE oc = 2`, ""},
		{"new reply", fmt.Sprintf(`INSERT INTO import_reply (job, oc, status, body) VALUES (%d, 2, 202, '')`, job), notAllowed},
		{"new lane", `INSERT INTO import_lane (oc, holder, until) VALUES (2, gen_random_uuid(), now())`, notAllowed},
		{"taken lane", `INSERT INTO import_lane (oc, holder, until) VALUES (2, gen_random_uuid(), now())
			ON CONFLICT (oc) DO UPDATE SET holder = excluded.holder`, notAllowed},
		{"new webhook", `INSERT INTO webhook (oc, id, url, events, secret) VALUES (2, gen_random_uuid(), 'https://x/', '{}', '')`, notAllowed},
		{"new message", `INSERT INTO webhook_delivery (oc, id, webhook, event, payload) SELECT 2, gen_random_uuid(), gen_random_uuid(), 'x', '{}'`, notAllowed},
		{"webhook given away", `UPDATE webhook SET oc = 2`, notAllowed},
		{"message given away", `UPDATE webhook_delivery SET oc = 2`, notAllowed},
		{"their webhook", `UPDATE webhook SET url = 'https://x/' WHERE oc = 2`, ""},
		{"their webhook deleted", `DELETE FROM webhook WHERE oc = 2`, ""},
		{"their message", `UPDATE webhook_delivery SET payload = 'x' WHERE oc = 2`, ""},
		{"given away", `UPDATE parcellaire SET oc = 2`, notAllowed},
		{"given to nobody", `UPDATE parcellaire SET oc = NULL`, notAllowed},
		{"parcels given away", `UPDATE parcel SET oc = 2`, notAllowed},
		{"job given away", `UPDATE import_job SET oc = 2`, notAllowed},
		{"record given away", `UPDATE import_record SET oc = 2`, notAllowed},
		{"lane given away", `UPDATE import_lane SET oc = 3`, notAllowed},
		{"their parcellaire", `UPDATE parcellaire SET name = 'x' WHERE id = '` + theirs + `'`, ""},
		{"their parcels", `UPDATE parcel SET name = 'x' WHERE parcellaire_id = '` + theirs + `'`, ""},
		{"their job", fmt.Sprintf(`UPDATE import_job SET error = 'x' WHERE id = %d`, job), ""},
		{"their records", fmt.Sprintf(`UPDATE import_record SET state = 'refused' WHERE job = %d`, job), ""},
		{"their lane", `UPDATE import_lane SET until = now() WHERE oc = 2`, ""},
		{"taken over", `UPDATE parcellaire SET oc = 1 WHERE id = '` + theirs + `'`, ""},
		{"locked", `SELECT * FROM parcellaire WHERE id = '` + theirs + `' FOR UPDATE`, ""},
		{"merged", `MERGE INTO parcellaire v USING (VALUES ('` + theirs + `'::uuid)) AS s (id) ON v.id = s.id
			WHEN MATCHED THEN UPDATE SET name = 'x'`, ""},
		{"merged as new", `MERGE INTO parcellaire v USING (VALUES (gen_random_uuid())) AS s (id) ON v.id = s.id
			WHEN NOT MATCHED THEN INSERT (id, numero_bio, oc, name, state) VALUES (s.id, '1002', 2, '', 'OPERATOR_DRAFT')`, notAllowed},
		{"merged away", `MERGE INTO parcellaire v USING (VALUES (1)) AS s (oc) ON v.oc = s.oc WHEN MATCHED THEN UPDATE SET oc = 2`, notAllowed},
		{"copied in", `COPY parcellaire (id, numero_bio, oc, name, state) FROM STDIN`, "0A000"},
		{"deleted", `DELETE FROM parcel`, notAllowed},
		{"emptied", `TRUNCATE parcel CASCADE`, notAllowed},
		{"farm", `UPDATE farm SET name = 'x'`, notAllowed},
		{"link", `UPDATE link SET state = 'ENGAGEE'`, notAllowed},
		{"link of its own", `INSERT INTO link (oc, numero_bio, state) VALUES (1, '1002', 'ENGAGEE')`, notAllowed},
		{"token", `UPDATE token SET revoked_at = NULL`, notAllowed},
	}
	digest := func() string {
		return askServer[string](t, address, `
			SELECT md5(string_agg(row::text, ' ' ORDER BY row::text))
			FROM (SELECT v::text AS row FROM parcellaire v WHERE oc = 2 UNION ALL SELECT p::text FROM parcel p WHERE oc = 2
				UNION ALL SELECT j::text FROM import_job j WHERE oc = 2 UNION ALL SELECT r::text FROM import_record r WHERE oc = 2
				UNION ALL SELECT l::text FROM import_lane l WHERE oc = 2 UNION ALL SELECT w::text FROM webhook w WHERE oc = 2
				UNION ALL SELECT d::text FROM webhook_delivery d WHERE oc = 2) AS x`)[0]
	}
	before := digest()
	for _, tt := range tests {
		if n, err := run(t, db, store.Tenant(1), tt.sql); sqlState(err) != tt.state || n != 0 {
			t.Errorf("%s: %d rows, %v, want state %q", tt.name, n, err, tt.state)
		}
	}
	if digest() != before {
		t.Error("a row of certifier 2 changed")
	}
}

// TestCopyOut proves that COPY reads what SELECT reads.
func TestCopyOut(t *testing.T) {
	t.Parallel()
	db, _ := withTwoCertifiers(t)
	for oc, want := range map[sillon.OC]int{0: 0, 1: 3, 3: 0} {
		for _, sql := range []string{`COPY parcel TO STDOUT`, `COPY (SELECT * FROM parcel) TO STDOUT`} {
			var out bytes.Buffer
			in(t, db, store.Tenant(oc), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Conn().PgConn().CopyTo(ctx, &out, sql)
				return err
			})
			if n := strings.Count(out.String(), "\n"); n != want {
				t.Errorf("certifier %d, %s: %d rows, want %d", oc, sql, n, want)
			}
		}
	}
}

// TestNextUserOfConnection proves that nothing of a certifier stays on a
// connection, whatever became of its transaction, and that the setting a
// rolled-back SET LOCAL leaves, which is ”, disturbs nobody.
func TestNextUserOfConnection(t *testing.T) {
	t.Parallel()
	db, _ := withTwoCertifiersOn(t, 1)
	failure := errors.New("no")
	for name, end := range map[string]error{"committed": nil, "rolled back": failure} {
		err := db.InTx(t.Context(), store.Tenant(1), func(tx *store.Tx) error {
			if _, err := tx.Exec(t.Context(), `SELECT * FROM parcel`); err != nil {
				return err
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
		var n int
		var role, oc string
		if err := db.Pool().QueryRow(t.Context(), `
			SELECT (SELECT count(*) FROM parcel), current_user, current_setting('app.oc', true)`).Scan(&n, &role, &oc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n != 0 || role != "sillon_api" || oc != "" {
			t.Errorf("%s: the next user is %s of certifier %q and sees %d parcels", name, role, oc, n)
		}
		if n := ask[int](t, db, store.Tenant(2), `SELECT count(*) FROM parcel WHERE oc = 2`); n != 3 {
			t.Errorf("%s: certifier 2 sees %d parcels of its own", name, n)
		}
		if n := ask[int](t, db, store.Tenant(2), `SELECT count(*) FROM parcel WHERE oc = 1`); n != 0 {
			t.Errorf("%s: certifier 2 sees %d parcels of certifier 1", name, n)
		}
	}
}

// TestS24PublicSeesNoIdentity proves what the public role can read: published
// live parcels, in columns that tell no farm.
func TestS24PublicSeesNoIdentity(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	readable := askServer[string](t, address, `
		SELECT c.relname || '.' || a.attname
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname = ANY(ARRAY(`+farmData+`) || ARRAY['certifier', 'change'])
			AND has_column_privilege('sillon_public', c.oid, a.attnum, 'SELECT')
		ORDER BY 1`)
	want := []string{
		"parcel.cell_x", "parcel.cell_y", "parcel.deleted_at", "parcel.geom", "parcel.level", "parcel.main_cpf", "parcel.published",
		"parcel.surface_m2", "parcel.tile_id",
	}
	if diff := cmp.Diff(want, readable); diff != "" {
		t.Errorf("columns that the public reads (-want +got):\n%s", diff)
	}
	if _, err := run(t, db, store.Open, `SELECT * FROM parcel`); sqlState(err) != notAllowed {
		t.Errorf("the public reads whole parcels: %v", err)
	}
	if n := ask[int](t, db, store.Open, `SELECT count(tile_id) FROM parcel`); n != 4 {
		t.Errorf("the public sees %d parcels, want those of the latest certified parcellaires, 4", n)
	}
	storetest.Exec(t, address, `UPDATE parcel SET deleted_at = now() WHERE id = 'a'`)
	if n := ask[int](t, db, store.Open, `SELECT count(tile_id) FROM parcel`); n != 2 {
		t.Errorf("the public sees %d parcels, want the live ones, 2", n)
	}
	tileIDs := askServer[int64](t, address, `SELECT tile_id FROM parcel ORDER BY key`)
	for i := range tileIDs[1:] {
		if tileIDs[i+1]-tileIDs[i] == 1 {
			t.Errorf("tile ids tell which parcels were stored together: %v", tileIDs)
		}
	}
}

func TestNationalReadsAllAndWritesNothing(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	// Who works for whom at the moment, what was told, and tokens, are nobody's to
	// read; of webhooks, not the secrets (TestWebhookSecretsAreTheTenants).
	machinery := []string{"idempotency_key", "import_lane", "import_reply", "token", "told", "webhook"}
	for _, table := range askServer[string](t, address, farmData) {
		n, err := run(t, db, store.National, `SELECT * FROM `+table)
		if slices.Contains(machinery, table) {
			if sqlState(err) != notAllowed {
				t.Errorf("%s: %d rows, %v", table, n, err)
			}
			continue
		}
		if all := askServer[int64](t, address, `SELECT count(*) FROM `+table)[0]; n != all || err != nil {
			t.Errorf("%s: %d rows of %d, %v", table, n, all, err)
		}
	}
	for _, role := range []string{"sillon_national", "sillon_public"} {
		if written := askServer[string](t, address, `
			SELECT relname FROM pg_class
			WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
				AND (relkind = 'S' AND has_sequence_privilege($1, oid, 'USAGE, UPDATE')
					OR relkind <> 'S' AND has_table_privilege($1, oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
					OR relkind <> 'S' AND has_any_column_privilege($1, oid, 'INSERT, UPDATE'))`, role); len(written) > 0 {
			t.Errorf("%s writes %v", role, written)
		}
	}
}

// TestRoles reads from the catalogue what no test of behaviour could see.
func TestRoles(t *testing.T) {
	t.Parallel()
	_, address := storetest.Open(t, 1)
	tests := []struct{ name, faults string }{
		{"a role of the service that bypasses row-level security", `
			SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)`},
		{"a role of the service that inherits", `SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND rolinherit`},
		{"a role that logs in beside that of requests", `
			SELECT rolname FROM pg_roles WHERE rolname = ANY($1 || ARRAY['sillon_owner']) AND rolname <> 'sillon_api' AND rolcanlogin`},
		{"a table of the service's", `
			SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(relowner) = ANY($1)`},
		{"a role of the service that may become the owner", `
			SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND pg_has_role(oid, 'sillon_owner', 'MEMBER')`},
		{"a role that may create in the schema", `
			SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND has_schema_privilege(oid, 'public', 'CREATE')`},
		{"a table about farms without forced row-level security", `
			SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname IN ('oc', 'ocs', 'reader_oc', 'numero_bio')
				AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND cardinality($1::text[]) > 0`},
		{"a view that could show what row-level security hides", `
			SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm') AND cardinality($1::text[]) > 0
				AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`},
		{"a function with the rights of its owner and an open search path", `
			SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND cardinality($1::text[]) > 0
				AND NOT coalesce(proconfig @> ARRAY['search_path=public, pg_temp'], false)
				AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')`},
		{"a function with the rights of its owner that anybody may call", `
			SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef AND prorettype <> 'trigger'::regtype
				AND cardinality($1::text[]) > 0 AND (has_function_privilege('sillon_public', oid, 'EXECUTE')
					OR has_function_privilege('sillon_national', oid, 'EXECUTE'))
				AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`},
	}
	for _, tt := range tests {
		if got := askServer[string](t, address, tt.faults, serviceRoles); len(got) > 0 {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if n := askServer[int](t, address, `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relforcerowsecurity`)[0]; n < 11 {
		t.Errorf("%d tables with forced row-level security", n)
	}
	leakproof := askServer[string](t, address, `
		SELECT oid::regprocedure::text FROM pg_proc p
		WHERE proleakproof AND (pronamespace = 'public'::regnamespace
			OR EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.objid = p.oid AND d.deptype = 'e'))`)
	if diff := cmp.Diff([]string{"geometry_overlaps(geometry,geometry)"}, leakproof); diff != "" {
		t.Errorf("leakproof functions (-want +got):\n%s", diff)
	}
}

func TestCheckSecurity(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 1)
	if err := db.CheckSecurity(t.Context()); err != nil {
		t.Errorf("a database as it should be: %v", err)
	}
	storetest.Exec(t, address, `ALTER FUNCTION geometry_overlaps(geometry, geometry) NOT LEAKPROOF`)
	if err := db.CheckSecurity(t.Context()); !errors.Is(err, store.ErrLeak) {
		t.Errorf("without the mark: %v, want %v", err, store.ErrLeak)
	}
}
