package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sillon/service"
	"sillon/sillon"
)

// page reads a file of the documentation, by its path from the root.
func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var versionDay = regexp.MustCompile(`Version créée le \d\d/\d\d/\d{4}`)

// timeless sets aside what differs each time the walk-through is done.
func timeless(s string) string {
	s = versionDay.ReplaceAllString(instants.ReplaceAllString(s, `"INSTANT"`), "Version créée le JOUR")
	return uuids.ReplaceAllString(s, "UUID")
}

// TestWalkThrough does what the README and the certifier's guide do, with the
// files of docs/exemples: the replies are those that they show.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	const certifier asker = "oc_service 950"
	const (
		commune = `{"type":"Feature","properties":{"code":"26011","nom":"Ici"},"geometry":{"type":"Polygon","coordinates":[[[5,44.7],[5.1,44.7],[5.1,44.8],[5,44.8],[5,44.7]]]}}`
		readme  = "README.md"
		guide   = "docs/guide-certificateur.md"
	)
	s := newServer(t)
	if _, err := s.service.LoadReference(t.Context(), service.ReferenceLoad{
		Kind: "communes", Source: "test", Body: strings.NewReader(`{"type":"FeatureCollection","features":[` + commune + `]}`),
	}); err != nil {
		t.Fatal(err)
	}
	n, warnings, err := s.service.ImportFarms(t.Context(), strings.NewReader(page(t, "docs/exemples/farms.csv")))
	if n != 3 || len(warnings) > 0 || err != nil {
		t.Fatalf("farms.csv: %d farms, %v, %v", n, warnings, err)
	}
	s.tokens[certifier] = s.token(t, service.NewToken{Role: sillon.RoleOCService, OC: 950})

	shown := map[string]string{readme: timeless(page(t, readme)), guide: timeless(page(t, guide))}
	shows := func(what string, r *reply, status int, pages ...string) {
		t.Helper()
		body := timeless(strings.TrimSpace(string(r.Body)))
		if r.Status != status {
			t.Errorf("%s: status %d, want %d", what, r.Status, status)
		}
		for _, name := range pages {
			if !strings.Contains(shown[name], body) {
				t.Errorf("%s does not show the reply to %s:\n%s", name, what, body)
			}
		}
	}
	shows("the test of the token", s.get(t, certifier, "/api/v2/test"), http.StatusOK, guide)
	shows("the push", s.push(t, certifier, page(t, "docs/exemples/envoi.json")), http.StatusMultiStatus, readme, guide)
	shows("the first poll", s.get(t, certifier, jobPath(1)), http.StatusOK, guide)
	s.work(t, 950)
	shows("the poll", s.get(t, certifier, jobPath(1)), http.StatusOK, readme, guide)
	shows("the stream", s.get(t, certifier, eventsPath(1)), http.StatusOK, guide)
	shows("reading back", s.get(t, certifier, "/api/v2/certification/parcellaire/990002"), http.StatusOK, readme, guide)
	shows("the list of farms", s.get(t, agenceBio, "/api/v3/exploitations?recherche=990002"), http.StatusOK, readme)
	id := s.version(t, "990002", 950, "2026-03-20")
	shows("the parcels", s.get(t, agenceBio, "/api/v3/parcellaires/"+id+"/parcelles"), http.StatusOK, readme)
	text := page(t, readme)
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPut, "/990002", `{"denomination":"Val Clair"}`, http.StatusOK},
		{http.MethodPost, "/imports", `numeroBio;certificateurId;certificateur;numeroClient\n990004;951;Autre Certif;B-4\n`, http.StatusOK},
		{http.MethodPut, "/990002/liens/950", `{"etat":"ARRETEE","dateArret":"2026-06-01"}`, http.StatusOK},
		{http.MethodPut, "/990002/liens/951", `{"etat":"ENGAGEE","dateDemarrage":"2026-06-01","numeroClient":"B-2"}`, http.StatusCreated},
	} {
		if !strings.Contains(text, step.path) || !strings.Contains(text, step.body) {
			t.Errorf("%s does not have %s of %s", readme, step.body, step.path)
		}
		r := s.ask(t, agenceBio, step.method, farmsPath+step.path, strings.NewReader(strings.ReplaceAll(step.body, `\n`, "\n")))
		if r.Status != step.status {
			t.Errorf("%s: %d %s", step.path, r.Status, r.Body)
		}
	}
}

// TestGuideNamesEveryIssue holds the tables of the certifier's guide to the
// catalogue of issues: each code, with its text as far as it is fixed.
func TestGuideNamesEveryIssue(t *testing.T) {
	t.Parallel()
	guide := page(t, "docs/guide-certificateur.md")
	source := page(t, "sillon/exchange_issues.go")
	catalogue := regexp.MustCompile(`\((codeDB|"[A-Z_]+"),\s*"([^"]+)"`).FindAllStringSubmatch(source, -1)
	if len(catalogue) < 35 {
		t.Fatalf("%d issues found in the catalogue", len(catalogue))
	}
	for _, issue := range catalogue {
		code := strings.Trim(issue[1], `"`)
		if code == "codeDB" {
			code = "DB_ERROR"
		}
		if row := "`" + code + "` | `" + issue[2]; !strings.Contains(guide, row) {
			t.Errorf("the guide has no row %s", row)
		}
	}
	for _, fault := range regexp.MustCompile(`GeomFault\s+= "([^"]+)"`).FindAllStringSubmatch(source, -1) {
		if !strings.Contains(guide, "`"+fault[1]+"`") {
			t.Errorf("the guide does not explain %q", fault[1])
		}
	}
}
