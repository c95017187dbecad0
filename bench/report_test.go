package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleReport is a report of three servers, a peer ten times slower than one
// and faster than the other.
func sampleReport() *report {
	r := &report{Parcels: 3000, Published: 1000}
	for zoom := uint32(4); zoom <= 14; zoom++ {
		for server, rate := range map[string]float64{serverMemory: 1000, serverTileserv: 100, serverTegola: 25} {
			r.Points = append(r.Points, point{Server: server, Zoom: zoom, Kind: kindDense, Connections: 8, PerSecond: rate, MedianMS: 1})
		}
		r.Points = append(r.Points, point{Server: serverMemory, Zoom: zoom, Kind: kindDense, Connections: 1, Bytes: 70_000, MedianMS: 25})
	}
	r.Fresh = []freshness{{Node: nodeSame, Edits: 5, Stale: 1}, {Node: nodeOther, Edits: 5, P99MS: 99}}
	r.Gates = gatesOf(r)
	return r
}

func TestGates(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, g := range gatesOf(sampleReport()) {
		got[g.What] = g.Verdict
	}
	want := map[string]string{
		"uncached tiles/s from memory over pg_tileserv, z14":  verdictTarget,
		"uncached tiles/s from memory over pg_tileserv, z12":  verdictMissed,
		"uncached tiles/s from memory over pg_tileserv, z10":  verdictMissed,
		"uncached tiles/s from PostGIS over pg_tileserv, z14": verdictNone,
		"uncached tiles/s from PostGIS over pg_tileserv, z12": verdictNone,
		"uncached tiles/s from PostGIS over pg_tileserv, z10": verdictNone,
		"cached 50 KB tile over bare net/http":                verdictNone,
		"tile of z4–z9, gzip, the largest mean":               verdictLeast,
		"tile of z4–z9, uncached, the slowest median":         verdictMissed,
		"edits that the next tile of the same node lacks":     verdictMissed,
		"an edit in the tile of another node, p99":            verdictTarget,
		"GeoJSON of 1 000 parcels over pg_featureserv":        verdictNone,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestPicture(t *testing.T) {
	t.Parallel()
	svg := picture(sampleReport())
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, svg)
		}
	}
	for _, want := range []string{">10<", ">0.2<", ">z4<", ">z14<", "Sillon, from memory", ">tegola<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %s", want)
		}
	}
	if strings.Contains(svg, "martin") || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error("the picture shows what was not measured")
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0.25: "0.2", 4.04: "4.0", 9.96: "10", 431.7: "432", 1234: "1.2k", 12345: "12k"} {
		if got := short(v); got != want {
			t.Errorf("short(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	page := filepath.Join(dir, pageName)
	if err := os.WriteFile(page, []byte("Before.\n"+figuresBegin+"\nold\n"+figuresEnd+"\nAfter.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := sampleReport()
	if err := publish(r, dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); !strings.HasPrefix(s, "Before.\n") || !strings.HasSuffix(s, "\nAfter.\n") || strings.Contains(s, "old") ||
		!strings.Contains(s, "| 14 | dense | 8 | 10 |") {
		t.Errorf("the page is\n%s", s)
	}
	back, err := readReport(filepath.Join(dir, reportName))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*r, back, cmp.AllowUnexported()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if _, err := withFigures("no place", ""); !errors.Is(err, errNoFigures) {
		t.Errorf("a page without a place for figures: %v", err)
	}
}
