package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sillon/service"
	"sillon/store"
	"sillon/store/storetest"
)

// communes are two neighbours: the first west of longitude 2.105, the second
// east of it, where a square of the tests lies for the greater part.
const communes = `{"type":"FeatureCollection","features":[
	{"type":"Feature","properties":{"code":"18001","nom":"Ouest"},"geometry":{"type":"Polygon","coordinates":[[[2,47],[2.104,47],[2.104,48],[2,48],[2,47]]]}},
	{"type":"Feature","properties":{"code":"18002","nom":"Est"},"geometry":{"type":"Polygon","coordinates":[[[2.104,47],[3,47],[3,48],[2.104,48],[2.104,47]]]}}]}`

func (s *server) loadCommunes(t *testing.T) {
	t.Helper()
	if _, err := s.service.LoadReference(t.Context(), service.ReferenceLoad{Kind: "communes", Source: "test", Body: strings.NewReader(communes)}); err != nil {
		t.Fatal(err)
	}
}

// TestC35Update is the table of certifier-exchange.md §7: what absent, null
// and ” do to each member that is stored already.
func TestC35Update(t *testing.T) {
	t.Parallel()
	const (
		cleared = ""
		same    = "the same"
		noDates = "DB_ERROR: Les dates de certification sont manquantes."
		noCrops = "MISSING_CULTURES p1: cultures absentes"
	)
	eight := "[[[2.1,47.1],[2.11,47.11],[2.11,47.1],[2.1,47.11],[2.1,47.1]]]"
	tests := []struct {
		member   string
		ofRecord bool
		value    any    // sent first
		also     object // of the parcel, in both pushes
		column   string
		stored   string // of value
		missing  string // after absent and null
		empty    string // after ''
	}{
		{member: "dateCertificationDebut", ofRecord: true, value: "2026-03-15", column: "v.certified_from", stored: "2026-03-15", missing: same, empty: noDates},
		{member: "dateCertificationFin", ofRecord: true, value: "2028-03-31", column: "v.certified_until", stored: "2028-03-31", missing: same, empty: noDates},
		{member: "commentaire", ofRecord: true, value: "vu", column: "v.audit_notes", stored: "vu", missing: same, empty: cleared},
		{member: "anneeReferenceControle", ofRecord: true, value: 2025, column: "v.year", stored: "2025", missing: same, empty: same},
		{member: "numeroPacage", ofRecord: true, value: "99100540", column: "v.metadata ->> 'pacage'", stored: "099100540", missing: same, empty: cleared},
		{member: "numeroPacage", ofRecord: true, value: 99100540, column: "p.numero_pacage", stored: "099100540", missing: same, empty: cleared},
		{member: "dateEngagement", value: "2020-05-01", also: object{"etatProduction": "CONV"}, column: "p.engaged_on", stored: "2020-05-01", missing: same, empty: cleared},
		{member: "dateEngagement", value: "2020-05-01", column: "p.engaged_on", stored: "2020-05-01", missing: same, empty: "1900-01-01"}, // AB
		{member: "commentaire", value: "vue", column: "p.notes_auditeur", stored: "vue", missing: same, empty: cleared},
		{member: "nom", value: "La Noue", column: "p.name", stored: "La Noue", missing: same, empty: cleared},
		{member: "codeCulture", value: "BTH", column: "p.code_culture_pac", stored: "BTH", missing: same, empty: cleared},
		{member: "codePrecision", value: "001", column: "p.code_precision_pac", stored: "001", missing: same, empty: cleared},
		{member: "etatProduction", value: "C2", column: "p.level", stored: "C2", missing: same, empty: same},
		{member: "numeroIlot", value: 12, column: "p.numero_ilot", stored: "12", missing: same, empty: cleared},
		{member: "numeroIlot", value: 12, also: object{"commentaire": "ilot 12 parcelle 5"}, column: "p.numero_ilot", stored: "12", missing: same, empty: same},
		{member: "numeroParcelle", value: 5, column: "p.numero_parcelle", stored: "5", missing: same, empty: cleared},
		{member: "numeroParcelle", value: "5", also: object{"commentaire": "Ilot-12-5"}, column: "p.numero_parcelle", stored: "5", missing: same, empty: same},
		{member: "commune", value: "18001", column: "p.commune", stored: "18001", missing: same, empty: "18002"},
		{member: "enAttentePac", value: true, column: "p.en_attente_pac", stored: "true", missing: same, empty: same},
		{member: "enAttentePAC", value: true, column: "p.en_attente_pac", stored: "true", missing: same, empty: same},
		{member: "geom", value: square(2.2, 47.2), column: "p.geom", stored: "", missing: same, empty: same},
		{member: "geom", value: eight, column: "p.geometry_status", stored: "a_verifier", missing: same, empty: same},
		{member: "geom", value: eight, column: "p.declared", stored: "", missing: same, empty: same},
		{member: "cultures", value: crops("01.13.42"), column: "p.main_cpf", stored: "01.13.42", missing: noCrops, empty: noCrops},
	}
	s := newServer(t)
	s.loadCommunes(t)
	for i, tt := range tests {
		for j, sent := range []struct {
			name  string
			value any
			want  string
		}{{"absent", absent, tt.missing}, {"null", nil, tt.missing}, {"empty", "", tt.empty}} {
			farm := strconv.Itoa(6000 + 10*i + j)
			storetest.Farm(t, s.db, farm, 1)
			t.Run(tt.member+" "+sent.name+" on "+tt.column, func(t *testing.T) {
				t.Parallel()
				push := func(value any) object {
					p := parcel("p1").with(tt.also)
					if tt.ofRecord {
						return record(farm, p).with(object{tt.member: value})
					}
					return record(farm, p.with(object{tt.member: value}))
				}
				read := func() string {
					return s.one(t, `
						SELECT coalesce((`+tt.column+`)::text, '')
						FROM parcellaire v JOIN parcel p ON p.parcellaire_id = v.id
						WHERE v.numero_bio = $1`, farm)
				}
				s.store(t, ocOne, []object{push(tt.value)})
				stored := read()
				if tt.stored != "" && stored != tt.stored || stored == "" {
					t.Fatalf("stored first: %q, want %q", stored, tt.stored)
				}
				want := sent.want
				if strings.Contains(want, ": ") {
					_, j := s.settle(t, ocOne, []object{push(sent.value)})
					compare(t, "errors", []string{want}, farm, j.Result.Errors)
					want = same
				} else {
					s.store(t, ocOne, []object{push(sent.value)})
				}
				if want == same {
					want = stored
				}
				if got := read(); got != want {
					t.Errorf("%q became %q, want %q", stored, got, want)
				}
			})
		}
	}
}

