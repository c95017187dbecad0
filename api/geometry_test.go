package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sillon/store/storetest"
)

// rings are geometries of every verdict of domain.md §8, as coordinates.
var rings = map[string]string{
	"valid":               square(2.1, 47.1),
	"clockwise":           "[[[2.1,47.1],[2.1,47.11],[2.11,47.11],[2.11,47.1],[2.1,47.1]]]",
	"with a hole":         "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11],[2.1,47.1]],[[2.102,47.102],[2.102,47.108],[2.108,47.108],[2.108,47.102],[2.102,47.102]]]",
	"two parts":           "[[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.1]]],[[[2.2,47.1],[2.21,47.1],[2.21,47.11],[2.2,47.1]]]]",
	"one part":            "[[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.1]]]]",
	"spike":               "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.11,47.12],[2.11,47.11],[2.1,47.11],[2.1,47.1]]]",
	"repeated position":   "[[[2.1,47.1],[2.11,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11],[2.1,47.1]]]",
	"figure of eight":     "[[[2.1,47.1],[2.11,47.11],[2.11,47.1],[2.1,47.11],[2.1,47.1]]]",
	"uneven eight":        "[[[2.1,47.1],[2.11,47.11],[2.11,47.1],[2.1,47.102],[2.1,47.1]]]",
	"wound twice":         "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11],[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11],[2.1,47.1]]]",
	"hole on the shell":   "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11],[2.1,47.1]],[[2.1,47.102],[2.1,47.108],[2.108,47.108],[2.108,47.102],[2.1,47.102]]]",
	"hole outside":        "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11],[2.1,47.1]],[[2.2,47.102],[2.2,47.108],[2.208,47.108],[2.2,47.102]]]",
	"parts that overlap":  "[[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.1]]],[[[2.105,47.1],[2.12,47.1],[2.12,47.11],[2.105,47.1]]]]",
	"altitudes":           "[[[2.1,47.1,120],[2.11,47.1,120],[2.11,47.11,120],[2.1,47.11,120],[2.1,47.1,120]]]",
	"altitude and time":   "[[[2.1,47.1,120,1],[2.11,47.1,120,2],[2.11,47.11,120,3],[2.1,47.11,120,4],[2.1,47.1,120,1]]]",
	"Lambert-93":          "[[[650000,6660000],[650100,6660000],[650100,6660100],[650000,6660100],[650000,6660000]]]",
	"latitude first":      "[[[47.1,2.1],[47.1,2.11],[47.11,2.11],[47.11,2.1],[47.1,2.1]]]",
	"abroad":              "[[[20.1,50.1],[20.11,50.1],[20.11,50.11],[20.1,50.11],[20.1,50.1]]]",
	"sixteen decimals":    "[[[2.1000000000000001,47.1],[2.1100000000000003,47.1],[2.11,47.1100000000000009],[2.1000000000000001,47.1]]]",
	"collinear":           "[[[2.1,47.1],[2.11,47.1],[2.12,47.1],[2.1,47.1]]]",
	"collinear elsewhere": "[[[2.1,47.1],[2.11,47.11],[2.12,47.12],[2.1,47.1]]]",
	"sliver":              "[[[2.1,47.1],[2.11,47.1],[2.11,47.1000000001],[2.1,47.1]]]",
	"no ring":             "[]",
	"empty ring":          "[[]]",
	"open":                "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.1,47.11]]]",
	"three positions":     "[[[2.1,47.1],[2.11,47.1],[2.1,47.1]]]",
	"a line":              "[[2.1,47.1],[2.11,47.1],[2.11,47.11]]",
	"a position":          "[2.1,47.1]",
	"a pole":              "[[[2.1,89],[2.11,89],[2.11,90],[2.1,89]]]",
	"the whole world":     "[[[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]]]",
	"out of the world":    "[[[200,47.1],[201,47.1],[201,48],[200,47.1]]]",
}

