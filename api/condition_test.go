package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestNotModified: what has a tag is not sent to whoever holds it (api.md,
// "Concurrency").
func TestNotModified(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	version := versionPath(s.version(t, "1001", 1, audit))
	hook := webhooksPath + "/" + s.newWebhook(t, ocOne, "https://9.9.9.9/").ID
	for _, tt := range []struct {
		who  asker
		path string
	}{
		{ocOne, version},
		{ocOne, version + "/parcelles"},
		{agenceBio, version + "/export"},
		{agenceBio, version + "/export?modele=certis&format=csv"},
		{agenceBio, version + "/export?format=geojson"},
		{ocOne, exchangePath("1001")},
		{agenceBio, farmPath("1001")},
		{ocOne, hook},
		{nobody, "/tiles/parcelles.json"},
		{nobody, "/tiles/departements.json"},
		{nobody, "/tiles/style.json"},
		{nobody, "/openapi.yaml"},
	} {
		first := s.get(t, tt.who, tt.path)
		tag := first.Header.Get("ETag")
		if first.Status != http.StatusOK || !strings.HasPrefix(tag, `"`) {
			t.Errorf("%s: %d with tag %s, want a strong one", tt.path, first.Status, tag)
		}
		if r := s.get(t, tt.who, tt.path, "If-None-Match", `"r0", `+tag); r.Status != http.StatusNotModified || r.Header.Get("ETag") != tag {
			t.Errorf("%s, held: %d %s", tt.path, r.Status, r.Header.Get("ETag"))
		}
		if r := s.get(t, tt.who, tt.path, "If-None-Match", `"r0"`); r.Status != http.StatusOK {
			t.Errorf("%s, another held: %d", tt.path, r.Status)
		}
	}
}

// TestUnmodifiedSince: a client without tags is refused what changed after the
// second that it knows (domain.md §12), and one with a tag is judged by it alone.
func TestUnmodifiedSince(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	hook := webhooksPath + "/" + s.newWebhook(t, ocOne, "https://9.9.9.9/").ID
	old, fresh := time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat), time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		who                asker
		method, path, body string
	}{
		{agenceBio, http.MethodPut, farmPath("1001"), `{"nom":"Autre"}`},
		{agenceBio, http.MethodPut, linkPath("1001", 1), `{"etat":"SUSPENDUE"}`},
		{ocOne, http.MethodPatch, hook, `{"nom":"Autre"}`},
		{ocOne, http.MethodDelete, hook, ``},
	} {
		ask := func(headers ...string) *reply {
			return s.ask(t, tt.who, tt.method, tt.path, strings.NewReader(tt.body), headers...)
		}
		for _, stale := range [][]string{
			{"If-Unmodified-Since", old},
			{"If-Match", `"r99"`},
			{"If-Match", `"r99"`, "If-Unmodified-Since", fresh},
			{"If-Match", `W/"r1"`},
		} {
			r := ask(stale...)
			if r.Status != http.StatusPreconditionFailed || !strings.Contains(string(r.Body), "Le contenu a été modifié depuis votre dernière requête.") ||
				!strings.HasPrefix(r.Header.Get("ETag"), `"r`) || !strings.Contains(string(r.Body), `"revision":`) {
				t.Errorf("%s %s with %q: %d %s %s", tt.method, tt.path, stale, r.Status, r.Header.Get("ETag"), r.Body)
			}
		}
		if r := ask("If-Unmodified-Since", fresh, "If-Match", "*"); r.Status >= 300 {
			t.Errorf("%s %s, as it is known: %d %s", tt.method, tt.path, r.Status, r.Body)
		}
	}
	if r := s.put(t, agenceBio, farmPath("5009"), `{"nom":"Nouvelle"}`, "If-Match", "*"); r.Status != http.StatusPreconditionFailed {
		t.Errorf("a farm that is not there, to be changed only: %d %s", r.Status, r.Body)
	}
	if r := s.put(t, agenceBio, farmPath("5009"), `{"nom":"Nouvelle"}`, "If-Unmodified-Since", "hier"); r.Status != http.StatusCreated {
		t.Errorf("a day that cannot be read: %d %s", r.Status, r.Body)
	}
}