// The numbers of the CAP in the note fill those that are not sent.
func TestCommentFillsCAPNumbers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", bad("p1", object{"numeroIlot": "", "numeroParcelle": nil, "commentaire": "Parcelle 5 ILOT 12 PAC 2023"}))})
	if got := s.one(t, `SELECT numero_ilot || ' ' || numero_parcelle FROM parcel`); got != "12 5" {
		t.Errorf("îlot and parcel %s", got)
	}
}

// live lists the live parcels of a version, in order of creation.
func (s *server) live(t *testing.T, version string) string {
	t.Helper()
	return s.one(t, `SELECT coalesce(string_agg(id || ' r' || revision, ', ' ORDER BY key), '') FROM parcel WHERE parcellaire_id = $1 AND deleted_at IS NULL`, version)
}

const audit = "2026-03-01"

// Parcels are matched by id; one that is not sent is soft-deleted, one sent
// again is revived (C18).
func TestC18ParcelsComeAndGo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", parcel("a"), parcel("b"), bad("c", object{"nom": "C"}))})
	v := s.version(t, "1001", 1, audit)
	created := s.one(t, `SELECT created_at::text FROM parcellaire WHERE id = $1`, v)
	keys := `SELECT string_agg(id || key, ' ' ORDER BY key) FROM parcel WHERE parcellaire_id = $1`
	first := s.one(t, keys, v)

	s.store(t, ocOne, []object{record("1001", parcel("a"), bad("b", object{"nom": "B"}))})
	if got := s.live(t, v); got != "a r1, b r2" {
		t.Errorf("after c left: %s", got)
	}
	if got := s.one(t, `SELECT id || ' ' || name || ' ' || (deleted_at IS NOT NULL) FROM parcel WHERE id = 'c'`); got != "c C true" {
		t.Errorf("c is not there, deleted: %s", got)
	}
	if got := s.one(t, `SELECT string_agg(feature_ids::text, ' ' ORDER BY id) FROM event`); got != "{a,b,c} {b,c}" {
		t.Errorf("history: %s", got)
	}
	list := string(s.get(t, ocOne, "/api/v3/parcellaires/"+v+"/parcelles").Body) + string(s.get(t, ocOne, exchangePath("1001")).Body)
	if strings.Contains(list, `"id":"c"`) {
		t.Error("a removed parcel is served")
	}

	s.store(t, ocOne, []object{record("1001", parcel("a"), bad("b", object{"nom": "B"}), bad("c", object{"geom": nil}))})
	if got := s.live(t, v); got != "a r1, b r2, c r3" {
		t.Errorf("after c is back: %s", got)
	}
	if got := s.one(t, `SELECT name FROM parcel WHERE id = 'c'`); got != "C" {
		t.Errorf("c lost its name: %q", got)
	}
	if got := s.one(t, keys, v); got != first {
		t.Errorf("rows %s became %s", first, got)
	}
	if got := s.version(t, "1001", 1, audit); got != v {
		t.Error("another version was made")
	}
	if got := s.one(t, `SELECT created_at::text FROM parcellaire WHERE id = $1`, v); got != created {
		t.Error("created_at moved")
	}
	if got := s.one(t, `SELECT revision || ' ' || parcel_count || ' ' || state || ' ' || (metadata ->> 'source') FROM parcellaire WHERE id = $1`, v); got != "3 3 CERTIFIED API Parcellaire" {
		t.Errorf("version: %s", got)
	}
}

