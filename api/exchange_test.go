package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sillon/sillon"
	"sillon/store/storetest"
)

const listPath = "/api/v2/certification/parcellaires"

// An exchanged is a version as RFC 002 serves it.
type exchanged struct {
	NumeroBio     string
	VersionName   string `json:"version_name"`
	Certification struct {
		Statut, DateAudit, DateDebut, DateFin, DemandesAudit, NotesAudit string
		AnneeReferenceControle                                           int
	}
	Parcellaire struct {
		Features []struct {
			ID         string
			Properties struct {
				Commentaire, Nom string
				Annotations      []any
			}
		}
	}
}

// An exchangePage is a page of versions.
type exchangePage struct {
	Data  []exchanged
	Links struct{ Prev, Next *string } `json:"_links"`
}

// farms lists the farm numbers of a page.
func (p *exchangePage) farms() string {
	numeros := make([]string, len(p.Data))
	for i, v := range p.Data {
		numeros[i] = v.NumeroBio
	}
	return strings.Join(numeros, " ")
}

// TestExchangeShape holds the bytes of RFC 002 (certifier-exchange.md §9).
func TestExchangeShape(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.loadCommunes(t)
	s.store(t, ocOne, []object{record("1001",
		bad("45742", object{
			"nom": "Haut de la colline", "numeroIlot": 1, "numeroParcelle": 3, "commentaire": "vue", "commune": "18001",
			"cultures": []object{{"codeCPF": "01.11.12", "variete": "Renan", "dateSemis": "2025-10-10", "quantite": 1, "unite": "ha"}, {"codeCPF": "01.13.42"}},
		}),
		bad("deux", object{"etatProduction": "BIO", "dateEngagement": absent, "geom": "[[[[20.123456789123,50],[20.2,50],[20.2,50.1],[20.123456789123,50]]],[[[21,50],[21.2,50],[21.2,50.1],[21,50]]]]"}),
	).with(object{"commentaire": "rien à signaler", "numeroPacage": 999100540, "anneeReferenceControle": 2025})})
	v := s.version(t, "1001", 1, audit)
	storetest.Exec(t, s.address,
		`UPDATE parcellaire SET name = 'Version 2026', audit_demandes = 'À corriger' WHERE id = '`+v+`'`,
		`UPDATE parcel SET references_cadastrales = '{97411000BP0885,97411000BP0886}',
			annotations = '[{"id":"1","code":"surveyed","date":"2026-03-01"}]' WHERE id = '45742'`)
	one := s.get(t, ocOne, exchangePath("1001"))
	golden(t, "exchange-one", indent(t, one.Body))
	golden(t, "exchange-all", indent(t, s.get(t, ocOne, listPath).Body))
	golden(t, "exchange-none", string(s.get(t, ocTwo, listPath).Body)+string(s.get(t, ocTwo, exchangePath("2001")).Body))
	if decimals := regexp.MustCompile(`\d\.\d{10}`).Find(one.Body); decimals != nil {
		t.Errorf("more than 9 decimals: %s", decimals)
	}
	s.store(t, ocOne, []object{record("1002").with(object{"parcelles": []any{}})})
	var empty exchanged
	s.get(t, ocOne, exchangePath("1002")).into(t, &empty)
	if empty.NumeroBio != "1002" || empty.Parcellaire.Features == nil || len(empty.Parcellaire.Features) != 0 {
		t.Errorf("a version without parcels: %+v", empty)
	}
}

// indent makes JSON readable, numbers and order kept.
func indent(t *testing.T, body []byte) string {
	t.Helper()
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(json.RawMessage(body)); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return b.String()
}

func TestExchangeFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, v := range []object{
		record("1001").with(object{"dateAudit": "2026-12-31", "anneeReferenceControle": 2026}),
		record("1001").with(object{"dateAudit": "2024-01-01", "anneeReferenceControle": 2024}),
		record("1001").with(object{"dateAudit": "2025-06-01", "anneeReferenceControle": 2024}),
		record("1002").with(object{"dateAudit": "2025-06-01", "anneeReferenceControle": 2025}),
	} {
		s.store(t, ocOne, []object{v})
	}
	storetest.Exec(t, s.address, `UPDATE parcellaire SET state = 'AUDITED' WHERE audit_date = '2024-01-01'`)
	none := `{"statusCode":404,"code":"NOT_FOUND","error":"Not Found","message":"Aucun parcellaire trouvé"}`
	one := []struct{ query, audit string }{
		{"", "2025-06-01"}, // the last modified
		{"?anneeAudit=2026", "2026-12-31"},
		{"?anneeAudit=2024", "2024-01-01"},
		{"?statut=AUDITED", "2024-01-01"},
		{"?statut=CERTIFIED", "2025-06-01"},
		{"?statut=CERTIFIED&anneeAudit=2026", "2026-12-31"},
		{"?statut=CERTIFIED&anneeAudit=2024", ""},
		{"?statut=OPERATOR_DRAFT", ""},
		{"?anneeAudit=2023", ""},
		{"?inconnu=1", "2025-06-01"},
	}
	for _, tt := range one {
		r := s.get(t, ocOne, exchangePath("1001")+tt.query)
		var v exchanged
		r.into(t, &v)
		if v.Certification.DateAudit != tt.audit || tt.audit == "" && (r.Status != http.StatusNotFound || string(r.Body) != none) {
			t.Errorf("one %s: %d %s, want audit %s", tt.query, r.Status, r.Body, tt.audit)
		}
	}
	all := []struct{ query, want string }{
		{"", "1001 2025-06-01, 1002 2025-06-01"},
		{"?anneeAudit=2026", "1001 2026-12-31"},
		{"?statut=AUDITED", "1001 2024-01-01"},
		{"?anneeReferenceControle=2024", "1001 2025-06-01"},
		{"?anneeReferenceControle=2024&statut=AUDITED", "1001 2024-01-01"},
		{"?anneeReferenceControle=2025", "1002 2025-06-01"},
		{"?anneeReferenceControle=1999", ""},
		{"?start=1", "1002 2025-06-01"},
		{"?start=5", ""},
	}
	for _, tt := range all {
		var page exchangePage
		s.get(t, ocOne, listPath+tt.query).into(t, &page)
		var got []string
		for _, v := range page.Data {
			got = append(got, v.NumeroBio+" "+v.Certification.DateAudit)
		}
		if strings.Join(got, ", ") != tt.want || page.Links.Next != nil || page.Data == nil {
			t.Errorf("all %s: %v, want %s", tt.query, got, tt.want)
		}
	}
	for _, query := range []string{
		"anneeAudit=", "anneeAudit=x", "anneeAudit=1899", "anneeAudit=2101", "anneeAudit=2024.5", "statut=certified", "statut=X",
	} {
		s.refuses(t, exchangePath("1001")+"?"+query)
		s.refuses(t, listPath+"?"+query)
	}
	for _, query := range []string{"limit=0", "limit=-1", "limit=x", "limit=", "start=-1", "start=x", "anneeReferenceControle=1989", "apres=!", "apres=AA", "apres=_w"} {
		s.refuses(t, listPath+"?"+query)
	}
}

// refuses asks for something whose parameters are wrong.
func (s *server) refuses(t *testing.T, path string) {
	t.Helper()
	r := s.get(t, ocOne, path)
	var body struct {
		StatusCode int
		Code       string
	}
	r.into(t, &body)
	if r.Status != http.StatusBadRequest || body.StatusCode != r.Status || body.Code != "INVALID_API_REQUEST" {
		t.Errorf("%s: %d %s", path, r.Status, r.Body)
	}
}

// A farm that exists but that the caller may not see, one that does not exist
// and one without version are the same to him.
func TestExchangeAbsent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocTwo, []object{record("2001")})
	want := s.get(t, ocOne, exchangePath("7777"))
	for _, numero := range []string{"2001", "1001", "%00", "%FF", "%2F", "..%2F..", "é", strings.Repeat("9", 3000), "1001'%20OR%201=1"} {
		r := s.get(t, ocOne, exchangePath(numero))
		if r.Status != http.StatusNotFound || string(r.Body) != string(want.Body) {
			t.Errorf("%.50s: %d %s", numero, r.Status, r.Body)
		}
	}
}

// The marks of what an auditor wrote, which must not reach another certifier.
const (
	markAudit  = "MARQUE-AUDIT"
	markDemand = "MARQUE-DEMANDE"
	markParcel = "MARQUE-PARCELLE"
)

// marked pushes a version that carries the marks.
func (s *server) marked(t *testing.T, who asker, numero, date string) (version string) {
	t.Helper()
	s.store(t, who, []object{record(numero, bad("p-"+string(who[len(who)-1]), object{"commentaire": markParcel, "nom": "Champ"})).
		with(object{"commentaire": markAudit, "dateAudit": date})})
	version = s.version(t, numero, ocOf(who), date)
	storetest.Exec(t, s.address, `UPDATE parcellaire SET audit_demandes = '`+markDemand+`' WHERE id = '`+version+`'`)
	return version
}

