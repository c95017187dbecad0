package api_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/service"
	"sillon/sillon"
	"sillon/store/storetest"
)

// A relation is how a resource stands to certifier 1, who asks.
type relation string

const (
	own       relation = "own"       // its version, of its client
	left      relation = "left"      // its version, of a farm that went to another certifier
	later     relation = "later"     // the version that the other certifier then made: it is the former one
	inherited relation = "inherited" // a version that a former certifier left, of its client
	foreign   relation = "foreign"   // a version of another certifier, of a farm that never was its client
	deleted   relation = "deleted"   // its version, of its client, soft-deleted
)

var relations = []relation{own, left, later, inherited, foreign, deleted}

// A resource is what a route may be asked about.
type resource struct {
	numero  string
	version string
	job     int64
	// The webhook of the version's author, a message to it, and another webhook
	// that may be deleted.
	webhook, delivery, doomed string
	// The version, or when that must stay deleted another deleted one.
	undone string
	client int // of which certifier the farm is or was
}

// A rule is a row of the table of domain.md §2 for a route: the status that each
// role gets, either one for all resources or one per relation, as in "own 200,
// foreign 404". Nothing is refused: 401 without token, else 403.
type rule struct {
	path                                            func(resource) string // nil for the push
	oc, user, farmer, agenceBio, inao, asp, noToken string                // user is auditeur and charge_certification
	officer                                         string                // charge_certification, where it may more
	body                                            func(resource) string
}

// The users of certifier 1, and a farmer.
const (
	auditor asker = "auditeur"
	officer asker = "charge_certification"
	farmer  asker = "exploitant"
)

var askers = []asker{ocOne, auditor, officer, farmer, agenceBio, inao, asp, nobody}

// newServerOfAll is newServer with every role of domain.md §1. Nothing signs
// users in yet: the database says who they are, as it does of tokens.
func newServerOfAll(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	storetest.Exec(t, s.address,
		`CREATE TABLE signed_in (id uuid, role text, oc integer, hash bytea)`,
		`GRANT SELECT ON signed_in TO sillon_api`,
		`ALTER FUNCTION authenticate(bytea) RENAME TO authenticate_token`,
		`CREATE FUNCTION authenticate(digest bytea) RETURNS TABLE (id uuid, role text, oc integer) LANGUAGE sql AS $$
			SELECT id, role, oc FROM signed_in WHERE hash = digest UNION ALL SELECT * FROM authenticate_token(digest) $$`)
	for _, who := range []asker{auditor, officer, farmer} {
		certifier := "1"
		if who == farmer {
			certifier = "NULL"
		}
		s.tokens[who] = s.token(t, service.NewToken{Role: sillon.RoleASP, Label: string(who)})
		storetest.Exec(t, s.address,
			fmt.Sprintf(`INSERT INTO signed_in SELECT id, label, %s, hash FROM token WHERE label = '%s'`, certifier, who),
			fmt.Sprintf(`DELETE FROM token WHERE label = '%s'`, who))
	}
	return s
}

