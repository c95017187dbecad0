package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"sillon/service"
	"sillon/store/storetest"
)

// workbook returns the cells of a reply that is one, and the name of its sheet.
func (r *reply) workbook(t *testing.T) (name string, rows [][]string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(r.Body))
	if err != nil {
		t.Fatalf("%d %.200s: %v", r.Status, r.Body, err)
	}
	defer func() { _ = f.Close() }()
	name = f.GetSheetList()[0]
	if rows, err = f.GetRows(name); err != nil {
		t.Fatal(err)
	}
	return name, rows
}

// TestExport: the layout is the one of the caller's certifier, in the format that
// was asked for, as a file of a safe name.
func TestExport(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	s.store(t, ocOne, []object{record("1001", bad("p1", object{"nom": `=HYPERLINK("x")`}))})
	version := versionPath(s.version(t, "1001", 1, audit)) + "/export"
	const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	for _, tt := range []struct {
		name, query   string
		who           asker
		status        int
		media, file   string // of a reply of 200
		begins, wants string // of text, of another status too
	}{
		{"the caller's", "", auditor, 200, xlsx, "parcellaire-2026-1001-defaut.xlsx", "PK", ""},
		{"csv", "?format=csv", officer, 200, "text/csv; charset=utf-8", "parcellaire-2026-1001-defaut.csv", "\ufeffNuméro bio :;1001;", ""},
		{"tsv", "?format=tsv", auditor, 200, "text/tab-separated-values; charset=utf-8", "parcellaire-2026-1001-defaut.tsv", "Identifiant CartoBio\t", ""},
		{"geojson", "?format=geojson", inao, 200, "application/geo+json", "parcellaire-2026-1001-parcelles.geojson", `{"type":"FeatureCollection"`, `"p1"`},
		{"another model", "?modele=certis", agenceBio, 200, xlsx, "parcellaire-2026-1001-certis.xlsx", "PK", ""},
		{"a model of text", "?modele=certipaq", inao, 200, "text/csv; charset=utf-8", "parcellaire-2026-1001-certipaq.csv", "\ufeffN° de l'opérateur;C1001;", `;"'=HYPERLINK(""x"")";`},
		{"another model of a certifier", "?modele=certis", officer, 403, "", "", "", "FORBIDDEN"},
		{"no model", "?modele=autre", agenceBio, 400, "", "", "", "MODELE_INCONNU"},
		{"a format to come", "?format=gpkg", auditor, 400, "", "", "", "FORMAT_INDISPONIBLE"},
		{"no format", "?format=pdf", auditor, 400, "", "", "", "INVALID_API_REQUEST"},
		{"no parameter", "?layout=2", auditor, 400, "", "", "", "CHAMP_INCONNU"},
		{"a machine", "", ocOne, 403, "", "", "", "FORBIDDEN"},
		{"a machine, as GeoJSON", "?format=geojson", ocOne, 403, "", "", "", "FORBIDDEN"},
	} {
		r := s.get(t, tt.who, version+tt.query)
		if r.Status != tt.status || !strings.HasPrefix(string(r.Body), tt.begins) || !strings.Contains(string(r.Body), tt.wants) {
			t.Errorf("%s: %d %.300s", tt.name, r.Status, r.Body)
		}
		if r.Status != http.StatusOK {
			continue
		}
		if r.Header.Get("Content-Type") != tt.media || r.Header.Get("Content-Disposition") != `attachment; filename="`+tt.file+`"` {
			t.Errorf("%s: %s, %s", tt.name, r.Header.Get("Content-Type"), r.Header.Get("Content-Disposition"))
		}
	}
	if name, rows := s.get(t, auditor, version).workbook(t); name != "Parcellaire bio" || len(rows) != 7 || rows[6][0] != "p1" || rows[6][5] != "Blé tendre" {
		t.Errorf("sheet %s: %q", name, rows)
	}
	held := s.get(t, auditor, version).Header.Get("ETag")
	s.store(t, ocOne, []object{record("1001", parcel("p1"), parcel("p2"))})
	if r := s.get(t, auditor, version, "If-None-Match", held); r.Status != http.StatusOK {
		t.Errorf("changed since: %d", r.Status)
	}
}

