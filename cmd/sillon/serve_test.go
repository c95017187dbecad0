package main

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/store/storetest"
)

// emptyDatabase returns the address, for a superuser, of a database that knows
// nothing of Sillon, on the test server.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	server := func(name string) string { return strings.Replace(os.Getenv("TEST_DATABASE_URL"), "%s", name, 1) }
	name := "test_" + strings.ToLower(rand.Text())
	storetest.Exec(t, server("postgres"), `CREATE DATABASE `+name)
	t.Cleanup(func() { storetest.Exec(t, server("postgres"), `DROP DATABASE `+name+` WITH (FORCE)`) })
	return server(name)
}

// TestServeOtherServer uses a server that is not ours to start or stop.
func TestServeOtherServer(t *testing.T) {
	t.Parallel()
	address := emptyDatabase(t)
	env := served(address)
	sillon := func(stdin string, args ...string) string { return call{env: env, stdin: stdin, args: args}.must(t) }

	early := call{env: env, args: []string{"serve", "--listen", "127.0.0.1:0"}}.run(t)
	if early.code != 1 || !strings.Contains(early.stderr, "run sillon migrate first") {
		t.Errorf("serve before migrate: %+v, want a word about sillon migrate", early)
	}
	for range 2 {
		if got := sillon("", "migrate"); got != "" {
			t.Errorf("migrate wrote %q to stdout", got)
		}
	}
	sillon(farms, "farms", "import", "-")
	one := strings.TrimSpace(sillon("", "token", "create", "--role", "oc_service", "--certifier", "1"))
	two := strings.TrimSpace(sillon("", "token", "create", "--role", "oc_service", "--certifier", "2"))
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `
		ALTER TABLE parcellaire ADD COLUMN written_as text DEFAULT current_user;
		CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_notify('ended', NEW.state);
			RETURN NULL;
		END $$;
		CREATE TRIGGER ended AFTER UPDATE ON import_job FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION ended();
		LISTEN ended`); err != nil {
		t.Fatal(err)
	}

	n := start(t, env, "serve", "--public-url", "https://parcelles.example/")
	if n.url != "https://parcelles.example" {
		t.Errorf("says %q, want the public address", n.url)
	}
	n.stop(t)
	n = start(t, env, "serve")
	code, reply := n.do(t, http.MethodPost, "/api/v2/certification/parcelles", one, `[{"numeroBio":"101","numeroClient":"C-101",
		"dateAudit":"2026-03-01","dateCertificationDebut":"2026-03-15","dateCertificationFin":"2028-03-31","parcelles":[
		{"id":"1","etatProduction":"AB","geom":"[[[2.1,47.1],[2.2,47.1],[2.2,47.2],[2.1,47.1]]]","cultures":[{"codeCPF":"01.11.12"}]}]}]`)
	if code != http.StatusAccepted {
		t.Fatalf("push: %d %s", code, reply)
	}
	if got := notification(t, conn); got != "DONE" {
		t.Errorf("the job ended %s, want DONE", got)
	}
	var role string
	var bypasses bool
	if err := conn.QueryRow(t.Context(), `
		SELECT p.written_as, r.rolsuper OR r.rolbypassrls
		FROM parcellaire p
		JOIN pg_roles r ON r.rolname = p.written_as`).Scan(&role, &bypasses); err != nil {
		t.Fatal(err)
	}
	if role != "sillon_api" || bypasses {
		t.Errorf("written as %s (bypasses row-level security: %v), want sillon_api although a superuser connected", role, bypasses)
	}
	for token, want := range map[string]int{one: http.StatusOK, two: http.StatusNotFound} {
		if code, body := n.get(t, "/api/v2/certification/parcellaire/101", token); code != want {
			t.Errorf("read by %.15s: %d %s, want %d", token, code, body, want)
		}
	}
	n.stop(t)
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("the server after the stop: %v, want it to run on", err)
	}
}

