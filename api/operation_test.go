package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sillon/api"
	"sillon/service"
	"sillon/store"
	"sillon/store/storetest"
)

// TestO8Health: the process lives without its database, and is not ready.
func TestO8Health(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200} {
		if r := s.get(t, nobody, path); r.Status != want {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	s.db.Close()
	if r := s.get(t, nobody, "/healthz"); r.Status != http.StatusOK {
		t.Errorf("/healthz without database: %d", r.Status)
	}
	for _, path := range []string{"/readyz", "/api/v2/test", farmsPath} {
		r := s.get(t, nobody, path, "Authorization", s.tokens[ocOne])
		if r.Status != http.StatusServiceUnavailable || strings.Contains(string(r.Body), "pool") {
			t.Errorf("%s without database: %d %s", path, r.Status, r.Body)
		}
	}
	// What fails so is no refusal: it must be seen in the metrics all the same.
	if got := string(s.get(t, nobody, "/metrics").Body); !strings.Contains(got, "sillon_database_up 0\n") ||
		!strings.Contains(got, `sillon_http_refusals_total{code="SERVICE_INDISPONIBLE",status="503"} 3`) {
		t.Errorf("metrics without database:\n%s", got)
	}
}

// TestO9Metrics scrapes what a push, its storage and refusals leave.
func TestO9Metrics(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", parcel("p1"), parcel("p2").with(object{"geom": square(3, 47)}))})
	s.push(t, ocOne, []object{record("1002"), record("9999")})
	s.get(t, ocOne, farmsPath)
	s.get(t, nobody, "/no/such/path")
	s.ask(t, nobody, "BREW", "/no/such/path", nil)
	if _, _, err := s.service.Retain(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	r := s.get(t, nobody, "/metrics")
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("Content-Type %q", got)
	}
	for _, want := range []string{
		`sillon_http_request_duration_seconds_count{method="POST",route="/api/v2/certification/parcelles",status="202"} 1`,
		`sillon_http_request_duration_seconds_count{method="POST",route="/api/v2/certification/parcelles",status="207"} 1`,
		`sillon_http_request_duration_seconds_count{method="GET",route="autre",status="404"} 1`,
		`sillon_http_request_duration_seconds_count{method="autre",route="autre",status="404"} 1`,
		`sillon_http_request_duration_seconds_bucket{method="GET",route="/api/v3/exploitations",status="403",le="60"} 1`,
		`sillon_http_refusals_total{code="FORBIDDEN",status="403"} 1`,
		`sillon_database_up 1`,
		`sillon_tiles_total{outcome="made"} 0`,
		`sillon_tiles_kept_bytes 0`,
		`sillon_database_connections{state="max"} 6`,
		`sillon_queue_jobs{kind="push",state="available"} 2`,
		`sillon_queue_oldest_seconds `,
		`sillon_imports_open 1`,
		`sillon_imports_oldest_seconds `,
		`sillon_import_records_total{outcome="stored"} 1`,
		`sillon_import_records_total{outcome="refused"} 1`,
		`sillon_import_parcels_total 2`,
		`sillon_import_issues_total{code="UNKNOWN_NUMERO_BIO"} 1`,
		`sillon_retention_age_seconds{kind="import_payload"} `,
		`sillon_retention_removed{kind="token"} 0`,
		`sillon_build_info{version="9.8.7"} 1`,
		`go_goroutines `,
	} {
		if !strings.Contains(string(r.Body), "\n"+want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", r.Body)
	}
}

// TestMetricsStayHome: only this machine reads the metrics, and not through a
// proxy on it, nor where they have a listener of their own.
func TestMetricsStayHome(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tests := []struct {
		name, from, header string
		apart              bool
		want               int
	}{
		{"this machine", "127.0.0.1:9", "", false, 200},
		{"this machine by IPv6", "[::1]:9", "", false, 200},
		{"another", here, "", false, 404},
		{"a proxy here", "127.0.0.1:9", "X-Forwarded-For", false, 404},
		{"a proxy here, by the standard", "127.0.0.1:9", "Forwarded", false, 404},
		{"elsewhere", "127.0.0.1:9", "", true, 404},
	}
	for _, tt := range tests {
		h := s.limited(t, api.Options{MetricsApart: tt.apart})
		var headers []string
		if tt.header != "" {
			headers = []string{tt.header, "127.0.0.1"}
		}
		if r := send(t, h, tt.from, "", "/metrics", headers...); r.Status != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, r.Status, tt.want)
		}
	}
}