// TestS12CertisNotes: Certis finds its audit notes in its layout, and not those
// of the certifier before it.
func TestS12CertisNotes(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	storetest.Exec(t, s.address, `INSERT INTO certifier (id, name) VALUES (6, 'Certis')`)
	storetest.Farm(t, s.db, "6001", 6)
	own := s.marked(t, ocOne, "1001", "2025-03-01")
	for _, tt := range []struct {
		who    asker
		marked bool
	}{{officer, false}, {agenceBio, true}} {
		if tt.who == officer {
			s.move(t, "1001", 1, 6)
			s.exec(t, `UPDATE signed_in SET oc = 6`)
		}
		name, rows := s.get(t, tt.who, fmt.Sprint(versionPath(own), "/export?format=xlsx", map[bool]string{true: "&modele=certis"}[tt.marked])).workbook(t)
		if text := fmt.Sprint(rows); name != "Tableau de surfaces" || strings.Contains(text, markAudit) != tt.marked || strings.Contains(text, markParcel) != tt.marked {
			t.Errorf("%s reads %s: %q", tt.who, name, rows)
		}
	}
}

// TestExportPast: the crop of the year before is that of the parcel that then
// covered the present one, in the latest certified version of that year.
func TestExportPast(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	of := func(id, where, code string) object {
		return parcel(id).with(object{"geom": where, "cultures": crops(code)})
	}
	square := func(lon float64) string { return square(lon, 47.1) }
	const wheat, lucerne, rye = "01.11.12", "01.19.10.8", "01.11.32"
	s.store(t, ocOne, []object{
		record("1001", of("x", square(2.1), wheat), of("y", square(2.2), wheat), of("z", square(2.306), wheat)).with(object{"dateAudit": "2025-02-01"}),
		record("1001", of("x", square(2.1), lucerne), of("w", square(2.1), lucerne)).with(object{"dateAudit": "2025-10-01"}),
		record("1001", of("x", square(2.1), rye)).with(object{"dateAudit": "2024-02-01"}),
		record("1001", of("a", square(2.1), wheat), of("b", square(2.2001), wheat), of("c", square(2.3), wheat)),
	})
	path := versionPath(s.version(t, "1001", 1, audit)) + "/export?format=tsv&modele="
	for _, tt := range []struct {
		layout string
		column int
		want   []string // of a, b and c
	}{
		{"certis", 5, []string{"Luzerne", "Blé tendre", ""}}, {"ocacia", 13, []string{"Seigle", "", ""}}, {"certipaq", 11, []string{"Luzerne", "Blé tendre", ""}},
	} {
		lines := strings.Split(strings.TrimSpace(string(s.get(t, agenceBio, path+tt.layout).Body)), "\n")[1:]
		got := make([]string, len(lines))
		for i, line := range lines {
			got[i] = strings.Split(line, "\t")[tt.column]
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.layout, got, tt.want)
		}
	}
	own := s.get(t, agenceBio, path+"certis").Header.Get("ETag")
	s.store(t, ocOne, []object{record("1001", of("x", square(2.1), rye)).with(object{"dateAudit": "2025-11-01"})})
	if r := s.get(t, agenceBio, path+"certis", "If-None-Match", own); r.Status != http.StatusOK {
		t.Errorf("another past: %d", r.Status)
	}
}

// TestExportedParcels: the GeoJSON of an export is what the parcels are.
func TestExportedParcels(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	s.store(t, ocOne, []object{record("1001", parcel("p1"), parcel("p2"))})
	version := versionPath(s.version(t, "1001", 1, audit))
	got, want := s.get(t, auditor, version+"/export?format=geojson"), s.get(t, auditor, version+"/parcelles?precision=9")
	if got.Status != http.StatusOK || !bytes.Equal(got.Body, want.Body) || got.Header.Get("ETag") != want.Header.Get("ETag") {
		t.Errorf("%d %s, want %s", got.Status, got.Body, want.Body)
	}
}

// TestExportTooLarge: a spreadsheet has a limit, the parcels as they are have none.
func TestExportTooLarge(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	s.store(t, ocOne, []object{record("1001")})
	version := versionPath(s.version(t, "1001", 1, audit)) + "/export"
	s.exec(t, fmt.Sprint(`UPDATE parcellaire SET parcel_count = `, service.MostExported+1))
	if r := s.get(t, auditor, version); r.Status != http.StatusUnprocessableEntity || !strings.Contains(string(r.Body), "EXPORT_TROP_GRAND") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := s.get(t, auditor, version+"?format=geojson"); r.Status != http.StatusOK {
		t.Errorf("as GeoJSON: %d %s", r.Status, r.Body)
	}
}
