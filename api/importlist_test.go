package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sillon/store/storetest"
)

const importsPath = "/api/v3/import/parcellaire-imports"

func importPath(id int64) string { return fmt.Sprintf("%s/%d", importsPath, id) }

// An imported is an import of a list.
type imported struct {
	JobID              int64
	CreatedAt, EndedAt *string
	job
	Payload []json.RawMessage
}

// An importPage is a page of imports.
type importPage struct {
	Data []imported
	Meta struct{ Total, Page, Limit int }

	Links struct{ Prev, Next *string } `json:"_links"`
}

func (s *server) imports(t *testing.T, who asker, query string) (p importPage) {
	t.Helper()
	r := s.get(t, who, importsPath+query)
	if r.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", query, r.Status, r.Body)
	}
	r.into(t, &p)
	return p
}

// ids are the jobs of a page, as text.
func (p importPage) ids() string {
	ids := make([]int64, len(p.Data))
	for i, d := range p.Data {
		ids[i] = d.JobID
	}
	return strings.Trim(fmt.Sprint(ids), "[]")
}

// TestImportBodies holds the bytes of certifier-exchange.md §8.
func TestImportBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.settle(t, ocOne, []object{record("1001").with(object{"numeroBio": absent})})
	s.settle(t, ocOne, []object{record("1001", bad("p1", object{"geom": square(20, 50)}), parcel("p2")), record("2001")})
	s.settle(t, ocOne, `[{"numeroBio":`)
	s.settle(t, ocOne, "")
	s.push(t, ocOne, []object{record("1002")})
	read := func(path string) string { return path + "\n" + string(s.get(t, ocOne, path).Body) + "\n" }
	var all strings.Builder
	for _, path := range []string{
		importsPath, importsPath + "?limit=2&logs=all&withPayload=true&withRejected=true",
		importPath(1), importPath(1) + "?logs=all&payload=1", importPath(2), importPath(2) + "?logs=error", importPath(2) + "?logs=warning",
		importPath(3) + "?withPayload=true", importPath(4) + "?withPayload=true", importPath(5) + "?logs=all",
		importPath(2) + "/logs", importPath(2) + "/logs?type=error", importPath(2) + "/logs?type=warning", importPath(4) + "/logs",
		importPath(99), importPath(99) + "/logs", importPath(99) + "/payload", importPath(3) + "/payload", importsPath + "/x",
	} {
		all.WriteString(read(path))
	}
	golden(t, "imports", all.String())
	const example = `{"data":[{"jobId":1,"status":"DONE","createdAt":"INSTANT","endedAt":"INSTANT","nbObjetsRecus":1,"nbObjetsAcceptes":0,"nbObjetsRefuses":1,` +
		`"result":{"count":1,"errors":[],"warning":[],"numeroBioValid":[],"numeroBioError":[]},"payload":null}],"meta":{"total":5,"page":5,"limit":1},`
	if got := instants.ReplaceAllString(string(s.get(t, ocOne, importsPath+"?limit=1&page=5").Body), `"INSTANT"`); !strings.HasPrefix(got, example) {
		t.Errorf("the example of the contract: %s", got)
	}
}