// TestO10LogSchema asks every route with marked texts, and reads the log: what
// it has is ids, and nothing that was sent.
func TestO10LogSchema(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const mark = "MARQUE-PERSONNELLE"
	marked := record("1001", parcel("p-"+mark).with(object{"commentaire": mark, "nom": mark, "geom": "[[[2.123456,47.1],[2.2,47.1],[2.2,47.2],[2.123456,47.1]]]"}))
	marked["commentaire"] = mark
	s.store(t, ocOne, []object{marked})
	s.push(t, ocOne, []object{marked.with(object{"numeroClient": mark}), {"numeroBio": mark}})
	s.push(t, ocOne, `[{"numeroBio":"`+mark)
	s.get(t, inao, farmsPath+"?recherche="+mark)
	s.get(t, ocOne, "/api/v2/certification/parcellaire/"+mark)
	s.get(t, ocOne, "/"+mark)
	s.ask(t, nobody, http.MethodGet, "/api/v2/test", nil, "Authorization", mark, "User-Agent", mark, "X-Forwarded-For", mark, "Referer", mark)
	for name, rule := range permissions() {
		if method, _, _ := strings.Cut(name, " "); rule.path != nil {
			s.ask(t, ocOne, method, rule.path(resource{numero: "1001", version: s.version(t, "1001", 1, "2026-03-01"), job: 1, webhook: holder, delivery: holder, doomed: holder, undone: holder})+"?x="+mark, nil)
		}
	}
	fields := map[string]*regexp.Regexp{
		"time": regexp.MustCompile(`^\d{4}-\d\d-\d\dT`), "level": regexp.MustCompile(`^(INFO|WARN|ERROR)$`), "msg": regexp.MustCompile(`^[a-z ]+$`),
		"request": regexp.MustCompile(`^[0-9a-f-]{36}$`), "method": regexp.MustCompile(`^[A-Z]+$`), "route": regexp.MustCompile(`^[/:\w.-]*$`),
		"status": regexp.MustCompile(`^\d{3}$`), "bytes": regexp.MustCompile(`^\d+$`), "ms": regexp.MustCompile(`^\d+$`),
		"actor": regexp.MustCompile(`^([0-9a-f-]{36})?$`),
	}
	actors := 0
	for line := range strings.Lines(s.log.String()) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var entry map[string]any
		if err := d.Decode(&entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if entry["msg"] != "request" {
			t.Errorf("not the line of a request: %s", line)
		}
		for name, form := range fields {
			if v, ok := entry[name]; !ok || !form.MatchString(fmt.Sprint(v)) {
				t.Errorf("%s is %v in %s", name, v, line)
			}
		}
		if len(entry) != len(fields) {
			t.Errorf("more or less than %d members: %s", len(fields), line)
		}
		if entry["actor"] != "" {
			actors++
		}
	}
	if actors == 0 {
		t.Error("no line tells an actor")
	}
	for _, secret := range []string{mark, strings.ToLower(mark), "2.123456", "Ferme 1001", "C1001", "coordinates", "sillon_", "192.0.2"} {
		if i := strings.Index(s.log.String(), secret); i >= 0 {
			t.Errorf("the log has %q: %.300s", secret, s.log.String()[max(0, i-200):])
		}
	}
}

// TestO13Reference: a panic and a failing statement are told by a reference
// that the log knows; what happened stays there.
func TestO13Reference(t *testing.T) {
	t.Parallel()
	const inside = "the inside of the kitchen"
	tests := []struct {
		name, path, logged string
		spoil              func(*testing.T, *server) http.Handler
	}{
		{"a panic in the exchange", pushPath, inside, func(t *testing.T, s *server) http.Handler {
			t.Helper()
			svc, err := service.New(s.db, service.Options{IsCPF: func(string) bool { panic(inside) }, Log: s.logger, SpoolDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			return api.New(svc, api.Options{PublicURL: publicURL, Version: apiVersion, Log: s.logger})
		}},
		{"a failing statement in the exchange", listPath, "SQLSTATE 42703", func(t *testing.T, s *server) http.Handler {
			t.Helper()
			storetest.Exec(t, s.address, `ALTER TABLE parcellaire RENAME COLUMN audit_notes TO kitchen`)
			return s.handler
		}},
		{"a failing statement in the resources", farmsPath, "SQLSTATE 42703", func(t *testing.T, s *server) http.Handler {
			t.Helper()
			storetest.Exec(t, s.address, `ALTER TABLE farm RENAME COLUMN trade_name TO kitchen`)
			return s.handler
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			h := tt.spoil(t, s)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil)
			r.Header.Set("Authorization", s.tokens[ocOne])
			switch tt.path {
			case pushPath:
				r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, tt.path, strings.NewReader(text(t, []object{record("1001")})))
				r.Header.Set("Authorization", s.tokens[ocOne])
			case farmsPath:
				r.Header.Set("Authorization", s.tokens[inao])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			reference := w.Header().Get("X-Request-Id")
			if w.Code != http.StatusInternalServerError || reference == "" {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if tt.path == farmsPath && !strings.Contains(w.Body.String(), `"instance":"`+reference+`"`) {
				t.Errorf("the problem has no reference: %s", w.Body)
			}
			for _, secret := range []string{"kitchen", "SQLSTATE", "panic", "goroutine", ".go:", "column", "SELECT", "parcellaire.", "audit_notes"} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("the caller reads %q: %s", secret, w.Body)
				}
			}
			found := slices.ContainsFunc(strings.Split(s.log.String(), "\n"), func(line string) bool {
				return strings.Contains(line, reference) && strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, tt.logged)
			})
			if !found {
				t.Errorf("%s is not in the log with %q:\n%s", reference, tt.logged, s.log)
			}
		})
	}
}