// permissions is domain.md §2 for the routes there are. Supervisors see every
// version but the deleted ones.
func permissions() map[string]rule {
	const (
		visible     = "own 200, left 200, later 404, inherited 200, foreign 404, deleted 404"
		supervised  = "own 200, left 200, later 200, inherited 200, foreign 200, deleted 404"
		jobsOfOne   = "own 200, left 200, later 404, inherited 404, foreign 404, deleted 200"
		pushedByOne = "own 202, left 400, later 400, inherited 202, foreign 400, deleted 202"
		// Of a farm the certifier reads the newest version it may see.
		exchangedByOne = "own 200, left 200, later 200, inherited 200, foreign 404, deleted 404"
		clients        = "own 200, left 200, later 200, inherited 200, foreign 404, deleted 200"
	)
	open := func(path, status string) rule {
		return rule{func(resource) string { return path }, status, status, status, status, status, status, status, "", nil}
	}
	hook := func(suffix string) func(resource) string {
		return func(r resource) string { return webhooksPath + "/" + r.webhook + suffix }
	}
	const tried = "own 202, left 202, later 404, inherited 404, foreign 404, deleted 202"
	return map[string]rule{
		"POST /api/v2/certification/parcelles": {oc: pushedByOne},
		"GET /api/v3/import/jobs/{id}": {
			path: func(r resource) string { return jobPath(r.job) },
			oc:   jobsOfOne, agenceBio: "200", inao: "200",
		},
		"GET /api/v3/import/parcellaire-imports": {
			path: func(resource) string { return importsPath }, oc: "200", agenceBio: "200", inao: "200",
		},
		"GET /api/v3/import/parcellaire-imports/{id}": {
			path: func(r resource) string { return importPath(r.job) + "?withPayload=true&logs=all" },
			oc:   jobsOfOne, agenceBio: "200", inao: "200",
		},
		"GET /api/v3/import/parcellaire-imports/{id}/logs": {
			path: func(r resource) string { return importPath(r.job) + "/logs" },
			oc:   jobsOfOne, agenceBio: "200", inao: "200",
		},
		"GET /api/v3/import/parcellaire-imports/{id}/payload": {
			path: func(r resource) string { return importPath(r.job) + "/payload" },
			oc:   jobsOfOne, agenceBio: "200", inao: "200",
		},
		"GET /api/v2/certification/parcellaire/{numeroBio}": {
			path: func(r resource) string { return exchangePath(r.numero) },
			oc:   exchangedByOne,
		},
		"GET /api/v2/certification/parcellaires": {path: func(resource) string { return listPath }, oc: "200"},
		"GET /api/v3/exploitations": {
			path: func(resource) string { return farmsPath }, user: "200", farmer: "200", agenceBio: "200", inao: "200",
		},
		"POST /api/v3/exploitations/imports": {
			path: func(resource) string { return farmsPath + "/imports" }, agenceBio: "200",
			body: func(resource) string { return "numeroBio;certificateurId;numeroClient\n9999;1;C9999\n" },
		},
		"GET /api/v3/exploitations/{numeroBio}": {
			path: func(r resource) string { return farmPath(r.numero) }, user: clients, farmer: "404", agenceBio: "200", inao: "200",
		},
		"PUT /api/v3/exploitations/{numeroBio}": {path: func(r resource) string { return farmPath(r.numero) }, agenceBio: "200"},
		"PUT /api/v3/exploitations/{numeroBio}/liens/{certificateurId}": {
			path: func(r resource) string { return linkPath(r.numero, r.client) }, agenceBio: "200",
		},
		"GET /api/v3/exploitations/{numeroBio}/parcellaires": {
			path: func(r resource) string { return farmPath(r.numero) + "/parcellaires" },
			oc:   clients, user: clients, farmer: "404", agenceBio: "200", inao: "200",
		},
		// Certified versions all: see TestDeletionRights.
		"DELETE /api/v3/parcellaires/{id}": {
			path: func(r resource) string { return versionPath(r.version) },
			user: "own 403, left 403, later 404, inherited 403, foreign 404, deleted 404", farmer: "404",
		},
		"POST /api/v3/parcellaires/{id}/restauration": {
			path:    func(r resource) string { return versionPath(r.undone) + "/restauration" },
			officer: "own 200, left 403, later 404, inherited 403, foreign 404, deleted 200", agenceBio: "200",
		},
		"GET /api/v3/parcellaires/{id}/historique": {
			path: func(r resource) string { return versionPath(r.version) + "/historique" },
			user: visible, farmer: "404", agenceBio: supervised, inao: supervised,
		},
		"GET /api/v3/parcellaires/{id}": {
			path: func(r resource) string { return versionPath(r.version) },
			oc:   visible, user: visible, farmer: "404", agenceBio: supervised, inao: supervised,
		},
		"GET /api/v3/parcellaires/{id}/parcelles": {
			path: func(r resource) string { return "/api/v3/parcellaires/" + r.version + "/parcelles" },
			oc:   visible, user: visible, farmer: "404", agenceBio: supervised, inao: supervised,
		},
		"GET /api/v3/parcellaires/{id}/export": { // as text, so that marks are seen
			path: func(r resource) string { return versionPath(r.version) + "/export?format=csv" },
			user: visible, agenceBio: supervised, inao: supervised,
		},
		"GET /api/v3/imports/{jobId}/evenements": {
			path: func(r resource) string { return eventsPath(r.job) },
			oc:   jobsOfOne, agenceBio: "200", inao: "200",
		},
		"GET /api/v3/webhooks": {path: func(resource) string { return webhooksPath }, oc: "200", agenceBio: "200"},
		"POST /api/v3/webhooks": {
			path: func(resource) string { return webhooksPath }, oc: "201",
			body: func(r resource) string { return `{"url":"https://9.9.9.9/nouveau/` + r.version + `"}` },
		},
		"GET /api/v3/webhooks/{id}":   {path: hook(""), oc: jobsOfOne, agenceBio: "200"},
		"PATCH /api/v3/webhooks/{id}": {path: hook(""), oc: jobsOfOne},
		"DELETE /api/v3/webhooks/{id}": {
			path: func(r resource) string { return webhooksPath + "/" + r.doomed },
			oc:   "own 204, left 204, later 404, inherited 404, foreign 404, deleted 204",
		},
		"POST /api/v3/webhooks/{id}/rotation":  {path: hook("/rotation"), oc: jobsOfOne},
		"POST /api/v3/webhooks/{id}/essai":     {path: hook("/essai"), oc: tried},
		"GET /api/v3/webhooks/{id}/livraisons": {path: hook("/livraisons"), oc: jobsOfOne, agenceBio: "200"},
		"POST /api/v3/webhooks/{id}/livraisons/{livraisonId}/renvoi": {
			path: func(r resource) string {
				return webhooksPath + "/" + r.webhook + "/livraisons/" + r.delivery + "/renvoi"
			},
			oc: tried,
		},
		"GET /api/v3/jetons":                {path: func(resource) string { return tokensPath }, agenceBio: "200"},
		"POST /api/v3/jetons":               {path: func(resource) string { return tokensPath }, agenceBio: "400"},
		"DELETE /api/v3/jetons/{id}":        {path: func(resource) string { return tokensPath + "/" + holder }, agenceBio: "404"},
		"POST /api/v3/jetons/{id}/rotation": {path: func(resource) string { return tokensPath + "/" + holder + "/rotation" }, agenceBio: "404"},
		"GET /api/v3/supervision/journal":   {path: func(resource) string { return trailPath }, agenceBio: "200", inao: "200"},
		"GET /tiles/parcelles/{z}/{x}/{y}.mvt": {
			path: func(r resource) string { return tilePath(2.105, 47.105, 12) + "?parcellaire=" + r.version },
			oc:   visible, user: visible, farmer: "404", agenceBio: supervised, inao: supervised,
		},
		"GET /tiles/communes/{z}/{x}/{y}.mvt":     open("/tiles/communes/8/129/90.mvt", "204"),
		"GET /tiles/departements/{z}/{x}/{y}.mvt": open("/tiles/departements/0/0/0.mvt", "204"),
		"HEAD /tiles/parcelles/{z}/{x}/{y}.mvt": {
			path: func(r resource) string { return tilePath(2.105, 47.105, 12) + "?parcellaire=" + r.version },
			oc:   visible, user: visible, farmer: "404", agenceBio: supervised, inao: supervised,
		},
		"HEAD /tiles/communes/{z}/{x}/{y}.mvt":     open("/tiles/communes/8/129/90.mvt", "204"),
		"HEAD /tiles/departements/{z}/{x}/{y}.mvt": open("/tiles/departements/0/0/0.mvt", "204"),
		"GET /tiles/parcelles.json":                open("/tiles/parcelles.json", "200"),
		"GET /tiles/communes.json":                 open("/tiles/communes.json", "200"),
		"GET /tiles/departements.json":             open("/tiles/departements.json", "200"),
		"GET /tiles/style.json": {
			path: func(resource) string { return "/tiles/style.json?theme=certificateur" }, agenceBio: "200", inao: "200",
		},
		"GET /api/version": open("/api/version", "200"),
		"GET /api/v2/test": {
			path: func(resource) string { return "/api/v2/test" },
			oc:   "200", user: "200", farmer: "200", agenceBio: "200", inao: "200", asp: "200",
		},
		"GET /healthz":           open("/healthz", "200"),
		"GET /readyz":            open("/readyz", "200"),
		"GET /metrics":           open("/metrics", "200"),
		"GET /openapi.yaml":      open("/openapi.yaml", "200"),
		"GET /docs":              open("/docs", "200"),
		"HEAD /docs":             open("/docs", "200"),
		"GET /problemes":         open("/problemes", "200"),
		"HEAD /problemes":        open("/problemes", "200"),
		"GET /problemes/{code}":  open("/problemes/INVALID_CPF", "200"),
		"HEAD /problemes/{code}": open("/problemes/INVALID_CPF", "200"),
		"GET /":                  open("/", "200"),
		"HEAD /":                 open("/", "200"),
		"GET /assets/{file}":     open("/assets/none.js", "404"),
		"HEAD /assets/{file}":    open("/assets/none.js", "404"),
	}
}