// TestC14OnePolicy sends the same geometries through every door there is: each
// gets one verdict, whatever the shape of the push and of the geometry in it,
// and where it is stored, one outline, surface and status.
func TestC14OnePolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	geojson := func(ring string) string {
		kind := "Polygon"
		if strings.HasPrefix(ring, "[[[[") {
			kind = "MultiPolygon"
		}
		return `{"type":"` + kind + `","coordinates":` + ring + `}`
	}
	bare := func(v string) any { return json.RawMessage(v) }
	type door struct {
		name    string
		geom    func(ring string) any
		send    func(o object) *reply
		onTrial bool
	}
	asText := func(ring string) any { return ring }
	array := func(o object) *reply { return s.push(t, ocOne, []object{o}) }
	trial := func(send func(o object) (string, []string)) func(o object) *reply {
		return func(o object) *reply {
			body, headers := send(o)
			return s.rehearse(t, body, headers...)
		}
	}
	doors := []door{
		{name: "an array", geom: asText, send: array},
		{name: "an object alone", geom: asText, send: func(o object) *reply { return s.push(t, ocOne, text(t, o)) }},
		{name: "lines", geom: asText, send: func(o object) *reply {
			return s.push(t, ocOne, text(t, o)+"\n", "Content-Type", "application/x-ndjson")
		}},
		{name: "compressed", geom: asText, send: func(o object) *reply {
			return s.push(t, ocOne, zipped(t, text(t, []object{o})), "Content-Encoding", "gzip")
		}},
		{name: "a text of GeoJSON", geom: func(ring string) any { return geojson(ring) }, send: array},
		{name: "bare coordinates", geom: func(ring string) any { return bare(ring) }, send: array},
		{name: "bare GeoJSON", geom: func(ring string) any { return bare(geojson(ring)) }, send: array},
		{name: "on trial", geom: asText, onTrial: true, send: trial(func(o object) (string, []string) { return text(t, []object{o}), nil })},
		{name: "lines on trial", geom: asText, onTrial: true, send: trial(func(o object) (string, []string) {
			return text(t, o), []string{"Content-Type", "application/x-ndjson"}
		})},
		{name: "bare GeoJSON on trial", geom: func(ring string) any { return bare(geojson(ring)) }, onTrial: true, send: trial(func(o object) (string, []string) {
			return text(t, []object{o}), nil
		})},
	}
	numero := 4300
	for name, ring := range rings {
		verdict, first := "", numero
		for _, d := range doors {
			numero++
			farm := strconv.Itoa(numero)
			storetest.Farm(t, s.db, farm, 1)
			r := d.send(record(farm, bad("p", object{"geom": d.geom(ring)})))
			var told []string
			var sent rehearsal
			r.into(t, &sent)
			result, status := sent.Result, sent.NbObjetAcceptes
			if !d.onTrial {
				s.work(t, 1)
				var j job
				s.get(t, ocOne, jobPath(sent.JobID)).into(t, &j)
				status = j.NbObjetsAcceptes
				result.Errors, result.Warning = j.Result.Errors, j.Result.Warning
			}
			for _, f := range result.Errors {
				told = append(told, f.Code+" "+f.Message)
			}
			for _, w := range result.Warning {
				for _, f := range w.warnings {
					told = append(told, f.Code+" "+f.Message)
				}
			}
			got := strings.ReplaceAll(fmt.Sprint(status, " ", told), farm, "N")
			if r.Status >= http.StatusInternalServerError {
				t.Errorf("%s as %s: %d", name, d.name, r.Status)
			}
			if verdict == "" {
				verdict = got
			}
			if diff := cmp.Diff(verdict, got); diff != "" {
				t.Errorf("%s: as %s it is told (-the first door +this one)\n%s", name, d.name, diff)
			}
		}
		if kinds := s.one(t, `
			SELECT count(DISTINCT (ST_AsBinary(geom), ST_AsBinary(declared), geometry_status, p.surface_m2, ST_IsValid(geom)))::text
			FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id WHERE v.numero_bio > $1 AND v.numero_bio <= $2`,
			strconv.Itoa(first), strconv.Itoa(numero)); kinds != "1" && kinds != "0" || (kinds == "1") != strings.HasPrefix(verdict, "1") {
			t.Errorf("%s is stored in %s ways: %s", name, kinds, verdict)
		}
	}
}
