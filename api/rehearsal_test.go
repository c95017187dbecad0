package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const rehearsalPath = pushPath + "?validation=seule"

// A rehearsal is the reply to a dry run.
type rehearsal struct {
	pushed
	Validation string
	Result     struct {
		Count          int
		Errors         []found
		Warning        []warned
		NumeroBioValid []struct {
			NumeroBio   string
			NbParcelles int
		}
		NumeroBioError []string
	}
	Effets []struct {
		NumeroBio, DateAudit, Version   string
		Ajoutees, Modifiees, Supprimees []string
	}
}

func (s *server) rehearse(t *testing.T, payload any, headers ...string) *reply {
	t.Helper()
	return s.ask(t, ocOne, http.MethodPost, rehearsalPath, strings.NewReader(text(t, payload)), headers...)
}

// everything is what the database holds but for the reference data and who asked.
func (s *server) everything(t *testing.T) string {
	t.Helper()
	return s.one(t, `
		SELECT string_agg(n, ' ') FROM (
			SELECT 'job ' || count(*) AS n FROM import_job UNION ALL SELECT 'payload ' || count(*) FROM import_payload
			UNION ALL SELECT 'record ' || count(*) FROM import_record UNION ALL SELECT 'log ' || count(*) FROM import_log
			UNION ALL SELECT 'reply ' || count(*) FROM import_reply UNION ALL SELECT 'key ' || count(*) FROM idempotency_key
			UNION ALL SELECT 'event ' || count(*) FROM event UNION ALL SELECT 'change ' || max(seq) FROM change
			UNION ALL SELECT md5(string_agg(v::text, ' ' ORDER BY id)) FROM parcellaire v
			UNION ALL SELECT md5(string_agg(p::text, ' ' ORDER BY key)) FROM parcel p) AS x`)
}

// TestRehearsal holds the bytes of a dry run (certifier-exchange.md §6.2):
// nothing is stored, and everything is told that storing would tell.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", parcel("kept"), parcel("changed"), parcel("gone"))})
	s.store(t, ocOne, []object{record("1002", parcel("elsewhere")).with(object{"dateAudit": "2024-03-01"})})
	before := s.everything(t)
	bowtie := "[[[2.1,47.1],[2.11,47.11],[2.11,47.1],[2.1,47.11],[2.1,47.1]]]"
	payload := []any{
		record("1001", parcel("kept"), bad("changed", object{"nom": "Le Haut"}), parcel("new")),
		record("1002", bad("elsewhere", object{"geom": nil}), bad("eight", object{"geom": bowtie})),
		record("1003", bad("nowhere", object{"geom": nil})),
		record("1003", parcel("p")).with(object{"dateCertificationFin": absent}),
		record("2001"),
		42,
	}
	r := s.rehearse(t, payload, keyed("unused")...)
	if r.Status != http.StatusOK {
		t.Errorf("status %d", r.Status)
	}
	golden(t, "rehearsal", string(r.Body))
	if after := s.everything(t); after != before {
		t.Errorf("stored %s, had %s", after, before)
	}
}

