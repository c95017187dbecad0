package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func farmPath(numero string) string { return farmsPath + "/" + numero }

func linkPath(numero string, oc int) string { return fmt.Sprintf("%s/liens/%d", farmPath(numero), oc) }

func versionPath(id string) string { return "/api/v3/parcellaires/" + id }

// put has the registry edited.
func (s *server) put(t *testing.T, who asker, path, body string, headers ...string) *reply {
	t.Helper()
	return s.ask(t, who, http.MethodPut, path, strings.NewReader(body), headers...)
}

// A sheet is the part of a farm's sheet that the tests look at.
type sheet struct {
	Nom, Denomination, Adresse, CodePostal string
	Siret, Commune, Departement            *string
	NumerosPacage                          []string
	Production                             bool
	Certificateur                          *struct {
		ID                 int
		Etat, NumeroClient string
	}
	Liens, Historique []struct {
		CertificateurID               int
		NumeroClient, Etat            string
		DateDemarrage, DateArret      *string
		ChangementDate, Certificateur string
	}
	Parcellaire *struct{ ID string }
	Revision    int64
}

// A refused is a problem (RFC 9457).
type refused struct {
	Title, Detail, Code string
	Erreurs             []struct{ Chemin, Code, Message string }
}

// String is the code, then the path and the code of each error.
func (r refused) String() string {
	s := r.Code
	for _, e := range r.Erreurs {
		s += " " + e.Chemin + "=" + e.Code
	}
	return s
}

func TestFarmSheet(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	s.move(t, "1001", 1, 2)
	r := s.get(t, agenceBio, farmPath("1001"))
	golden(t, "farm-sheet", indent(t, r.Body))
	again := s.get(t, agenceBio, farmPath("1001"), "If-None-Match", r.Header.Get("ETag"))
	if again.Status != http.StatusNotModified {
		t.Errorf("the same again: %d %s", again.Status, again.Body)
	}
	s.store(t, ocTwo, []object{record("1001").with(object{"dateAudit": "2026-07-01", "dateCertificationDebut": "2026-07-02"})})
	if again = s.get(t, agenceBio, farmPath("1001"), "If-None-Match", r.Header.Get("ETag")); again.Status != http.StatusOK {
		t.Errorf("after another version: %d, want a sheet that tells it", again.Status)
	}
	for _, numero := range []string{"7777", "%00", "%FF"} {
		if r := s.get(t, inao, farmPath(numero)); r.Status != http.StatusNotFound {
			t.Errorf("farm %s: %d %s", numero, r.Status, r.Body)
		}
	}
}

// TestPutFarm is what absent, null and ” do to each member.
func TestPutFarm(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const all = `{"nom":"EARL <b>","denomination":"Les\u00a0Prés","siret":"123 456 789 00012","numerosPacage":["26000001","026000002"],
		"adresse":"1 rue\ndu Puits","codePostal":"26150","commune":"97411","production":false}`
	show := func(body []byte) string {
		var f sheet
		(&reply{Body: body}).into(t, &f)
		text := func(p *string) string {
			if p == nil {
				return "-"
			}
			return *p
		}
		return fmt.Sprint(f.Nom, "|", f.Denomination, "|", text(f.Siret), "|", f.NumerosPacage, "|", f.Adresse, "|", f.CodePostal, "|", text(f.Commune), "|",
			text(f.Departement), "|", f.Production)
	}
	const stored = "EARL <b>|Les Prés|12345678900012|[026000001 026000002]|1 rue du Puits|26150|97411|974|false"
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"created", all, 201, stored},
		{"the same again", all, 200, stored},
		{"nothing sent, all kept", `{}`, 200, stored},
		{"no body at all", ``, 200, stored},
		{"one member", `{"nom":"GAEC"}`, 200, strings.Replace(stored, "EARL <b>", "GAEC", 1)},
		{
			"null clears", `{"nom":null,"denomination":null,"siret":null,"numerosPacage":null,"adresse":null,"codePostal":null,"commune":null,"production":null}`,
			200, "||-|[]||||-|-|true",
		},
		{"all again", all, 200, stored},
		{"” clears", `{"nom":"","denomination":"","siret":"","numerosPacage":[],"adresse":"","codePostal":"","commune":""}`, 200, "||-|[]||||-|-|false"},
	} {
		r := s.put(t, agenceBio, farmPath("5001"), tt.body)
		want := strings.ReplaceAll(tt.want, "||||-|-", "|||-|-")
		if got := show(r.Body); r.Status != tt.status || got != want {
			t.Errorf("%s: %d %s, want %d %s", tt.name, r.Status, got, tt.status, want)
		}
		if got := show(s.get(t, inao, farmPath("5001")).Body); got != want {
			t.Errorf("%s, read again: %s, want %s", tt.name, got, want)
		}
	}
}