// S11, S12: who was the certifier of a farm keeps its own versions and sees no
// later one; who is reads all, without what the auditors of others wrote.
func TestS11S12ChangeOfCertifier(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	former := s.marked(t, ocOne, "1001", "2025-03-01")
	s.move(t, "1001", 1, 2)

	// Only the former version is there: the present certifier reads it blanked.
	r := s.get(t, ocTwo, exchangePath("1001"))
	var v exchanged
	r.into(t, &v)
	if v.Certification.DateAudit != "2025-03-01" || v.Certification.NotesAudit != "" || v.Certification.DemandesAudit != "" ||
		len(v.Parcellaire.Features) != 1 || v.Parcellaire.Features[0].Properties.Commentaire != "" || v.Parcellaire.Features[0].Properties.Nom != "Champ" {
		t.Errorf("read by the present certifier: %s", r.Body)
	}
	parcels := func(who asker, version string) *reply {
		return s.get(t, who, "/api/v3/parcellaires/"+version+"/parcelles")
	}
	for _, r := range []*reply{r, parcels(ocTwo, former), s.get(t, ocTwo, listPath)} {
		if strings.Contains(string(r.Body), "MARQUE") {
			t.Errorf("S12: the present certifier reads the notes of the former one: %s", r.Body)
		}
	}
	if got := s.list(t, ocTwo, "").farms(); got != "" {
		t.Errorf("the list of the present certifier holds versions of another one: %s", got)
	}

	later := s.marked(t, ocTwo, "1001", "2026-03-01")
	if r := parcels(ocOne, later); r.Status != http.StatusNotFound {
		t.Errorf("S11: the former certifier reads a later version: %d", r.Status)
	}
	for _, r := range []*reply{s.get(t, ocOne, exchangePath("1001")), s.get(t, ocOne, listPath), parcels(ocOne, former)} {
		if body := string(r.Body); r.Status != http.StatusOK || strings.Contains(body, "p-2") || strings.Contains(body, "2026-03-01") || !strings.Contains(body, markParcel) {
			t.Errorf("S11: the former certifier reads %d %s", r.Status, body)
		}
	}
	s.get(t, ocTwo, exchangePath("1001")).into(t, &v)
	if v.Certification.DateAudit != "2026-03-01" || v.Certification.NotesAudit != markAudit || v.Certification.DemandesAudit != markDemand {
		t.Errorf("the present certifier reads its own version as %+v", v.Certification)
	}
	if got := s.list(t, ocOne, "").farms() + " " + s.list(t, ocTwo, "").farms(); got != "1001 1001" {
		t.Errorf("lists: %s", got)
	}

	// A link that engages no more shows nothing of others.
	storetest.Farms(t, s.db, sillon.Farm{NumeroBio: "1001", Production: true, Links: []sillon.Link{{
		Certifier: sillon.Certifier{ID: 2}, NumeroClient: "C1001", State: sillon.LinkNotEngaged, Start: sillon.Date{Year: 2026, Month: 6, Day: 1},
	}}})
	if r := parcels(ocTwo, former); r.Status != http.StatusNotFound {
		t.Errorf("NON ENGAGEE reads a former version: %d", r.Status)
	}
	if r := parcels(ocTwo, later); r.Status != http.StatusOK {
		t.Errorf("NON ENGAGEE reads its own version: %d", r.Status)
	}
	for _, who := range []asker{agenceBio, inao} {
		if r := parcels(who, former); r.Status != http.StatusOK || !strings.Contains(string(r.Body), markParcel) {
			t.Errorf("%s: %d %s", who, r.Status, r.Body)
		}
	}
}

// list reads a page of versions.
func (s *server) list(t *testing.T, who asker, query string) *exchangePage {
	t.Helper()
	var page exchangePage
	s.get(t, who, listPath+query).into(t, &page)
	return &page
}

// follow is where a link leads, whose host comes from the configuration.
func follow(t *testing.T, link *string) string {
	t.Helper()
	path, ok := strings.CutPrefix(*link, publicURL)
	if !ok {
		t.Fatalf("S23: link %s is not under %s", *link, publicURL)
	}
	return path
}

