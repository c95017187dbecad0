package api_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sillon/service"
	"sillon/sillon"
)

const tokensPath = "/api/v3/jetons"

// A jeton is a token as the API tells it.
type jeton struct {
	ID, Prefixe, Role, Libelle, Etat, Jeton        string
	Certificateur                                  *int
	Creation                                       string
	Expiration, Revocation, DernierUsage, Remplace *string
}

type jetons struct {
	Data  []jeton
	Links struct{ Next *string } `json:"_links"`
}

// administer asks as agence_bio, with a body.
func (s *server) administer(t *testing.T, method, path, body string) *reply {
	t.Helper()
	return s.ask(t, agenceBio, method, path, strings.NewReader(body), "Content-Type", "application/json")
}

// issue makes a token over HTTP and lets it be asked with.
func (s *server) issue(t *testing.T, as asker, path, body string) jeton {
	t.Helper()
	var j jeton
	r := s.administer(t, http.MethodPost, path, body)
	if r.Status != http.StatusCreated {
		t.Fatalf("POST %s %s: %d %s", path, body, r.Status, r.Body)
	}
	r.into(t, &j)
	s.tokens[as] = j.Jeton
	return j
}

func (s *server) works(t *testing.T, who asker, want int) {
	t.Helper()
	if r := s.get(t, nobody, "/api/v2/test", "Authorization", s.tokens[who]); r.Status != want {
		t.Errorf("%s: %d, want %d", who, r.Status, want)
	}
}

// TestS17TokenLife follows a token: made, used, rotated with an overlap,
// revoked at once. Its text is told once, and is nowhere but in that reply.
func TestS17TokenLife(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const old, successor asker = "the token", "its successor"
	made := s.issue(t, old, tokensPath, `{"role":"oc_service","certificateur":1,"libelle":"logiciel","dureeJours":90}`)
	if made.Certificateur == nil || *made.Certificateur != 1 || made.Etat != "actif" || made.Expiration == nil ||
		!strings.HasPrefix(made.Jeton, made.Prefixe) || made.DernierUsage != nil {
		t.Errorf("made: %+v", made)
	}
	s.works(t, old, http.StatusOK)

	next := s.issue(t, successor, tokensPath+"/"+made.ID+"/rotation", "")
	if next.Remplace == nil || *next.Remplace != made.ID || next.Role != "oc_service" || next.Libelle != "logiciel" || next.Jeton == made.Jeton {
		t.Errorf("successor: %+v", next)
	}
	s.works(t, old, http.StatusOK)
	s.works(t, successor, http.StatusOK)
	listed := func(id string) jeton {
		t.Helper()
		var list jetons
		r := s.get(t, agenceBio, tokensPath)
		r.into(t, &list)
		for _, secret := range []string{made.Jeton, next.Jeton, s.tokens[ocOne]} {
			if bytes.Contains(r.Body, []byte(secret)) {
				t.Errorf("the list tells a token: %s", r.Body)
			}
		}
		i := slices.IndexFunc(list.Data, func(j jeton) bool { return j.ID == id })
		if i < 0 {
			t.Fatalf("%s is not in %s", id, r.Body)
		}
		return list.Data[i]
	}
	was := listed(made.ID)
	if end, err := time.Parse(time.RFC3339, *was.Expiration); err != nil || was.Etat != "remplace" || was.DernierUsage == nil ||
		time.Until(end) > 24*time.Hour || time.Until(end) < 23*time.Hour {
		t.Errorf("the rotated one: %+v, %v", was, err)
	}
	// The successor lives as long as the first was to, not as the rest of it.
	if end, err := time.Parse(time.RFC3339, *listed(next.ID).Expiration); err != nil || time.Until(end) < 89*24*time.Hour {
		t.Errorf("the successor ends %v, %v", end, err)
	}
	if r := s.administer(t, http.MethodPost, tokensPath+"/"+made.ID+"/rotation", ""); r.Status != http.StatusConflict || !strings.Contains(string(r.Body), "JETON_DEJA_REMPLACE") {
		t.Errorf("rotated twice: %d %s", r.Status, r.Body)
	}

	for range 2 {
		if r := s.administer(t, http.MethodDelete, tokensPath+"/"+next.ID, ""); r.Status != http.StatusNoContent {
			t.Errorf("revoke: %d %s", r.Status, r.Body)
		}
	}
	s.works(t, successor, http.StatusForbidden)
	s.works(t, old, http.StatusOK)
	if got := listed(next.ID); got.Etat != "revoque" || got.Revocation == nil {
		t.Errorf("revoked: %+v", got)
	}
	if r := s.administer(t, http.MethodPost, tokensPath+"/"+next.ID+"/rotation", ""); r.Status != http.StatusConflict || !strings.Contains(string(r.Body), "JETON_TERMINE") {
		t.Errorf("a revoked one rotated: %d %s", r.Status, r.Body)
	}
	// The lost successor is revoked: the first may have another, and end at once.
	s.issue(t, successor, tokensPath+"/"+made.ID+"/rotation", `{"recouvrementHeures":0}`)
	s.works(t, old, http.StatusForbidden)
	s.works(t, successor, http.StatusOK)
	if got := listed(made.ID); got.Etat != "expire" {
		t.Errorf("after an overlap of nothing: %+v", got)
	}
	for _, secret := range []string{made.Jeton, next.Jeton, s.tokens[successor]} {
		if strings.Contains(s.log.String(), secret) || s.one(t, `SELECT count(*)::text FROM token WHERE token::text LIKE '%' || $1 || '%'`, secret) != "0" {
			t.Error("S17: a token is in the log or in the database")
		}
	}
}

func TestTokenPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var ids []string
	for path := tokensPath + "?limite=2"; path != ""; {
		var page jetons
		s.get(t, agenceBio, path).into(t, &page)
		for _, j := range page.Data {
			ids = append(ids, j.ID)
		}
		path = ""
		if page.Links.Next != nil {
			path = strings.TrimPrefix(*page.Links.Next, publicURL)
		}
	}
	if sorted := slices.SortedFunc(slices.Values(ids), func(a, b string) int { return strings.Compare(b, a) }); len(ids) != 5 || !slices.Equal(ids, sorted) {
		t.Errorf("%d tokens, want the 5 of the server, newest first: %v", len(ids), ids)
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tests := []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"nothing said", "", ``, 400, "ROLE_INVALIDE"},
		{"a role of users", "", `{"role":"auditeur"}`, 400, "ROLE_INVALIDE"},
		{"a certifier's without certifier", "", `{"role":"oc_service"}`, 400, "CERTIFICATEUR_INVALIDE"},
		{"a certifier that is not known", "", `{"role":"oc_service","certificateur":77}`, 400, "CERTIFICATEUR_INVALIDE"},
		{"an administrator's with a certifier", "", `{"role":"agence_bio","certificateur":1}`, 400, "CERTIFICATEUR_INVALIDE"},
		{"a life of no day", "", `{"role":"asp","dureeJours":0}`, 400, "DUREE_INVALIDE"},
		{"an endless life", "", `{"role":"asp","dureeJours":9000000000}`, 400, "DUREE_INVALIDE"},
		{"a long label", "", `{"role":"asp","libelle":"` + strings.Repeat("é", 201) + `"}`, 400, "LIBELLE_INVALIDE"},
		{"a label of zeros", "", `{"role":"asp","libelle":"\u0000"}`, 400, "valeur invalide : libelle"},
		{"an unknown member", "", `{"role":"asp","nom":"x"}`, 400, "CHAMP_INCONNU"},
		{"a number for a role", "", `{"role":3}`, 400, "valeur invalide : role"},
		{"no JSON", "", `{"role":`, 400, "INVALID_API_REQUEST"},
		{"two objects", "", `{"role":"asp"}{}`, 400, "INVALID_API_REQUEST"},
		{"too long", "", `{"libelle":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "64 Kio"},
		{"an unknown token", "/" + holder + "/rotation", ``, 404, "TOKEN_NOT_FOUND"},
		{"no token at all", "/sillon_abc/rotation", ``, 404, "TOKEN_NOT_FOUND"},
	}
	for _, tt := range tests {
		if r := s.administer(t, http.MethodPost, tokensPath+tt.path, tt.body); r.Status != tt.status || !strings.Contains(string(r.Body), tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, r.Status, r.Body, tt.status, tt.want)
		}
	}
	id := s.one(t, `SELECT id::text FROM token LIMIT 1`)
	for _, hours := range []string{"-1", "721", "9000000000"} {
		r := s.administer(t, http.MethodPost, tokensPath+"/"+id+"/rotation", `{"recouvrementHeures":`+hours+`}`)
		if r.Status != http.StatusBadRequest || !strings.Contains(string(r.Body), "RECOUVREMENT_INVALIDE") {
			t.Errorf("overlap of %s h: %d %s", hours, r.Status, r.Body)
		}
	}
	if r := s.get(t, agenceBio, tokensPath+"?curseur=eA"); r.Status != http.StatusBadRequest {
		t.Errorf("a made-up cursor: %d %s", r.Status, r.Body)
	}
	if n := s.one(t, `SELECT count(*)::text FROM token`); n != "5" {
		t.Errorf("%s tokens, want those of the server", n)
	}
}

// TestS17TokenInQuery: a token in the address, which logs and histories keep, is
// no token; and none is ever logged, good or bad.
func TestS17TokenInQuery(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, name := range []string{"access_token", "token", "jeton", "authorization"} {
		if r := s.get(t, nobody, "/api/v2/test?"+name+"="+s.tokens[ocOne]); r.Status != http.StatusUnauthorized {
			t.Errorf("?%s=: %d %s", name, r.Status, r.Body)
		}
	}
	bad := "sillon_" + strings.Repeat("q", 40)
	s.tokens["stranger"] = bad
	s.works(t, "stranger", http.StatusForbidden)
	for _, token := range s.tokens {
		s.get(t, nobody, farmsPath, "Authorization", token)
	}
	if err := s.service.FlushTrail(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	trail := s.trace(t, inao, "?limite=200")
	for who, text := range s.tokens {
		if secret := text[len("sillon_")+8:]; strings.Contains(s.log.String(), secret) || strings.Contains(fmt.Sprint(trail), secret) {
			t.Errorf("S17: the token of %s is in the log or in the trail", who)
		}
	}
}

// TestTokenExpires: a token is nothing from its last moment on.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tokens["short"] = s.token(t, service.NewToken{Role: sillon.RoleASP, TTL: time.Nanosecond})
	s.works(t, "short", http.StatusForbidden)
}
