package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sillon/service"
	"sillon/sillon"
	"sillon/store/storetest"
)

var revisions = regexp.MustCompile(`"revision":\d+`)

// Users, as they will be once they log in.
var (
	anAuditor = sillon.Actor{ID: "u-6", Roles: sillon.RoleAuditor, OC: 1}
	anOfficer = sillon.Actor{ID: "u-7", Roles: sillon.RoleOfficer, OC: 1}
	aFarmer   = sillon.Actor{ID: "u-8", Roles: sillon.RoleFarmer}
)

// codeOf is the code of a failure, "" for none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return sillon.Failure(err).Code
}

// uncertify puts every version in a state that certifiers may delete.
func (s *server) uncertify(t *testing.T) {
	t.Helper()
	storetest.Exec(t, s.address, `UPDATE parcellaire SET state = 'AUDITED'`)
}

// TestDeletionRights holds deletion, restoration and history to domain.md §2 and
// §3.3, for the roles that no token has and for those that one has.
func TestDeletionRights(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	resources := s.resources(t)
	s.uncertify(t)
	storetest.Farm(t, s.db, "4010", 1)
	ownerless := s.marked(t, ocOne, "4010", "2025-03-01")
	storetest.Farm(t, s.db, "4011", 1)
	certified := s.marked(t, ocOne, "4011", "2025-03-01")
	storetest.Farm(t, s.db, "4012", 1)
	disengaged := s.marked(t, ocOne, "4012", "2025-03-01")
	storetest.Exec(
		t, s.address,
		`UPDATE parcellaire SET state = 'OPERATOR_DRAFT', oc = NULL, reader_oc = 1 WHERE numero_bio = '4010'`,
		`UPDATE parcel SET oc = NULL, reader_oc = 1 WHERE parcellaire_id = '`+ownerless+`'`,
		`UPDATE parcellaire SET state = 'AUDITED' WHERE numero_bio = '4012'`,
		`UPDATE farm SET current_state = 'NON ENGAGEE' WHERE numero_bio = '4012'`,
	)
	machine := func(r sillon.Roles, oc sillon.OC) sillon.Actor { return sillon.Actor{ID: "m", Roles: r, OC: oc} }
	actors := map[string]sillon.Actor{
		"oc_service": machine(sillon.RoleOCService, 1), "auditeur": anAuditor, "charge_certification": anOfficer, "exploitant": aFarmer,
		"agence_bio": machine(sillon.RoleAgenceBio, 0), "inao": machine(sillon.RoleINAO, 0), "asp": machine(sillon.RoleASP, 0),
	}
	const refused, hidden = "FORBIDDEN", "NOT_FOUND"
	never := map[string]string{"oc_service": refused, "asp": refused, "inao": refused, "exploitant": hidden}
	with := func(more map[string]string) map[string]string {
		all := map[string]string{}
		for k, v := range never {
			all[k] = v
		}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	certifiers := func(code string) map[string]string {
		return with(map[string]string{"auditeur": code, "charge_certification": code, "agence_bio": refused})
	}
	deletions := map[string]struct {
		version string
		want    map[string]string
	}{
		"own":                                 {resources[own].version, certifiers("")},
		"left":                                {resources[left].version, certifiers(refused)},
		"later":                               {resources[later].version, certifiers(hidden)},
		"inherited":                           {resources[inherited].version, certifiers(refused)},
		"foreign":                             {resources[foreign].version, certifiers(hidden)},
		"deleted":                             {resources[deleted].version, certifiers(hidden)},
		"certified":                           {certified, certifiers(refused)},
		"of a farm that is no longer engaged": {disengaged, certifiers(refused)},
		"without certifier":                   {ownerless, certifiers("")},
		"unknown":                             {"00000000-0000-4000-8000-000000000000", certifiers(hidden)},
	}
	for rel, tt := range deletions {
		for role, a := range actors {
			id := sillon.ParcellaireID(tt.version)
			before := s.one(t, `SELECT coalesce(max(revision), 0)::text FROM parcellaire WHERE id = $1`, tt.version)
			err := s.service.Delete(t.Context(), a, service.Deletion{ID: id, Reason: sillon.DeletionReason{Code: sillon.DeletionOther}})
			if got := codeOf(err); got != tt.want[role] {
				t.Errorf("%s deletes %s: %q, want %q", role, rel, got, tt.want[role])
			}
			if err == nil {
				if _, err := s.service.Restore(t.Context(), anOfficer, service.Deletion{ID: id}); err != nil {
					t.Errorf("the officer restores %s: %v", rel, err)
				}
			} else if after := s.one(t, `SELECT coalesce(max(revision), 0)::text FROM parcellaire WHERE id = $1`, tt.version); after != before {
				t.Errorf("S1: %s was refused on %s, and it went from revision %s to %s", role, rel, before, after)
			}
		}
	}
	if got := s.one(t, `SELECT oc || ' ' || (SELECT string_agg(DISTINCT oc::text, '') FROM parcel WHERE parcellaire_id = v.id) FROM parcellaire v WHERE id = $1`, ownerless); got != "1 1" {
		t.Errorf("the version without certifier is of %s, want of who wrote it", got)
	}

	for rel, want := range map[relation]map[string]string{
		own:       with(map[string]string{"auditeur": refused, "charge_certification": "", "agence_bio": ""}),
		foreign:   with(map[string]string{"auditeur": refused, "charge_certification": hidden, "agence_bio": ""}),
		deleted:   with(map[string]string{"auditeur": refused, "charge_certification": "", "agence_bio": ""}),
		later:     with(map[string]string{"auditeur": refused, "charge_certification": hidden, "agence_bio": ""}),
		left:      with(map[string]string{"auditeur": refused, "charge_certification": refused, "agence_bio": ""}),
		inherited: with(map[string]string{"auditeur": refused, "charge_certification": refused, "agence_bio": ""}),
	} {
		want["exploitant"] = refused
		for role, a := range actors {
			s.drop(t, resources[rel].version)
			_, err := s.service.Restore(t.Context(), a, service.Deletion{ID: sillon.ParcellaireID(resources[rel].version)})
			if got := codeOf(err); got != want[role] {
				t.Errorf("%s restores %s: %q, want %q", role, rel, got, want[role])
			}
		}
		if _, err := s.service.Restore(t.Context(), actors["agence_bio"], service.Deletion{ID: sillon.ParcellaireID(resources[rel].version)}); err != nil {
			t.Fatal(err)
		}
	}
	s.drop(t, resources[deleted].version)

	for rel, want := range map[relation]string{own: "", left: "", later: hidden, inherited: "", foreign: hidden, deleted: hidden} {
		for _, a := range []sillon.Actor{anAuditor, anOfficer} {
			_, _, err := s.service.History(t.Context(), a, sillon.ParcellaireID(resources[rel].version), 0, 10)
			if got := codeOf(err); got != want {
				t.Errorf("%s reads the history of %s: %q, want %q", a.Roles, rel, got, want)
			}
		}
	}
	if _, _, err := s.service.History(t.Context(), aFarmer, sillon.ParcellaireID(resources[own].version), 0, 10); codeOf(err) != hidden {
		t.Errorf("a farmer reads the history of a farm that is not known as his: %v", err)
	}
}

// TestC18DeletedVersion deletes a version and restores it: nobody reads it
// meanwhile, and it comes back as it was, without what was gone before.
func TestC18DeletedVersion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001", parcel("p1"), parcel("p2"), parcel("p3"))})
	s.store(t, ocOne, []object{record("1001", parcel("p1"), parcel("p2"))})
	s.uncertify(t)
	id := s.version(t, "1001", 1, audit)
	reads := []string{
		versionPath(id), versionPath(id) + "/parcelles", versionPath(id) + "/historique", exchangePath("1001"), listPath,
		farmPath("1001"), farmPath("1001") + "/parcellaires", farmsPath + "?recherche=1001",
	}
	seen := func() map[string]string {
		all := make(map[string]string)
		for _, path := range reads {
			for _, who := range []asker{ocOne, agenceBio} {
				r := s.get(t, who, path)
				text := revisions.ReplaceAllString(instants.ReplaceAllString(string(r.Body), ""), "")
				if strings.HasSuffix(path, "historique") || r.Status != http.StatusOK {
					text = fmt.Sprint(r.Status)
				}
				all[string(who)+" "+path] = text
			}
		}
		return all
	}
	before := seen()
	d := service.Deletion{
		ID: sillon.ParcellaireID(id), If: sillon.Precondition{Revision: 2}, Request: "r",
		Reason: sillon.DeletionReason{Code: sillon.DeletionError, Reason: "mauvaise ferme"},
	}
	if err := s.service.Delete(t.Context(), anOfficer, d); err != nil {
		t.Fatal(err)
	}
	for where, text := range seen() {
		if strings.Contains(text, id) || strings.Contains(text, `"p1"`) {
			t.Errorf("still read at %s: %.300s", where, text)
		}
	}
	if err := s.service.Delete(t.Context(), anOfficer, d); codeOf(err) != "NOT_FOUND" {
		t.Errorf("deleted again: %v", err)
	}

	restore := versionPath(id) + "/restauration"
	for header, stale := range map[string]string{
		"If-Match": `"r2"`, "If-Unmodified-Since": time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat),
	} {
		r := s.ask(t, agenceBio, http.MethodPost, restore, nil, header, stale)
		if r.Status != http.StatusPreconditionFailed || r.Header.Get("ETag") != `"r3"` || !strings.Contains(string(r.Body), `"revision":3`) {
			t.Errorf("restored with %s %s: %d %s %s", header, stale, r.Status, r.Header.Get("ETag"), r.Body)
		}
	}
	for range 2 { // the second changes nothing
		r := s.ask(t, agenceBio, http.MethodPost, restore, nil, "If-Unmodified-Since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		if r.Status != http.StatusOK || r.Header.Get("ETag") != `"r4"` {
			t.Fatalf("restored: %d %s %s", r.Status, r.Header.Get("ETag"), r.Body)
		}
	}
	if diff := cmp.Diff(before, seen()); diff != "" {
		t.Errorf("after restoration (-before +now):\n%s", diff)
	}
	got := s.one(t, `SELECT string_agg(type || ' ' || actor_role || ' ' || before::text || ' ' || after::text || ' ' || reason, E'\n' ORDER BY id) FROM event WHERE id > 2`)
	want := `FeatureCollectionDeletion charge_certification {"supprime":false} {"supprime":true} {"code":"error","reason":"mauvaise ferme"}
RecordRestoration agence_bio {"supprime":true} {"supprime":false} `
	if got != want {
		t.Errorf("history:\n%s\nwant\n%s", got, want)
	}

	// Its audit may be sent again meanwhile: two versions of one audit cannot live.
	if err := s.service.Delete(t.Context(), anOfficer, service.Deletion{ID: d.ID, Reason: d.Reason}); err != nil {
		t.Fatal(err)
	}
	s.store(t, ocOne, []object{record("1001", parcel("p9"))})
	if r := s.ask(t, agenceBio, http.MethodPost, restore, nil); r.Status != http.StatusBadRequest || !strings.Contains(string(r.Body), "DATE_AUDIT_EXISTANTE") {
		t.Errorf("restored beside another version of its audit: %d %s", r.Status, r.Body)
	}
	// Past 6 months it may be going.
	storetest.Exec(t, s.address, `UPDATE parcellaire SET deleted_at = now() - interval '6 months 1 hour' WHERE deleted_at IS NOT NULL`)
	if r := s.ask(t, agenceBio, http.MethodPost, restore, nil); r.Status != http.StatusNotFound {
		t.Errorf("restored after 6 months: %d %s", r.Status, r.Body)
	}
}

