package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestParcels(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.loadCommunes(t)
	s.store(t, ocOne, []object{record("1001",
		bad("a", object{
			"nom": "La Noue", "numeroIlot": 12, "numeroParcelle": 3, "commentaire": "vue", "geom": square(2.123456789, 47.1),
			"cultures": []object{{"codeCPF": "01.11.12", "variete": "Renan", "dateSemis": "2025-10-10", "quantite": 1.5, "unite": "ha"}},
		}),
		bad("b", object{"etatProduction": absent, "dateEngagement": absent, "enAttentePAC": true, "geom": "[[[2.3,47.1],[2.31,47.11],[2.31,47.1],[2.3,47.11],[2.3,47.1]]]"}),
	)})
	v := s.version(t, "1001", 1, audit)
	path := "/api/v3/parcellaires/" + v + "/parcelles"
	first := s.get(t, ocOne, path)
	golden(t, "parcels", indent(t, first.Body))

	if got := first.Header.Get("ETag"); got != `"r1"` {
		t.Errorf("ETag %s", got)
	}
	if r := s.get(t, ocOne, path, "If-None-Match", `"r1"`); r.Status != http.StatusNotModified {
		t.Errorf("If-None-Match: %d", r.Status)
	}
	if r := s.get(t, ocOne, path, "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "gzip" || string(r.Body) != string(first.Body) {
		t.Errorf("gzip: %v", r.Header)
	}
	if upper := s.get(t, ocOne, strings.Replace(path, v, strings.ToUpper(v), 1)); upper.Status != http.StatusOK {
		t.Errorf("a UUID in capitals: %d", upper.Status)
	}
	for _, tt := range []struct{ query, longitude string }{
		{"", "2.1234568"}, {"?precision=9", "2.123456789"}, {"?precision=7", "2.1234568"}, {"?precision=3", "2.123"}, {"?precision=1", "2.1"},
	} {
		if body := string(s.get(t, ocOne, path+tt.query).Body); !strings.Contains(body, "[["+tt.longitude+",47.1]") && !strings.Contains(body, "["+tt.longitude+",47.1]") {
			t.Errorf("precision %q: %s", tt.query, body)
		}
	}

	for _, tt := range []struct{ query, code, path string }{
		{"?precision=0", "INVALID_API_REQUEST", ""},
		{"?precision=10", "INVALID_API_REQUEST", ""},
		{"?precision=x", "INVALID_API_REQUEST", ""},
		{"?precison=9", "CHAMP_INCONNU", "precison"},
		{"?%zz", "INVALID_API_REQUEST", ""},
	} {
		r := s.get(t, ocOne, path+tt.query)
		var p struct {
			Type, Code, Instance string
			Status               int
			Erreurs              []struct{ Chemin, Code string }
		}
		r.into(t, &p)
		if r.Status != http.StatusBadRequest || p.Status != 400 || p.Code != tt.code || p.Type != publicURL+"/problemes/"+tt.code || !uuids.MatchString(p.Instance) {
			t.Errorf("%s: %d %s", tt.query, r.Status, r.Body)
		}
		if tt.path != "" && (len(p.Erreurs) != 1 || p.Erreurs[0].Chemin != tt.path || p.Erreurs[0].Code != tt.code) {
			t.Errorf("%s: %s", tt.query, r.Body)
		}
	}

	missing := sameProblem(s.get(t, ocOne, "/api/v3/parcellaires/"+uuid.NewString()+"/parcelles"))
	for _, id := range []string{"1", "x", "%00", strings.Repeat("a", 500), v + "1"} {
		if got := sameProblem(s.get(t, ocOne, "/api/v3/parcellaires/"+id+"/parcelles")); got != missing {
			t.Errorf("%.40s: %s, want %s", id, got, missing)
		}
	}
	if got := sameProblem(s.get(t, ocTwo, path)); got != missing {
		t.Errorf("foreign: %s, want %s", got, missing)
	}
	s.store(t, ocOne, []object{record("1001", bad("a", object{"geom": nil}))})
	if r := s.get(t, ocOne, path, "If-None-Match", `"r1"`); r.Status != http.StatusOK || r.Header.Get("ETag") != `"r2"` || strings.Contains(string(r.Body), `"id":"b"`) {
		t.Errorf("after a write: %d %s", r.Status, r.Body)
	}
	s.drop(t, v)
	if got := sameProblem(s.get(t, ocOne, path)); got != missing {
		t.Errorf("deleted: %s, want %s", got, missing)
	}
}

// sameProblem is the text of a refusal, its reference set aside.
func sameProblem(r *reply) string {
	return regexp.MustCompile(`"instance":"[^"]*"`).ReplaceAllString(string(r.Body), "")
}