// C42: polling, list and detail tell the same of a job, in every state.
func TestC42ThreeReadingsAgree(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	breakFarm(t, s, "1003")
	payloads := []any{
		[]object{record("1001", bad("a", object{"geom": nil}), parcel("b")), record("2001"), record("1002", bad("p", object{"cultures": nil}))},
		[]any{record("1001", bad("p1", object{"geom": square(20, 50)})), 42, record("1003"), record("1002")},
		`[{"x"`,
		[]object{record("7777")},
	}
	for _, payload := range payloads {
		s.settle(t, ocOne, payload)
	}
	s.push(t, ocOne, []object{record("1001")})
	s.push(t, ocTwo, []object{record("2001")})
	mine, theirs := s.imports(t, ocOne, "?logs=all"), s.imports(t, ocTwo, "?logs=all")
	if mine.ids() != "5 4 3 2 1" || mine.Meta.Total != 5 || theirs.ids() != "6" || theirs.Meta.Total != 1 {
		t.Errorf("certifier 1 reads %s, certifier 2 %s", mine.ids(), theirs.ids())
	}
	if every := s.imports(t, inao, ""); every.ids() != "6 5 4 3 2 1" || every.Meta.Total != 6 {
		t.Errorf("inao reads %s", every.ids())
	}
	for _, listed := range mine.Data {
		var detail imported
		s.get(t, ocOne, importPath(listed.JobID)+"?logs=all").into(t, &detail)
		if diff := cmp.Diff(fmt.Sprintf("%+v", listed.job), fmt.Sprintf("%+v", detail.job)); diff != "" || detail.JobID != listed.JobID || *detail.CreatedAt != *listed.CreatedAt {
			t.Errorf("job %d (-list +detail):\n%s", listed.JobID, diff)
		}
		var polled struct {
			job
			Created, Ended string
		}
		s.get(t, ocOne, jobPath(listed.JobID)).into(t, &polled)
		if listed.EndedAt == nil {
			if polled.Status != "PENDING" || listed.Status != "CREATED" || polled.Created != *listed.CreatedAt {
				t.Errorf("job %d waits: polled %+v, listed %+v", listed.JobID, polled, listed)
			}
			continue
		}
		polled.Error.Name, polled.Error.Message = "", "" // the list has no room for it
		if diff := cmp.Diff(fmt.Sprintf("%+v", polled.job), fmt.Sprintf("%+v", listed.job)); diff != "" || polled.Ended != *listed.EndedAt {
			t.Errorf("job %d (-polled +listed):\n%s", listed.JobID, diff)
		}
	}
}

func TestImportFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.settle(t, ocOne, []object{record("1001")})
	s.settle(t, ocOne, []object{record("2001")})
	s.settle(t, ocOne, "[")
	s.push(t, ocOne, []object{record("1002")})
	s.push(t, ocOne, []object{record("1003")})
	storetest.Exec(t, s.address,
		`UPDATE import_job SET state = 'PENDING', started_at = now() WHERE id = 4`,
		// One minute before and at midnight in Paris, in winter and in summer.
		`UPDATE import_job SET created_at = '2026-01-14T22:59:00Z' WHERE id = 1`,
		`UPDATE import_job SET created_at = '2026-01-14T23:00:00Z' WHERE id = 2`,
		`UPDATE import_job SET created_at = '2026-07-14T21:59:59.999Z' WHERE id = 3`,
		`UPDATE import_job SET created_at = '2026-07-14T22:00:00Z' WHERE id = 4`,
		`UPDATE import_job SET created_at = '2026-10-25T12:00:00Z' WHERE id = 5`)
	tests := []struct{ query, want string }{
		{"", "5 4 3 2 1"},
		{"?status=DONE", "2 1"},
		{"?status=done,Error", "3 2 1"},
		{"?status=created,%20pending", "5 4"},
		{"?status=", "5 4 3 2 1"},
		{"?withRejected=true", "2"},
		{"?withRejected=false", "5 4 3 2 1"},
		{"?from=2026-01-15", "5 4 3 2"},
		{"?to=2026-01-14", "1"},
		{"?from=2026-01-15&to=2026-07-14", "3 2"},
		{"?from=2026-07-15&to=2026-07-15", "4"},
		{"?from=2026-07-15T00:00:00", "5 4"},
		{"?from=2026-07-15T00:00:01", "5"},
		{"?from=2026-07-15T00:00:00%2B02:00", "5 4"},
		{"?from=2026-07-15T00:00:00+02:00", "5 4"},
		{"?from=2026-07-14T22:00:00.000Z", "5 4"},
		{"?to=2026-07-14T01:00", "3 2 1"},
		{"?to=2026-07-14T22:30:00Z", "4 3 2 1"}, // the 15th in Paris
		{"?to=2026-10-25", "5 4 3 2 1"},         // a day of 25 hours
		{"?limit=2", "5 4"},
		{"?limit=2&page=2", "3 2"},
		{"?limit=2&page=3", "1"},
		{"?limit=2&page=4", ""},
		{"?limit=1000", "5 4 3 2 1"},
		{"?unknown=1", "5 4 3 2 1"},
	}
	for _, tt := range tests {
		if got := s.imports(t, ocOne, tt.query).ids(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
	if p := s.imports(t, ocOne, "?limit=1000"); p.Meta.Limit != 100 {
		t.Errorf("limit %d", p.Meta.Limit)
	}
	for _, query := range []string{
		"?status=RUNNING", "?from=yesterday", "?from=15/01/2026", "?to=2026-13-01", "?withRejected=yes", "?withPayload=x", "?payload=x",
		"?logs=some", "?page=0", "?page=x", "?limit=0", "?limit=-1", "?apres=!", "?apres=eA",
	} {
		if r := s.get(t, ocOne, importsPath+query); r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.Status, r.Body)
		}
	}
	if r := s.get(t, ocOne, importPath(1)+"/logs?type=none"); r.Status != http.StatusBadRequest {
		t.Errorf("no type of log: %d", r.Status)
	}
}