// A parcel without geometry gets that of the newest version of the same
// certifier that holds it, and of no other.
func TestKnownGeometry(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := func(date string, parcels ...object) object {
		return record("1001", parcels...).with(object{"dateAudit": date})
	}
	s.store(t, ocOne, []object{
		at("2025-03-01", bad("a", object{"geom": square(2.3, 47)})),
		at("2023-03-01", bad("a", object{"geom": square(2.1, 47)})),
		at("2024-03-01", bad("a", object{"geom": square(2.2, 47)}), bad("b", object{"geom": square(2.2, 47.5)})),
	})
	s.store(t, ocOne, []object{at(audit, bad("a", object{"geom": nil, "nom": "A"}), bad("b", object{"geom": absent}))})
	west := func(id string) string {
		return s.one(t, `
			SELECT ST_XMin(p.geom)::text || ' ' || (p.surface_m2 > 0)
			FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id
			WHERE v.audit_date = '2026-03-01' AND v.oc = $2 AND p.id = $1 AND p.deleted_at IS NULL`, id, 1)
	}
	if a, b := west("a"), west("b"); a != "2.3 true" || b != "2.2 true" {
		t.Errorf("a at %s, b at %s", a, b)
	}
	if got := s.one(t, `SELECT name FROM parcel WHERE id = 'a' AND ST_XMin(geom) = 2.3 AND name <> ''`); got != "A" {
		t.Errorf("name %q", got)
	}

	s.move(t, "1001", 1, 2)
	_, j := s.settle(t, ocTwo, []object{record("1001", bad("a", object{"geom": nil}))})
	compare(t, "of the former certifier", []string{"DB_ERROR a: Impossible de créer une parcelle sans donnée géographique."}, "1001", j.Result.Errors)
	if got := s.version(t, "1001", 2, audit); got != "" {
		t.Error("a refused record made a version")
	}
}

