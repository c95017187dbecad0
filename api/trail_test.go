package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const trailPath = "/api/v3/supervision/journal"

// A traced is a row of the trail as the API tells it.
type traced struct {
	ID                                                                int64
	Date, Type, Acteur, Role, Action, Ressource, Methode, Route, Code string
	Requete                                                           string
	Certificateur                                                     *int
	Statut                                                            int
	Nombre                                                            int
}

type traceds struct {
	Data  []traced
	Links struct{ Next *string } `json:"_links"`
}

// trace reads the trail once everything is written.
func (s *server) trace(t *testing.T, who asker, query string) []traced {
	t.Helper()
	if err := s.service.FlushTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list traceds
	r := s.get(t, who, trailPath+query)
	if r.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", query, r.Status, r.Body)
	}
	r.into(t, &list)
	return list.Data
}

// TestS26RefusalsAreTraced refuses in every way there is, and finds each in the
// trail with who, what and why.
func TestS26RefusalsAreTraced(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	one := s.one(t, `SELECT id::text FROM token WHERE oc = 1`)
	var p pushed
	s.push(t, ocTwo, []object{record("2001")}).into(t, &p)
	foreign := jobPath(p.JobID)
	wrong := []string{"Authorization", "sillon_" + strings.Repeat("z", 40)}
	tests := []struct {
		name, method, path string
		who                asker
		want               string // type, role, actor, certifier, action, resource, method, route, status, code
	}{
		{"another's job", http.MethodGet, foreign, ocOne, "oc_service 1 importJob id=" + fmt.Sprint(p.JobID) + " GET /api/v3/import/jobs/{id} 404 JOB_NOT_FOUND"},
		{"a job of nobody", http.MethodGet, jobPath(999), ocOne, "oc_service 1 importJob id=999 GET /api/v3/import/jobs/{id} 404 JOB_NOT_FOUND"},
		{"another's farm", http.MethodGet, exchangePath("2001"), ocOne, "oc_service 1 exchangeOne numeroBio=2001 GET /api/v2/certification/parcellaire/{numeroBio} 404 NOT_FOUND"},
		{"what its role may not", http.MethodGet, farmsPath, ocOne, "oc_service 1 farms  GET /api/v3/exploitations 403 FORBIDDEN"},
		{"an administration", http.MethodDelete, tokensPath + "/" + holder, ocOne, "oc_service 1 revokeToken id=" + holder + " DELETE /api/v3/jetons/{id} 403 FORBIDDEN"},
		{"no token", http.MethodGet, farmsPath, nobody, "public 0 farms  GET /api/v3/exploitations 401 INVALID_CREDENTIALS"},
		{"a wrong token", http.MethodGet, farmsPath, nobody, "public 0 farms  GET /api/v3/exploitations 403 FORBIDDEN"},
		{"no such path", http.MethodGet, "/api/v3/secrets/12", nobody, ""},
		{"a page that is not there", http.MethodGet, "/assets/none.js", nobody, ""},
	}
	for _, tt := range tests {
		var headers []string
		if tt.name == "a wrong token" {
			headers = wrong
		}
		r := s.ask(t, tt.who, tt.method, tt.path, nil, headers...)
		last := s.trace(t, inao, "?type=refus&limite=1")
		request := r.Header.Get("X-Request-Id")
		if tt.want == "" {
			if len(last) > 0 && last[0].Requete == request {
				t.Errorf("%s: traced as %+v", tt.name, last[0])
			}
			continue
		}
		if len(last) != 1 {
			t.Fatalf("%s: nothing traced", tt.name)
		}
		g, oc := last[0], 0
		if g.Certificateur != nil {
			oc = *g.Certificateur
		}
		got := fmt.Sprint(g.Role, " ", oc, " ", g.Action, " ", g.Ressource, " ", g.Methode, " ", g.Route, " ", g.Statut, " ", g.Code)
		if got != tt.want || g.Requete != request || g.Nombre != 1 || g.Date == "" {
			t.Errorf("%s:\n got %s\nwant %s\n%+v", tt.name, got, tt.want, g)
		}
		actor := ""
		if tt.who == ocOne {
			actor = one
		}
		if g.Acteur != actor {
			t.Errorf("%s: actor %q, want %q", tt.name, g.Acteur, actor)
		}
	}
}