// TestS23ForgedHost: links come from the configuration, whatever the request
// calls the server.
func TestS23ForgedHost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 3 {
		numero := fmt.Sprintf("100%d", i+1)
		s.store(t, ocOne, []object{record(numero)})
		s.get(t, ocOne, farmsPath)
	}
	linked := 0
	for _, tt := range []struct {
		who  asker
		path string
	}{
		{ocOne, listPath + "?limit=1"},
		{inao, farmsPath + "?limite=1"},
		{agenceBio, tokensPath + "?limite=1"},
		{nobody, "/tiles/parcelles.json"},
		{nobody, "/tiles/departements.json"},
		{nobody, "/tiles/style.json"},
		{nobody, "/docs"},
		{nobody, "/"},
		{ocOne, farmsPath},
		{nobody, "/api/v3/nowhere"},
	} {
		ask := func(host string, headers ...string) string {
			r := request(t, http.MethodGet, tt.path, s.tokens[tt.who])
			r.Host = host
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if location := w.Header().Get("Location"); location != "" {
				t.Errorf("%s sends to %s", tt.path, location)
			}
			return uuids.ReplaceAllString(instants.ReplaceAllString(w.Body.String(), ""), "")
		}
		plain := ask("sillon.example")
		forged := ask("evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example;proto=http", "X-Forwarded-Proto", "gopher",
			"X-Original-URL", "http://evil.example/", "Origin", "https://evil.example")
		if forged != plain || strings.Contains(forged, "evil") {
			t.Errorf("%s by another name: %s\nwant %s", tt.path, forged, plain)
		}
		linked += strings.Count(plain, publicURL)
	}
	if linked < 5 {
		t.Errorf("%d links seen: the test sees none", linked)
	}
}

// TestS19CORS: an unknown origin is told nothing, and nowhere are credentials
// let in; what is open is open to all.
func TestS19CORS(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{
		tilePath(2.105, 47.105, 12), "/tiles/communes/8/129/90.mvt", "/tiles/departements/0/0/0.mvt", "/tiles/parcelles.json",
		"/tiles/communes.json", "/tiles/departements.json", "/tiles/style.json", "/openapi.yaml",
	} {
		if got := s.get(t, nobody, path, "Origin", "https://evil.example").Header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin %q on what is open", path, got)
		}
	}
	for name, rule := range permissions() {
		method, spec, _ := strings.Cut(name, " ")
		if rule.path == nil {
			continue
		}
		for _, m := range []string{method, http.MethodOptions} {
			for _, origin := range []string{"https://evil.example", "null", publicURL} {
				r := request(t, m, rule.path(resource{numero: "1001", version: holder, job: 1, webhook: holder, delivery: holder, doomed: holder, undone: holder}), s.tokens[ocOne])
				r.Header.Set("Origin", origin)
				r.Header.Set("Access-Control-Request-Method", http.MethodGet)
				r.Header.Set("Access-Control-Request-Headers", "authorization")
				w := httptest.NewRecorder()
				s.handler.ServeHTTP(w, r)
				want := ""
				if m != http.MethodOptions && spec == "/openapi.yaml" { // the same with a token
					want = "*"
				}
				if got := w.Header().Get("Access-Control-Allow-Origin"); got != want {
					t.Errorf("%s %s from %s: Access-Control-Allow-Origin %q, want %q", m, spec, origin, got, want)
				}
				for header := range w.Header() {
					if strings.HasPrefix(header, "Access-Control-") && header != "Access-Control-Allow-Origin" {
						t.Errorf("%s %s from %s: %s", m, spec, origin, header)
					}
				}
			}
		}
	}
}

// TestS16NoProfile: what is stored of an actor is an id, which is no name,
// address nor token of an identity provider.
func TestS16NoProfile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqZWFuQGV4YW1wbGUub3JnIn0.c2lnbmF0dXJl"
	for _, path := range []string{"/api/v2/test", farmsPath, jobPath(1)} {
		s.ask(t, nobody, http.MethodGet, path, nil, "Authorization", "Bearer "+jwt, "Cookie", "session="+jwt)
	}
	s.store(t, ocOne, []object{record("1001")})
	s.get(t, agenceBio, farmsPath)
	if err := s.service.FlushTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	dump := s.log.String()
	err := s.db.InTx(context.WithoutCancel(t.Context()), store.National, func(tx *store.Tx) error {
		for _, table := range []string{"trail", "event", "import_job", "import_log", "parcellaire", "parcel"} {
			var rows string
			if err := tx.QueryRow(t.Context(), `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`).Scan(&rows); err != nil {
				return err
			}
			dump += rows
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`eyJ[\w-]+|[\w.]+@[\w.]+\.\w+`).FindString(dump); found != "" {
		t.Errorf("S16: %q is kept", found)
	}
}