// status is what a rule gives to an asker of a resource.
func (r rule) status(who asker, rel relation) string {
	text := ""
	switch who {
	case ocOne:
		text = r.oc
	case auditor:
		text = r.user
	case officer:
		text = cmp.Or(r.officer, r.user)
	case farmer:
		text = r.farmer
	case agenceBio:
		text = r.agenceBio
	case inao:
		text = r.inao
	case asp:
		text = r.asp
	case nobody:
		text = cmp.Or(r.noToken, "401")
	case ocTwo: // the relations are those of the first
	}
	text = cmp.Or(text, "403")
	for part := range strings.SplitSeq(text, ", ") {
		if name, status, found := strings.Cut(part, " "); !found {
			return part
		} else if name == string(rel) {
			return status
		}
	}
	return "a row without " + string(rel)
}

// TestPermissions asks every operation of openapi.yaml as every role, about
// every kind of resource, and fails for an operation without a row.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	resources := s.resources(t)
	rules := permissions()
	for _, d := range theContract(t).paths {
		for method := range d.item.Operations() {
			name := method + " " + d.path
			rule, ok := rules[name]
			if !ok {
				t.Errorf("%s has no row", name)
				continue
			}
			delete(rules, name)
			for _, who := range askers {
				for _, rel := range relations {
					r := s.request(t, who, method, rule, resources[rel])
					if got, want := fmt.Sprint(r.Status), rule.status(who, rel); got != want {
						t.Errorf("%s, %s on %s: %s, want %s: %.200s", name, who, rel, got, want, r.Body)
					}
					if who == nobody || who == asp || who == farmer || method == http.MethodHead {
						s.leaksNothing(t, name, who, r)
					}
				}
			}
		}
	}
	for name := range rules {
		t.Errorf("%s is not described", name)
	}
}

