package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// TestPushReplies holds the bytes of the replies of certifier-exchange.md §6.1
// and of the polling that follows (§6.3).
func TestPushReplies(t *testing.T) {
	t.Parallel()
	mixed := []object{
		record("1001"),
		record("2001"),
		record("1002", bad("45742", object{"cultures": crops("01.13.49.967565")}), bad("45743", object{"cultures": nil})),
	}
	warned := []object{record("1001", bad("p1", object{"geom": square(20, 50)}), parcel("p2")), record("1001"), record("1002", bad("p", object{"geom": nil}))}
	tests := []struct {
		name    string
		payload any
		status  int
	}{
		{"accepted", []object{record("1001")}, http.StatusAccepted},
		{"partly-refused", mixed, http.StatusMultiStatus},
		{"all-refused", []object{record("1001").with(object{"numeroBio": absent})}, http.StatusBadRequest},
		{"warned", warned, http.StatusAccepted},
		{"unreadable", `[{"numeroBio":"1001"},` + "\n" + `{"numeroBio":NaN}]`, http.StatusBadRequest},
		{"truncated", `[{"numeroBio":"1001","parcelles":[`, http.StatusBadRequest},
		{"nothing", "", http.StatusAccepted},
		{"no-record", "[]", http.StatusAccepted},
	}
	s := newServer(t)
	for i, tt := range tests {
		reply := s.push(t, ocOne, tt.payload)
		if reply.Status != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, reply.Status, tt.status)
		}
		id := int64(i + 1)
		waiting := s.get(t, ocOne, jobPath(id))
		s.work(t, 1)
		ended := s.get(t, ocOne, jobPath(id))
		golden(t, "push-"+tt.name, string(reply.Body)+string(waiting.Body)+string(ended.Body))
	}
}

// A job is CREATED, PENDING, DONE or ERROR; an unknown one and that of
// another certifier are the same to its asker (S8).
func TestImportJob(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var mine, theirs pushed
	s.push(t, ocOne, []object{record("1001"), record("1002")}).into(t, &mine)
	s.push(t, ocTwo, []object{record("2001")}).into(t, &theirs)

	const pending = `{"status":"PENDING","created":"INSTANT"}`
	poll := func(who asker, id string) string {
		return instants.ReplaceAllString(string(s.get(t, who, "/api/v3/import/jobs/"+id).Body), `"INSTANT"`)
	}
	if got := poll(ocOne, "1"); got != pending {
		t.Errorf("created: %s", got)
	}
	storetest.Exec(t, s.address, `UPDATE import_job SET state = 'PENDING', started_at = now() WHERE id = 1`)
	if got := poll(ocOne, "1"); got != pending {
		t.Errorf("at work: %s", got)
	}

	unknown := s.get(t, ocOne, jobPath(99))
	if want := `{"status":"error","error":"Aucun job n'a cet id"}`; unknown.Status != http.StatusNotFound || string(unknown.Body) != want {
		t.Errorf("unknown: %d %s", unknown.Status, unknown.Body)
	}
	for _, id := range []string{fmt.Sprint(theirs.JobID), "0", "-1", "x", "1.0", "99999999999999999999"} {
		r := s.get(t, ocOne, "/api/v3/import/jobs/"+id)
		if r.Status != http.StatusNotFound || !bytes.Equal(r.Body, unknown.Body) {
			t.Errorf("S8 job %s: %d %s", id, r.Status, r.Body)
		}
	}
	for _, who := range []asker{agenceBio, inao} {
		if r := s.get(t, who, jobPath(theirs.JobID)); r.Status != http.StatusOK {
			t.Errorf("%s: %d", who, r.Status)
		}
	}
	if r := s.get(t, asp, jobPath(mine.JobID)); r.Status != http.StatusForbidden {
		t.Errorf("asp: %d", r.Status)
	}

	// One record is stored, then the job is given up: what is stored is told.
	breakFarm(t, s, "1002")
	s.work(t, 1)
	storetest.Exec(t, s.address,
		`UPDATE import_record SET state = 'todo' WHERE job = 1 AND rank = 1`,
		`DELETE FROM import_log WHERE job = 1`,
		`UPDATE import_job SET state = 'PENDING', ended_at = NULL WHERE id = 1`)
	if err := s.service.AbandonImport(t.Context(), 1, fmt.Errorf("tried often enough")); err != nil {
		t.Fatal(err)
	}
	golden(t, "job-abandoned", poll(ocOne, "1"))
}

