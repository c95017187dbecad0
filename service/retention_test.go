package service_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// TestO3Retention seeds rows on both sides of each period of documents.md §7:
// the old ones go, the others stay, twice is once, and each run says so.
func TestO3Retention(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	var log bytes.Buffer
	svc, err := service.New(db, service.Options{IsCPF: isCPF, Log: slog.New(slog.NewTextHandler(&log, nil)), SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	actor := sillon.Actor{ID: "t", Roles: sillon.RoleOCService, OC: 1}
	answer := func(*service.PushReply, *service.UnreadableError) service.Answer {
		return service.Answer{Status: 202, Body: []byte("{}")}
	}
	for i := range 10 { // jobs 1 to 10, each of one version of a farm of its own
		numero := fmt.Sprint(1001 + i)
		storetest.Farm(t, db, numero, 1)
		if _, err := svc.Push(t.Context(), actor, service.PushRequest{
			Body: strings.NewReader("[" + record(numero, 2024) + "]"), Key: "key " + numero, Answer: answer,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); more || err != nil {
		t.Fatal(more, err)
	}
	var tokens []string
	for range 6 {
		text, token, err := svc.CreateToken(t.Context(), service.NewToken{Role: sillon.RoleINAO, TTL: time.Hour})
		if err != nil || text == "" {
			t.Fatal(err)
		}
		tokens = append(tokens, token.ID)
	}
	ended := func(job int, state, age string) string {
		return fmt.Sprintf(`UPDATE import_job SET state = '%s', ended_at = now() - interval '%s' WHERE id = %d`, state, age, job)
	}
	deleted := func(table, age, numero string) string {
		return fmt.Sprintf(`UPDATE %s x SET deleted_at = now() - interval '%s' FROM parcellaire v
			WHERE v.numero_bio = '%s' AND v.id = x.%s`, table, age, numero, map[string]string{"parcel": "parcellaire_id", "parcellaire": "id"}[table])
	}
	token := func(i int, columns string) string {
		return `UPDATE token SET ` + columns + ` WHERE id = '` + tokens[i] + `'`
	}
	storetest.Exec(t, address,
		ended(1, "DONE", "15 days 1 hour"), ended(2, "DONE", "14 days 23 hours"),
		ended(3, "ERROR", "90 days 1 hour"), ended(4, "ERROR", "89 days"),
		ended(5, "DONE", "24 months 1 day"), ended(6, "DONE", "23 months 20 days"),
		`UPDATE import_job SET state = 'PENDING', ended_at = NULL, created_at = now() - interval '3 years' WHERE id = 7`,
		`UPDATE idempotency_key SET created_at = now() - interval '24 hours 1 minute' WHERE key = 'key 1008'`,
		`UPDATE idempotency_key SET created_at = now() - interval '23 hours 59 minutes' WHERE key = 'key 1009'`,
		`INSERT INTO idempotency_key (oc, key, holder, busy_until) VALUES (1, 'of a killed node', gen_random_uuid(), now() - interval '2 hours')`,
		`UPDATE import_reply SET created_at = now() - interval '26 hours'`,
		token(0, `revoked_at = now() - interval '12 months 1 day'`),
		token(1, `expires_at = now() - interval '12 months 1 day'`),
		token(2, `revoked_at = now() - interval '11 months', expires_at = now() + interval '1 day'`),
		token(3, `expires_at = NULL`),
		token(4, `revoked_at = now() - interval '11 months', expires_at = now() - interval '13 months'`),
		// Of farm 1001 a version is old, of 1002 not old enough; of 1003 a parcel is old, of 1004 not.
		deleted("parcellaire", "6 months 1 day", "1001"), deleted("parcellaire", "5 months 25 days", "1002"),
		deleted("parcel", "6 months 1 day", "1003"), deleted("parcel", "5 months 25 days", "1004"),
		`UPDATE parcel SET geometry_status = 'a_verifier', declared = geom
		 WHERE parcellaire_id IN (SELECT id FROM parcellaire WHERE numero_bio IN ('1005', '1006', '1007'))`,
		`UPDATE parcel SET acknowledged_at = now() - interval '12 months 1 day', acknowledged_by = 'u'
		 WHERE parcellaire_id = (SELECT id FROM parcellaire WHERE numero_bio = '1005')`,
		`UPDATE parcel SET acknowledged_at = now() - interval '11 months', acknowledged_by = 'u'
		 WHERE parcellaire_id = (SELECT id FROM parcellaire WHERE numero_bio = '1006')`,
		`INSERT INTO event (parcellaire_id, type, actor_id, actor_role, state, at)
		 SELECT gen_random_uuid(), 'RecordUpdate', 'old', 'oc_service', 'CERTIFIED', now() - age::interval
		 FROM unnest(ARRAY['10 years 1 day', '9 years 360 days']) AS age`,
		`INSERT INTO trail (at, kind, actor_id, actor_role, action, resource, method, route, status, code, request_id)
		 SELECT now() - age::interval, kind, '', '', kind || ' ' || age, '', '', '', 0, '', ''
		 FROM unnest(ARRAY['10 years 1 day', '3 years 1 day', '2 years 360 days']) AS age, unnest(ARRAY['lecture', 'refus', 'administration']) AS kind`,
		`INSERT INTO told (oc, actor_id, key, content, status, location, etag, body, created_at)
		 SELECT 0, 'a', age, sha256(''), 201, '', '', '', now() - age::interval FROM unnest(ARRAY['24 hours 1 minute', '23 hours 59 minutes']) AS age`,
		`UPDATE change SET at = now() - interval '8 days 1 hour' WHERE seq <= 3`,
		`UPDATE change SET at = now() - interval '7 days 23 hours' WHERE seq = 4`,
	)
	last := one(t, db, `SELECT max(xid::text::bigint)::text FROM change WHERE seq <= 3`)

	want := map[string]int64{
		"import_payload": 4, "idempotency_key": 2, "import_reply": 6, "import_result": 1, "token": 3, "declared_geometry": 1,
		"deleted_parcel": 2, "deleted_parcellaire": 1, "history": 1, "trail": 4, "change": 3, "told": 1,
	}
	counts := func(kinds []service.Retained, err error) map[string]int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		m := make(map[string]int64, len(kinds))
		for _, k := range kinds {
			m[k.Kind] = k.Count
		}
		return m
	}
	state := func() string {
		return one(t, db, `SELECT count(*) || ' ' || (SELECT count(*) FROM parcel) FROM import_job`)
	}
	before := state()
	due := counts(svc.RetentionDue(t.Context()))
	if diff := cmp.Diff(want, due); diff != "" || state() != before {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	kinds, more, err := svc.Retain(t.Context(), time.Minute)
	if diff := cmp.Diff(want, counts(kinds, err)); diff != "" || more {
		t.Errorf("removed (-want +got), more %v:\n%s", more, diff)
	}
	again, more, err := svc.Retain(t.Context(), time.Minute)
	for kind, n := range counts(again, err) {
		if n != 0 || more {
			t.Errorf("%s: %d the second time", kind, n)
		}
	}
	for kind, n := range want {
		if line := fmt.Sprintf("msg=retention kind=%s removed=%d", kind, n); !strings.Contains(log.String(), line) {
			t.Errorf("the log does not say %q", line)
		}
	}

	for what, tt := range map[string]struct{ sql, want string }{
		"jobs":                      {`SELECT string_agg(id::text, ' ' ORDER BY id) FROM import_job`, "1 2 3 4 6 7 8 9 10"},
		"payloads":                  {`SELECT string_agg(job::text, ' ' ORDER BY job) FROM import_payload`, "2 4 7 8 9 10"},
		"jobs without payload":      {`SELECT string_agg(id::text, ' ' ORDER BY id) FROM import_job WHERE purged_at IS NOT NULL`, "1 3 6"},
		"records of a purged job":   {`SELECT count(*)::text FROM import_record WHERE job = 1`, "1"},
		"records of a deleted job":  {`SELECT count(*)::text FROM import_record WHERE job = 5`, "0"},
		"keys":                      {`SELECT string_agg(key, ' ' ORDER BY key) FROM idempotency_key WHERE key IN ('key 1005', 'key 1008', 'key 1009', 'of a killed node')`, "key 1009"},
		"replies":                   {`SELECT string_agg(job::text, ' ' ORDER BY job) FROM import_reply`, "7 8 9 10"},
		"tokens":                    {`SELECT count(*)::text FROM token`, "3"},
		"versions":                  {`SELECT string_agg(numero_bio, ' ' ORDER BY numero_bio) FROM parcellaire`, "1002 1003 1004 1005 1006 1007 1008 1009 1010"},
		"parcels":                   {`SELECT count(*)::text FROM parcel`, "8"},
		"declared geometries":       {`SELECT count(declared)::text FROM parcel`, "2"},
		"history":                   {`SELECT count(*)::text FROM event WHERE actor_id <> 'old'`, "10"},
		"old history":               {`SELECT count(*)::text FROM event WHERE actor_id = 'old'`, "1"},
		"changes":                   {`SELECT count(*)::text FROM change WHERE seq <= 4`, "1"},
		"changes known to be gone":  {`SELECT max(pruned::text) FROM change WHERE kind = 'change'`, last},
		"geometries in the history": {`SELECT count(*)::text FROM event e WHERE after::text LIKE '%"geometry"%'`, "8"},
		"what else it told":         {`SELECT count(*)::text FROM event e WHERE after::jsonb::text LIKE '%"niveauConversion": "AB"%'`, "10"},
	} {
		if got := one(t, db, tt.sql); got != tt.want {
			t.Errorf("%s: %s, want %s", what, got, tt.want)
		}
	}
}

// O2, O3: what stands still is logged, once an hour.
func TestO2Alerts(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	var log bytes.Buffer
	svc, err := service.New(db, service.Options{IsCPF: isCPF, Log: slog.New(slog.NewTextHandler(&log, nil)), SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Farm(t, db, "1001", 1)
	for year := range 3 {
		body := strings.NewReader("[" + record("1001", 2020+year) + "]")
		if _, err := svc.Push(t.Context(), sillon.Actor{ID: "t", Roles: sillon.RoleOCService, OC: 1}, service.PushRequest{Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Exec(t, address,
		`UPDATE import_job SET state = 'PENDING', started_at = now() - interval '1 hour', heartbeat_at = now() - interval '15 minutes 1 s' WHERE id = 1`,
		`UPDATE import_job SET state = 'PENDING', started_at = now() - interval '1 hour', heartbeat_at = now() - interval '14 minutes' WHERE id = 2`,
		`UPDATE import_job SET created_at = now() - interval '1 hour' WHERE id = 3`)
	watch := func() string {
		t.Helper()
		log.Reset()
		if err := svc.Watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	if got := watch(); strings.Count(got, "alert:") != 1 || !strings.Contains(got, `level=ERROR msg="alert: import without sign of life" job=1 oc=1`) {
		t.Errorf("first: %s", got)
	}
	if got := watch(); got != "" {
		t.Errorf("again: %s", got)
	}
	storetest.Exec(t, address, `UPDATE import_job SET alerted_at = now() - interval '61 minutes'`, `UPDATE retention_run SET at = now() - interval '49 hours' WHERE kind = 'token'`)
	if got := watch(); strings.Count(got, "alert:") != 2 || !strings.Contains(got, "job=1 ") || !strings.Contains(got, `"alert: retention has not run" kind=token`) {
		t.Errorf("an hour later: %s", got)
	}
	if _, _, err := svc.Retain(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); more || err != nil {
		t.Fatal(more, err)
	}
	storetest.Exec(t, address, `UPDATE import_job SET alerted_at = NULL`)
	if got := watch(); got != "" {
		t.Errorf("once all is done: %s", got)
	}
}

// one returns the single text that a query gives, seen by the system.
func one(t *testing.T, db *store.DB, sql string) (v string) {
	t.Helper()
	if err := db.InTx(t.Context(), store.System, func(tx *store.Tx) error { return tx.QueryRow(t.Context(), sql).Scan(&v) }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
