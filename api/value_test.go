package api_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
	"sillon/store/storetest"
)

// optional are the members that a push may leave out, of a record and of a parcel.
var (
	optionalOfRecord = []string{"anneeReferenceControle", "anneeAssolement", "numeroPacage", "commentaire"}
	optionalOfParcel = []string{
		"dateEngagement", "numeroIlot", "numeroParcelle", "commentaire", "commune", "nom", "enAttentePac", "enAttentePAC", "codeCulture", "codePrecision",
		"etatProduction",
	}
)

// TestC5NothingIsSpelledOut: what is missing, of whatever kind, is nowhere
// stored as the name that a language has for it, nor told so (holdToContract
// looks at every reply).
func TestC5NothingIsSpelledOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, missing := range []any{absent, nil, ""} {
		numero := fmt.Sprint(4400 + i)
		storetest.Farm(t, s.db, numero, 1)
		o, p := record(numero), parcel("p").with(object{"cultures": []object{{
			"codeCPF": "01.11.12", "variete": missing, "dateSemis": missing, "quantite": missing, "unite": missing,
		}}})
		for _, name := range optionalOfParcel {
			p = p.with(object{name: missing})
		}
		for _, name := range optionalOfRecord {
			o = o.with(object{name: missing})
		}
		o = o.with(object{"parcelles": []object{p, p.with(object{"id": missing, "geom": square(2.2, 47.2)})}})
		s.rehearse(t, []object{o})
		s.store(t, ocOne, []object{o})
		s.store(t, ocOne, []object{o.with(object{"parcelles": []object{p.with(object{"geom": missing, "nom": "x"})}})})
		s.settle(t, ocOne, []object{o.with(object{"parcelles": []object{p.with(object{"cultures": missing})}, "dateAudit": missing})})
		for _, path := range []string{exchangePath(numero), listPath, importsPath + "?withRejected=true&logs=all", versionPath(s.version(t, numero, 1, audit)) + "/parcelles"} {
			s.get(t, ocOne, path)
		}
	}
	c, err := pgx.Connect(t.Context(), s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	spelled := regexp.MustCompile(`(?i)(undefined|\bnan\b|<nil>|"(null|nil|none)"|\[object|%!)`)
	for _, table := range []string{"parcellaire", "parcel", "event", "import_job", "import_record", "import_log", "change"} {
		rows, _ := c.Query(t.Context(), `SELECT to_jsonb(x)::text FROM `+table+` x`)
		stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(stored) == 0 {
			t.Fatal(table, len(stored), err)
		}
		for _, row := range stored {
			if at := spelled.FindString(row); at != "" {
				t.Errorf("%s holds %q: %s", table, at, row)
			}
		}
	}
}

// TestC8AnyValueStored sends every member with values of every kind, to be
// validated and to be stored: all that can be told is told by a code, and no
// value is left for the database to refuse.
func TestC8AnyValueStored(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	values := []string{
		"null", "true", "0", "-1", "1.5", "1e400", "1e-400", "12345678901234567890", "9223372036854775808", `""`, `" "`, `"x"`, `"\u0000"`, `"a\u0000b"`,
		`"\ud800"`, `"\uffff"`, `"Infinity"`, `"2023-02-30"`, `"9999-12-31"`, `"1950-06-15"`, `"0001-01-01"`, `"4713-01-01 BC"`, "[]", "[[]]", "[null]", "{}", `{"type":"Polygon"}`,
		`[{"codeCPF":[]}]`, `[{"codeCPF":"01.11.12","quantite":1e308,"unite":"%"}]`, `"` + strings.Repeat("é", 5000) + `"`, `"'; DROP TABLE parcel; --"`,
		`"[[[2,47],[2,47],[2,47],[2,47]]]"`, `"[[[1e-300,1e-300],[1e-300,2e-300],[2e-300,2e-300],[1e-300,1e-300]]]"`, `"[[[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]]]"`,
	}
	members := append([]string{"numeroBio", "numeroClient", "dateAudit", "dateCertificationDebut", "dateCertificationFin", "parcelles"}, optionalOfRecord...)
	ofParcel := append([]string{"id", "geom", "culture", "cultures"}, optionalOfParcel...)
	ofCrop := []string{"codeCPF", "variete", "dateSemis", "quantite", "unite"}
	var farms []sillon.Farm
	var records []object
	next := func() object {
		numero := strconv.Itoa(100_000 + len(farms))
		farms = append(farms, sillon.Farm{NumeroBio: sillon.NumeroBio(numero), Production: true, Links: []sillon.Link{{
			Certifier: sillon.Certifier{ID: 1}, NumeroClient: "C" + numero, State: sillon.LinkEngaged,
		}}})
		return record(numero)
	}
	for _, v := range values {
		raw := json.RawMessage(v)
		for _, name := range members {
			records = append(records, next().with(object{name: raw}))
		}
		for _, name := range ofParcel {
			records = append(records, next().with(object{"parcelles": []object{bad("p", object{name: raw})}}))
		}
		for _, name := range ofCrop {
			records = append(records, next().with(object{"parcelles": []object{bad("p", object{"cultures": []object{{"codeCPF": "01.11.12", name: raw}}})}}))
		}
	}
	storetest.Farms(t, s.db, farms...)
	s.loadCommunes(t)
	var dry rehearsal
	trial := s.rehearse(t, records)
	trial.into(t, &dry)
	p, j := s.settle(t, ocOne, records)
	if p.NbObjetRecus < len(records)-len(values) || j.Status != "DONE" || trial.Status != 200 {
		t.Fatalf("%d sent, %d received, %s; on trial %d", len(records), p.NbObjetRecus, j.Status, trial.Status)
	}
	for _, found := range append(dry.Result.Errors, j.Result.Errors...) {
		if strings.Contains(found.Message, "référence") {
			t.Errorf("the database refused %s", found)
		}
	}
	if log := s.log.String(); strings.Contains(log, "SQLSTATE") || strings.Contains(log, "record not stored") {
		t.Errorf("log: %.2000s", log)
	}
	if dry.NbObjetAcceptes != j.NbObjetsAcceptes || j.NbObjetsAcceptes == 0 || j.NbObjetsRefuses == 0 {
		t.Errorf("on trial %d are accepted, in earnest %d, of %d", dry.NbObjetAcceptes, j.NbObjetsAcceptes, len(records))
	}
}