// C3: a malformed record fails alone, whatever it is.
func TestC3MalformedRecords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	payload := fmt.Sprintf(`[%s, 42, "x", [], {"numeroBio":"1002","numeroClient":"C1002","dateAudit":"2026-03-01"},
		{"numeroBio":"1002","numeroClient":"C1002","dateAudit":"2026-03-01","parcelles":{}}, null, true, %s]`,
		text(t, record("1001")), text(t, record("1003")))
	p, j := s.settle(t, ocOne, payload)
	if p.NbObjetRecus != 8 || p.NbObjetAcceptes != 2 || p.NbObjetRefuses != 6 {
		t.Errorf("reply %+v", p)
	}
	if diff := cmp.Diff([]string{"1001", "1003"}, p.ListeNumeroBioValides); diff != "" {
		t.Errorf("valid (-want +got):\n%s", diff)
	}
	if j.Status != "DONE" || j.NbObjetsAcceptes != 2 || j.NbObjetsRefuses != 6 || len(j.Result.NumeroBioValid) != 2 {
		t.Errorf("job %+v", j)
	}
	var ranks []int
	for _, f := range j.Result.Errors {
		if f.Indice != nil {
			ranks = append(ranks, *f.Indice)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 3, 6}, ranks); diff != "" {
		t.Errorf("ranks of the unreadable (-want +got):\n%s", diff)
	}
}

// C2: all errors of all parcels are told, each with its parcel, and the
// version is left as it was.
func TestC2AllErrorsOfARecord(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	before := s.one(t, `SELECT revision || ' ' || updated_at FROM parcellaire WHERE numero_bio = '1001'`)
	wrong := object{"etatProduction": "X", "cultures": absent}
	p, j := s.settle(t, ocOne, []object{record("1001", bad("a", wrong), bad("b", wrong), parcel("fine"), bad("c", wrong))})
	want := []string{
		"INVALID_ETAT_PRODUCTION a: champ etatProduction incorrect", "MISSING_CULTURES a: cultures absentes",
		"INVALID_ETAT_PRODUCTION b: champ etatProduction incorrect", "MISSING_CULTURES b: cultures absentes",
		"INVALID_ETAT_PRODUCTION c: champ etatProduction incorrect", "MISSING_CULTURES c: cultures absentes",
	}
	compare(t, "reply", want, "1001", p.ListeProblemes)
	compare(t, "job", want, "1001", j.Result.Errors)
	if diff := cmp.Diff([]string{"1001"}, j.Result.NumeroBioError); diff != "" || j.NbObjetsRefuses != 1 {
		t.Errorf("one refused record (-want +got):\n%s", diff)
	}
	if after := s.one(t, `SELECT revision || ' ' || updated_at FROM parcellaire WHERE numero_bio = '1001'`); after != before {
		t.Errorf("the version went from %s to %s", before, after)
	}
}