// S4, S5: a body names the members of the route and no other, and everything
// wrong is told at once; nothing is stored.
func TestS4PutRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	farm, link := farmPath("1001"), linkPath("1001", 1)
	before := string(s.get(t, agenceBio, farm).Body)
	for _, tt := range []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"keys of the database", farm, `{"oc_id":2,"numerobio":"1","x\" = (select 1) --":1,"nom":"x"}`, 400, `CHAMP_INCONNU numerobio=CHAMP_INCONNU oc_id=CHAMP_INCONNU x" = (select 1) --=CHAMP_INCONNU`},
		{"another case", farm, `{"Nom":"x"}`, 400, "CHAMP_INCONNU Nom=CHAMP_INCONNU"},
		{"what the path tells", farm, `{"numeroBio":"1002","certificateur":{"id":2}}`, 400, "CHAMP_INCONNU certificateur=CHAMP_INCONNU numeroBio=CHAMP_INCONNU"},
		{"wrong types", farm, `{"nom":{},"production":"oui","numerosPacage":"1"}`, 400, "INVALID_API_REQUEST nom=INVALID_API_REQUEST numerosPacage=INVALID_API_REQUEST production=INVALID_API_REQUEST"},
		{"no object", farm, `[]`, 400, "INVALID_API_REQUEST"},
		{"null", farm, `null`, 400, "INVALID_API_REQUEST"},
		{"broken", farm, `{"nom":`, 400, "INVALID_API_REQUEST"},
		{"a NUL", farm, `{"nom":"a\u0000b"}`, 400, "INVALID_API_REQUEST nom=INVALID_API_REQUEST"},
		{"a long body", farm, `{"nom":"` + strings.Repeat("x", 70_000) + `"}`, 413, "PAYLOAD_TOO_LARGE"},
		{
			"wrong values", farm, `{"siret":"123","commune":"26","numerosPacage":["026000001","12"],"nom":"` + strings.Repeat("é", 501) + `"}`, 400,
			"EXPLOITATION_INVALIDE nom=VALEUR_TROP_LONGUE siret=SIRET_INVALIDE commune=COMMUNE_INVALIDE numerosPacage=PACAGE_INVALIDE",
		},
		{"a number that no farm has", farmPath("a%20b"), `{}`, 400, "EXPLOITATION_INVALIDE numeroBio=NUMERO_BIO_INVALIDE"},
		{"a number that cannot be stored", farmPath("%00"), `{}`, 400, "EXPLOITATION_INVALIDE numeroBio=NUMERO_BIO_INVALIDE"},
		{"keys of the database in a link", link, `{"oc":2,"deleted_at":null}`, 400, "CHAMP_INCONNU deleted_at=CHAMP_INCONNU oc=CHAMP_INCONNU"},
		{
			"wrong values of a link", link, `{"etat":"PARTIE","dateArret":"31/02/2026","changementDate":"hier"}`, 400,
			"EXPLOITATION_INVALIDE etat=ETAT_INCONNU dateArret=DATE_INVALIDE changementDate=DATE_INVALIDE",
		},
		{"a start that is no day", link, `{"dateDemarrage":"demain","etat":"ENGAGEE"}`, 400, "EXPLOITATION_INVALIDE dateDemarrage=DATE_INVALIDE"},
		{"no state", linkPath("1001", 2), `{"numeroClient":"X"}`, 400, "EXPLOITATION_INVALIDE etat=ETAT_INCONNU"},
		{"a state cleared", link, `{"etat":null}`, 400, "EXPLOITATION_INVALIDE etat=ETAT_INCONNU"},
		{"a stop before the start", link, `{"dateArret":"2019-01-01","etat":"ARRETEE"}`, 400, "EXPLOITATION_INVALIDE dateArret=PERIODE_INVALIDE"},
		{"no such farm", linkPath("7777", 1), `{"etat":"ENGAGEE"}`, 404, "NOT_FOUND"},
		{"no such certifier", linkPath("1001", 77), `{"etat":"ENGAGEE"}`, 404, "CERTIFICATEUR_INCONNU"},
		{"no certifier", farm + "/liens/x", `{"etat":"ENGAGEE"}`, 404, "CERTIFICATEUR_INCONNU"},
		{"two certifiers at once", linkPath("1001", 2), `{"etat":"ENGAGEE","dateDemarrage":"2026-01-01"}`, 409, "PERIODE_CHEVAUCHANTE"},
	} {
		r := s.put(t, agenceBio, tt.path, tt.body)
		var got refused
		r.into(t, &got)
		if r.Status != tt.status || got.String() != tt.want {
			t.Errorf("%s: %d %s, want %d %s: %s", tt.name, r.Status, got, tt.status, tt.want, r.Body)
		}
	}
	if diff := cmp.Diff(before, string(s.get(t, agenceBio, farm).Body)); diff != "" {
		t.Errorf("the farm (-before +after):\n%s", diff)
	}
	for _, who := range []asker{ocOne, ocTwo, inao, asp} { // S1
		if r := s.put(t, who, farm, `{"nom":"volé"}`); r.Status != http.StatusForbidden {
			t.Errorf("S1 %s: %d", who, r.Status)
		}
	}
}