// request asks for what a rule is about.
func (s *server) request(t *testing.T, who asker, method string, r rule, about resource) *reply {
	t.Helper()
	if r.path == nil {
		return s.push(t, who, []object{record(about.numero)})
	}
	var body io.Reader
	if r.body != nil {
		body = strings.NewReader(r.body(about))
	}
	return s.ask(t, who, method, r.path(about), body)
}

// leaksNothing checks that a reply to who may see no farm names none.
func (s *server) leaksNothing(t *testing.T, name string, who asker, r *reply) {
	t.Helper()
	for _, mark := range []string{"MARQUE", "Ferme", "numeroBio\":\""} {
		if !strings.HasSuffix(name, "openapi.yaml") && strings.Contains(string(r.Body), mark) {
			t.Errorf("%s tells %s of a farm: %.200s", name, who, r.Body)
		}
	}
}

// resources makes one resource of each relation, with notes that are marked.
func (s *server) resources(t *testing.T) map[relation]resource {
	t.Helper()
	all := make(map[relation]resource)
	hooks := make(map[asker]string)
	for _, who := range []asker{ocOne, ocTwo} {
		hooks[who] = s.newWebhook(t, who, "https://9.9.9.9/").ID
	}
	add := func(rel relation, who asker, numero, date string) {
		version := s.marked(t, who, numero, date)
		r := resource{numero: numero, version: version, job: int64(len(all) + 1), client: int(ocOf(who)), webhook: hooks[who]}
		r.doomed = s.newWebhook(t, who, "https://9.9.9.9/"+string(rel)).ID
		r.delivery = s.try(t, who, r.webhook)
		all[rel] = r
	}
	for _, numero := range []string{"4001", "4002", "4003", "4005", "4006"} {
		storetest.Farm(t, s.db, numero, 1)
	}
	storetest.Farm(t, s.db, "4004", 2)
	const before = "2025-03-01"
	add(own, ocOne, "4001", before)
	add(left, ocOne, "4002", before)
	add(deleted, ocOne, "4005", before)
	add(inherited, ocTwo, "4004", before)
	s.move(t, "4002", 1, 2)
	s.move(t, "4004", 2, 1)
	add(later, ocTwo, "4002", "2026-01-01")
	add(foreign, ocTwo, "2001", before)
	s.drop(t, all[deleted].version)
	for rel, r := range all {
		if r.undone = r.version; rel == deleted {
			r.undone = s.marked(t, ocOne, "4006", before)
			s.drop(t, r.undone)
		}
		all[rel] = r
	}
	return all
}

