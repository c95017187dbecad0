package sheet_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"sillon/exporters/sheet"
	"sillon/sillon"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	wheat   = "01.11.11.2"
	lentils = "01.11.75.1"
	unknown = "02.10.2003"
)

// crop is a nomenclature of two crops.
func crop(code string) (sillon.CropCode, bool) {
	switch code {
	case wheat:
		return sillon.CropCode{Code: code, Label: "Blé tendre d'hiver", Group: "Grandes cultures", BureauVeritas: "BLT"}, true
	case lentils:
		return sillon.CropCode{Code: code, Label: "Lentilles", Group: "Grandes cultures", BureauVeritas: "LEN"}, true
	}
	return sillon.CropCode{}, false
}

func number(f float64) *float64 { return &f }

func day(month time.Month, d int) sillon.Date { return sillon.Date{Year: 2025, Month: month, Day: d} }

// example is a farm with a parcel of each kind, not in order.
func example() *sheet.Document {
	d := &sheet.Document{
		Farm:    sillon.Farm{NumeroBio: "12345", Name: `=HYPERLINK("https://example.org")`, Pacages: []string{"026000001", "026000002"}, PostalCode: "26150"},
		Commune: "Die", Client: "C-42", Saved: day(time.November, 3), Communes: map[string]string{"26113": "Die", "26001": "Solaure en Diois"},
		Version: sillon.Parcellaire{
			ID: "v", NumeroBio: "12345", State: sillon.StateCertified, AuditDate: day(time.March, 1), CertifiedFrom: day(time.April, 2),
			AuditNotes: "+ vu le registre\nà revoir",
		},
		Past: map[string]sheet.Past{"a": {Previous: []string{lentils}, BeforePrevious: []string{wheat, unknown}}},
		Crop: crop,
		Parcels: []sillon.Parcel{
			{
				ID: "b", Name: "Le Grand Pré", NumeroIlot: "1", NumeroParcelle: "10", Level: sillon.LevelC1, SurfaceM2: 12_345.6, EngagedOn: day(time.May, 15),
				Commune: "26113", NumeroPacage: "026000001", NotesAuditeur: "@ haie à déduire",
				Crops: []sillon.Crop{
					{CPF: wheat, Variete: "Rouge", SownOn: day(time.October, 20), Surface: number(0.5), Unit: sillon.UnitHectare},
					{CPF: lentils, Surface: number(25), Unit: sillon.UnitPercent},
				},
			},
			{
				ID: "a", Name: "-Étang", NumeroIlot: "1", NumeroParcelle: "2", Level: sillon.LevelAB, SurfaceM2: 20_000, EngagedOn: sillon.EngagedSinceAlways,
				Commune: "26001", Crops: []sillon.Crop{{CPF: wheat, SownOn: day(time.October, 21)}},
				Annotations: []sillon.Annotation{
					{Code: "downgraded", Metadata: map[string]string{"state": "accepted"}}, {Code: "reduction-conversion"}, {Code: "surveyed"},
				},
			},
			{ID: "e", ReferencesCadastrales: []string{"26113000AB0012", "26113000AB0013"}, Level: sillon.LevelCONV, SurfaceM2: 5_000},
			{ID: "c", Name: "Écart", Level: sillon.LevelC2, SurfaceM2: 1_000, EngagedOn: day(time.May, 15), Crops: []sillon.Crop{{CPF: unknown}}},
			{
				ID: "d", Name: "Zone 3", NumeroIlot: "0", NumeroParcelle: "0", Level: sillon.LevelC3, SurfaceM2: 300, EngagedOn: day(time.January, 1),
				Crops: []sillon.Crop{{CPF: wheat}, {CPF: lentils, Variete: "Verte\tdu Puy"}},
			},
			{ID: "f", Name: "zone 12", Level: sillon.LevelEngaged, SurfaceM2: 700, Crops: []sillon.Crop{{CPF: lentils}}},
		},
	}
	d.Sort()
	return d
}