// C43, S23: the links lead through all imports once, whatever is received
// between two pages, and never name the host that was asked.
func TestC43ImportPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 7 {
		s.push(t, ocOne, []object{record("1001", parcel(fmt.Sprint(i)))})
	}
	var seen []string
	query := "?limit=3&status=created"
	for page := 1; ; page++ {
		r := s.get(t, ocOne, importsPath+query, "Host", "evil.example", "X-Forwarded-Host", "evil.example")
		var p importPage
		r.into(t, &p)
		seen = append(seen, p.ids())
		if p.Meta.Page != page || (p.Links.Prev == nil) != (page == 1) {
			t.Errorf("page %d: %+v", page, p.Meta)
		}
		if page == 2 && !strings.Contains(*p.Links.Prev, "page=1") {
			t.Errorf("prev %s", *p.Links.Prev)
		}
		if p.Links.Next == nil {
			break
		}
		var ok bool
		if query, ok = strings.CutPrefix(*p.Links.Next, publicURL+importsPath); !ok {
			t.Fatalf("next %s", *p.Links.Next)
		}
		s.push(t, ocOne, []object{record("1002", parcel(fmt.Sprint(page)))})
	}
	if got := strings.Join(seen, " "); got != "7 6 5 4 3 2 1" {
		t.Errorf("pages %s", got)
	}
}

// TestImportPayload reads back what was sent, whatever it was, until it is
// deleted.
func TestImportPayload(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	large := make([]object, 30)
	for i := range large {
		large[i] = record("1001", bad("p", object{"commentaire": strings.Repeat("é", 40_000)})).with(object{"dateAudit": fmt.Sprintf("2026-03-%02d", i+1)})
	}
	tests := []struct {
		name, body string
		headers    []string
		media      string
		records    int
	}{
		{"an array", "\ufeff [" + text(t, record("1001")) + " , null, 42]\n", nil, "application/json", 2},
		{"lines", text(t, record("1002")) + "\n{bad \xff\n" + text(t, record("1003")), []string{"Content-Type", "application/x-ndjson; charset=utf-8"}, "application/x-ndjson", 3},
		{"a page", "[]", []string{"Content-Type", "text/html"}, "text/html", 0},
		{"gzip", zipped(t, "["+text(t, record("1001"))+"]"), []string{"Content-Encoding", "gzip"}, "application/json", 1},
		{"several pieces", text(t, large), nil, "application/json", 30},
	}
	for _, tt := range tests {
		var p pushed
		s.push(t, ocOne, tt.body, append([]string{"Idempotency-Key", tt.name}, tt.headers...)...).into(t, &p)
		s.work(t, 1)
		want := tt.body
		if tt.name == "gzip" {
			want = "[" + text(t, record("1001")) + "]"
		}
		for _, coding := range []string{"identity", "gzip"} {
			r := s.get(t, ocOne, importPath(p.JobID)+"/payload", "Accept-Encoding", coding)
			if r.Status != http.StatusOK || string(r.Body) != want || r.Header.Get("Content-Type") != tt.media {
				t.Errorf("%s: %d %s, %.200s", tt.name, r.Status, r.Header.Get("Content-Type"), r.Body)
			}
			if r.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: a browser may take it for a page: %v", tt.name, r.Header)
			}
		}
		var detail imported
		s.get(t, ocOne, importPath(p.JobID)+"?withPayload=true").into(t, &detail)
		if len(detail.Payload) != tt.records || detail.Payload == nil {
			t.Errorf("%s: %d records", tt.name, len(detail.Payload))
		}
		if tt.name == "several pieces" {
			for i, got := range detail.Payload {
				if string(got) != text(t, large[i]) {
					t.Errorf("record %d: %.100s", i, got)
				}
			}
		}
		if tt.name == "lines" && string(detail.Payload[1]) != `"{bad `+"\ufffd"+`"` {
			t.Errorf("a line that is no JSON: %s", detail.Payload[1])
		}
		if r := s.get(t, ocTwo, importPath(p.JobID)+"/payload"); r.Status != http.StatusNotFound || !bytes.Equal(r.Body, s.get(t, ocTwo, importPath(999)+"/payload").Body) {
			t.Errorf("S8 %s: %d %s", tt.name, r.Status, r.Body)
		}
		if r := s.get(t, agenceBio, importPath(p.JobID)+"/payload"); r.Status != http.StatusOK {
			t.Errorf("%s for agence_bio: %d", tt.name, r.Status)
		}
	}
	storetest.Exec(t, s.address, `DELETE FROM import_payload`, `UPDATE import_job SET purged_at = now()`)
	if r := s.get(t, ocOne, importPath(1)+"/payload"); r.Status != http.StatusNotFound || string(r.Body) != `{"message":"Payload introuvable"}` {
		t.Errorf("deleted: %d %s", r.Status, r.Body)
	}
	if r := s.get(t, ocOne, importPath(1)+"?withPayload=true"); !strings.HasSuffix(string(r.Body), `"payload":null}`) {
		t.Errorf("deleted: %s", r.Body)
	}
}