// S7, C38: a certifier never writes to the version of another one.
func TestS7C38ChangeOfCertifier(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", parcel("a"))})
	first := s.version(t, "1001", 1, audit)
	state := `SELECT v.oc || ' r' || v.revision || ' ' || v.updated_at || ' ' || p.revision || ' ' || p.name FROM parcellaire v JOIN parcel p ON p.parcellaire_id = v.id WHERE v.id = $1`
	before := s.one(t, state, first)

	p, _ := s.settle(t, ocTwo, []object{record("1001", parcel("a"))})
	compare(t, "before the change", []string{"OC_MISMATCH: Numéro client différent"}, "1001", p.ListeProblemes)

	s.move(t, "1001", 1, 2)
	p, _ = s.settle(t, ocOne, []object{record("1001", bad("a", object{"nom": "trop tard"}))})
	compare(t, "S6 the former certifier", []string{"OC_MISMATCH: Numéro client différent"}, "1001", p.ListeProblemes)

	s.store(t, ocTwo, []object{record("1001", bad("a", object{"nom": "autre"}), parcel("b"))})
	second := s.version(t, "1001", 2, audit)
	if second == "" || second == first {
		t.Fatalf("versions %q and %q", first, second)
	}
	if after := s.one(t, state, first); after != before {
		t.Errorf("the first version went from %s to %s", before, after)
	}
	if got := s.live(t, second); got != "a r1, b r1" {
		t.Errorf("second version: %s", got)
	}
	if got := s.one(t, `SELECT string_agg(actor_oc || ' ' || oc || ' ' || type, ', ' ORDER BY id) FROM event`); got != "1 1 FeatureCollectionUpdate, 2 2 FeatureCollectionUpdate" {
		t.Errorf("history: %s", got)
	}
}

// A version that belongs to nobody is taken over, with its parcels.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", parcel("a"), parcel("b"))})
	v := s.version(t, "1001", 1, audit)
	storetest.Exec(t, s.address,
		`UPDATE parcellaire SET oc = NULL, reader_oc = 1 WHERE id = '`+v+`'`, `UPDATE parcel SET oc = NULL, reader_oc = 1 WHERE parcellaire_id = '`+v+`'`)
	s.store(t, ocOne, []object{record("1001", bad("a", object{"nom": "A"}), parcel("b"))})
	if got := s.version(t, "1001", 1, audit); got != v {
		t.Fatalf("version %q, want %q", got, v)
	}
	if got := s.one(t, `SELECT string_agg(id || ' ' || oc || ' ' || (reader_oc IS NULL) || ' ' || name, ', ' ORDER BY key) FROM parcel`); got != "a 1 true A, b 1 true " {
		t.Errorf("parcels: %s", got)
	}
	if got := s.one(t, `SELECT after ->> 'oc' FROM event ORDER BY id DESC LIMIT 1`); got != "1" {
		t.Errorf("history: oc %s", got)
	}
}

