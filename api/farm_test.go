package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sillon/sillon"
	"sillon/store/storetest"
)

const farmsPath = "/api/v3/exploitations"

type farmPage struct {
	Data []struct {
		NumeroBio, Nom string
		Departement    *string
		Certificateur  *struct{ ID int }
		Parcellaire    *struct {
			Statut      string
			NbParcelles int
		}
	}
	Links struct{ Next *string } `json:"_links"`
}

func (p *farmPage) farms() string {
	numeros := make([]string, len(p.Data))
	for i, f := range p.Data {
		numeros[i] = f.NumeroBio
	}
	return strings.Join(numeros, " ")
}

func TestFarms(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Farms(t, s.db,
		sillon.Farm{NumeroBio: "3001", Name: "GAEC du Chêne", TradeName: "Les Paniers", Siret: "12345678900012", Commune: "26001", Production: true},
		sillon.Farm{NumeroBio: "3002", Name: "EARL 100% <bio>", Commune: "97411", Production: true},
		sillon.Farm{NumeroBio: "3003", Name: "Corse", Commune: "2A004", Production: true},
	)
	s.store(t, ocOne, []object{record("1001")})
	golden(t, "farms", indent(t, s.get(t, agenceBio, farmsPath).Body))
	for _, tt := range []struct{ query, want string }{
		{"?recherche=1001", "1001"},
		{"?recherche=234567", ""}, // a number is known whole
		{"?recherche=12345678900012", "3001"},
		{"?recherche=ch%C3%AAne", "3001"},
		{"?recherche=PANIERS", "3001"},
		{"?recherche=%25", "3002"},
		{"?recherche=_", ""},
		{"?departement=26", "3001"},
		{"?departement=974", "3002"}, // C29
		{"?departement=2A", "3003"},
		{"?departement=97", ""},
		{"?recherche=ferme&departement=26", ""},
		{"?limite=2", "1001 1002"},
		{"", "1001 1002 1003 2001 3001 3002 3003"},
	} {
		var page farmPage
		s.get(t, inao, farmsPath+tt.query).into(t, &page)
		if got := page.farms(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
	for _, who := range []asker{ocOne, ocTwo, asp} { // S9
		if r := s.get(t, who, farmsPath+"?recherche=1001"); r.Status != http.StatusForbidden || strings.Contains(string(r.Body), "Ferme") {
			t.Errorf("S9 %s: %d %s", who, r.Status, r.Body)
		}
	}
	for _, query := range []string{"limite=0", "limite=201", "limite=x", "curseur=!", "curseur=AA", "inconnu=1", "recherche=%00", "departement=%FF"} {
		if r := s.get(t, agenceBio, farmsPath+"?"+query); r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.Status, r.Body)
		}
	}
}

// S9, S3: the users of a certifier search among its clients, present and
// former, and a farmer among its own farms, which none is yet: no filter of a
// search leads further.
func TestS9SearchScope(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	s.move(t, "1002", 1, 2)
	s.move(t, "2001", 2, 1)
	storetest.Farm(t, s.db, "2002", 2)
	for who, want := range map[asker]string{auditor: "1001 1002 1003 2001", officer: "1001 1002 1003 2001", farmer: ""} { //nolint:exhaustive // users alone
		for _, query := range []string{"", "?recherche=Ferme", "?recherche=2002", "?limite=200"} {
			r := s.get(t, who, farmsPath+query)
			var page farmPage
			r.into(t, &page)
			for _, f := range page.Data {
				if !strings.Contains(want, f.NumeroBio) {
					t.Errorf("%s%s: %s", who, query, r.Body)
				}
			}
			if query == "" && page.farms() != want {
				t.Errorf("%s finds %q, want %q", who, page.farms(), want)
			}
		}
	}
}

// C43: pages neither skip nor repeat while farms come and their versions go.
func TestC43Farms(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	farm := func(n int) string { return fmt.Sprintf("F%02d", n) }
	for n := 10; n < 20; n++ {
		storetest.Farm(t, s.db, farm(n), 1)
	}
	s.store(t, ocOne, []object{record(farm(14))})
	var seen []string
	path := farmsPath + "?recherche=ferme+F&limite=3"
	for n := 0; ; n++ {
		var page farmPage
		s.get(t, agenceBio, path).into(t, &page)
		seen = append(seen, strings.Fields(page.farms())...)
		if page.Links.Next == nil {
			break
		}
		path = follow(t, page.Links.Next)
		switch n {
		case 0:
			storetest.Farm(t, s.db, farm(5), 1) // behind the cursor
			s.drop(t, s.version(t, farm(14), 1, audit))
		case 1:
			storetest.Farm(t, s.db, farm(25), 1) // ahead
		}
	}
	if diff := cmp.Diff(strings.Fields("F10 F11 F12 F13 F14 F15 F16 F17 F18 F19 F25"), seen); diff != "" {
		t.Errorf("farms seen (-want +got):\n%s", diff)
	}
}
