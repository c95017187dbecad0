package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sillon/service"
	"sillon/sillon"
	"sillon/store/storetest"
)

// events reads a whole history page by page; between is called between pages.
func (s *server) events(t *testing.T, path string, between func()) (ids []int64) {
	t.Helper()
	for path != "" {
		var page struct {
			Data []struct{ ID int64 }
			List struct{ Next string } `json:"_links"`
		}
		s.get(t, agenceBio, path).into(t, &page)
		for _, e := range page.Data {
			ids = append(ids, e.ID)
		}
		path = strings.TrimPrefix(page.List.Next, publicURL)
		between()
	}
	return ids
}

// C43: a history is read newest first, and what happens meanwhile moves no page.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	push := func(note string) {
		s.store(t, ocOne, []object{record("1001").with(object{"commentaire": note})})
	}
	for i := range 5 {
		push(fmt.Sprint("note ", i))
	}
	id := s.version(t, "1001", 1, audit)
	path := versionPath(id) + "/historique"
	n := 0
	ids := s.events(t, path+"?limite=2", func() { n++; push(fmt.Sprint("autre ", n)) })
	if want := []int64{5, 4, 3, 2, 1}; !slices.Equal(ids, want) {
		t.Errorf("events %d, want %d", ids, want)
	}
	for _, bad := range []string{"?limite=0", "?limite=101", "?curseur=x", "?curseur=" + "MA", "?page=2"} {
		if r := s.get(t, agenceBio, path+bad); r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, r.Status)
		}
	}
	last := s.get(t, inao, path+"?limite=1")
	var page struct{ Data []map[string]any }
	last.into(t, &page)
	e := page.Data[0]
	if e["type"] != "FeatureCollectionUpdate" || e["role"] != "oc_service" || e["statut"] != "CERTIFIED" || e["motif"] != nil ||
		e["certificateurId"] != 1.0 || !uuids.MatchString(fmt.Sprint(e["acteur"])) || fmt.Sprint(e["apres"]) != "map[notesAudit:autre 3]" {
		t.Errorf("the last event: %s", last.Body)
	}
}

// S12: the certifier that a farm went to reads what became of the versions it
// was left, but neither who acted nor what was noted.
func TestS12HistoryOfAnother(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	id := sillon.ParcellaireID(s.marked(t, ocOne, "1001", "2025-03-01"))
	storetest.Exec(t, s.address, `UPDATE parcellaire SET state = 'AUDITED'`)
	if err := s.service.Delete(t.Context(), anOfficer, service.Deletion{
		ID: id, Reason: sillon.DeletionReason{Code: sillon.DeletionError, Reason: markAudit},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.Restore(t.Context(), anOfficer, service.Deletion{ID: id}); err != nil {
		t.Fatal(err)
	}
	s.move(t, "1001", 1, 2)
	next := sillon.Actor{ID: "suivant", Roles: sillon.RoleAuditor, OC: 2}
	for _, tt := range []struct {
		reader sillon.Actor
		notes  bool
	}{{anOfficer, true}, {next, false}} {
		events, more, err := s.service.History(t.Context(), tt.reader, id, 0, 10)
		if err != nil || more || len(events) != 3 {
			t.Fatalf("%s: %d events, more %v, %v", tt.reader.ID, len(events), more, err)
		}
		b, err := json.Marshal(events)
		if err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		for _, e := range events {
			fmt.Fprintf(&told, "%s %s %s %s\n", e.ActorID, e.Before, e.After, e.Reason)
		}
		if got := strings.Contains(told.String(), "MARQUE"); got != tt.notes {
			t.Errorf("%s reads notes: %v, want %v\n%s", tt.reader.ID, got, tt.notes, told.String())
		}
		if got := strings.Contains(string(b), anOfficer.ID); got != tt.notes {
			t.Errorf("%s reads who acted: %v, want %v", tt.reader.ID, got, tt.notes)
		}
		if !strings.Contains(told.String(), `"Champ"`) || !strings.Contains(told.String(), `"code":"error"`) {
			t.Errorf("%s does not read the rest:\n%s", tt.reader.ID, told.String())
		}
	}
}

// TestParcellairesOfFarm lists versions by start of validity, page by page.
func TestParcellairesOfFarm(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, year := range []string{"2023", "2026", "2024", "2025"} {
		s.store(t, ocOne, []object{record("1001").with(object{"dateAudit": year + "-01-01", "dateCertificationDebut": year + "-02-01"})})
	}
	path := farmPath("1001") + "/parcellaires"
	var days []string
	for next := path + "?limite=1"; next != ""; {
		var page struct {
			Data []struct {
				DateAudit     string
				Certificateur string
			}
			Links struct{ Next string } `json:"_links"`
		}
		s.get(t, ocOne, next).into(t, &page)
		for _, v := range page.Data {
			days = append(days, v.DateAudit[:4]+" "+v.Certificateur)
		}
		if len(days) == 2 { // C43: a newer one comes between two pages
			s.store(t, ocOne, []object{record("1001").with(object{"dateAudit": "2027-01-01", "dateCertificationDebut": "2027-02-01"})})
		}
		next = strings.TrimPrefix(page.Links.Next, publicURL)
	}
	if want := []string{"2026 OC 1", "2025 OC 1", "2024 OC 1", "2023 OC 1"}; !slices.Equal(days, want) {
		t.Errorf("versions %q, want %q", days, want)
	}
	for _, bad := range []string{"?limite=201", "?curseur=MA", "?curseur=MjAyNi0wMS0wMSB4IHk", "?statut=CERTIFIED"} {
		if r := s.get(t, ocOne, path+bad); r.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, r.Status)
		}
	}
	for _, unknown := range []string{"2001", "7777", "%00"} {
		if r := s.get(t, ocOne, farmPath(unknown)+"/parcellaires"); r.Status != http.StatusNotFound {
			t.Errorf("versions of farm %s: %d", unknown, r.Status)
		}
	}
}