// C1: a record that the database refuses stops no other; the sender reads a
// reference, which the log explains (O13).
func TestC1DatabaseErrorOnOneRecord(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	breakFarm(t, s, "1002")
	p, j := s.settle(t, ocOne, []object{record("1001"), record("1002"), record("1003", parcel("a"), parcel("b"))})
	if p.NbObjetAcceptes != 3 {
		t.Errorf("reply %+v", p)
	}
	if j.Status != "DONE" || j.NbObjetsRecus != 3 || j.NbObjetsAcceptes != 2 || j.NbObjetsRefuses != 1 || j.Result.Count != 3 {
		t.Errorf("counts %+v", j)
	}
	compare(t, "errors", []string{"DB_ERROR: Erreur lors de l'enregistrement, référence UUID"}, "1002", j.Result.Errors)
	if got := fmt.Sprint(j.Result.NumeroBioValid, j.Result.NumeroBioError); got != "[{1001 1} {1003 2}] [1002]" {
		t.Errorf("result %s", got)
	}
	if got := s.one(t, `SELECT string_agg(numero_bio || ' ' || parcel_count, ', ' ORDER BY numero_bio) FROM parcellaire`); got != "1001 1, 1003 2" {
		t.Errorf("stored %s", got)
	}
	if got := s.one(t, `SELECT count(*)::text FROM parcel`); got != "3" {
		t.Errorf("%s parcels stored", got)
	}
	if got := s.one(t, `SELECT count(*)::text FROM event`); got != "2" {
		t.Errorf("%s events", got)
	}
	reference := uuids.FindString(j.Result.Errors[0].Message)
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, reference) && strings.Contains(line, "a secret of the table parcellaire") {
			return
		}
	}
	t.Errorf("reference %s is not in the log", reference)
}

// C4: a registry that cannot be asked makes no farm unknown.
func TestC4RegistryFailure(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Exec(t, s.address, `ALTER FUNCTION registry_verdict(text[], text[]) RENAME TO registry_gone`)
	p, j := s.settle(t, ocOne, []any{record("1001"), 42, record("7777")})
	want := []string{
		"REGISTRE_INDISPONIBLE: Le portail de notification n'a pas pu être contacté, renvoyez cet enregistrement plus tard",
		"INVALID_RECORD #1: enregistrement illisible : un objet est attendu",
		"REGISTRE_INDISPONIBLE: Le portail de notification n'a pas pu être contacté, renvoyez cet enregistrement plus tard",
	}
	for i, f := range p.ListeProblemes {
		if f.String() != want[i] {
			t.Errorf("problem %d: %v", i, f)
		}
	}
	if p.NbObjetRefuses != 3 || j.Status != "DONE" || len(j.Result.Errors) != 3 {
		t.Errorf("reply %+v, job %+v", p, j)
	}
	storetest.Exec(t, s.address, `ALTER FUNCTION registry_gone(text[], text[]) RENAME TO registry_verdict`)
	s.store(t, ocOne, []object{record("1001")})
}

// A failure of the database itself is no problem of the sender: nothing of it
// reaches him (O13), and the token is not called invalid (C4).
func TestDatabaseFailure(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Exec(t, s.address, `ALTER TABLE import_job RENAME TO import_job_gone`)
	r := s.push(t, ocOne, []object{record("1001")})
	if want := `{"statusCode":500,"error":"Internal Server Error","message":"Erreur serveur. Nous avons été informés et résoudrons ceci au plus vite."}`; r.Status != 500 || string(r.Body) != want {
		t.Errorf("push: %d %s", r.Status, r.Body)
	}
	if !strings.Contains(s.log.String(), r.Header.Get("X-Request-Id")) {
		t.Error("the request is not in the log")
	}
	storetest.Exec(t, s.address, `ALTER FUNCTION authenticate(bytea) RENAME TO authenticate_gone`)
	if r := s.ask(t, nobody, http.MethodGet, "/api/v2/test", nil, "Authorization", s.tokens[ocOne]); r.Status != http.StatusServiceUnavailable {
		t.Errorf("token service: %d %s", r.Status, r.Body)
	}
}