// TestPutLink changes the certifier of a farm by two requests, as an operator
// would, and follows what each certifier reads and sends (domain.md §3.2–§3.3, S6, S7).
func TestPutLink(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	version := s.version(t, "1001", 1, audit)
	reads := func(who asker) int { return s.get(t, who, versionPath(version)).Status }
	if reads(ocOne) != http.StatusOK || reads(ocTwo) != http.StatusNotFound {
		t.Fatalf("before: %d and %d", reads(ocOne), reads(ocTwo))
	}
	put := func(oc int, body string, status int) (f sheet) {
		t.Helper()
		r := s.put(t, agenceBio, linkPath("1001", oc), body)
		if r.Status != status {
			t.Fatalf("link to %d: %d %s, want %d", oc, r.Status, r.Body, status)
		}
		r.into(t, &f)
		return f
	}
	put(1, `{"etat":"ARRETEE","dateArret":"2026-06-01"}`, 200)
	put(2, `{"etat":"ENGAGEE","dateDemarrage":"2026-06-01","numeroClient":"B-7"}`, 201)
	f := put(2, `{"etat":"SUSPENDUE"}`, 200) // the newest; the rest is kept
	if c := f.Certificateur; c == nil || c.ID != 2 || c.NumeroClient != "B-7" || c.Etat != "SUSPENDUE" || len(f.Liens) != 2 || len(f.Historique) != 4 {
		t.Errorf("sheet after the change: %+v", f)
	}
	if f = put(2, `{"numeroClient":null}`, 200); f.Certificateur.NumeroClient != "" {
		t.Errorf("client number after null: %+v", f.Certificateur)
	}
	put(2, `{"numeroClient":"B-8","etat":"ENGAGEE"}`, 200)
	if reads(ocOne) != http.StatusOK || reads(ocTwo) != http.StatusOK {
		t.Errorf("after: %d and %d, want both: its author, and the present certifier", reads(ocOne), reads(ocTwo))
	}
	if owner := s.one(t, `SELECT oc::text FROM parcellaire WHERE id = $1`, version); owner != "1" {
		t.Errorf("S7: the version belongs to %s", owner)
	}
	next := record("1001").with(object{"dateAudit": "2026-07-01", "dateCertificationDebut": "2026-07-02"})
	for _, tt := range []struct {
		who    asker
		client string
		status int
	}{{ocOne, "C1001", 400}, {ocTwo, "B-7", 400}, {ocTwo, "B-8", 202}} { // S6
		if r := s.push(t, tt.who, []object{next.with(object{"numeroClient": tt.client})}); r.Status != tt.status {
			t.Errorf("S6: push by %s of %s: %d %s", tt.who, tt.client, r.Status, r.Body)
		}
	}
	put(2, `{"etat":"NON ENGAGEE"}`, 200)
	if reads(ocOne) != http.StatusOK || reads(ocTwo) != http.StatusNotFound {
		t.Errorf("not engaged: %d and %d, want its author alone", reads(ocOne), reads(ocTwo))
	}
}

