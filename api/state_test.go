package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
	"sillon/store/storetest"
)

// TestC33States is the table of domain.md §4.2–§4.3 as far as machines go, role
// × state: by whatever route, a version in any state changes by a push of its
// own certifier alone, which leaves it certified and its history longer.
func TestC33States(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	s.tokens[nobody] = "x"
	for i, state := range sillon.States {
		numero := fmt.Sprint(4100 + i)
		storetest.Farm(t, s.db, numero, 1)
		s.store(t, ocOne, []object{record(numero, parcel("a"), parcel("b"))})
		v := s.version(t, numero, 1, audit)
		storetest.Exec(t, s.address, fmt.Sprintf(`UPDATE parcellaire SET state = '%s' WHERE id = '%s'`, state, v), `SELECT publish('`+numero+`')`)
		row := func() string {
			return s.one(t, `
				SELECT v::text || string_agg(p::text, ' ' ORDER BY p.key) || (SELECT count(*) FROM event e WHERE e.parcellaire_id = v.id)
				FROM parcellaire v JOIN parcel p ON p.parcellaire_id = v.id
				WHERE v.id = $1 GROUP BY v.*, v.id`, v)
		}
		before := row()
		changed := []object{record(numero, bad("a", object{"nom": "changée", "etatProduction": "CONV"})).with(object{"dateCertificationFin": "2030-03-31"})}
		for _, who := range append([]asker{ocTwo}, askers...) {
			if who == ocOne {
				continue
			}
			for _, query := range []string{"", "?validation=seule"} {
				r := s.ask(t, who, http.MethodPost, pushPath+query, strings.NewReader(text(t, changed)))
				s.work(t, 2)
				switch refused := r.Status == http.StatusForbidden || r.Status == http.StatusUnauthorized; {
				case who == ocTwo && !strings.Contains(string(r.Body), "OC_MISMATCH"), who != ocTwo && !refused:
					t.Errorf("%s on %s: %d %s", who, state, r.Status, r.Body)
				}
			}
			for _, d := range theContract(t).paths {
				if !strings.Contains(d.path, "/parcellaires/{id}") {
					continue
				}
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
					path := strings.ReplaceAll(d.path, "{id}", v)
					if method == http.MethodDelete && (who == auditor || who == officer) && state != sillon.StateCertified {
						continue // they may: TestDeletionRights
					}
					if strings.HasSuffix(path, "/restauration") && (who == officer || who == agenceBio) {
						continue // they may, and it is there: nothing changes
					}
					if r := s.ask(t, who, method, path, strings.NewReader(`{"vers":"CERTIFIED","motif":"x"}`)); r.Status < 400 {
						t.Errorf("%s %s by %s: %d", method, path, who, r.Status)
					}
				}
			}
		}
		if after := row(); after != before {
			t.Errorf("%s changed from\n%s\nto\n%s", state, before, after)
		}

		s.rehearse(t, changed)
		if after := row(); after != before {
			t.Errorf("%s: a dry run changed\n%s\nto\n%s", state, before, after)
		}
		s.store(t, ocOne, changed)
		want := "CERTIFIED r2 2030-03-31 2 events, oc_service " + string(state) + " to CERTIFIED"
		if state == sillon.StateCertified {
			want = "CERTIFIED r2 2030-03-31 2 events, oc_service same to same"
		}
		if got := s.one(t, `
			SELECT v.state || ' r' || v.revision || ' ' || v.certified_until || ' ' || (SELECT count(*) FROM event e WHERE e.parcellaire_id = v.id) || ' events, '
				|| e.actor_role || ' ' || coalesce(e.before ->> 'statut', 'same') || ' to ' || coalesce(e.after ->> 'statut', 'same')
			FROM parcellaire v, (SELECT * FROM event ORDER BY id DESC LIMIT 1) e WHERE v.id = $1`, v); got != want {
			t.Errorf("%s, by its certifier: %s, want %s", state, got, want)
		}
	}
}

// C33: nor does the database let anybody else write, whatever the statement.
func TestC33DatabaseRoles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	c, err := pgx.Connect(t.Context(), s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	for _, role := range []string{"sillon_national", "sillon_public"} {
		for _, table := range []string{"parcellaire", "parcel", "event"} {
			for _, right := range []string{"INSERT", "UPDATE", "DELETE", "TRUNCATE"} {
				var may bool
				if err := c.QueryRow(t.Context(), `SELECT has_table_privilege($1, $2, $3) OR $3 IN ('INSERT', 'UPDATE') AND has_any_column_privilege($1, $2, $3)`,
					role, table, right).Scan(&may); err != nil || may {
					t.Errorf("%s may %s %s: %v", role, right, table, err)
				}
			}
		}
	}
}

// TestC36Origin: what a parcel came from is a column that a push does not
// touch, and not to be guessed from anything else; readers are told.
func TestC36Origin(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	origins := []sillon.Origin{
		sillon.OriginImport, sillon.OriginManual, sillon.OriginAPI, sillon.OriginCopy, sillon.OriginSplit, sillon.OriginMerge,
	}
	// As many farms as CartoBio lost: it took them by fifteen.
	for n := range 31 {
		numero := fmt.Sprint(4200 + n)
		storetest.Farm(t, s.db, numero, 1)
		s.store(t, ocOne, []object{record(numero, parcel("kept"), parcel("gone"), parcel("new"))})
		v, origin := s.version(t, numero, 1, audit), origins[n%len(origins)]
		if got := s.one(t, `SELECT string_agg(DISTINCT origine, ' ') FROM parcel WHERE parcellaire_id = $1`, v); got != "api" {
			t.Errorf("pushed parcels come from %q", got)
		}
		storetest.Exec(t, s.address, fmt.Sprintf(`UPDATE parcel SET origine = '%s' WHERE parcellaire_id = '%s' AND id <> 'new'`, origin, v))
		s.store(t, ocOne, []object{record(numero, bad("kept", object{"nom": "x", "numeroIlot": 1, "geom": square(2.2, 47.2)}))})
		s.store(t, ocOne, []object{record(numero, bad("kept", object{"nom": ""}), parcel("gone"), parcel("new"))})
		want := fmt.Sprintf("kept %[1]s, gone %[1]s, new api", origin)
		if got := s.one(t, `SELECT string_agg(id || ' ' || origine, ', ' ORDER BY key) FROM parcel WHERE parcellaire_id = $1 AND deleted_at IS NULL`, v); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if body := string(s.get(t, ocOne, versionPath(v)+"/parcelles").Body); !strings.Contains(body, `"origine":"`+string(origin)+`"`) {
			t.Errorf("readers are not told of %s: %.600s", origin, body)
		}
	}
}
