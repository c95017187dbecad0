package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sillon/importers/registry"
	"sillon/sillon"
)

var (
	one = sillon.Certifier{ID: 1, Name: "Certifieur Un"}
	two = sillon.Certifier{ID: 2, Name: "Certifieur Deux"}
)

func readFile(t *testing.T, name string) ([]sillon.Farm, []sillon.Issue) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, string(b))
}

func read(t *testing.T, text string) ([]sillon.Farm, []sillon.Issue) {
	t.Helper()
	farms, issues, err := registry.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return farms, issues
}

// brief is an issue as "path CODE", with a star after a warning.
func brief(issues []sillon.Issue) (lines []string) {
	for _, i := range issues {
		line := i.Path + " " + i.Code
		if i.Severity == sillon.SeverityWarning {
			line += "*"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestReadTable(t *testing.T) {
	t.Parallel()
	want := []sillon.Farm{
		{
			NumeroBio: "1001", Name: "EARL des Sillons", Siret: "12345678900012", Pacages: []string{"040001234", "040001235"},
			Commune: "04112", Production: true, Links: []sillon.Link{
				{Certifier: one, NumeroClient: "C-1", State: sillon.LinkEngaged, Start: sillon.Date{Year: 2019, Month: 5, Day: 1}},
			},
		},
		{
			NumeroBio: "1002", Name: `GAEC "du Pré"; associés`, Siret: "12345678900020",
			Commune: "2A004", Production: true, Links: []sillon.Link{
				{
					Certifier: two, NumeroClient: "C-2", State: sillon.LinkStopped,
					Start: sillon.Date{Year: 2015, Month: 2, Day: 1}, Stop: sillon.Date{Year: 2021, Month: 12, Day: 31},
				},
				{Certifier: one, NumeroClient: "C-3", State: sillon.LinkEngaged},
			},
		},
	}
	b, err := os.ReadFile("testdata/exploitations.csv")
	if err != nil {
		t.Fatal(err)
	}
	utf8 := strings.Replace(string(b), ";1001234;", ";;", 1)
	latin := strings.NewReplacer("é", "\xe9", "ê", "\xea").Replace(utf8)
	tests := []struct{ name, text string }{
		{"UTF-8", utf8},
		{"UTF-8 with a mark", "\ufeff" + utf8},
		{"Windows-1252", latin},
		{"Windows line ends and empty lines", "\r\n" + strings.ReplaceAll(utf8, "\n", "\r\n") + ";;;;;;;;;;\r\n\r\n"},
		{"no line end at the end", strings.TrimSuffix(utf8, "\n")},
		{"column names in any case", strings.Replace(utf8, "numeroBio;nom", "Numéro BIO;NOM", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			farms, issues := read(t, tt.text)
			if len(issues) > 0 {
				t.Errorf("issues %v", issues)
			}
			if diff := cmp.Diff(want, farms); diff != "" {
				t.Errorf("farms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTableForms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       string // number, name, certifiers, pacages, commune of the farms
	}{
		{"commas, least columns, any order", "certificateur,numeroBio\nUn,7\n", "7  0:Un [] "},
		{"a separator inside quotes", "numeroBio,certificateur,nom\n7,Un,\"a,b;c\"\n", "7 a,b;c 0:Un [] "},
		{"a line break inside quotes", "numeroBio;nom;certificateur\n7;\"a\nb\";Un\n", "7 a b 0:Un [] "},
		{"a quote that opens no field", "numeroBio;nom;certificateur\n7;le 2\" bleu;Un\n", `7 le 2" bleu 0:Un [] `},
		{"unknown columns and columns without a name", "x;numeroBio;;certificateurId;y;\n1;7;2;3;4;\n", "7  3: [] "},
		{"zeros taken away by a spreadsheet", "numeroBio;certificateur;commune;numeroPacage\n7;Un;1053;97400001 40001234\n", "7  0:Un [097400001 040001234] 01053"},
		{"words for nothing", "numeroBio;certificateur;nom;commune\n7;Un;null;undefined\n", "7  0:Un [] "},
		{"a name gets the id that other lines know", "numeroBio;certificateur;certificateurId\n7;CERTIFIEUR Un;\n8;Certifieur un;3\n", "7  3:Certifieur un [] ,8  3:Certifieur un [] "},
		{"a name of two ids stays a name", "numeroBio;certificateur;certificateurId\n7;Un;\n8;Un;3\n9;Un;4\n", "7  0:Un [] ,8  3:Un [] ,9  4:Un [] "},
		{"control characters", "numeroBio;nom;certificateur\n7;a\x00b\x07\tc;Un\n", "7 a b c 0:Un [] "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			farms, issues := read(t, tt.text)
			if len(issues) > 0 {
				t.Errorf("issues %v", issues)
			}
			var got []string
			for _, f := range farms {
				l := f.Links[0]
				got = append(got, fmt.Sprintf("%s %s %d:%s %v %s", f.NumeroBio, f.Name, l.Certifier.ID, l.Certifier.Name, f.Pacages, f.Commune))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ",")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTableIssues(t *testing.T) {
	t.Parallel()
	const header = "numeroBio;nom;siret;numeroPacage;commune;certificateurId;certificateur;numeroClient;etat;dateDemarrage;dateArret\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"an empty file", "", []string{"fichier FICHIER_VIDE"}},
		{"a header alone", header, []string{"fichier FICHIER_VIDE"}},
		{"no known column", "a;b\n1;2\n", []string{"ligne 1 COLONNE_ABSENTE", "ligne 1 COLONNE_ABSENTE"}},
		{"no certifier column", "numeroBio;nom\n1;2\n", []string{"ligne 1 COLONNE_ABSENTE"}},
		{"a column twice", "numeroBio;numero_bio;certificateur\n", []string{"ligne 1 COLONNE_EN_DOUBLE"}},
		{"UTF-16", "\xff\xfen\x00u\x00", []string{"fichier LIGNE_ILLISIBLE"}},
		{"a spreadsheet or any other binary", "PK\x03\x04\x00\x00\xff\xfe\n\x01\x02\n", []string{"ligne 1 COLONNE_ABSENTE", "ligne 1 COLONNE_ABSENTE"}},
		{
			"every fault of every line", header +
				";a;;;;1;;;;;\n" +
				"1_2;a;;;;1;;;;;\n" +
				"3;a;123;12;999;x;;;VENDUE;2020-02-30;31/31/2020\n" +
				"4;a;;;;;;;;;\n" +
				"5;a;;;;1;;;;2020-01-02;2020-01-01\n" +
				"6;a;;;;-1;;;;;\n" +
				"7;" + strings.Repeat("é", 501) + ";;;;1;;;;;\n",
			[]string{
				"ligne 2 NUMERO_BIO_ABSENT", "ligne 3 NUMERO_BIO_INVALIDE", "ligne 4 SIRET_INVALIDE", "ligne 4 PACAGE_INVALIDE",
				"ligne 4 COMMUNE_INVALIDE", "ligne 4 DATE_INVALIDE", "ligne 4 DATE_INVALIDE", "ligne 4 CERTIFICATEUR_INVALIDE", "ligne 4 ETAT_INCONNU",
				"ligne 5 CERTIFICATEUR_ABSENT", "ligne 6 PERIODE_INVALIDE", "ligne 7 CERTIFICATEUR_INVALIDE", "ligne 8 VALEUR_TROP_LONGUE",
			},
		},
		{"a field too few and one too many", "numeroBio;certificateur\n1\n1;Un;2\n1;Un;\n", []string{"ligne 2 LIGNE_ILLISIBLE", "ligne 3 LIGNE_ILLISIBLE"}},
		{"text after a closing quote", "numeroBio;certificateur\n1;\"Un\" bis\n", []string{"ligne 2 LIGNE_ILLISIBLE"}},
		{"a quote never closed", "numeroBio;certificateur\n1;\"Un\n2;Deux\n", []string{"ligne 2 LIGNE_ILLISIBLE"}},
		{"a quote never closed in a large file", "numeroBio;certificateur\n1;\"Un\n" + strings.Repeat("2;Deux\n", 400_000), []string{"ligne 2 LIGNE_ILLISIBLE"}},
		{"a line too long", "numeroBio;certificateur\n1;" + strings.Repeat("x", 1<<20) + "\n", []string{"ligne 2 LIGNE_ILLISIBLE"}},
		{"the same link twice", "numeroBio;certificateur\n1;Un\n1;UN\n", []string{"ligne 3 DOUBLON"}},
		{"a farm with two names", "numeroBio;certificateur;nom\n1;Un;a\n1;Deux;b\n", []string{"ligne 3 VALEUR_DIFFERENTE*"}},
		{"a certifier with two names", "numeroBio;certificateurId;certificateur\n1;1;Un\n2;1;Uno\n", []string{"ligne 3 VALEUR_DIFFERENTE*"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			farms, issues := read(t, tt.text)
			if diff := cmp.Diff(tt.want, brief(issues)); diff != "" {
				t.Errorf("issues (-want +got):\n%s\n%v", diff, issues)
			}
			refused := slices.ContainsFunc(issues, func(i sillon.Issue) bool { return i.Severity == sillon.SeverityError })
			if refused != (farms == nil) {
				t.Errorf("%d farms with errors: %t", len(farms), refused)
			}
		})
	}
}

func TestReadDirectory(t *testing.T) {
	t.Parallel()
	farms, issues := readFile(t, "annuaire.json")
	if len(issues) > 0 {
		t.Errorf("issues %v", issues)
	}
	one, two := sillon.Certifier{Name: "Certifieur Un"}, sillon.Certifier{Name: "Certifieur Deux"}
	want := []sillon.Farm{
		{
			NumeroBio: "1001", Name: "EARL DES SILLONS", TradeName: "Les Sillons", Siret: "12345678900012", Address: "1 chemin des Prés",
			PostalCode: "04100", Commune: "04112", Production: true, Links: []sillon.Link{
				{
					Certifier: one, State: sillon.LinkEngaged, Start: sillon.Date{Year: 2019, Month: 5, Day: 1},
					ChangedAt: time.Date(2019, 5, 10, 0, 0, 0, 0, time.UTC),
				},
				{
					Certifier: two, State: sillon.LinkStopped, Start: sillon.Date{Year: 2012, Month: 1, Day: 1},
					Stop: sillon.Date{Year: 2019, Month: 4, Day: 30}, ChangedAt: time.Date(2019, 4, 30, 0, 0, 0, 0, time.UTC),
				},
			},
		},
		{NumeroBio: "1002", Name: "TRANSFORMATEUR", Links: []sillon.Link{
			{Certifier: one, State: sillon.LinkFuture, Start: sillon.Date{Year: 2030, Month: 1, Day: 1}},
		}},
		{NumeroBio: "1003", Name: "SANS ACTIVITE", Production: true},
	}
	if diff := cmp.Diff(want, farms); diff != "" {
		t.Errorf("farms (-want +got):\n%s", diff)
	}
}

func TestReadDirectoryForms(t *testing.T) {
	t.Parallel()
	const a, b = `{"numeroBio":"1"}`, `{"numeroBio":2,"raisonSociale":{"x":[1]},"activites":null}`
	tests := []struct{ name, text string }{
		{"a page", `{"items":[` + a + "," + b + `],"nbTotal":2}`},
		{"pages one after the other", `{"items":[` + a + "]}\n" + `{"nbTotal":1,"items":[` + b + "]}"},
		{"an array", " [" + a + "," + b + "]"},
		{"a farm on each line", a + "\n" + b + "\r\n\n"},
		{"with a mark", "\ufeff[" + a + "," + b + "]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			farms, issues := read(t, tt.text)
			want := []sillon.Farm{{NumeroBio: "1", Production: true}, {NumeroBio: "2", Production: true}}
			if diff := cmp.Diff(want, farms); diff != "" || len(issues) > 0 {
				t.Errorf("issues %v, farms (-want +got):\n%s", issues, diff)
			}
		})
	}
}

func TestReadDirectoryIssues(t *testing.T) {
	t.Parallel()
	certificate := func(members string) string {
		return `[{"numeroBio":1,"certificats":[{"organisme":"Un",` + members + `}]}]`
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"no farm", `{"nbTotal":0,"items":[]}`, []string{"fichier FICHIER_VIDE"}},
		{
			"faults of several farms", `[{"numeroBio":null}, {"numeroBio":"a b"}, 3, {"numeroBio":4,"certificats":{}}, {"numeroBio":5,"siret":}]`,
			[]string{
				"exploitation 1 (octet 1) NUMERO_BIO_ABSENT", "exploitation 2 (octet 21) NUMERO_BIO_INVALIDE",
				"exploitation 3 (octet 42) LIGNE_ILLISIBLE", "exploitation 4 (octet 45) LIGNE_ILLISIBLE", "exploitation 5 (octet 79) LIGNE_ILLISIBLE",
			},
		},
		{"unknown state", certificate(`"etatCertification":"VENDUE"`), []string{"exploitation 1 (octet 1) ETAT_INCONNU"}},
		{"bad date", certificate(`"etatCertification":"ENGAGEE","dateArret":"hier"`), []string{"exploitation 1 (octet 1) DATE_INVALIDE"}},
		{"no state", certificate(`"etatCertification":null`), []string{"exploitation 1 (octet 1) ETAT_INCONNU*"}},
		{"no certifier", `[{"numeroBio":1,"certificats":[{"etatCertification":"ENGAGEE"}]}]`, []string{"exploitation 1 (octet 1) CERTIFICATEUR_ABSENT*"}},
		{
			"a stop before the start", certificate(`"etatCertification":"ENGAGEE","dateEngagement":"2020-01-01","dateArret":"2019-01-01"`),
			[]string{"exploitation 1 (octet 1) PERIODE_INVALIDE*"},
		},
		{
			"the same certificate twice", `[{"numeroBio":1,"certificats":[{"organisme":"Un","etatCertification":"ENGAGEE"},{"organisme":"UN","etatCertification":"ENGAGEE"}]}]`,
			[]string{"exploitation 1 (octet 1) DOUBLON*"},
		},
		{
			"values of no use", `[{"numeroBio":1,"siret":"12","adressesOperateurs":[{"codeCommune":"x"}],"raisonSociale":"` + strings.Repeat("é", 600) + `"}]`,
			[]string{"exploitation 1 (octet 1) VALEUR_TROP_LONGUE*", "exploitation 1 (octet 1) SIRET_INVALIDE*", "exploitation 1 (octet 1) COMMUNE_INVALIDE*"},
		},
		{"broken", `[{"numeroBio":1},{"numeroBio":2}`, []string{"octet 32 LIGNE_ILLISIBLE"}},
		{"broken after a comma", `[{"numeroBio":1},`, []string{"octet 17 LIGNE_ILLISIBLE"}},
		{"rubbish after the farms", `[{"numeroBio":1}] et voilà`, []string{"octet 18 LIGNE_ILLISIBLE"}},
		{"nested without end", `{"items":` + strings.Repeat("[", 10_000), []string{"octet 26 LIGNE_ILLISIBLE"}},
		{"a value without end", `{"items":[{"numeroBio":"` + strings.Repeat("1", 1<<21), []string{"octet 1048576 LIGNE_ILLISIBLE"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			farms, issues := read(t, tt.text)
			if diff := cmp.Diff(tt.want, brief(issues)); diff != "" {
				t.Errorf("issues (-want +got):\n%s\n%v", diff, issues)
			}
			refused := slices.ContainsFunc(issues, func(i sillon.Issue) bool { return i.Severity == sillon.SeverityError })
			if refused != (farms == nil) {
				t.Errorf("%d farms with errors: %t", len(farms), refused)
			}
		})
	}
}

func TestMessagesAreFrenchAndShort(t *testing.T) {
	t.Parallel()
	_, issues := read(t, "numeroBio;certificateur;siret\n42;Un;"+strings.Repeat("9", 100)+"\n")
	want := []sillon.Issue{{
		Code: "SIRET_INVALIDE", NumeroBio: "42", Path: "ligne 2",
		Message: "Le SIRET « " + strings.Repeat("9", 40) + "… » est invalide : 14 chiffres sont attendus.",
	}}
	if diff := cmp.Diff(want, issues); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadStopsAfterManyErrors(t *testing.T) {
	t.Parallel()
	farms, issues := read(t, "numeroBio;certificateur\n"+strings.Repeat(";Un\n", 5_000))
	if farms != nil || len(issues) != 1_001 || issues[1_000].Code != "TROP_DE_PROBLEMES" {
		t.Errorf("%d farms, %d issues", len(farms), len(issues))
	}
}

func TestReadCountsWarningsBeyondTheFirst(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("numeroBio;certificateurId;nom\n")
	for i := range 2_001 {
		fmt.Fprintf(&b, "1;%d;n%d\n", i+1, i)
	}
	farms, issues := read(t, b.String())
	if len(farms) != 1 || len(farms[0].Links) != 2_001 || len(issues) != 1_001 || !strings.HasPrefix(issues[1_000].Message, "1000 autres") {
		t.Errorf("%d farms, %d issues, the last %v", len(farms), len(issues), issues[len(issues)-1])
	}
}

func TestReadStopsAfterManyLines(t *testing.T) {
	t.Parallel()
	const lines = 500_001
	_, issues := read(t, "["+strings.Repeat(`{"numeroBio":1},`, lines)+"0]")
	if got := brief(issues[len(issues)-1:]); got[0] != fmt.Sprintf("exploitation %d (octet %d) TROP_DE_LIGNES", lines, 1+16*(lines-1)) {
		t.Errorf("last issue %v", got)
	}
}

func TestReadTooLarge(t *testing.T) {
	t.Parallel()
	line := "1;Un;" + strings.Repeat("x", 1<<20-6) + "\n"
	parts := []io.Reader{strings.NewReader("numeroBio;certificateur;autre\n")}
	for range 512 {
		parts = append(parts, strings.NewReader(line))
	}
	_, _, err := registry.Read(io.MultiReader(parts...))
	if !errors.Is(err, sillon.ErrTooLarge) {
		t.Errorf("error %v, want %v", err, sillon.ErrTooLarge)
	}
}

func TestReadGivesBackErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"numeroBio;certificateur\n1;Un\n", `[{"numeroBio":1}]`} {
		broken := iotest.ErrReader(iotest.ErrTimeout)
		_, _, err := registry.Read(iotest.OneByteReader(io.MultiReader(strings.NewReader(text), broken)))
		if !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// FuzzRead holds what Read promises whatever it is given.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"exploitations.csv", "annuaire.json"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("numeroBio,certificateurId\n1,\"2\"\n\"3\n"))
	f.Add([]byte(`{"numeroBio":"1","certificats":[{"organisme":"Un","etatCertification":"ENGAGEE"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		farms, issues, err := registry.Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		refused := slices.ContainsFunc(issues, func(i sillon.Issue) bool { return i.Severity == sillon.SeverityError })
		if refused != (len(farms) == 0) {
			t.Fatalf("%d farms, issues %v", len(farms), issues)
		}
		seen := map[sillon.NumeroBio]bool{}
		for _, farm := range farms {
			if farm.NumeroBio == "" || seen[farm.NumeroBio] {
				t.Errorf("farm %q is empty or comes twice", farm.NumeroBio)
			}
			seen[farm.NumeroBio] = true
			for _, s := range append(farm.Pacages, farm.Name, farm.TradeName, farm.Address, farm.Commune, farm.Siret) {
				if strings.ContainsAny(s, "\x00\r\n") || strings.ToValidUTF8(s, "") != s {
					t.Errorf("text %q cannot be stored", s)
				}
			}
			for _, l := range farm.Links {
				if l.Certifier == (sillon.Certifier{}) || !slices.Contains(sillon.LinkStates, l.State) || !l.Stop.IsZero() && l.Stop.Before(l.Start) {
					t.Errorf("link %+v", l)
				}
			}
		}
	})
}

func BenchmarkReadTable(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("numeroBio;nom;siret;numeroPacage;commune;certificateurId;certificateur;numeroClient;etat;dateDemarrage;dateArret\n")
	for i := range 50_000 {
		fmt.Fprintf(&text, "%d;EARL du Pré n° %d;12345678900012;040001234;04112;%d;Certifieur;C-%d;ENGAGEE;2019-05-01;\n", i, i, i%12+1, i)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if farms, issues, err := registry.Read(bytes.NewReader(text.Bytes())); err != nil || len(farms) != 50_000 {
			b.Fatal(len(farms), issues, err)
		}
	}
}