// TestRegistryIsTraced finds what was done to the registry in the trail, once
// each, and nothing of what was not.
func TestRegistryIsTraced(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.put(t, agenceBio, farmPath("5001"), `{"nom":"x"}`)
	s.put(t, agenceBio, farmPath("5001"), `{"siret":"x"}`)
	s.put(t, agenceBio, linkPath("1001", 1), `{"etat":"ARRETEE"}`)
	s.put(t, agenceBio, linkPath("1001", 77), `{"etat":"ARRETEE"}`)
	s.ask(t, agenceBio, http.MethodPost, farmsPath+"/imports", strings.NewReader("numeroBio;certificateurId\n6001;1\n"))
	s.ask(t, agenceBio, http.MethodPost, farmsPath+"/imports", strings.NewReader("numeroBio;certificateurId\n;1\n"))
	var got []string
	for _, row := range s.trace(t, agenceBio, "?type=administration") {
		if row.Action != "" && row.Requete != "" {
			got = append(got, row.Action+" "+row.Ressource)
		}
	}
	slices.Reverse(got)
	want := []string{"putFarm numeroBio=5001", "putLink numeroBio=1001 certificateurId=1", "importFarms "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trail (-want +got):\n%s", diff)
	}
}

// C34: of two edits of what was read once, one is refused.
func TestC34FarmIfMatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	tag := s.get(t, agenceBio, farmPath("1001")).Header.Get("ETag")
	first := s.put(t, agenceBio, farmPath("1001"), `{"nom":"Un"}`, "If-Match", tag)
	if first.Status != http.StatusOK || first.Header.Get("ETag") == tag {
		t.Fatalf("first edit: %d %s", first.Status, first.Body)
	}
	for _, tt := range []struct{ path, body, tag string }{
		{farmPath("1001"), `{"nom":"Deux"}`, tag},
		{linkPath("1001", 1), `{"etat":"ARRETEE"}`, tag},
		{farmPath("5001"), `{"nom":"Deux"}`, tag}, // it is not there
		{farmPath("1001"), `{"nom":"Deux"}`, `"autre"`},
	} {
		if r := s.put(t, agenceBio, tt.path, tt.body, "If-Match", tt.tag); r.Status != http.StatusPreconditionFailed {
			t.Errorf("%s with %s: %d %s", tt.path, tt.tag, r.Status, r.Body)
		}
	}
	tag = first.Header.Get("ETag")
	r := s.put(t, agenceBio, linkPath("1001", 1), `{"etat":"SUSPENDUE"}`, "If-Match", tag)
	if r.Status != http.StatusOK || r.Header.Get("ETag") == tag {
		t.Errorf("edit of a link with the present tag: %d %s", r.Status, r.Body)
	}
	tag = r.Header.Get("ETag")
	if r := s.put(t, agenceBio, farmPath("1001"), `{"nom":"Un"}`, "If-Match", tag); r.Status != http.StatusOK || r.Header.Get("ETag") != tag {
		t.Errorf("an edit that changes nothing: %d, tag %s, want %s", r.Status, r.Header.Get("ETag"), tag)
	}

	// Many at once with one tag: one goes through.
	statuses := make(chan int)
	for i := range 12 {
		go func() {
			statuses <- s.put(t, agenceBio, farmPath("1001"), fmt.Sprintf(`{"nom":"n%d"}`, i), "If-Match", tag).Status
		}()
	}
	through := 0
	for range 12 {
		switch status := <-statuses; status {
		case http.StatusOK:
			through++
		case http.StatusPreconditionFailed:
		default:
			t.Errorf("an edit at once: %d", status)
		}
	}
	if through != 1 {
		t.Errorf("%d edits with one tag went through, want 1", through)
	}
}

