package exchange_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/importers/exchange"
	"sillon/sillon"
)

// TestGeometry holds certifier-exchange.md §2.5 (C9): what geom may be, and what
// becomes of it.
func TestGeometry(t *testing.T) {
	t.Parallel()
	const (
		ring   = `[[4.9,44.9],[4.901,44.9],[4.901,44.901],[4.9,44.901],[4.9,44.9]]`
		hole   = `[[4.9002,44.9002],[4.9002,44.9008],[4.9008,44.9008],[4.9008,44.9002],[4.9002,44.9002]]`
		other  = `[[4.91,44.9],[4.911,44.9],[4.911,44.901],[4.91,44.901],[4.91,44.9]]`
		notNum = "les coordonnées doivent être des nombres finis"
		lat    = "la latitude doit être comprise entre 90 et -90"
		lon    = "la longitude doit être comprise entre 180 et -180"
		short  = "Each LinearRing of a Polygon must have 4 or more Positions."
		open   = "First and last Position are not equivalent."
		kind   = "type de géométrie non pris en charge"
		empty  = "la géométrie est vide après correction"
	)
	text := func(s string) string { return strconv.Quote(s) }
	unreadable := func(n int) string { return fmt.Sprintf("JSON illisible (position %d)", n) }
	tests := []struct {
		name string
		geom string // JSON
		// The parts, rings and positions of the result, or the fault.
		want  string
		codes string // of the warnings
	}{
		{name: "Polygon coordinates in a text", geom: text("[" + ring + "]"), want: "1/1/5"},
		{name: "with a hole", geom: text("[" + ring + "," + hole + "]"), want: "1/2/10"},
		{name: "with white space", geom: text(" [ " + strings.ReplaceAll(ring, ",", " ,\n ") + "\t] "), want: "1/1/5"},
		{name: "a stray brace after", geom: text("[" + ring + "]}"), want: "1/1/5"},
		{name: "a stray brace after white space", geom: text("[" + ring + "] } "), want: "1/1/5"},
		{name: "two stray braces", geom: text("[" + ring + "]}}"), want: unreadable(66)},
		{name: "other text after", geom: text("[" + ring + "] x"), want: unreadable(67)},
		{name: "MultiPolygon coordinates", geom: text("[[" + ring + "],[" + other + "]]"), want: "2/2/10"},
		{name: "MultiPolygon of one part", geom: text("[[" + ring + "," + hole + "]]"), want: "1/2/10"},
		{name: "MultiPolygon with an empty part", geom: text("[[" + ring + "],[]]"), want: "1/1/5"},
		{name: "a plain array", geom: "[ " + ring + "]", want: "1/1/5"},
		{name: "a plain MultiPolygon array", geom: "[[" + ring + "],[" + other + "]]", want: "2/2/10"},
		{name: "a GeoJSON Polygon", geom: `{"coordinates":[` + ring + `],"bbox":[1,2,3,4],"type":"Polygon"}`, want: "1/1/5"},
		{name: "a GeoJSON MultiPolygon", geom: `{"type":"MultiPolygon","coordinates":[[` + ring + `],[` + other + `]]}`, want: "2/2/10"},
		{name: "the text of a GeoJSON Polygon", geom: text(`{"type":"Polygon","coordinates":[` + ring + `]}`), want: "1/1/5"},
		{name: "numbers in every form", geom: text(strings.NewReplacer("4.901", "49.01e-1", "44.9]", "4.49E+1]").Replace("[" + ring + "]")), want: "1/1/5"},

		{name: "null", geom: "null", codes: "MISSING_GEOM"},
		{name: "absent", geom: "", codes: "MISSING_GEOM"},
		{name: "empty text", geom: `""`, codes: "MISSING_GEOM"},
		{name: "blank text", geom: `" "`, codes: "MISSING_GEOM"},
		{name: "the text null", geom: `"null"`, codes: "MISSING_GEOM"},

		{name: "Z", geom: text(strings.ReplaceAll("["+ring+"]", ",44.9]", ",44.9,-3.5]")), want: "1/1/5", codes: "GEOM_Z_DROPPED"},
		{name: "Z and M", geom: text(strings.ReplaceAll("["+ring+"]", ",44.9]", ",44.9,1,2]")), want: "1/1/5", codes: "GEOM_Z_DROPPED"},
		{name: "null for Z", geom: text(strings.ReplaceAll("["+ring+"]", ",44.9]", ",44.9,null]")), want: "1/1/5", codes: "GEOM_Z_DROPPED"},
		{name: "Z in a plain array", geom: strings.ReplaceAll("["+ring+"]", ",44.9]", ",44.9,1e999]"), want: "1/1/5", codes: "GEOM_Z_DROPPED"},
		{
			name: "Z in a GeoJSON object", geom: `{"type":"Polygon","coordinates":[` + strings.ReplaceAll(ring, ",44.9]", ",44.9,0]") + `]}`,
			want: "1/1/5", codes: "GEOM_Z_DROPPED",
		},
		{name: "no JSON for Z", geom: text(strings.ReplaceAll("["+ring+"]", ",44.9]", ",44.9,x]")), want: unreadable(12)},

		{name: "truncated", geom: text("[" + ring[:40]), want: unreadable(41)},
		{name: "truncated GeoJSON", geom: text(`{"type":"Polygon"`), want: unreadable(17)},
		{name: "no JSON", geom: text("POLYGON((4.9 44.9))"), want: unreadable(0)},
		{name: "NaN", geom: text("[[[NaN,44.9]]]"), want: unreadable(3)},
		{name: "what is no JSON is said first", geom: text(`[[["x",44.9],[1,2,]]]`), want: unreadable(18)},
		{name: "number without whole part", geom: text("[[[.5,44.9]]]"), want: unreadable(3)},
		{name: "leading zero", geom: text("[[[04.9,44.9]]]"), want: unreadable(4)},

		{name: "a text for a number", geom: text(`[[["4.9",44.9],[4.901,44.9],[4.9,45],[4.9,44.9]]]`), want: notNum},
		{name: "null for a number", geom: text(`[[[4.9,null],[4.901,44.9],[4.9,45],[4.9,44.9]]]`), want: notNum},
		{name: "infinite", geom: text(`[[[4.9,-1e400],[4.901,44.9],[4.9,45],[4.9,44.9]]]`), want: notNum},
		{name: "one ordinate", geom: text(`[[[4.9],[4.901,44.9],[4.9,45],[4.9]]]`), want: notNum},
		{name: "no ordinate", geom: text(`[[[]]]`), want: notNum},
		{name: "not finite before out of range", geom: text(`[[[500,44.9],[4.901,444],[4.9,null],[500,44.9]]]`), want: notNum},
		{name: "latitude", geom: text(`[[[4.9,91],[4.901,44.9],[4.9,45],[4.9,91]]]`), want: lat},
		{name: "a pole", geom: text(`[[[4.9,89],[4.901,89],[4.9,90],[4.9,89]]]`), want: lat},
		{name: "longitude", geom: text(`[[[-181,44.9],[4.901,44.9],[4.9,45],[-181,44.9]]]`), want: lon},
		{name: "latitude before longitude of one position", geom: text(`[[[500,500],[4.901,44.9],[4.9,45],[500,500]]]`), want: lat},
		{name: "longitude of an earlier position", geom: text(`[[[500,44.9],[4.9,500],[4.9,45],[500,44.9]]]`), want: lon},
		{name: "out of range before a short ring", geom: text(`[[[4.9,500],[4.901,44.9],[4.9,500]]]`), want: lat},
		{name: "out of range before an open ring", geom: text(`[[[500,44.9],[4.901,44.9],[4.9,45],[4.9,44.9]]]`), want: lon},
		{name: "short ring", geom: text(`[[[4.9,44.9],[4.901,44.9],[4.9,44.9]]]`), want: short},
		{name: "empty ring", geom: text(`[[]]`), want: short},
		{name: "short ring before open", geom: text(`[[[4.9,44.9],[4.901,44.9],[4.9,45]]]`), want: short},
		{name: "open ring", geom: text("[" + ring[:len(ring)-len(",[4.9,44.9]]")] + "]]"), want: open},
		{name: "ring after ring", geom: text("[" + ring[:len(ring)-len(",[4.9,44.9]]")] + "],[]]"), want: open},
		{name: "short hole", geom: text("[" + ring + ",[[4.9,44.9]]]"), want: short},
		{name: "open but for Z", geom: text(`[[[4.9,44.9,1],[4.901,44.9,1],[4.901,44.901,1],[4.9,44.9,2]]]`), want: "1/1/4", codes: "GEOM_Z_DROPPED"},

		{name: "Point coordinates", geom: text("[4.9,44.9]"), want: kind},
		{name: "LineString coordinates", geom: text(ring), want: kind},
		{name: "five levels", geom: text("[[[" + ring + "]]]"), want: kind},
		{name: "mixed levels", geom: text("[" + ring + ",[" + ring + "]]"), want: kind},
		{name: "a number among rings", geom: text("[" + ring + ",4]"), want: kind},
		{name: "a number", geom: "42", want: kind},
		{name: "a boolean", geom: "true", want: kind},
		{name: "the text of a number", geom: `"42"`, want: kind},
		{name: "a GeoJSON Point", geom: `{"type":"Point","coordinates":[4.9,44.9]}`, want: kind},
		{name: "a GeometryCollection", geom: `{"type":"GeometryCollection","geometries":[]}`, want: kind},
		{name: "a Feature", geom: `{"type":"Feature","geometry":{"type":"Polygon","coordinates":[` + ring + `]}}`, want: kind},
		{name: "GeoJSON of the wrong depth", geom: `{"type":"MultiPolygon","coordinates":[` + ring + `]}`, want: kind},
		{name: "GeoJSON without coordinates", geom: `{"type":"Polygon"}`, want: kind},
		{name: "GeoJSON without type", geom: `{"coordinates":[` + ring + `]}`, want: kind},
		{name: "no ring", geom: text("[]"), want: empty},
		{name: "no ring in a plain array", geom: "[]", want: empty},
		{name: "no polygon", geom: `{"type":"MultiPolygon","coordinates":[]}`, want: empty},
		{name: "a line", geom: text("[[[4.9,44.9],[4.901,44.9],[4.902,44.9],[4.9,44.9]]]"), want: empty},

		{name: "swapped", geom: text("[[[44.9,4.9],[44.9,4.901],[44.901,4.901],[44.901,4.9],[44.9,4.9]]]"), want: "1/1/5", codes: "GEOM_REPROJECTED"},
		{
			name: "Lambert 93", geom: text("[[[850000,6420000],[850100,6420000],[850100,6420100],[850000,6420100],[850000,6420000]]]"),
			want: "1/1/5", codes: "GEOM_REPROJECTED",
		},
		{
			name: "out of bounds", geom: text("[[[24.9,54.9],[24.901,54.9],[24.901,54.901],[24.9,54.901],[24.9,54.9]]]"),
			want: "1/1/5", codes: "GEOM_OUT_OF_BOUNDS",
		},
		{name: "Guyane", geom: text("[[[-52.5,4.9],[-52.499,4.9],[-52.499,4.901],[-52.5,4.9]]]"), want: "1/1/4"},
		{name: "a spike is corrected", geom: spike, want: "1/1/5", codes: "GEOM_CORRECTED"},
		{name: "an eight is to be checked", geom: eight, want: "2/2/8", codes: "GEOM_INVALID_NOT_CORRECTED"},
		{
			name: "fifteen decimals are no correction",
			geom: text("[[[4.900000000000001,44.9],[4.901123456789012,44.9],[4.901,44.901123456789012],[4.900000000000001,44.9]]]"), want: "1/1/4",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec, issues := exchange.Read([]byte(withParcel(edits{"geom": tt.geom})), atHome())
			checkOutcome(t, rec, issues)
			if rec == nil {
				want := "champ geom incorrect : " + tt.want
				if len(issues) != 1 || issues[0].Code != "INVALID_GEOM" || issues[0].Message != want {
					t.Errorf("refused with %v, want %q", told(t, issues), want)
				}
				return
			}
			var codes []string
			for _, i := range issues {
				codes = append(codes, i.Code)
			}
			if got := strings.Join(codes, " "); got != tt.codes {
				t.Errorf("warnings = %q, want %q", got, tt.codes)
			}
			if got := describe(rec.Parcels[0].Geometry); got != tt.want {
				t.Errorf("geometry = %s, want %s", got, tt.want)
			}
		})
	}
}

