package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/store/storetest"
)

// TestIdempotencyOfCreations sends each POST that creates twice under one key:
// it creates once, and the second reply is the first, but for its secret (api.md,
// "Idempotency").
func TestIdempotencyOfCreations(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const farm = "numeroBio;certificateurId;numeroClient\n9999;1;C9999\n"
	hook := webhooksPath + "/" + s.newWebhook(t, ocOne, "https://9.9.9.9/").ID
	token := s.issue(t, "replaced", tokensPath, `{"role":"asp"}`).ID
	conn, err := pgx.Connect(t.Context(), s.address) // as who sees every table
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	count := func(table string) (n string) {
		if err := conn.QueryRow(t.Context(), `SELECT count(*)::text FROM `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tests := []struct {
		name       string
		who        asker
		path, body string
		other      string // what the same key is then used for
		status     int
		secret     string // member of the first reply alone
		table      string
	}{
		{"webhook", ocOne, webhooksPath, `{"url":"https://9.9.9.9/a"}`, `{"url":"https://9.9.9.9/b"}`, 201, "secret", "webhook"},
		{"trial message", ocOne, hook + "/essai", ``, `{}`, 202, "", "webhook_delivery"},
		{"token", agenceBio, tokensPath, `{"role":"inao"}`, `{"role":"asp"}`, 201, "jeton", "token"},
		{"successor of a token", agenceBio, tokensPath + "/" + token + "/rotation", ``, `{"recouvrementHeures":1}`, 201, "jeton", "token"},
		{"farms", agenceBio, farmsPath + "/imports", farm, farm + "9998;1;C9998\n", 200, "", "trail WHERE action = 'importFarms'"},
	}
	for _, tt := range tests {
		key := `"clé de ` + tt.name + `"`
		if r := s.ask(t, tt.who, http.MethodPost, tt.path, strings.NewReader(tt.body), "Idempotency-Key", key); r.Status != http.StatusBadRequest {
			t.Errorf("%s under a key of other letters: %d %s", tt.name, r.Status, r.Body)
		}
		key = `"cle de ` + tt.name + `"`
		ask := func(body string, headers ...string) *reply {
			return s.ask(t, tt.who, http.MethodPost, tt.path, strings.NewReader(body), append(headers, "Idempotency-Key", key)...)
		}
		first := ask(tt.body)
		before := count(tt.table)
		second := ask(tt.body)
		if first.Status != tt.status || second.Status != tt.status || first.Header.Get("Idempotent-Replayed") != "" ||
			second.Header.Get("Idempotent-Replayed") != "true" || count(tt.table) != before {
			t.Fatalf("%s: %d %s, then %d %s", tt.name, first.Status, first.Body, second.Status, second.Body)
		}
		if first.Header.Get("Location") != second.Header.Get("Location") || first.Header.Get("ETag") != second.Header.Get("ETag") {
			t.Errorf("%s: headers %v, then %v", tt.name, first.Header, second.Header)
		}
		var was, is map[string]any
		first.into(t, &was)
		second.into(t, &is)
		if secret, _ := was[tt.secret].(string); tt.secret != "" {
			if secret == "" || strings.Contains(string(second.Body), secret) {
				t.Errorf("%s: secret %q, again %s", tt.name, secret, second.Body)
			}
			if got := s.one(t, `SELECT count(*)::text FROM told WHERE encode(body, 'escape') LIKE '%' || $1 || '%'`, secret); got != "0" {
				t.Errorf("S16: %s: the secret is kept", tt.name)
			}
			delete(was, tt.secret)
		}
		if a, b := text(t, was), text(t, is); a != b {
			t.Errorf("%s: %s, then %s", tt.name, a, b)
		}
		if r := ask(tt.other); r.Status != http.StatusUnprocessableEntity || !strings.Contains(string(r.Body), "IDEMPOTENCY_KEY_REUSED") {
			t.Errorf("%s: something else under its key: %d %s", tt.name, r.Status, r.Body)
		}
		if count(tt.table) != before {
			t.Errorf("%s: created again", tt.name)
		}
	}

	// Another actor has keys of its own; a day later a key is free.
	key := []string{"Idempotency-Key", "cle de webhook"}
	if r := s.ask(t, ocTwo, http.MethodPost, webhooksPath, strings.NewReader(tests[0].body), key...); r.Status != http.StatusCreated || r.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the key of another certifier: %d %s", r.Status, r.Body)
	}
	storetest.Exec(t, s.address, `UPDATE told SET created_at = now() - interval '24 hours 1 second'`)
	if r := s.ask(t, ocOne, http.MethodPost, webhooksPath, strings.NewReader(tests[0].other), key...); r.Status != http.StatusCreated {
		t.Errorf("the key of yesterday: %d %s", r.Status, r.Body)
	}
	// A failure keeps nothing.
	key[1] = "autre"
	for _, want := range []struct {
		body   string
		status int
	}{{`{"url":"https://9.9.9.9/b"}`, http.StatusConflict}, {`{"url":"https://9.9.9.9/c"}`, http.StatusCreated}} {
		if r := s.ask(t, ocOne, http.MethodPost, webhooksPath, strings.NewReader(want.body), key...); r.Status != want.status {
			t.Errorf("%s: %d %s", want.body, r.Status, r.Body)
		}
	}
}

// TestIdempotencyOfFiles: one file is the same in whatever form it is sent.
func TestIdempotencyOfFiles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const farm = "numeroBio;certificateurId;numeroClient\n9999;1;C9999\n"
	var packed, form bytes.Buffer
	gz := gzip.NewWriter(&packed)
	_, _ = gz.Write([]byte(farm))
	_ = gz.Close()
	parts := multipart.NewWriter(&form)
	file, err := parts.CreateFormFile("fichier", "farms.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte(farm))
	_ = parts.Close()
	for i, send := range []struct {
		body    string
		headers []string
	}{
		{farm, nil},
		{packed.String(), []string{"Content-Encoding", "gzip"}},
		{form.String(), []string{"Content-Type", parts.FormDataContentType()}},
	} {
		r := s.ask(t, agenceBio, http.MethodPost, farmsPath+"/imports", strings.NewReader(send.body), append(send.headers, "Idempotency-Key", "k")...)
		if replayed := r.Header.Get("Idempotent-Replayed") == "true"; r.Status != http.StatusOK || replayed != (i > 0) {
			t.Errorf("form %d: %d %s, replayed %v", i, r.Status, r.Body, replayed)
		}
	}
}

// TestIdempotencyAtOnce: of many requests with one key at once one creates; the
// others are told to wait, or what it was told.
func TestIdempotencyAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	replies := make(chan *reply)
	const n = 8
	for range n {
		go func() {
			replies <- s.ask(t, agenceBio, http.MethodPost, tokensPath, strings.NewReader(`{"role":"asp","libelle":"un"}`), "Idempotency-Key", "k")
		}()
	}
	created := 0
	for range n {
		switch r := <-replies; {
		case r.Status == http.StatusCreated && r.Header.Get("Idempotent-Replayed") == "":
			created++
		case r.Status == http.StatusCreated, r.Status == http.StatusConflict && strings.Contains(string(r.Body), "IDEMPOTENCY_KEY_BUSY"):
		default:
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	if got := s.one(t, `SELECT count(*)::text FROM token WHERE label = 'un'`); created != 1 || got != "1" {
		t.Errorf("created %d times, %s tokens, want 1", created, got)
	}
}