// TestPushShapes sends the shapes of certifier-exchange.md §1.
func TestPushShapes(t *testing.T) {
	t.Parallel()
	one, two := text(t, record("1001")), text(t, record("1002"))
	unreadable := func(at int) string {
		return fmt.Sprintf(`{"statusCode":400,"code":"INVALID_API_REQUEST","error":"Bad Request","message":"Le fichier JSON est invalide.","jobId":N,"position":%d}`, at)
	}
	tests := []struct {
		name     string
		body     string
		headers  []string
		status   int
		received int
		want     string // the whole reply, N for the job
	}{
		{name: "an array", body: "[" + one + "," + two + "]", status: 202, received: 2},
		{name: "no media type", body: "[" + one + "]", headers: []string{"Content-Type", ""}, status: 202, received: 1},
		{name: "any media type", body: "[" + one + "]", headers: []string{"Content-Type", "text/plain; charset=latin1"}, status: 202, received: 1},
		{name: "a byte order mark", body: "\ufeff[" + one + "]", status: 202, received: 1},
		{name: "one object", body: one, status: 202, received: 1},
		{name: "several arrays", body: "[" + one + "][" + two + "]", status: 202, received: 2},
		{name: "lines", body: one + "\n" + two + "\n", headers: []string{"Content-Type", "application/x-ndjson"}, status: 202, received: 2},
		{name: "one value after the other", body: one + " " + two, status: 202, received: 2},
		{name: "a bad line alone", body: one + "\n{\"numeroBio\":\n" + two, headers: []string{"Content-Type", "application/x-ndjson"}, status: 207, received: 3},
		{name: "null is skipped", body: "[null," + one + ",null]", status: 202, received: 1},
		{name: "gzip", body: zipped(t, "["+one+"]"), headers: []string{"Content-Encoding", "gzip"}, status: 202, received: 1},
		{name: "gzip under its old name", body: zipped(t, "["+one+"]"), headers: []string{"Content-Encoding", "X-GZIP"}, status: 202, received: 1},
		{name: "no coding", body: "[" + one + "]", headers: []string{"Content-Encoding", "identity"}, status: 202, received: 1},
		{
			name: "another coding", body: "[" + one + "]", headers: []string{"Content-Encoding", "br"}, status: 415,
			want: `{"statusCode":415,"code":"UNSUPPORTED_CONTENT_ENCODING","error":"Unsupported Media Type","message":"Cet encodage du contenu n'est pas pris en charge : utilisez gzip ou aucun."}`,
		},
		{name: "gzip that is none", body: "[]", headers: []string{"Content-Encoding", "gzip"}, status: 400, want: unreadable(0)},
		{name: "gzip cut off", body: zipped(t, "["+one+"]")[:60], headers: []string{"Content-Encoding", "gzip"}, status: 400},
		{name: "garbage", body: "garbage", status: 400, want: unreadable(0)},
		{name: "NaN", body: `[{"numeroBio":NaN}]`, status: 400, want: unreadable(14)},
		{name: "text after", body: `[] x`, status: 400, want: unreadable(3)},
		{name: "a position counts the mark", body: "\ufeff[x", status: 400, want: unreadable(4)},
		{name: "truncated", body: `[{"numeroBio":"1001"`, status: 400, want: unreadable(20)},
	}
	s := newServer(t)
	jobID := regexp.MustCompile(`"jobId":\d+`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := s.push(t, ocOne, tt.body, tt.headers...)
			if got := jobID.ReplaceAllString(string(r.Body), `"jobId":N`); r.Status != tt.status || tt.want != "" && got != tt.want {
				t.Fatalf("%d %s, want %d %s", r.Status, r.Body, tt.status, tt.want)
			}
			if r.Status == http.StatusUnsupportedMediaType {
				return
			}
			var p pushed
			r.into(t, &p)
			s.work(t, 1)
			var j job
			s.get(t, ocOne, jobPath(p.JobID)).into(t, &j)
			if r.Status != http.StatusBadRequest {
				if p.NbObjetRecus != tt.received || j.NbObjetsAcceptes != p.NbObjetAcceptes || len(j.Result.NumeroBioValid) != p.NbObjetAcceptes {
					t.Errorf("reply %+v, job %+v", p, j)
				}
				return
			}
			if j.Status != "ERROR" || j.Error.Message != "Le fichier JSON est invalide." || j.Result.Count != 0 {
				t.Errorf("job %+v", j)
			}
			if got := s.one(t, `
				SELECT (SELECT count(*) FROM import_payload WHERE job = $1) || ' ' || (SELECT count(*) FROM import_record WHERE job = $1)`, p.JobID); got != "0 0" {
				t.Errorf("stored: %s", got)
			}
		})
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Numbers that name things keep all their digits.
func TestNumbersAreTexts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, `[{"numeroBio":1001.0,"numeroClient":"C1001","dateAudit":"2026/03/01","dateCertificationDebut":"2026-03-14T23:00:00Z",
		"dateCertificationFin":"2028-03-31T00:00:00+02:00","numeroPacage":99100540,"parcelles":[
		{"id":90071992547409931234,"etatProduction":"AB","numeroIlot":"20 935 CHARD","geom":"`+square(2.1, 47.1)+`","cultures":[{"codeCPF":"01.11.12"}]},
		{"id":4.5742e4,"etatProduction":"AB","numeroParcelle":"à valider","geom":"`+square(2.2, 47.1)+`","cultures":[{"codeCPF":"01.11.12"}]}]}]`)
	got := s.one(t, `
		SELECT v.audit_date || ' ' || v.certified_from || ' ' || v.certified_until || ' ' || string_agg(p.id || '/' || p.numero_ilot || '/' || p.numero_parcelle || '/' || p.numero_pacage, ' ' ORDER BY p.key)
		FROM parcellaire v JOIN parcel p ON p.parcellaire_id = v.id GROUP BY v.id`)
	if want := "2026-03-01 2026-03-15 2028-03-31 90071992547409931234/20//099100540 45742///099100540"; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
}