// atHome is env for a farm of the Drôme, which tells Lambert 93 from the other
// projections that would fit.
func atHome() exchange.Env {
	e := env()
	e.Home = &orb.Point{5, 44.9}
	return e
}

// describe counts the parts, rings and positions of g.
func describe(g orb.Geometry) string {
	var parts, rings, points int
	add := func(p orb.Polygon) {
		parts++
		for _, r := range p {
			rings++
			points += len(r)
		}
	}
	switch g := g.(type) {
	case nil:
		return ""
	case orb.Polygon:
		add(g)
	case orb.MultiPolygon:
		for _, p := range g {
			add(p)
		}
	default:
		return g.GeoJSONType()
	}
	return fmt.Sprintf("%d/%d/%d", parts, rings, points)
}

// A parcel in Lambert 93 comes out where it is, to a centimetre.
func TestGeometryIsConverted(t *testing.T) {
	t.Parallel()
	want := orb.Point{4.9, 44.9}
	p := geo.Lambert93.FromWGS84(want)
	at := func(dx, dy float64) string { return fmt.Sprintf("[%f,%f]", p[0]+dx, p[1]+dy) }
	ring := "[[" + strings.Join([]string{at(0, 0), at(100, 0), at(100, 100), at(0, 100), at(0, 0)}, ",") + "]]"
	rec, issues := exchange.Read([]byte(withParcel(edits{"geom": ring})), atHome())
	if rec == nil || len(issues) != 1 {
		t.Fatalf("issues: %v", told(t, issues))
	}
	const message = "Parcelle A : coordonnées converties depuis EPSG:2154"
	if issues[0].Message != message {
		t.Errorf("message = %q, want %q", issues[0].Message, message)
	}
	got := rec.Parcels[0].Geometry.(orb.Polygon)[0][0]
	if math.Abs(got[0]-want[0]) > 1e-7 || math.Abs(got[1]-want[1]) > 1e-7 {
		t.Errorf("first position = %v, want %v", got, want)
	}
	if rec.Parcels[0].GeometryStatus != sillon.GeometryValid {
		t.Errorf("status = %s", rec.Parcels[0].GeometryStatus)
	}
}
