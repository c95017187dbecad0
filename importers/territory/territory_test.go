package territory_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"sillon/importers/territory"
	"sillon/sillon"
)

const square = `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}`

var squareGeometry = orb.Polygon{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}

func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",") + `]}`
}

func feature(properties, geometry string) string {
	return `{"type":"Feature","properties":` + properties + `,"geometry":` + geometry + `}`
}

func read(r io.Reader, level territory.Level) (units []territory.Unit, err error) {
	err = territory.Read(r, level, func(u territory.Unit) error {
		units = append(units, u)
		return nil
	})
	return units, err
}

func pack(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	t.Parallel()
	multi := orb.MultiPolygon{squareGeometry, {{{2, 2}, {3, 2}, {3, 3}, {2, 2}}, {{2.1, 2.05}, {2.2, 2.05}, {2.2, 2.1}, {2.1, 2.05}}}}
	tests := []struct {
		name  string
		level territory.Level
		text  string
		want  territory.Unit
	}{
		{
			"published contours", territory.Communes, collection(feature(`{"code":"01004","nom":"Ambérieu","departement":"01","region":"84","population":14081}`, square)),
			territory.Unit{Code: "01004", Name: "Ambérieu", Departement: "01", Region: "84", Population: 14081, Geometry: squareGeometry},
		},
		{
			"names of the mapping agency", territory.Communes, collection(feature(`{"INSEE_COM":"2a004","NOM":"Ajaccio","INSEE_DEP":"2A","INSEE_REG":"94","POPULATION":71361}`, square)),
			territory.Unit{Code: "2A004", Name: "Ajaccio", Departement: "2A", Region: "94", Population: 71361, Geometry: squareGeometry},
		},
		{
			"geometry first, foreign members", territory.Departements,
			`{"crs":{"type":"name"},"type":"FeatureCollection","features":[{"id":3,"geometry":` + square + `,"bbox":[0,0,1,1],"type":"Feature","properties":{"nom":"Guyane","code":"973"}}],"x":[[]]}`,
			territory.Unit{Code: "973", Name: "Guyane", Geometry: squareGeometry},
		},
		{
			"merged commune", territory.Communes, collection(feature(`{"insee":"01091","nom":"Ancienne","actif":false,"successeur":"01004"}`, square)),
			territory.Unit{Code: "01091", Name: "Ancienne", Inactive: true, Successor: "01004", Geometry: squareGeometry},
		},
		{
			"names of department and region instead of codes", territory.Communes, collection(feature(`{"code":"01004","nom":"A","departement":"Ain","region":"Auvergne-Rhône-Alpes"}`, square)),
			territory.Unit{Code: "01004", Name: "A", Geometry: squareGeometry},
		},
		{
			"several parts, a hole, altitudes, white space", territory.Regions, collection(feature(`{"code":"11","nom":"Île-de-France"}`,
				"{\n\"coordinates\": [ [[[0,0,5],[1,0,5],[1,1,5],[0,0,5]]],\r\n [[[2,2],[3,2],[3,3],[2,2]],\t[[2.1,2.05],[22e-1,2.05],[2.2,2.10],[2.1,2.05]]] ], \"type\":\"MultiPolygon\"}")),
			territory.Unit{Code: "11", Name: "Île-de-France", Geometry: multi},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for form, text := range map[string]string{"plain": tt.text, "with a mark": "\ufeff" + tt.text, "gzip": pack(t, tt.text)} {
				units, err := read(strings.NewReader(text), tt.level)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				if diff := cmp.Diff([]territory.Unit{tt.want}, units); diff != "" {
					t.Errorf("%s (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	named := func(geometry string) string { return collection(feature(`{"code":"01004","nom":"A"}`, geometry)) }
	good := feature(`{"code":"01001","nom":"B"}`, square)
	tests := []struct {
		name, text, path, code, message string
	}{
		{"an empty file", "", "fichier (octet 0)", "FICHIER_ILLISIBLE", "incomplet"},
		{"no feature", collection(), "fichier", "AUCUN_TERRITOIRE", ""},
		{"another object", `{"type":"Feature","geometry":null}`, "fichier", "AUCUN_TERRITOIRE", ""},
		{"not an object", `[1]`, "fichier (octet 0)", "FICHIER_ILLISIBLE", "FeatureCollection"},
		{"binary", "\x00\x01\x02", "fichier (octet 0)", "FICHIER_ILLISIBLE", "FeatureCollection"},
		{"cut in a feature", collection(good)[:60], "objet 1 (octet 60)", "FICHIER_ILLISIBLE", "incomplet"},
		{"rubbish after it", collection(good) + "x", "objet 1 (octet 172)", "FICHIER_ILLISIBLE", "FeatureCollection"},
		{"a null feature", collection(good, "null"), "objet 2 (octet 171)", "FICHIER_ILLISIBLE", "FeatureCollection"},
		{"nested without end", `{"features":[{"x":` + strings.Repeat("[", 10_000), "objet 1 (octet 34)", "FICHIER_ILLISIBLE", "niveaux"},
		{"properties that are no object", collection(feature(`[1]`, square)), "objet 1", "FICHIER_ILLISIBLE", "propriétés"},
		{"no code", collection(feature(`{"nom":"A"}`, square)), "objet 1", "CODE_INVALIDE", ""},
		{"no properties", collection(feature(`null`, square)), "objet 1", "CODE_INVALIDE", ""},
		{"code of another level", collection(good, feature(`{"code":"01","nom":"Ain"}`, square)), "objet 2", "CODE_INVALIDE", "« 01 »"},
		{"the same code twice", collection(good, good), "objet 2", "CODE_EN_DOUBLE", "« 01001 »"},
		{"no name", collection(feature(`{"code":"01001","nom":"  "}`, square)), "objet 1", "NOM_ABSENT", ""},
		{"a population that is no number", collection(feature(`{"code":"01001","nom":"A","population":"x"}`, square)), "objet 1", "PROPRIETE_INVALIDE", "population"},
		{"a successor that is no commune", collection(feature(`{"code":"01001","nom":"A","successeur":"x"}`, square)), "objet 1", "PROPRIETE_INVALIDE", "successeur"},
		{"neither active nor not", collection(feature(`{"code":"01001","nom":"A","actif":"peut-être"}`, square)), "objet 1", "PROPRIETE_INVALIDE", "actif"},
		{"null geometry", named("null"), "objet 1", "GEOMETRIE_INVALIDE", "absente"},
		{"no geometry", collection(`{"properties":{"code":"01001","nom":"A"}}`), "objet 1", "GEOMETRIE_INVALIDE", "absente"},
		{"geometry of another type", named(`{"type":"Point","coordinates":[0,0]}`), "objet 1", "GEOMETRIE_INVALIDE", "Polygon"},
		{"geometry that is no object", named(`"POLYGON"`), "objet 1", "GEOMETRIE_INVALIDE", "absente"},
		{"coordinates that are a text", named(`{"type":"Polygon","coordinates":"[[[0,0]]]"}`), "objet 1", "GEOMETRIE_INVALIDE", "illisibles"},
		{"two minus signs", named(`{"type":"Polygon","coordinates":[[[--1,0],[1,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "deux ou trois"},
		{"a second point in a number", named(`{"type":"Polygon","coordinates":[[[1.2.3,0],[1,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "deux ou trois"},
		{"no coordinates", named(`{"type":"Polygon"}`), "objet 1", "GEOMETRIE_INVALIDE", "illisibles"},
		{"empty polygon", named(`{"type":"Polygon","coordinates":[]}`), "objet 1", "GEOMETRIE_INVALIDE", "vide"},
		{"empty multipolygon", named(`{"type":"MultiPolygon","coordinates":[]}`), "objet 1", "GEOMETRIE_INVALIDE", "vide"},
		{"empty part", named(`{"type":"MultiPolygon","coordinates":[[]]}`), "objet 1", "GEOMETRIE_INVALIDE", "vide"},
		{"three positions", named(`{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "anneau"},
		{"open ring", named(`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "anneau"},
		{"one number", named(`{"type":"Polygon","coordinates":[[[0],[1,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "deux ou trois"},
		{"four numbers", named(`{"type":"Polygon","coordinates":[[[0,0,0,0],[1,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "deux ou trois"},
		{"a number too large for any float", named(`{"type":"Polygon","coordinates":[[[1e400,0],[1,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "deux ou trois"},
		{"null in a position", named(`{"type":"Polygon","coordinates":[[[null,0],[1,0],[1,1],[0,0]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "deux ou trois"},
		{"metres", named(`{"type":"Polygon","coordinates":[[[700000,6600000],[700100,6600000],[700100,6600100],[700000,6600000]]]}`), "objet 1", "GEOMETRIE_INVALIDE", "degrés"},
		{"one level too few", named(`{"type":"Polygon","coordinates":[[0,0],[1,0],[1,1],[0,0]]}`), "objet 1", "GEOMETRIE_INVALIDE", "illisibles"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(strings.NewReader(tt.text), territory.Communes)
			checkRefused(t, err, tt.path, tt.code, tt.message)
		})
	}
}

func checkRefused(t *testing.T, err error, path, code, message string) {
	t.Helper()
	if !errors.Is(err, sillon.ErrReferenceRefused) {
		t.Fatalf("error %v, want a refusal", err)
	}
	issues := sillon.Failure(err).Issues
	if len(issues) != 1 || issues[0].Path != path || issues[0].Code != code || !strings.Contains(issues[0].Message, message) {
		t.Errorf("issues %+v, want %s at %s saying %q", issues, code, path, message)
	}
}

func TestReadRefusesBadArchives(t *testing.T) {
	t.Parallel()
	packed := pack(t, collection(feature(`{"code":"01004","nom":"A"}`, square), feature(`{"code":"01005","nom":"B"}`, square)))
	bomb := pack(t, `{"x":"`+strings.Repeat("0", 8<<20)+`"}`)
	damaged := []byte(packed)
	damaged[len(damaged)-6] ^= 0xff // of the checksum
	tests := []struct{ name, text, message string }{
		{"cut", packed[:len(packed)-10], "endommagée"},
		{"cut in the header", packed[:5], "endommagée"},
		{"damaged", string(damaged), "endommagée"},
		{"a bomb", bomb, "suspecte"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(strings.NewReader(tt.text), territory.Communes)
			if !errors.Is(err, sillon.ErrReferenceRefused) {
				t.Fatalf("error %v, want a refusal", err)
			}
			if issues := sillon.Failure(err).Issues; len(issues) != 1 || !strings.Contains(issues[0].Message, tt.message) {
				t.Errorf("issues %+v, want %q", issues, tt.message)
			}
		})
	}
}

// endless is a text without end.
type endless string

func (e endless) Read(p []byte) (int, error) { return copy(p, e), nil }

func TestReadRefusesTooLarge(t *testing.T) {
	t.Parallel()
	text := io.MultiReader(strings.NewReader(`{"x":"`), endless(strings.Repeat("x", 64<<10)))
	_, err := read(text, territory.Communes)
	checkRefused(t, err, "fichier", "FICHIER_ILLISIBLE", "1 Gio")
}

func TestReadGivesBackErrors(t *testing.T) {
	t.Parallel()
	text := collection(feature(`{"code":"01004","nom":"A"}`, square))
	own := errors.New("full")
	if err := territory.Read(strings.NewReader(text), territory.Communes, func(territory.Unit) error { return own }); !errors.Is(err, own) {
		t.Errorf("error %v, want that of the caller", err)
	}
	for _, text := range []string{text, pack(t, text)} {
		r := io.MultiReader(strings.NewReader(text[:len(text)/2]), iotest.ErrReader(iotest.ErrTimeout))
		if _, err := read(r, territory.Communes); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("error %v, want that of the reader", err)
		}
	}
	if _, err := read(strings.NewReader(text), 0); err == nil {
		t.Error("the zero level was read")
	}
}

func TestNumbersAreThoseOfParseFloat(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0", "-0", "-63.12345", "2.59052", "55.836690000000001", "0.1", "12.345678901234", "123.456789012345", "1e1", "-1.5E-3", "45", "0.000000000000001"} {
		text := collection(feature(`{"code":"01004","nom":"A"}`, `{"type":"Polygon","coordinates":[[[`+s+`,0],[1,0],[1,1],[`+s+`,0]]]}`))
		units, err := read(strings.NewReader(text), territory.Communes)
		if err != nil {
			t.Fatal(s, err)
		}
		want, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := units[0].Geometry.(orb.Polygon)[0][0][0]; math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// reference holds the official outlines, on machines that have them.
const reference = "../../../shared/reference/"

// official opens one of them; ok is false where there is none.
func official(tb testing.TB, name string) (f *os.File, ok bool) {
	tb.Helper()
	f, err := os.Open(reference + name + ".geojson.gz")
	if errors.Is(err, os.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f, true
}

func TestReadOfficialOutlines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		level territory.Level
		want  int
	}{
		{"communes", territory.Communes, 35_357},
		{"departements", territory.Departements, 101},
		{"regions", territory.Regions, 18},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, ok := official(t, tt.name)
			if !ok {
				return
			}
			n := 0
			err := territory.Read(f, tt.level, func(territory.Unit) error { n++; return nil })
			if err != nil || n != tt.want {
				t.Errorf("%d units, %v; want %d", n, err, tt.want)
			}
		})
	}
}

// FuzzRead holds what Read promises of each unit, whatever it is given.
func FuzzRead(f *testing.F) {
	f.Add([]byte(collection(feature(`{"code":"01004","nom":"A","population":3,"actif":true}`, square))))
	f.Add([]byte(collection(feature(`{"INSEE_COM":"2A004","NOM":"B"}`, `{"type":"MultiPolygon","coordinates":[[[[0,0],[1e0,0],[1,1.5],[0,0]]]]}`))))
	f.Add([]byte(pack(f, collection(feature(`{"code":"01004","nom":"A"}`, square)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		units, err := read(bytes.NewReader(b), territory.Communes)
		if err != nil && !errors.Is(err, sillon.ErrReferenceRefused) {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, u := range units {
			if len(u.Code) != 5 || seen[u.Code] || u.Name == "" || strings.ContainsAny(u.Name, "\x00\n") {
				t.Errorf("unit %+v", u)
			}
			seen[u.Code] = true
			box := u.Geometry.Bound()
			if box.IsEmpty() || box.Min[0] < -180 || box.Max[0] > 180 || box.Min[1] < -90 || box.Max[1] > 90 {
				t.Errorf("unit %s spreads over %v", u.Code, box)
			}
		}
	})
}

func BenchmarkReadCommunes(b *testing.B) {
	f, ok := official(b, "communes")
	if !ok {
		return
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		n := 0
		if err := territory.Read(f, territory.Communes, func(territory.Unit) error { n++; return nil }); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	}
}