// C34: of two writers with one revision, one goes through.
func TestC34OneOfTwoWriters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	s.uncertify(t)
	id := sillon.ParcellaireID(s.version(t, "1001", 1, audit))
	hook := sillon.WebhookID(s.newWebhook(t, ocOne, "https://9.9.9.9/").ID)
	machine := sillon.Actor{ID: "m", Roles: sillon.RoleOCService, OC: 1}
	race := func(what string, write func() error) {
		t.Helper()
		ends := make(chan error, 2)
		for range 2 {
			go func() { ends <- write() }()
		}
		first, second := <-ends, <-ends
		if first != nil {
			first, second = second, first
		}
		if first != nil || !errors.Is(second, sillon.ErrStale) {
			t.Fatalf("%s: %v and %v, want one through and one stale", what, first, second)
		}
	}
	for try := range int64(1000) {
		name := fmt.Sprint(try)
		race("webhook", func() error {
			_, err := s.service.EditWebhook(t.Context(), machine, hook, sillon.Precondition{Revision: try + 1}, service.WebhookEdit{Name: &name})
			return err
		})
	}
	for try := range int64(50) {
		if err := s.service.Delete(t.Context(), anOfficer, service.Deletion{ID: id, Reason: sillon.DeletionReason{Code: sillon.DeletionOther}}); err != nil {
			t.Fatal(err)
		}
		race("version", func() error {
			_, err := s.service.Restore(t.Context(), anOfficer, service.Deletion{ID: id, If: sillon.Precondition{Revision: 2*try + 2}})
			return err
		})
	}
}

// TestDeleteRequest reads what DELETE says; no token may delete, so that the
// refusal of a well-formed request comes from the policy.
func TestDeleteRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	path := versionPath(s.version(t, "1001", 1, audit))
	for _, tt := range []struct {
		name, query string
		status      int
	}{
		{"no reason", "", http.StatusForbidden},
		{"a reason", "?motif=error&commentaire=doublon", http.StatusForbidden},
		{"an unknown reason", "?motif=autre", http.StatusBadRequest},
		{"an empty reason", "?motif=", http.StatusBadRequest},
		{"a long comment", "?commentaire=" + strings.Repeat("x", sillon.MostReason+1), http.StatusBadRequest},
		{"an unknown parameter", "?force=true", http.StatusBadRequest},
	} {
		if r := s.ask(t, ocOne, http.MethodDelete, path+tt.query, nil); r.Status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, r.Status, r.Body, tt.status)
		}
	}
}
