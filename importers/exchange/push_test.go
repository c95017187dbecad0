package exchange_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"sillon/importers/exchange"
	"sillon/sillon"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestPushes reads whole pushes and compares with testdata/*.golden.
func TestPushes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no push to read: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := readPush(t, body, exchange.Options{NDJSON: filepath.Ext(file) == ".ndjson"})
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("push (-want +got):\n%s", diff)
			}
			for _, text := range []string{"undefined", "<nil>", "NaN"} {
				if strings.Contains(got, text) {
					t.Errorf("the text %s appears in what was read", text)
				}
			}
		})
	}
}

// readPush writes down all that a push gives.
func readPush(t *testing.T, body []byte, opts exchange.Options) string {
	t.Helper()
	var out strings.Builder
	var spool bytes.Buffer
	for sp, err := range exchange.Scan(bytes.NewReader(body), &spool, opts) {
		if err != nil {
			fmt.Fprintln(&out, err)
			break
		}
		fmt.Fprintf(&out, "record %d of %q, client %q\n", sp.Index, sp.NumeroBio, sp.NumeroClient)
		if sp.Fault != nil {
			fmt.Fprintln(&out, "  "+told(t, []sillon.Issue{*sp.Fault})[0])
			continue
		}
		e := env()
		e.Index = sp.Index
		rec, issues := exchange.Read(spool.Bytes()[sp.Offset:sp.Offset+sp.Length], e)
		checkOutcome(t, rec, issues)
		for _, line := range told(t, issues) {
			fmt.Fprintln(&out, "  "+line)
		}
		if rec != nil {
			writeRecord(&out, rec)
		}
	}
	return out.String()
}

func writeRecord(w *strings.Builder, r *sillon.PushRecord) {
	fmt.Fprintf(w, "  audit %s, year %d, crops of %d, from %s, until %s, pacage %s, notes %s\n", r.AuditDate, r.Year,
		r.AnneeAssolement, patch(r.CertifiedFrom), patch(r.CertifiedUntil), patch(r.NumeroPacage), patch(r.Commentaire))
	for _, p := range r.Parcels {
		fmt.Fprintf(w, "  parcel %s: level %q since %s, CAP %s/%s, waiting %s, name %s, commune %s, note %s, geometry %s %s\n",
			p.ID, p.Level, patch(p.EngagedOn), patch(p.NumeroIlot), patch(p.NumeroParcelle), patch(p.EnAttentePAC),
			patch(p.Nom), patch(p.Commune), patch(p.Commentaire), describe(p.Geometry), p.GeometryStatus)
		for _, c := range p.Crops {
			surface := "none"
			if c.Surface != nil {
				surface = strconv.FormatFloat(*c.Surface, 'f', -1, 64)
			}
			fmt.Fprintf(w, "    crop %s %q sown %q, %s %s\n", c.CPF, c.Variete, c.SownOn, surface, c.Unit)
		}
	}
}

func patch[T any](p sillon.Patch[T]) string {
	switch p.Op {
	case sillon.Keep:
		return "kept"
	case sillon.Clear:
		return "cleared"
	case sillon.Set:
	}
	return fmt.Sprintf("%q", fmt.Sprint(p.Value))
}

// Read must never panic, nor give an issue that says nothing, nor a value that
// a database refuses.
func FuzzRead(f *testing.F) {
	f.Add([]byte(recordJSON(nil)))
	f.Add([]byte(withParcel(edits{"geom": `{"type":"MultiPolygon","coordinates":[[[[0,1,2],[1e3,4]]]]}`, "culture": "{}"})))
	f.Add([]byte(withParcel(edits{"id": "", "geom": spike, "commentaire": `"ilot-1-2 \ud83d"`, "enAttentePAC": "true"})))
	f.Add([]byte(withParcel(edits{"geom": eight, "dateEngagement": `"2020-01-01T23:00:00.1Z"`, "commune": "1e3"})))
	f.Add([]byte(`{"numeroBio":1,"numeroClient":2,"parcelles":[{"id":1},{"id":1},null]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		rec, issues := exchange.Read(raw, env())
		told(t, issues)
		checkOutcome(t, rec, issues)
		if !bytes.Equal(before, raw) {
			t.Error("Read changed its input")
		}
		if rec != nil {
			again, _ := exchange.Read(raw, env())
			if diff := cmp.Diff(rec, again); diff != "" {
				t.Errorf("Read twice (-first +second):\n%s", diff)
			}
		}
	})
}

// FuzzFields puts texts in members that are looked into, as strings and, when
// they are JSON, as they are.
func FuzzFields(f *testing.F) {
	f.Add("[[[4.9,44.9],[4.901,44.9],[4.901,44.901],[4.9,44.9]]]", "ilot 1 parcelle 2", "2023-01-01T22:30:00Z", "12.5")
	f.Add("[[[[1,2,3]]],[]]}", "Parcelle 5 ILOT 12", "1900/01/01", "-1e3")
	f.Add(`{"type":"Polygon","coordinates":[[[850000,6420000],[1,2]]]}`, "ilot-1-2", "2100-12-31T23:59+01:00", "0012")
	f.Fuzz(func(t *testing.T, geom, note, date, number string) {
		write := func(s string) (quoted, bare string) {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			quoted, bare = string(b), string(b)
			if json.Valid([]byte(s)) {
				bare = s
			}
			return quoted, bare
		}
		geomText, geomBare := write(geom)
		noteText, _ := write(note)
		dateText, _ := write(date)
		numberText, numberBare := write(number)
		crop := `{"codeCPF":"01.11.12","quantite":` + numberText + `,"unite":` + noteText + `,"dateSemis":` + dateText + `}`
		for _, body := range []string{
			withParcel(edits{
				"geom": geomText, "commentaire": noteText, "dateEngagement": dateText, "numeroIlot": numberText,
				"numeroParcelle": noteText, "commune": numberText, "cultures": crop,
			}),
			withParcel(edits{"id": numberBare, "geom": geomBare, "numeroIlot": numberBare, "commune": numberBare, "cultures": geomBare}),
			recordJSON(edits{"dateAudit": dateText, "anneeReferenceControle": numberBare, "numeroPacage": numberBare, "parcelles": geomBare}),
		} {
			rec, issues := exchange.Read([]byte(body), env())
			told(t, issues)
			checkOutcome(t, rec, issues)
		}
	})
}

// No value of any member may break the reader, whatever its type (C8).
func TestAnyValueAnywhere(t *testing.T) {
	t.Parallel()
	values := []string{
		"null", "true", "false", "0", "-1", "1.5", "1e400", "12345678901234567890", `""`, `" "`, `"x"`, `"\u0000"`, `"\ud800"`, "\"\xff\"",
		`"NaN"`, `"undefined"`, `"2023-02-30"`, `"9999-12-31"`, "[]", "[[]]", "[null]", "{}", `{"type":"Polygon"}`, `[{"codeCPF":[]}]`,
	}
	record := []string{
		"numeroBio", "numeroClient", "anneeReferenceControle", "anneeAssolement", "dateAudit", "dateCertificationDebut",
		"dateCertificationFin", "numeroPacage", "commentaire", "parcelles",
	}
	parcel := []string{
		"id", "etatProduction", "dateEngagement", "numeroIlot", "numeroParcelle", "geom", "commentaire", "culture", "cultures",
		"commune", "nom", "enAttentePac", "enAttentePAC", "codeCulture", "codePrecision",
	}
	crop := []string{"codeCPF", "variete", "dateSemis", "quantite", "unite"}
	for _, v := range values {
		var bodies []string
		for _, name := range record {
			bodies = append(bodies, recordJSON(edits{name: v}))
		}
		for _, name := range parcel {
			bodies = append(bodies, withParcel(edits{name: v}))
		}
		for _, name := range crop {
			bodies = append(bodies, withParcel(edits{"cultures": "[" + edits{name: v}.object([]string{"codeCPF", `"01.11.12"`}) + "]"}))
		}
		for _, body := range bodies {
			rec, issues := exchange.Read([]byte(body), env())
			told(t, issues)
			checkOutcome(t, rec, issues)
			for _, i := range issues {
				if strings.Contains(i.Message, "null") || strings.Contains(i.Message, "<nil>") {
					t.Errorf("%s says %q", body, i.Message)
				}
			}
		}
	}
}

// A record must not hold on to the buffer it was read from.
func TestReadKeepsNothing(t *testing.T) {
	t.Parallel()
	raw := []byte(withParcel(edits{"nom": `"Le pré"`, "geom": "", "cultures": `[{"codeCPF":"01.11.12","unite":"x"}]`}))
	rec, issues := exchange.Read(raw, env())
	want, wantIssues := exchange.Read(bytes.Clone(raw), env())
	clear(raw)
	if diff := cmp.Diff(want, rec); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantIssues, issues); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}

// randomPush makes a push of one record a hundred parcels, each of about ten
// positions, as certifiers write them.
func randomPush(parcels int) []byte {
	type crop struct {
		CodeCPF  string `json:"codeCPF"`
		Variete  string `json:"variete"`
		Quantite string `json:"quantite"`
		Unite    string `json:"unite"`
	}
	type parcel struct {
		ID             string `json:"id"`
		EtatProduction string `json:"etatProduction"`
		DateEngagement string `json:"dateEngagement"`
		NumeroIlot     string `json:"numeroIlot"`
		NumeroParcelle string `json:"numeroParcelle"`
		Geom           string `json:"geom"`
		Commentaire    string `json:"commentaire"`
		Commune        string `json:"commune"`
		Nom            string `json:"nom"`
		Cultures       []crop `json:"cultures"`
	}
	type record struct {
		NumeroBio, NumeroClient, DateAudit, DateCertificationDebut, DateCertificationFin string
		AnneeReferenceControle                                                           int
		Parcelles                                                                        []parcel
	}
	r := rand.New(rand.NewPCG(5, 6))
	var records []record
	for n := range parcels {
		if n%100 == 0 {
			records = append(records, record{
				NumeroBio: strconv.Itoa(10_000 + n/100), NumeroClient: "C" + strconv.Itoa(n), DateAudit: "2023-04-01",
				DateCertificationDebut: "2023-05-14", DateCertificationFin: "2024-11-14", AnneeReferenceControle: 2023,
			})
		}
		last := &records[len(records)-1]
		last.Parcelles = append(last.Parcelles, parcel{
			ID: strconv.Itoa(n), EtatProduction: "C2", DateEngagement: "2022-05-01", NumeroIlot: strconv.Itoa(n % 40),
			NumeroParcelle: strconv.Itoa(n % 7), Geom: randomRing(r), Commentaire: "vue le matin, rien à dire", Commune: "26362",
			Nom:      "Champ " + strconv.Itoa(n),
			Cultures: []crop{{"01.11.12", "", "1.25", "ha"}},
		})
	}
	body, err := json.Marshal(records)
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"NumeroBio", "NumeroClient", "DateAudit", "DateCertificationDebut", "DateCertificationFin", "AnneeReferenceControle", "Parcelles"} {
		body = bytes.ReplaceAll(body, []byte(`"`+name+`":`), []byte(`"`+strings.ToLower(name[:1])+name[1:]+`":`))
	}
	return body
}

// randomRing is a star-shaped ring of about eleven positions.
func randomRing(r *rand.Rand) string {
	center := orb.Point{1 + 4*r.Float64(), 44 + 4*r.Float64()}
	n := 8 + r.IntN(5)
	var b strings.Builder
	b.WriteString("[[")
	first := ""
	for i := range n {
		at := float64(i) / float64(n)
		radius := 0.0005 + 0.0005*r.Float64()
		p := fmt.Sprintf("[%.7f,%.7f]", center[0]+radius*math.Cos(2*math.Pi*at), center[1]+radius*math.Sin(2*math.Pi*at))
		if i == 0 {
			first = p
		}
		b.WriteString(p + ",")
	}
	b.WriteString(first + "]]")
	return b.String()
}

// BenchmarkScan and BenchmarkRead each read a push of 10 000 parcels; one
// operation is the whole push.
func BenchmarkScan(b *testing.B) {
	body := randomPush(10_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range exchange.Scan(bytes.NewReader(body), io.Discard, exchange.Options{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "parcels/s")
}

func BenchmarkRead(b *testing.B) {
	body := randomPush(10_000)
	var spans []exchange.Span
	for sp, err := range exchange.Scan(bytes.NewReader(body), io.Discard, exchange.Options{}) {
		if err != nil {
			b.Fatal(err)
		}
		spans = append(spans, sp)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		for _, sp := range spans {
			if rec, issues := exchange.Read(body[sp.Offset:sp.Offset+sp.Length], env()); rec == nil || len(issues) > 0 {
				b.Fatalf("issues: %v", issues)
			}
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "parcels/s")
}