// Two records of one audit are applied in order, with a warning.
func TestDuplicateRecord(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	j := s.store(t, ocOne, []object{record("1001", parcel("a")), record("1002"), record("1001", parcel("b"))})
	compare(t, "warnings", []string{"DUPLICATE_RECORD: Plusieurs enregistrements pour ce numéro bio et cette date d'audit"}, "1001", j.warnings())
	if got := s.one(t, `SELECT string_agg(p.id, ' ') FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id WHERE v.numero_bio = '1001' AND p.deleted_at IS NULL`); got != "b" {
		t.Errorf("left: %s", got)
	}
}

// TestTokens is certifier-exchange.md §1.1.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	revoked := s.token(t, service.NewToken{Role: sillon.RoleOCService, OC: 1})
	if err := s.service.RevokeToken(t.Context(), revoked[:len("sillon_")+8]); err != nil {
		t.Fatal(err)
	}
	expired := s.token(t, service.NewToken{Role: sillon.RoleOCService, OC: 1, TTL: time.Hour})
	storetest.Exec(t, s.address, `UPDATE token SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL`)
	good := s.tokens[ocOne]
	const (
		missing = `{"statusCode":401,"code":"INVALID_CREDENTIALS","error":"Unauthorized","message":"Accès refusé : un jeton d'API est nécessaire pour accéder à ce contenu."}`
		refused = `{"statusCode":403,"code":"FORBIDDEN","error":"Forbidden","message":"Accès refusé : un jeton d'API Agence Bio valide est nécessaire pour accéder à ce contenu."}`
	)
	tests := []struct {
		name, header, query string
		status              int
		body                string
	}{
		{name: "raw", header: good, status: 200, body: `{"test":"OK"}`},
		{name: "bearer", header: "Bearer " + good, status: 200, body: `{"test":"OK"}`},
		{name: "bearer in lower case, spaces", header: "bearer   " + good + "  ", status: 200, body: `{"test":"OK"}`},
		{name: "none", status: 401, body: missing},
		{name: "empty", header: " ", status: 401, body: missing},
		{name: "bearer of nothing", header: "Bearer ", status: 401, body: missing},
		{name: "S17 in the query", query: "?access_token=" + good, status: 401, body: missing},
		{name: "unknown", header: good[:len(good)-1] + "-", status: 403, body: refused},
		{name: "another scheme", header: "Basic " + good, status: 403, body: refused},
		{name: "a user's", header: "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", status: 403, body: refused},
		{name: "S17 revoked", header: revoked, status: 403, body: refused},
		{name: "expired", header: expired, status: 403, body: refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if tt.header != "" {
				headers = []string{"Authorization", tt.header}
			}
			r := s.ask(t, nobody, http.MethodGet, "/api/v2/test"+tt.query, nil, headers...)
			if r.Status != tt.status || string(r.Body) != tt.body {
				t.Errorf("%d %s, want %d %s", r.Status, r.Body, tt.status, tt.body)
			}
			if got := r.Header.Get("X-Api-Version"); (got == apiVersion) != (tt.status == 200) {
				t.Errorf("X-Api-Version %q", got)
			}
			if got := s.push(t, nobody, "[]", headers...).Status; (got == 202) != (tt.status == 200) {
				t.Errorf("a push: %d", got)
			}
		})
	}
	t.Cleanup(func() { // after the cases
		for _, secret := range []string{good, revoked, expired} {
			if strings.Contains(s.log.String(), secret) {
				t.Error("S17 a token is in the log")
			}
		}
	})
}