// TestS26Supervision: what agence_bio and inao read is traced too, what is
// administered stands or falls with it, and agence_bio sees the latter alone.
func TestS26Supervision(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	version := s.version(t, "1001", 1, "2026-03-01")
	path := "/api/v3/parcellaires/" + version + "/parcelles"
	s.get(t, inao, path)
	s.get(t, agenceBio, path)
	s.get(t, ocOne, path) // its own work is nobody's business
	s.get(t, ocOne, farmsPath)
	made := s.issue(t, "new", tokensPath, `{"role":"asp"}`)
	s.administer(t, http.MethodPost, tokensPath, `{"role":"oc_service","certificateur":77}`)

	kinds := map[string]int{}
	for _, g := range s.trace(t, inao, "?limite=200") {
		kinds[g.Type+" "+g.Role+" "+g.Action+" "+g.Ressource]++
	}
	for _, want := range []string{
		"lecture inao parcels id=" + version, "lecture agence_bio parcels id=" + version, "refus oc_service farms ",
		"administration agence_bio createToken jeton " + made.Prefixe,
	} {
		if kinds[want] != 1 {
			t.Errorf("%d of %q in %v", kinds[want], want, kinds)
		}
	}
	for what := range kinds {
		if strings.Contains(what, "oc_service parcels") || strings.Contains(what, "createToken") && !strings.HasPrefix(what, "administration") {
			t.Errorf("%q is traced", what)
		}
	}
	seen := s.trace(t, agenceBio, "?limite=200")
	if i := slices.IndexFunc(seen, func(g traced) bool { return g.Type != "administration" }); i >= 0 || len(seen) == 0 {
		t.Errorf("agence_bio sees %+v", seen)
	}
	for _, kind := range []string{"refus", "lecture"} {
		if r := s.get(t, agenceBio, trailPath+"?type="+kind); r.Status != http.StatusForbidden {
			t.Errorf("agence_bio asks for %s: %d %s", kind, r.Status, r.Body)
		}
	}
	// That agence_bio read the trail, and that it was refused, is in the trail.
	mine := s.trace(t, inao, "?acteur="+seen[0].Acteur+"&limite=200")
	for _, want := range []string{"lecture trail", "refus trail"} {
		if !slices.ContainsFunc(mine, func(g traced) bool { return g.Type+" "+g.Action == want }) {
			t.Errorf("%s of agence_bio is not traced", want)
		}
	}
	for _, query := range []string{"?type=x", "?curseur=eA", "?limite=0", "?page=2"} {
		if r := s.get(t, inao, trailPath+query); r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.Status, r.Body)
		}
	}
}

func TestTrailPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for id := range 7 {
		s.get(t, ocOne, jobPath(int64(100+id)))
	}
	s.trace(t, inao, "")
	var got []string
	for path := trailPath + "?type=refus&limite=3"; path != ""; {
		var page traceds
		s.get(t, inao, path).into(t, &page)
		for _, g := range page.Data {
			got = append(got, g.Ressource)
		}
		path = ""
		if page.Links.Next != nil {
			path = strings.TrimPrefix(*page.Links.Next, publicURL)
		}
	}
	want := []string{"id=106", "id=105", "id=104", "id=103", "id=102", "id=101", "id=100"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want each once, newest first", got)
	}
}

// TestS26Flood: refusals that are all the same, and refusals that are all
// different, cost a bounded number of rows, and every one is counted.
func TestS26Flood(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const same, different = 500, 3000
	for range same {
		s.handler.ServeHTTP(discard{http.Header{}}, request(t, http.MethodGet, farmsPath, s.tokens[ocOne]))
	}
	if err := s.service.FlushTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.trace(t, inao, "?type=refus&limite=200"); len(got) != 1 || got[0].Nombre != same {
		t.Errorf("%d rows, the first of %d refusals, want one of %d", len(got), got[0].Nombre, same)
	}
	for i := range different {
		s.handler.ServeHTTP(discard{http.Header{}}, request(t, http.MethodGet, jobPath(int64(i)), s.tokens[ocOne]))
	}
	if err := s.service.FlushTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.superuser(t, `SELECT concat_ws(' ', sum(times), count(*) < 2300, count(*) > 1500, count(*) FILTER (WHERE route = ''))
		FROM trail WHERE kind = 'refus'`, fmt.Sprintf("%d t t 1", same+different))
}