func write(t testing.TB, d *sheet.Document, l *sheet.Layout, f sheet.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sheet.Write(&b, d, l, f, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open reads a workbook of one sheet.
func open(t testing.TB, b []byte) (*excelize.File, string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, f.GetSheetList()[0]
}

// TestLayouts holds every cell of every layout to a golden file: of a workbook
// the name of each cell, with what is shown in it and N for a number.
func TestLayouts(t *testing.T) {
	t.Parallel()
	for _, key := range sheet.Keys() {
		l, _ := sheet.LayoutNamed(key)
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			f, name := open(t, write(t, example(), l, sheet.FormatXLSX))
			rows, err := f.GetRows(name)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			fmt.Fprintln(&b, name)
			for y, row := range rows {
				for x, shown := range row {
					if shown == "" {
						continue
					}
					cell, _ := excelize.CoordinatesToCellName(x+1, y+1)
					kind, err := f.GetCellType(name, cell)
					if err != nil {
						t.Fatal(err)
					}
					if formula, _ := f.GetCellFormula(name, cell); formula != "" || kind == excelize.CellTypeFormula {
						t.Errorf("%s holds the formula %s", cell, formula)
					}
					mark := " "
					if kind == excelize.CellTypeUnset || kind == excelize.CellTypeNumber {
						mark = "N"
					}
					fmt.Fprintf(&b, "%-4s %s %q\n", cell, mark, shown)
				}
			}
			merged, err := f.GetMergeCells(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range merged {
				fmt.Fprintln(&b, m.GetStartAxis()+":"+m.GetEndAxis(), "merged")
			}
			golden(t, key+".golden", []byte(b.String()))
			golden(t, key+".csv.golden", write(t, example(), l, sheet.FormatCSV))
			golden(t, key+".tsv.golden", write(t, example(), l, sheet.FormatTSV))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// parcels draws a document of random parcels.
func parcels(t *rapid.T) *sheet.Document {
	levels := append([]sillon.Level{sillon.LevelUnknown}, sillon.Levels...)
	d := &sheet.Document{Crop: crop, Version: sillon.Parcellaire{NumeroBio: "1"}}
	for i := range rapid.IntRange(0, 40).Draw(t, "n") {
		p := sillon.Parcel{
			ID: fmt.Sprint("p", i), Name: rapid.String().Draw(t, "name"), Level: rapid.SampledFrom(levels).Draw(t, "level"),
			SurfaceM2: rapid.Float64Range(0, 1e7).Draw(t, "m2"), NotesAuditeur: rapid.StringMatching(`[=+@-]?.{0,20}`).Draw(t, "notes"),
			NumeroIlot: rapid.SampledFrom([]string{"", "0", "1", "12"}).Draw(t, "ilot"), NumeroParcelle: strconv.Itoa(i),
		}
		for range rapid.IntRange(0, 3).Draw(t, "crops") {
			c := sillon.Crop{CPF: rapid.SampledFrom([]string{wheat, lentils, unknown, ""}).Draw(t, "cpf"), Unit: sillon.UnitPercent}
			if rapid.Bool().Draw(t, "told") {
				c.Surface = number(rapid.Float64Range(0, 100).Draw(t, "share"))
			}
			p.Crops = append(p.Crops, c)
		}
		d.Parcels = append(d.Parcels, p)
	}
	d.Sort()
	return d
}

// TestC45TotalsUnderTheirLabel: in every layout that has totals each stands
// beside its own label and is the sum of what the parcels of its level say, and
// so is the column of the surfaces.
func TestC45TotalsUnderTheirLabel(t *testing.T) {
	t.Parallel()
	type total struct {
		label, text, cell string // where the label is, what it says, where the sum is
		level             sillon.Level
		all               bool
	}
	tests := []struct {
		layout string
		totals []total
	}{
		{"certis", []total{
			{"P1", "Total C1", "Q1", sillon.LevelC1, false},
			{"P2", "Total C2", "Q2", sillon.LevelC2, false},
			{"P3", "Total C3", "Q3", sillon.LevelC3, false},
			{"P4", "Total bio", "Q4", sillon.LevelAB, false},
			{"P5", "Total conv", "Q5", sillon.LevelCONV, false},
		}},
		{"defaut", []total{{"A3", "Surface graphique totale (en ha) :", "B3", "", true}}},
		{"ocacia", []total{
			{"F3", "C0", "F2", sillon.LevelCONV, false},
			{"G3", "AB", "G2", sillon.LevelAB, false},
			{"H3", "C1", "H2", sillon.LevelC1, false},
			{"I3", "C2", "I2", sillon.LevelC2, false},
			{"J3", "C3", "J2", sillon.LevelC3, false},
			{"F1", "Surfaces en ha", "I1", "", true},
		}},
		{"certipaq", []total{
			{"T4", "AB", "T5", sillon.LevelAB, false},
			{"U4", "C1", "U5", sillon.LevelC1, false},
			{"V4", "C2", "V5", sillon.LevelC2, false},
			{"W4", "C3", "W5", sillon.LevelC3, false},
			{"X4", "C0", "X5", sillon.LevelCONV, false},
			{"Y4", "Total", "Y5", "", true},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.layout, func(t *testing.T) {
			t.Parallel()
			l, _ := sheet.LayoutNamed(tt.layout)
			rapid.Check(t, func(r *rapid.T) {
				d := parcels(r)
				f, name := open(t, write(t, d, l, sheet.FormatXLSX))
				for _, sum := range tt.totals {
					want := 0.0
					for _, p := range d.Parcels {
						if sum.all || p.Level == sum.level {
							want += p.SurfaceM2 / 10_000
						}
					}
					raw := excelize.Options{RawCellValue: true}
					label, _ := f.GetCellValue(name, sum.label)
					text, _ := f.GetCellValue(name, sum.cell, raw)
					got, err := strconv.ParseFloat(text, 64)
					if label != sum.text || err != nil || math.Abs(got-want) > 1e-6 {
						r.Fatalf("%q %q at %s, want %q %f", label, text, sum.cell, sum.text, want)
					}
				}
			})
		})
	}
}

// TestCertisParcels: each level, and all of them, add up in Certis's table to
// the totals above it.
func TestCertisParcels(t *testing.T) {
	t.Parallel()
	l := sheet.LayoutOf(6)
	rapid.Check(t, func(r *rapid.T) {
		d := parcels(r)
		f, name := open(t, write(t, d, l, sheet.FormatXLSX))
		rows, err := f.GetRows(name, excelize.Options{RawCellValue: true})
		if err != nil {
			r.Fatal(err)
		}
		sums, all := map[string]float64{}, 0.0
		for _, row := range rows[7:] {
			ha, err := strconv.ParseFloat(row[3], 64)
			if err != nil {
				r.Fatal(err)
			}
			sums[row[9]], all = sums[row[9]]+ha, all+ha
		}
		if len(rows)-7 != len(d.Parcels) {
			r.Fatalf("%d rows of %d parcels", len(rows)-7, len(d.Parcels))
		}
		for i, level := range []string{"C1", "C2", "C3", "AB", "CONV"} {
			if got, _ := strconv.ParseFloat(rows[i][16], 64); math.Abs(got-sums[level]) > 1e-6 {
				r.Fatalf("%s: %f, want %f", level, got, sums[level])
			}
		}
		if want := "Total : " + strings.Replace(strconv.FormatFloat(all, 'f', 2, 64), ".", ",", 1) + " ha"; rows[0][17] != want {
			got, _ := strconv.ParseFloat(strings.Replace(strings.Fields(rows[0][17])[2], ",", ".", 1), 64)
			if math.Abs(got-all) > 0.006 {
				r.Fatalf("%q, want %q", rows[0][17], want)
			}
		}
	})
}

// TestS14TextIsText: what users wrote comes back as they wrote it, never as a
// formula, and in text files no cell begins like one.
func TestS14TextIsText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`=HYPERLINK("https://example.org";"x")`, "+33 6", "-1", "@SUM(A1)", "=1+1\r\nsuite", "<img src=x onerror=alert(1)>", "\t=1", "a\x00b\x01", `"; "`,
	} {
		for _, key := range sheet.Keys() {
			l, _ := sheet.LayoutNamed(key)
			d := &sheet.Document{
				Crop: crop, Farm: sillon.Farm{Name: text, Pacages: []string{text}, PostalCode: text}, Commune: text, Client: text,
				Version:  sillon.Parcellaire{NumeroBio: sillon.NumeroBio(text), AuditNotes: text},
				Communes: map[string]string{"1": text},
				Parcels: []sillon.Parcel{{
					ID: text, Name: text, NotesAuditeur: text, Commune: "1", NumeroPacage: text, NumeroIlot: text, NumeroParcelle: text,
					ReferencesCadastrales: []string{text}, Crops: []sillon.Crop{{CPF: text, Variete: text}},
					Annotations: []sillon.Annotation{{Code: text}},
				}},
			}
			f, name := open(t, write(t, d, l, sheet.FormatXLSX))
			rows, err := f.GetRows(name)
			if err != nil {
				t.Fatal(err)
			}
			for y, row := range rows {
				for x := range row {
					cell, _ := excelize.CoordinatesToCellName(x+1, y+1)
					if formula, _ := f.GetCellFormula(name, cell); formula != "" {
						t.Errorf("%s, %q: %s is the formula %s", key, text, cell, formula)
					}
				}
			}
			for comma, format := range map[rune]sheet.Format{';': sheet.FormatCSV, '\t': sheet.FormatTSV} {
				records := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(write(t, d, l, format), []byte("\ufeff"))))
				records.Comma = comma
				lines, err := records.ReadAll() // all as wide
				if err != nil {
					t.Errorf("%s, %q as %s: %v", key, text, format.Extension(), err)
				}
				for _, cell := range slices.Concat(lines...) {
					if strings.IndexAny(strings.TrimLeft(cell, " \r\n\t"), "=+-@") == 0 {
						t.Errorf("%s, %q as %s: the cell %q", key, text, format.Extension(), cell)
					}
				}
			}
		}
	}
}

// TestSort: numbers as numbers, letters as French does, whatever their case.
func TestSort(t *testing.T) {
	t.Parallel()
	d := example()
	var ids []string
	for _, p := range d.Parcels {
		ids = append(ids, p.ID)
	}
	if diff := cmp.Diff([]string{"a", "b", "e", "c", "d", "f"}, ids); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestSameBytes: what did not change has the same bytes, which a strong ETag
// promises.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	l := sheet.LayoutOf(6)
	if !bytes.Equal(write(t, example(), l, sheet.FormatXLSX), write(t, example(), l, sheet.FormatXLSX)) {
		t.Error("two writings differ")
	}
}

// TestLongText: a cell of a workbook that cannot hold all says so; text files do.
func TestLongText(t *testing.T) {
	t.Parallel()
	d := &sheet.Document{Crop: crop}
	for i := range 4000 {
		d.Parcels = append(d.Parcels, sillon.Parcel{ID: fmt.Sprintf("🌾%010d", i), Crops: []sillon.Crop{{CPF: wheat}}})
	}
	l := sheet.LayoutOf(5)
	f, name := open(t, write(t, d, l, sheet.FormatXLSX))
	ids, err := f.GetCellValue(name, "F2")
	if n := len(utf16.Encode([]rune(ids))); err != nil || n > excelize.TotalCellChars || n < excelize.TotalCellChars-1 || !strings.HasSuffix(ids, " […]") ||
		strings.ContainsRune(ids, '\ufffd') {
		t.Errorf("%d units that end in %q: %v", n, ids[max(0, len(ids)-20):], err)
	}
	if text := string(write(t, d, l, sheet.FormatTSV)); strings.Count(text, "🌾") != len(d.Parcels) {
		t.Errorf("%d ids as text", strings.Count(text, "🌾"))
	}
}

// BenchmarkWrite writes 10 000 parcels.
func BenchmarkWrite(b *testing.B) {
	d := example()
	for len(d.Parcels) < 10_000 {
		d.Parcels = append(d.Parcels, d.Parcels[:6]...)
	}
	for _, key := range []string{"defaut", "certis", "bureau-veritas"} {
		l, _ := sheet.LayoutNamed(key)
		for _, format := range []sheet.Format{sheet.FormatXLSX, sheet.FormatCSV} {
			b.Run(key+"/"+format.Extension(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					d.Sort()
					if err := sheet.Write(io.Discard, d, l, format, b.TempDir()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