// C37: resending changes nothing, with ids or without; A, B, A ends with A.
func TestC37Resending(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	full := func(name string) []object {
		return []object{record("1001",
			bad("a", object{
				"nom": name, "numeroIlot": 3, "numeroParcelle": 2, "commentaire": "note", "codeCulture": "BTH",
				"cultures": []object{{"codeCPF": "01.11.12", "variete": "Renan", "dateSemis": "2025-10-10", "quantite": "1.5", "unite": "ha"}, {"codeCPF": "01.13.42", "quantite": 50, "unite": "%"}},
			}),
			bad("", object{"id": absent, "geom": square(2.2, 47.2)}),
			bad("e", object{"geom": "[[[2.3,47.1],[2.31,47.11],[2.31,47.1],[2.3,47.11],[2.3,47.1]]]"}),
		).with(object{"commentaire": "audit", "numeroPacage": 1, "anneeAssolement": 2025})}
	}
	const state = `
		SELECT string_agg(v::text || p::text, ' ' ORDER BY p.key) || (SELECT count(*) FROM event)
		FROM parcellaire v JOIN parcel p ON p.parcellaire_id = v.id`
	s.store(t, ocOne, full("A"))
	first := s.one(t, state)
	s.store(t, ocOne, full("A"))
	if again := s.one(t, state); again != first {
		t.Errorf("resending changed\n%s\nto\n%s", first, again)
	}
	etag := s.get(t, ocOne, exchangePath("1001")).Header.Get("ETag")
	s.store(t, ocOne, full("B"))
	if got := s.get(t, ocOne, exchangePath("1001"), "If-None-Match", etag).Status; got != 200 {
		t.Errorf("B: status %d", got)
	}
	s.store(t, ocOne, full("A"))
	if got := s.one(t, `SELECT string_agg(name || '.', '' ORDER BY key) || count(*) FROM parcel WHERE deleted_at IS NULL`); got != "A...3" {
		t.Errorf("after A, B, A: %s", got)
	}
	if got := s.one(t, `SELECT count(*) || ' ' || (SELECT revision FROM parcellaire) FROM event`); got != "3 3" {
		t.Errorf("events and revision: %s", got)
	}
}

// C32: the history holds every change, replays to the present state and back
// to nothing, and can only grow.
func TestC32History(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	eight := "[[[2.1,47.1],[2.11,47.11],[2.11,47.1],[2.1,47.11],[2.1,47.1]]]"
	for _, push := range []object{
		record("1001", bad("a", object{"nom": "A", "numeroIlot": 1}), parcel("b"), bad("c", object{"enAttentePAC": true})),
		record("1001", bad("a", object{"nom": "", "geom": square(2.5, 47)}), bad("b", object{"geom": eight, "commentaire": "à voir"})).with(object{"commentaire": "deux"}),
		record("1001", bad("b", object{"geom": nil, "etatProduction": "C2", "cultures": crops("01.13.42", "01.11.12")}), parcel("c")).with(object{"anneeReferenceControle": 2024, "dateCertificationFin": "2029-03-31"}),
		record("1001", bad("b", object{"geom": square(2.7, 47)}), bad("a", object{"nom": "revenue"}), bad("c", object{"numeroIlot": 7})).with(object{"numeroPacage": 12}),
	} {
		s.store(t, ocOne, []object{push})
	}
	v := s.version(t, "1001", 1, audit)
	type event struct {
		Before, After                      map[string]any
		ActorID, ActorRole, State, Request string
	}
	var events []event
	if err := json.Unmarshal([]byte(s.one(t, `
		SELECT json_agg(json_build_object('Before', before, 'After', after, 'ActorID', actor_id, 'ActorRole', actor_role, 'State', state,
			'Request', request_id) ORDER BY id)::text
		FROM event WHERE parcellaire_id = $1`, v)), &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != 4 {
		t.Fatalf("%d events", len(events))
	}
	state := map[string]any{}
	for _, e := range events {
		if e.ActorRole != "oc_service" || e.State != "CERTIFIED" || !uuids.MatchString(e.ActorID) || !uuids.MatchString(e.Request) {
			t.Errorf("event by %q, %q, in %q, request %q", e.ActorID, e.ActorRole, e.State, e.Request)
		}
		state = replay(state, e.After)
	}
	if diff := cmp.Diff(s.present(t, v), state); diff != "" {
		t.Errorf("the history replayed is not the present (-present +history):\n%s", diff)
	}
	for _, e := range slices.Backward(events) {
		state = replay(state, e.Before)
	}
	if diff := cmp.Diff(map[string]any{}, state); diff != "" {
		t.Errorf("the history played backwards does not end with nothing:\n%s", diff)
	}
	for _, scope := range []store.Scope{store.Tenant(1), store.National, store.System, store.Open} {
		for _, sql := range []string{`UPDATE event SET reason = 'x'`, `DELETE FROM event`, `TRUNCATE event`} {
			if err := s.db.InTx(t.Context(), scope, func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), sql)
				return err
			}); err == nil {
				t.Errorf("%+v may %s", scope, sql)
			}
		}
	}
}