func TestImportFarms(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const path = farmsPath + "/imports"
	send := func(body io.Reader, headers ...string) *reply {
		return s.ask(t, agenceBio, http.MethodPost, path, body, headers...)
	}
	table := func(client string) string {
		return "numeroBio;nom;certificateurId;certificateur;numeroClient;etat;dateDemarrage\n" +
			"6001;Un;1;OC 1;" + client + ";ENGAGEE;2020-01-01\n6002;Deux;3;OC 3;D2;ENGAGEE;2020-01-01\n"
	}
	form := func(name, text string) (io.Reader, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile(name, "exploitations.csv")
		if err == nil {
			_, err = io.WriteString(part, text)
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return &b, w.FormDataContentType()
	}
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(gz, table("Z1")); err != nil || gz.Close() != nil {
		t.Fatal(err)
	}
	good, goodType := form("fichier", table("M1"))
	other, otherType := form("autre", table("M2"))
	for _, tt := range []struct {
		name    string
		body    io.Reader
		headers []string
		status  int
		want    string // the reply when refused, else the client number of 6001
	}{
		{"a table", strings.NewReader(table("T1")), []string{"Content-Type", "text/csv"}, 200, "T1"},
		{"of any type", strings.NewReader(table("T2")), nil, 200, "T2"},
		{"compressed", &zipped, []string{"Content-Encoding", "gzip"}, 200, "Z1"},
		{"a form", good, []string{"Content-Type", goodType}, 200, "M1"},
		{
			"the directory, which has no client numbers, and another day",
			strings.NewReader(`{"items":[{"numeroBio":6001,"certificats":[{"organisme":"OC 1","etatCertification":"ENGAGEE","dateEngagement":"2021-05-05"}]}]}`),
			nil, 200, "M1",
		},
		{"a form without the file", other, []string{"Content-Type", otherType}, 400, "INVALID_API_REQUEST"},
		{"a form without boundary", strings.NewReader("x"), []string{"Content-Type", "multipart/form-data"}, 400, "INVALID_API_REQUEST"},
		{"not compressed", strings.NewReader(table("N")), []string{"Content-Encoding", "gzip"}, 400, "INVALID_API_REQUEST"},
		{"compressed otherwise", strings.NewReader(table("N")), []string{"Content-Encoding", "br"}, 415, "UNSUPPORTED_CONTENT_ENCODING"},
		{"nothing", strings.NewReader(""), nil, 400, "REGISTRE_INVALIDE fichier=FICHIER_VIDE"},
		{
			"every error, by line", strings.NewReader(table("E1") + "6003;Trois;1;OC 1;X;PARTIE;2020-01-01\n;Quatre;1;;X;;31/02/2020\n"), nil, 400,
			"REGISTRE_INVALIDE ligne 4=ETAT_INCONNU ligne 5=NUMERO_BIO_ABSENT ligne 5=DATE_INVALIDE",
		},
	} {
		r := send(tt.body, tt.headers...)
		got := s.one(t, `SELECT coalesce(max(numero_client), '') FROM farm WHERE numero_bio = '6001'`)
		if r.Status >= 400 {
			var problem refused
			r.into(t, &problem)
			got = problem.String()
		}
		if r.Status != tt.status || got != tt.want {
			t.Errorf("%s: %d %s, want %d %s: %.300s", tt.name, r.Status, got, tt.status, tt.want, r.Body)
		}
	}
	if got := s.one(t, `SELECT string_agg(numero_bio || numero_client, ' ' ORDER BY numero_bio) FROM farm WHERE numero_bio LIKE '6%'`); got != "6001M1 6002D2" {
		t.Errorf("farms: %s, want those of the good files alone", got)
	}
	for _, who := range []asker{ocOne, inao, asp} {
		if r := s.ask(t, who, http.MethodPost, path, strings.NewReader(table("S1"))); r.Status != http.StatusForbidden {
			t.Errorf("S1 %s: %d", who, r.Status)
		}
	}
}

// today is how a version tells the day it was made.
var today = regexp.MustCompile(`\d\d/\d\d/\d{4}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:00`)

func TestParcellaire(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001").with(object{"anneeReferenceControle": 2026, "commentaire": "une note"})})
	id := s.version(t, "1001", 1, audit)
	r := s.get(t, ocOne, versionPath(id))
	golden(t, "parcellaire", today.ReplaceAllString(indent(t, r.Body), "AUJOURD'HUI"))
	tag := r.Header.Get("ETag")
	if tag != `"r1"` {
		t.Errorf("ETag %s", tag)
	}
	if r := s.get(t, ocOne, versionPath(id), "If-None-Match", tag); r.Status != http.StatusNotModified {
		t.Errorf("the same again: %d", r.Status)
	}
	s.store(t, ocOne, []object{record("1001", parcel("p2"))})
	if r := s.get(t, ocOne, versionPath(id), "If-None-Match", tag); r.Status != http.StatusOK || r.Header.Get("ETag") != `"r2"` {
		t.Errorf("after a push: %d %s", r.Status, r.Header.Get("ETag"))
	}
	for _, bad := range []string{"x", "00000000-0000-4000-8000-000000000000", strings.ToUpper(id) + "0"} {
		if r := s.get(t, agenceBio, versionPath(bad)); r.Status != http.StatusNotFound {
			t.Errorf("version %s: %d", bad, r.Status)
		}
	}
}