// The wrong verb on a path is told with the right ones (C46).
func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tests := []struct{ method, path, allow string }{
		{http.MethodGet, pushPath, "POST"},
		{http.MethodDelete, pushPath, "POST"},
		{http.MethodPost, "/api/v3/import/jobs/1", "GET"},
		{http.MethodPut, "/api/v2/certification/parcellaires", "GET"},
		{http.MethodPost, "/api/v3/exploitations", "GET"},
		{http.MethodPost, "/tiles/parcelles/0/0/0.mvt", "GET, HEAD"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			r := s.ask(t, ocOne, tt.method, tt.path, nil)
			if r.Status != http.StatusMethodNotAllowed || r.Header.Get("Allow") != tt.allow {
				t.Errorf("%d, Allow %q", r.Status, r.Header.Get("Allow"))
			}
			var body struct{ Code, Message, Detail string }
			r.into(t, &body)
			if want := "Méthode non autorisée : utilisez " + tt.allow + "."; body.Code != "METHOD_NOT_ALLOWED" || body.Message+body.Detail != want {
				t.Errorf("%s", r.Body)
			}
		})
	}
}

// What no route has is a 404 in the manner of its family.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/api/v2/nothing", "/api/v3/import/nothing", "/api/v3/nothing", "/nothing", "/tiles/parcelles/0/0", "/api/v2/certification/parcellaire/"} {
		if r := s.get(t, ocOne, path); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.Status)
		}
	}
}

// Only a certifier's service may push; who may not leaves no trace (S1).
func TestS1PushRoles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, who := range []asker{agenceBio, inao, asp} {
		r := s.push(t, who, []object{record("1001")})
		var body struct{ Code string }
		r.into(t, &body)
		if r.Status != http.StatusForbidden || body.Code != "FORBIDDEN" {
			t.Errorf("%s: %d %s", who, r.Status, r.Body)
		}
	}
	if n := s.one(t, `SELECT count(*)::text FROM import_job`); n != "0" {
		t.Errorf("%s jobs", n)
	}
}

// The queue knows of a push as soon as its reply is sent, and of nothing else.
func TestPushIsQueued(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.push(t, ocOne, "[]")
	s.push(t, ocOne, "[42]")
	s.push(t, ocOne, "[")
	if n := s.one(t, queued); n != "0" {
		t.Errorf("%s jobs queued for nothing", n)
	}
	s.push(t, ocOne, []object{record("1001")})
	if n := s.one(t, queued); n != "1" {
		t.Errorf("%s jobs queued", n)
	}
}

var queued = `SELECT count(*)::text FROM river_job WHERE kind = '` + store.PushJob{}.Kind() + `'`