// C46: what RFC 001 and RFC 002 promise, on every route of the exchange.
func TestC46Promises(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", bad("p1", object{"geom": nil, "id": "x"}).with(object{"geom": square(2.1, 47.1)}))})
	paths := map[string]string{ // by verbs
		pushPath: "POST", jobPath(1): "GET", exchangePath("1001"): "GET", listPath: "GET", importsPath: "GET",
		importPath(1): "GET", importPath(1) + "/logs": "GET", importPath(1) + "/payload": "GET",
	}
	errorBody := func(r *reply) (e struct {
		StatusCode           int
		Code, Error, Message string
	},
	) {
		t.Helper()
		r.into(t, &e)
		return e
	}
	for path, verb := range paths {
		none := s.ask(t, nobody, verb, path, nil)
		if e := errorBody(none); none.Status != http.StatusUnauthorized || e.StatusCode != http.StatusUnauthorized || e.Code != "INVALID_CREDENTIALS" ||
			e.Message != "Accès refusé : un jeton d'API est nécessaire pour accéder à ce contenu." {
			t.Errorf("%s without token: %d %s", path, none.Status, none.Body)
		}
		for _, token := range []string{"unknown", "Bearer sillon_unknown", s.tokens[asp]} {
			wrong := s.ask(t, nobody, verb, path, nil, "Authorization", token)
			if e := errorBody(wrong); wrong.Status != http.StatusForbidden || e.Code != "FORBIDDEN" || e.Error != "Forbidden" {
				t.Errorf("%s with %.10s: %d %s", path, token, wrong.Status, wrong.Body)
			}
		}
		for _, other := range []string{"PUT", "DELETE", "PATCH", map[string]string{"POST": "GET", "GET": "POST"}[verb]} {
			r := s.ask(t, ocOne, other, path, nil)
			if e := errorBody(r); r.Status != http.StatusMethodNotAllowed || r.Header.Get("Allow") != verb || e.Code != "METHOD_NOT_ALLOWED" ||
				e.Message != "Méthode non autorisée : utilisez "+verb+"." {
				t.Errorf("%s %s: %d, Allow %q, %s", other, path, r.Status, r.Header.Get("Allow"), r.Body)
			}
		}
		if verb == "GET" {
			if r := s.get(t, ocOne, path); r.Status != http.StatusOK || r.Header.Get("X-Api-Version") == "" {
				t.Errorf("%s: %d %s", path, r.Status, r.Body)
			}
		}
	}
	var list struct{ Data []json.RawMessage }
	s.get(t, ocOne, listPath).into(t, &list)
	if len(list.Data) != 1 {
		t.Errorf("data holds %d versions", len(list.Data))
	}
	page := s.imports(t, ocOne, "?withPayload=true&logs=all")
	if len(page.Data) != 1 || len(page.Data[0].Payload) != 1 {
		t.Errorf("payloads: %+v", page)
	}
}