// TestS12MarksStayHome reads every route as every role: only the certifier who
// wrote a note, agence_bio and inao read it.
func TestS12MarksStayHome(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	resources := s.resources(t)
	for name, rule := range permissions() {
		method, _, _ := strings.Cut(name, " ")
		if method != http.MethodGet {
			continue
		}
		for _, who := range append(slices.Clone(askers), ocTwo) {
			for _, rel := range relations {
				body := string(s.get(t, who, rule.path(resources[rel])).Body)
				if !strings.Contains(body, "MARQUE") || who == agenceBio || who == inao {
					continue
				}
				// The id of a parcel ends with its author.
				author, other := "p-1", "p-2"
				if who == ocTwo {
					author, other = other, author
				}
				for feature := range strings.SplitSeq(body, `{"type":"Feature"`) {
					if strings.Contains(feature, markParcel) && (!strings.Contains(feature, author) || strings.Contains(feature, other)) {
						t.Errorf("%s, %s on %s: %.500s", name, who, rel, feature)
					}
				}
				if who != ocOne && who != ocTwo && who != auditor && who != officer {
					t.Errorf("%s, %s on %s: %.500s", name, who, rel, body)
				}
			}
		}
	}
}

// TestS2RefusedWhateverTheReply: who is refused reads a refusal and nothing
// else, changes nothing and has nothing done, whether the reply would have been
// a document, a stream, a tile or no body at all (S1, S3).
func TestS2RefusedWhateverTheReply(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	resources := s.resources(t)
	before, shapes := s.held(t), map[string]bool{}
	for name, rule := range permissions() {
		method, path, _ := strings.Cut(name, " ")
		for _, who := range askers {
			for _, rel := range relations {
				want := rule.status(who, rel)
				if want != "401" && want != "403" && want != "404" || strings.Contains(path, "/assets/") {
					continue
				}
				r := s.request(t, who, method, rule, resources[rel])
				if fmt.Sprint(r.Status) != want {
					t.Errorf("%s, %s on %s: %d, want %s", name, who, rel, r.Status, want)
				}
				if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != "application/json" && media != "application/problem+json" || len(r.Body) > 1000 {
					t.Errorf("%s, %s on %s: %s of %d bytes", name, who, rel, media, len(r.Body))
				}
				s.leaksNothing(t, name, who, r)
			}
		}
		for status, response := range theContract(t).doc.Paths.Value(path).GetOperation(method).Responses.Map() {
			if strings.HasPrefix(status, "2") {
				shapes[status] = true
				for media := range response.Value.Content {
					shapes[media] = true
				}
			}
		}
	}
	if after := s.held(t); after != before {
		t.Errorf("refused requests changed\n%s\nto\n%s", before, after)
	}
	for _, shape := range []string{"204", "201", "202", "application/json", "application/geo+json", "text/event-stream", "application/vnd.mapbox-vector-tile"} {
		if !shapes[shape] {
			t.Errorf("no reply of shape %s: is it still called so?", shape)
		}
	}
}