func TestExchangePages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, numero := range []string{"10", "9", "100", "A1", "a1"} {
		storetest.Farm(t, s.db, numero, 1)
		s.store(t, ocOne, []object{record(numero)})
	}
	if got := s.list(t, ocOne, "").farms(); got != "10 100 9 A1 a1" {
		t.Errorf("order as text: %s", got)
	}
	for _, tt := range []struct{ query, farms, prev, next string }{
		{"?limit=2", "10 100", "", "apres=MTAw&limit=2&start=2"},
		{"?limit=2&start=2", "9 A1", "limit=2&start=0", "apres=QTE&limit=2&start=4"},
		{"?limit=2&start=4", "a1", "limit=2&start=2", ""},
		{"?limit=5", "10 100 9 A1 a1", "", ""},
		{"?limit=2&start=1&statut=CERTIFIED&anneeAudit=2026&anneeReferenceControle=2026", "100 9", "anneeAudit=2026&anneeReferenceControle=2026&limit=2&start=0&statut=CERTIFIED", "anneeAudit=2026&anneeReferenceControle=2026&apres=OQ&limit=2&start=3&statut=CERTIFIED"},
		{"?limit=1&start=0&apres=QTE", "a1", "", ""}, // the cursor wins
	} {
		page := s.list(t, ocOne, tt.query)
		query := func(link *string) string {
			if link == nil {
				return ""
			}
			return strings.TrimPrefix(follow(t, link), listPath+"?")
		}
		if got := []string{page.farms(), query(page.Links.Prev), query(page.Links.Next)}; !slices.Equal(got, []string{tt.farms, tt.prev, tt.next}) {
			t.Errorf("%s: %q, want %q", tt.query, got, tt)
		}
	}
	r := s.get(t, ocOne, listPath+"?limit=2", "Host", "evil.example", "X-Forwarded-Host", "evil.example")
	if strings.Contains(string(r.Body), "evil") {
		t.Errorf("S23: %s", r.Body)
	}
}

// C43: pages neither skip nor repeat while versions come and go.
func TestC43ExchangePages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	farm := func(n int) string { return fmt.Sprintf("F%02d", n) }
	add := func(n int) {
		storetest.Farm(t, s.db, farm(n), 1)
		s.store(t, ocOne, []object{record(farm(n))})
	}
	for n := 10; n < 20; n++ {
		add(n)
	}
	remove := func(n int) { s.drop(t, s.version(t, farm(n), 1, audit)) }
	between := []func(){
		func() { remove(10); add(5) },  // behind the cursor
		func() { remove(13); add(25) }, // at it, and at the end
		func() { remove(17); add(16) }, // ahead: one goes, another is pushed again
	}
	var seen []string
	path := listPath + "?limit=2"
	for n := 0; ; n++ {
		var page exchangePage
		s.get(t, ocOne, path).into(t, &page)
		seen = append(seen, strings.Fields(page.farms())...)
		if page.Links.Next == nil {
			break
		}
		path = follow(t, page.Links.Next)
		if n < len(between) {
			between[n]()
		}
	}
	want := strings.Fields("F10 F11 F12 F13 F14 F15 F16 F18 F19 F25")
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("farms seen (-want +got):\n%s", diff)
	}
}

// P15: conditional and compressed reads.
func TestP15ExchangeETag(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	first := s.get(t, ocOne, exchangePath("1001"))
	etag := first.Header.Get("ETag")
	if !regexp.MustCompile(`^"[^"]+"$`).MatchString(etag) {
		t.Fatalf("ETag %s", etag)
	}
	for _, header := range []string{etag, `"x", ` + etag, "W/" + etag, "*"} {
		if r := s.get(t, ocOne, exchangePath("1001"), "If-None-Match", header); r.Status != http.StatusNotModified || r.Header.Get("ETag") != etag {
			t.Errorf("If-None-Match %s: %d", header, r.Status)
		}
	}
	for _, coding := range []string{"gzip", "br, gzip;q=0.5", "GZIP"} {
		r := s.get(t, ocOne, exchangePath("1001"), "Accept-Encoding", coding)
		if r.Header.Get("Content-Encoding") != "gzip" || string(r.Body) != string(first.Body) || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %s: %v", coding, r.Header)
		}
		if r := s.get(t, ocOne, listPath, "Accept-Encoding", coding); r.Header.Get("Content-Encoding") != "gzip" || !json.Valid(r.Body) {
			t.Errorf("list, Accept-Encoding %s: %v", coding, r.Header)
		}
	}
	if r := s.get(t, ocOne, exchangePath("1001"), "Accept-Encoding", "gzip;q=0"); r.Header.Get("Content-Encoding") != "" {
		t.Errorf("gzip refused: %v", r.Header)
	}
	s.store(t, ocOne, []object{record("1001", bad("p1", object{"nom": "autre"}))})
	if r := s.get(t, ocOne, exchangePath("1001"), "If-None-Match", etag); r.Status != http.StatusOK || r.Header.Get("ETag") == etag {
		t.Errorf("after a write: %d", r.Status)
	}
}