func TestServePortTaken(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	got := call{env: onDatabase(t), args: []string{"serve", "--listen", l.Addr().String()}}.run(t)
	if got.code != 1 || !strings.Contains(got.stderr, "address already in use") || strings.Contains(got.stderr, "prêt") {
		t.Errorf("%+v, want exit code 1 and why", got)
	}
}

// TestServeNoDatabase stops at once, and tells why.
func TestServeNoDatabase(t *testing.T) {
	t.Parallel()
	missing := strings.Replace(os.Getenv("TEST_DATABASE_URL"), "%s", "no_such_database", 1)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no such database", []string{"serve", "--secret", strings.Repeat("x", shortestSecret), "--database-url", missing}, `database "no_such_database" does not exist`},
		{"no server", []string{"serve", "--secret", strings.Repeat("x", shortestSecret), "--database-url", "postgres://u:secret@127.0.0.1:1/x"}, "connection refused"},
		{"no PostgreSQL here", []string{"up", "--bindir", "/nowhere", "--data-dir", dataDir(t)}, "install it with: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := call{args: tt.args}.run(t)
			if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("%+v, want exit code 1 and %q", got, tt.want)
			}
			if strings.Contains(got.stderr, "secret") {
				t.Errorf("stderr = %q tells a password", got.stderr)
			}
		})
	}
}

// TestServeMetricsApart serves the metrics where they were asked for, there
// alone, and writes what was refused before it ends (O9, O14, S26).
func TestServeMetricsApart(t *testing.T) {
	t.Parallel()
	_, address := storetest.Open(t, 1)
	env := served(address)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	apart := l.Addr().String()
	_ = l.Close() // its port is free again, and nobody else's for a while
	n := start(t, env, "serve", "--metrics-listen", apart)
	if code, body := n.get(t, "/api/v2/test", "sillon_wrong"); code != http.StatusForbidden {
		t.Errorf("a wrong token: %d %s", code, body)
	}
	if code, body := n.get(t, "/metrics", ""); code != http.StatusNotFound {
		t.Errorf("/metrics beside the service: %d %.200s", code, body)
	}
	main := n.url
	n.url = "http://" + apart
	code, body := n.get(t, "/metrics", "")
	if want := `sillon_http_refusals_total{code="FORBIDDEN",status="403"} 1`; code != http.StatusOK || !strings.Contains(body, want) {
		t.Errorf("/metrics apart: %d %s, want %s", code, body, want)
	}
	if code, _ := n.get(t, "/api/version", ""); code != http.StatusNotFound {
		t.Errorf("the service at the address of the metrics: %d", code)
	}
	n.url = main
	n.stop(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var codes string
	if err := conn.QueryRow(t.Context(), `SELECT string_agg(action || ' ' || code, ', ') FROM trail`).Scan(&codes); err != nil || codes != "test FORBIDDEN" {
		t.Errorf("the trail after the stop: %q, %v", codes, err)
	}
}

// TestServeEndsStreams stops a service that somebody follows a job on: the
// stream ends at once, and the stop does not wait for it (O14).
func TestServeEndsStreams(t *testing.T) {
	t.Parallel()
	_, address := storetest.Open(t, 1)
	env := served(address)
	call{env: env, stdin: farms, args: []string{"farms", "import", "-"}}.must(t)
	token := strings.TrimSpace(call{env: env, args: []string{"token", "create", "--role", "oc_service", "--certifier", "1"}}.must(t))
	// A job that somebody else is at for ever.
	storetest.Exec(t, address, `INSERT INTO import_job (oc, actor_id) VALUES (1, 'x')`,
		`INSERT INTO import_lane (oc, holder, until) VALUES (1, gen_random_uuid(), now() + interval '1 day')`)
	n := start(t, env, "serve")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/api/v3/imports/1/evenements", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	begin := time.Now()
	n.stop(t)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), `{"jobId":1,"statut":"CREATED"}`) {
		t.Errorf("stream %q, %v, want it whole as far as it went", body, err)
	}
}