// replay applies one side of an event to the state of a version. Zero values
// are not there.
func replay(state, side map[string]any) map[string]any {
	out := maps.Clone(state)
	for name, v := range side {
		if name == "parcelles" {
			parcels := map[string]any{}
			if old, ok := out[name].(map[string]any); ok {
				parcels = maps.Clone(old)
			}
			for id, p := range v.(map[string]any) {
				members, there := p.(map[string]any)
				old, _ := parcels[id].(map[string]any)
				if parcels[id] = replay(old, members); !there {
					delete(parcels, id)
				}
			}
			v = parcels
		}
		if out == nil {
			out = map[string]any{}
		}
		if out[name] = v; isZero(v) {
			delete(out, name)
		}
	}
	return out
}

// isZero reports whether a member says that there is nothing.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case float64:
		return v == 0
	case bool:
		return !v
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// present is the state of a version as its history tells it.
func (s *server) present(t *testing.T, version string) map[string]any {
	t.Helper()
	var side map[string]any
	if err := json.Unmarshal([]byte(s.one(t, `
		SELECT json_build_object('statut', state, 'dateAudit', audit_date, 'dateCertificationDebut', certified_from,
			'dateCertificationFin', certified_until, 'anneeReferenceControle', year, 'notesAudit', audit_notes, 'oc', oc, 'mixite', mixite,
			'anneeAssolement', metadata -> 'anneeAssolement', 'pacage', metadata -> 'pacage')::text
		FROM parcellaire WHERE id = $1`, version)), &side); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Features []struct {
			ID         string
			Geometry   any
			Properties map[string]any
		}
	}
	s.get(t, ocOne, "/api/v3/parcellaires/"+version+"/parcelles?precision=9").into(t, &list)
	parcels := map[string]any{}
	for _, f := range list.Features {
		p := map[string]any{"geometry": f.Geometry}
		for _, name := range []string{
			"geometrieStatut", "nom", "numeroPacage", "numeroIlotPAC", "numeroParcellePAC", "enAttentePAC", "niveauConversion",
			"dateEngagement", "notesAuditeur", "commentaire",
		} {
			p[name] = f.Properties[name]
		}
		var cultures []any
		for _, c := range f.Properties["cultures"].([]any) {
			c := c.(map[string]any)
			cultures = append(cultures, map[string]any{"cpf": c["cpf"], "unite": c["unite"]})
		}
		p["cultures"] = cultures
		parcels[f.ID] = p
	}
	side["parcelles"] = parcels
	return replay(nil, side)
}

// C17: the mixité and the totals are right after every push.
func TestC17Totals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	level := func(id, level string) object { return bad(id, object{"etatProduction": level}) }
	for _, tt := range []struct {
		parcels []object
		want    string
	}{
		{[]object{level("a", "AB"), level("b", "AB")}, "AB 2"},
		{[]object{level("a", "AB"), level("b", "C1")}, "ABCONV 2"},
		{[]object{level("a", "AB"), level("b", "CONV")}, "MIXTE 2"},
		{[]object{level("a", "AB"), level("b", "BIO")}, " 2"},
		{[]object{level("a", "AB"), level("b", "CONV").with(object{"cultures": crops("01.99.10.1")})}, "AB 2"},
		{[]object{level("b", "AB")}, "AB 1"},
		{[]object{}, " 0"},
	} {
		s.store(t, ocOne, []object{record("1001").with(object{"parcelles": tt.parcels})})
		got := s.one(t, `SELECT mixite || ' ' || parcel_count FROM parcellaire`)
		if got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
		if got := s.one(t, `SELECT (abs(surface_m2 - (SELECT coalesce(sum(surface_m2), 0) FROM parcel WHERE deleted_at IS NULL)) < 1e-6)::text FROM parcellaire`); got != "true" {
			t.Error("the surface is not the sum of the parcels'")
		}
	}
}

func exchangePath(numero string) string {
	return fmt.Sprintf("/api/v2/certification/parcellaire/%s", numero)
}