// held digests every table, but what notes that somebody asked.
func (s *server) held(t *testing.T) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	var digest string
	if err := c.QueryRow(t.Context(), `
		SELECT string_agg(c.relname || ' ' || (xpath('/row/d/text()', query_to_xml(
			format('SELECT md5(string_agg((to_jsonb(x) - ''last_used_at'')::text, '' '' ORDER BY (to_jsonb(x) - ''last_used_at'')::text)) AS d FROM %I x', c.relname),
			true, true, '')))[1]::text, E'\n' ORDER BY c.relname)
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname !~ '^(trail|goose_db_version|spatial_ref_sys|commune.*|land|departement|region|cpf)$'`).Scan(&digest); err != nil {
		t.Fatal(err)
	}
	return digest
}

// S1: what may not be read is the same 404 whether it exists or not, and so is
// what may not be written.
func TestS8ForeignIsUnknown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	resources := s.resources(t)
	const none = "00000000-0000-4000-8000-000000000000"
	nothing := resource{numero: "7777", version: none, job: 9999, webhook: none, delivery: none, doomed: none, undone: none}
	for name, rule := range permissions() {
		method, _, _ := strings.Cut(name, " ")
		if rule.path == nil {
			continue
		}
		for _, rel := range relations {
			if rule.status(ocOne, rel) != "404" || strings.Contains(name, "assets") {
				continue
			}
			got, want := s.request(t, ocOne, method, rule, resources[rel]), s.request(t, ocOne, method, rule, nothing)
			if got.Status != http.StatusNotFound || want.Status != http.StatusNotFound || sameProblem(got) != sameProblem(want) {
				t.Errorf("%s on %s: %d %s, unknown: %d %s", name, rel, got.Status, got.Body, want.Status, want.Body)
			}
			headers := func(r *reply) []string {
				var names []string
				for name := range r.Header {
					names = append(names, name)
				}
				slices.Sort(names)
				return names
			}
			if g, w := headers(got), headers(want); !slices.Equal(g, w) {
				t.Errorf("%s on %s: headers %s, unknown: %s", name, rel, g, w)
			}
		}
	}
}

// TestUnknownParameters: no resource ignores a parameter that it does not have,
// whoever asks (api.md, "Conventions").
func TestUnknownParameters(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	about := s.resources(t)[own]
	for name, rule := range permissions() {
		method, path, _ := strings.Cut(name, " ")
		if !strings.HasPrefix(path, "/api/v3/") || strings.HasPrefix(path, "/api/v3/import/") || rule.path == nil {
			continue // the certifier exchange takes what it always took
		}
		asked := rule
		asked.path = func(r resource) string {
			path := rule.path(r)
			if strings.Contains(path, "?") {
				return path + "&inconnu=1"
			}
			return path + "?inconnu=1"
		}
		for _, who := range askers {
			if r := s.request(t, who, method, asked, about); r.Status < http.StatusBadRequest {
				t.Errorf("%s, %s: %d", name, who, r.Status)
			}
		}
	}
}