// TestRehearsalTellsWhatStoringDoes compares dry runs with what the same push
// then does.
func TestRehearsalTellsWhatStoringDoes(t *testing.T) {
	t.Parallel()
	late := func(o object) object { return o.with(object{"dateAudit": "2026-05-01"}) }
	tests := []struct {
		name    string
		before  []object
		payload []object
		effects string
	}{
		{"a new version", nil, []object{record("1001", parcel("a"), parcel("b"))}, "[{1001 2026-03-01 creation [a b] [] []}]"},
		{"the same again", []object{record("1001")}, []object{record("1001")}, "[{1001 2026-03-01 miseAJour [] [] []}]"},
		{"emptied", []object{record("1001")}, []object{record("1001").with(object{"parcelles": []object{}})}, "[{1001 2026-03-01 miseAJour [] [] [p1]}]"},
		{
			"two records of one audit",
			nil,
			[]object{record("1001", parcel("a")), record("1002"), record("1001", parcel("b"))},
			"[{1001 2026-03-01 creation [a] [] []} {1002 2026-03-01 creation [p1] [] []} {1001 2026-03-01 miseAJour [b] [] [a]}]",
		},
		{
			"a geometry of the record before",
			[]object{record("1001", parcel("a"), parcel("b"))},
			[]object{record("1001", parcel("a")), late(record("1001", bad("a", object{"geom": nil}), bad("b", object{"geom": nil})))},
			"[{1001 2026-03-01 miseAJour [] [] [b]}]",
		},
		{
			"a geometry that two records before hold",
			nil,
			[]object{late(record("1001", parcel("a"))), record("1001", parcel("a")), late(record("1001", bad("a", object{"geom": nil, "nom": "x"}), parcel("c")))},
			"[{1001 2026-05-01 creation [a] [] []} {1001 2026-03-01 creation [a] [] []} {1001 2026-05-01 miseAJour [c] [a] []}]",
		},
		{
			"a parcel that comes back",
			[]object{record("1001", parcel("a"), parcel("b"))},
			[]object{record("1001", parcel("a")), record("1001", parcel("a"), bad("b", object{"geom": nil}))},
			"[{1001 2026-03-01 miseAJour [] [] [b]} {1001 2026-03-01 miseAJour [b] [] []}]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			for _, r := range tt.before {
				s.store(t, ocOne, []object{r})
			}
			var dry rehearsal
			s.rehearse(t, tt.payload).into(t, &dry)
			_, j := s.settle(t, ocOne, tt.payload)
			if diff := cmp.Diff(fmt.Sprintf("%+v", j.Result), fmt.Sprintf("%+v", dry.Result)); diff != "" {
				t.Errorf("result (-stored +rehearsed):\n%s", diff)
			}
			if dry.NbObjetRecus != j.NbObjetsRecus || dry.NbObjetAcceptes != j.NbObjetsAcceptes || dry.NbObjetRefuses != j.NbObjetsRefuses {
				t.Errorf("counts: stored %+v, rehearsed %+v", j, dry)
			}
			if got := fmt.Sprint(dry.Effets); got != tt.effects {
				t.Errorf("effects %s, want %s", got, tt.effects)
			}
			live := map[string]bool{}
			for _, r := range tt.before {
				for _, p := range r["parcelles"].([]object) {
					live[fmt.Sprint(r["numeroBio"], " ", r["dateAudit"], " ", p["id"])] = true
				}
			}
			for _, e := range dry.Effets {
				for _, id := range e.Ajoutees {
					live[e.NumeroBio+" "+e.DateAudit+" "+id] = true
				}
				for _, id := range e.Supprimees {
					delete(live, e.NumeroBio+" "+e.DateAudit+" "+id)
				}
			}
			stored := s.one(t, `
				SELECT coalesce(string_agg(v.numero_bio || ' ' || v.audit_date || ' ' || p.id, ', ' ORDER BY 1), '')
				FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id WHERE p.deleted_at IS NULL`)
			if want := strings.Join(slices.Sorted(maps.Keys(live)), ", "); sortedList(stored) != want {
				t.Errorf("stored %s, foretold %s", stored, want)
			}
		})
	}
}

func sortedList(list string) string {
	parts := strings.Split(list, ", ")
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// A dry run has the same limits and the same readers as a push.
func TestRehearsalRefusals(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	for _, query := range []string{"?validation=", "?validation", "?validation=SEULE", "?validation=seule&validation=x", "?validation=seule;x", "?x=%zz&validation=seule"} {
		r := s.ask(t, ocOne, http.MethodPost, pushPath+query, strings.NewReader(text(t, []object{record("1001")})))
		if r.Status != http.StatusBadRequest || !strings.Contains(string(r.Body), "Le paramètre validation est invalide.") {
			t.Errorf("%s: %d %s", query, r.Status, r.Body)
		}
	}
	unreadable := s.rehearse(t, `[{"numeroBio":NaN}]`)
	want := `{"statusCode":400,"code":"INVALID_API_REQUEST","error":"Bad Request","message":"Le fichier JSON est invalide.","position":14}`
	if unreadable.Status != http.StatusBadRequest || string(unreadable.Body) != want {
		t.Errorf("unreadable: %d %s", unreadable.Status, unreadable.Body)
	}
	if r := s.rehearse(t, "x", "Content-Encoding", "br"); r.Status != http.StatusUnsupportedMediaType {
		t.Errorf("another coding: %d", r.Status)
	}
	if r := s.rehearse(t, []object{record("2001")}); r.Status != http.StatusOK {
		t.Errorf("all refused: %d %s", r.Status, r.Body)
	}
	if r := s.rehearse(t, "[]"); r.Status != http.StatusOK || !strings.Contains(string(r.Body), `"effets":[]`) {
		t.Errorf("nothing: %d %s", r.Status, r.Body)
	}
	for who, status := range map[asker]int{
		agenceBio: 403, inao: 403, asp: 403, nobody: 401, ocOne: 200, ocTwo: 200, auditor: 403, officer: 403, farmer: 403,
	} {
		if r := s.ask(t, who, http.MethodPost, rehearsalPath, strings.NewReader("[]")); r.Status != status {
			t.Errorf("%s: %d", who, r.Status)
		}
	}
	if got := s.one(t, `SELECT count(*)::text FROM import_job`); got != "0" {
		t.Errorf("%s jobs stored", got)
	}
}
