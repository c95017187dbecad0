package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/upstream"
)

const webhooksPath = "/api/v3/webhooks"

// A hook is a webhook as its certifier reads it.
type hook struct {
	ID, URL, Nom, Secret                      string
	OC                                        int
	Evenements                                []string
	Actif                                     bool
	DesactivePar, DesactiveLe, EnEchecDepuis  string
	AncienSecretValableJusqua, ProchainChange string
}

// A sending is a message as its certifier reads of it.
type sending struct {
	ID, Evenement, Etat, DerniereErreur, DerniereReponse, ProchainEssai, EnvoyeeLe string
	Essais, DernierStatut                                                          int
}

func (s *server) newWebhook(t *testing.T, who asker, url string) (h hook) {
	t.Helper()
	r := s.ask(t, who, http.MethodPost, webhooksPath, strings.NewReader(`{"url":"`+url+`"}`))
	if r.Status != http.StatusCreated {
		t.Fatalf("webhook of %s: %d %s", url, r.Status, r.Body)
	}
	r.into(t, &h)
	return h
}

// try asks for a test message.
func (s *server) try(t *testing.T, who asker, id string) string {
	t.Helper()
	r := s.ask(t, who, http.MethodPost, webhooksPath+"/"+id+"/essai", nil)
	var d sending
	if r.into(t, &d); r.Status != http.StatusAccepted {
		t.Fatalf("test message: %d %s", r.Status, r.Body)
	}
	return d.ID
}

func (s *server) sendings(t *testing.T, who asker, id string) (list []sending) {
	t.Helper()
	var page struct{ Data []sending }
	s.get(t, who, webhooksPath+"/"+id+"/livraisons").into(t, &page)
	return page.Data
}

func (s *server) hook(t *testing.T, who asker, id string) (h hook) {
	t.Helper()
	s.get(t, who, webhooksPath+"/"+id).into(t, &h)
	return h
}

// deliver sends what waits of a certifier, due or not, as the queue would.
func (s *server) deliver(t *testing.T, oc sillon.OC) {
	t.Helper()
	var jobs []store.WebhookJob
	if err := s.db.InTx(t.Context(), store.Tenant(oc), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), `
			UPDATE webhook_delivery SET next_try_at = now() WHERE state = 'a_envoyer' RETURNING oc, webhook::text, id::text`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var j store.WebhookJob
			if err := rows.Scan(&j.OC, &j.Webhook, &j.Delivery); err != nil {
				return err
			}
			jobs = append(jobs, j)
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if _, _, err := s.service.DeliverWebhook(t.Context(), j.OC, j.Webhook, j.Delivery); err != nil {
			t.Fatal(err)
		}
	}
}

// A got is a message as a receiver got it.
type got struct {
	header http.Header
	body   string
}

// A receiver is the system of a certifier, which answers as it is told.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	messages []got
	answer   func(http.ResponseWriter, *http.Request)
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answer: func(http.ResponseWriter, *http.Request) {}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.messages = append(r.messages, got{req.Header.Clone(), string(body)})
		answer := r.answer
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(f func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// take returns the messages since the last time.
func (r *receiver) take() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.messages = nil }()
	return r.messages
}

// verify is a receiver's half of the Standard Webhooks specification, written
// from its text: the secret is base64 after "whsec_"; what is signed is
// "id.timestamp.body"; a timestamp of more than five minutes is refused; one
// signature of the list must be right.
func verify(secret string, m got) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return fmt.Errorf("secret of %d bytes: %w", len(key), err)
	}
	id, timestamp := m.header.Get("webhook-id"), m.header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || math.Abs(time.Since(time.Unix(seconds, 0)).Minutes()) > 5 {
		return fmt.Errorf("timestamp %q: %w", timestamp, err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(id + "." + timestamp + "." + m.body))
	want := mac.Sum(nil)
	for _, part := range strings.Fields(m.header.Get("webhook-signature")) {
		version, signature, _ := strings.Cut(part, ",")
		sum, err := base64.StdEncoding.DecodeString(signature)
		if err == nil && version == "v1" && hmac.Equal(sum, want) {
			return nil
		}
	}
	return fmt.Errorf("no signature of %q is right", m.header.Get("webhook-signature"))
}

// TestWebhookOfAnImport is the whole way: a push that ends is told, signed, to
// its certifier alone.
func TestWebhookOfAnImport(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r, other := newReceiver(t), newReceiver(t)
	h := s.newWebhook(t, ocOne, r.URL+"/hooks?cle=1")
	s.newWebhook(t, ocTwo, other.URL)
	s.settle(t, ocOne, []object{record("1001"), record("7777")})
	s.push(t, ocOne, "{")          // ended as it is received
	s.push(t, ocOne, []object{{}}) // likewise
	s.push(t, ocTwo, []object{})   // of nothing
	s.deliver(t, 1)
	messages := r.take()
	var bodies []string
	for _, m := range messages {
		if err := verify(h.Secret, m); err != nil {
			t.Error(err)
		}
		if m.header.Get("Content-Type") != "application/json" || m.header.Get("Authorization") != "" {
			t.Errorf("headers %v", m.header)
		}
		var text struct {
			Type, Timestamp string
			Data            json.RawMessage
		}
		if err := json.Unmarshal([]byte(m.body), &text); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339, text.Timestamp); err != nil || text.Type != "import.termine" {
			t.Errorf("%s: %v", m.body, err)
		}
		bodies = append(bodies, string(text.Data))
	}
	slices.Sort(bodies)
	if diff := cmp.Diff([]string{
		`{"jobId":1,"statut":"DONE","nbObjetsRecus":2,"nbObjetsAcceptes":1,"nbObjetsRefuses":1}`,
		`{"jobId":2,"statut":"ERROR","nbObjetsRecus":0,"nbObjetsAcceptes":0,"nbObjetsRefuses":0,"message":"Le fichier JSON est invalide."}`,
		`{"jobId":3,"statut":"DONE","nbObjetsRecus":1,"nbObjetsAcceptes":0,"nbObjetsRefuses":1}`,
	}, bodies); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	list := s.sendings(t, ocOne, h.ID)
	if len(list) != 3 || list[0].Etat != "envoyee" || list[0].Essais != 1 || list[0].DernierStatut != 200 || list[0].ProchainEssai != "" || list[0].EnvoyeeLe == "" {
		t.Errorf("%+v", list)
	}
	if got := other.take(); len(got) != 0 {
		t.Errorf("certifier 2 got %v before its own were sent", got)
	}

	// Nobody but its certifier tries again, under the same id.
	path := webhooksPath + "/" + h.ID + "/livraisons/" + list[0].ID + "/renvoi"
	if got := s.ask(t, ocTwo, http.MethodPost, path, nil); got.Status != http.StatusNotFound {
		t.Errorf("sent again by another: %d", got.Status)
	}
	s.ask(t, ocOne, http.MethodPost, path, nil)
	s.deliver(t, 1)
	if again := r.take(); len(again) != 1 || again[0].header.Get("webhook-id") != list[0].ID || verify(h.Secret, again[0]) != nil {
		t.Errorf("sent again: %v", again)
	}

	// The same ended jobs are not announced twice.
	s.work(t, 1)
	s.deliver(t, 1)
	if again := r.take(); len(again) != 0 {
		t.Errorf("announced again: %v", again)
	}
}

// TestWebhookRotation signs with both secrets for a day, then with the new one.
func TestWebhookRotation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newReceiver(t)
	first := s.newWebhook(t, ocOne, r.URL)
	var second hook
	s.ask(t, ocOne, http.MethodPost, webhooksPath+"/"+first.ID+"/rotation", nil).into(t, &second)
	if second.Secret == first.Secret || second.AncienSecretValableJusqua == "" {
		t.Errorf("rotation: %+v", second)
	}
	send := func() got {
		s.try(t, ocOne, first.ID)
		s.deliver(t, 1)
		messages := r.take()
		if len(messages) != 1 {
			t.Fatalf("%d messages", len(messages))
		}
		return messages[0]
	}
	m := send()
	for _, secret := range []string{first.Secret, second.Secret} {
		if err := verify(secret, m); err != nil {
			t.Errorf("during the overlap: %v", err)
		}
	}
	s.exec(t, `UPDATE webhook SET former_until = former_until - interval '24 h'`)
	m = send()
	if err := verify(first.Secret, m); err == nil {
		t.Error("the former secret signs after a day")
	}
	if err := verify(second.Secret, m); err != nil {
		t.Errorf("after the overlap: %v", err)
	}
}

// TestWebhookFailures has a receiver that is wrong, slow, down, elsewhere: each
// is told in the log, and tried again 7 times.
func TestWebhookFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	followed := newReceiver(t)
	long := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "\x00\xff"+strings.Repeat("é", 5000))
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		reason string
		status int
	}{
		{"an error", long, "statut", 500},
		{"refused", status(http.StatusForbidden), "statut", 403},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, followed.URL, http.StatusTemporaryRedirect)
		}, "redirection", 307},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "delai", 0},
		{"broken off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "reponse_illisible", 0},
	}
	for _, tt := range tests {
		r := newReceiver(t)
		r.answers(tt.answer)
		h := s.newWebhook(t, ocOne, r.URL)
		s.try(t, ocOne, h.ID)
		s.deliver(t, 1)
		d := s.sendings(t, ocOne, h.ID)[0]
		if d.Etat != "a_envoyer" || d.Essais != 1 || d.DerniereErreur != tt.reason || d.DernierStatut != tt.status || len(d.DerniereReponse) > 1024 || d.ProchainEssai == "" {
			t.Errorf("%s: %+v, want %s %d", tt.name, d, tt.reason, tt.status)
		}
		if s.hook(t, ocOne, h.ID).EnEchecDepuis == "" {
			t.Errorf("%s: no flag", tt.name)
		}
		s.ask(t, ocOne, http.MethodDelete, webhooksPath+"/"+h.ID, nil)
	}
	if got := followed.take(); len(got) != 0 {
		t.Errorf("a redirection was followed: %v", got)
	}

	r := newReceiver(t)
	r.answers(status(http.StatusBadGateway))
	h := s.newWebhook(t, ocOne, r.URL)
	id := s.try(t, ocOne, h.ID)
	for try := 1; try <= 9; try++ {
		s.deliver(t, 1)
		d := s.sendings(t, ocOne, h.ID)[0]
		pause, more := sillon.WebhookPause(try)
		if want := min(try, 8); d.Essais != want || more != (d.Etat == "a_envoyer") || !more && (d.Etat != "echouee" || d.ProchainEssai != "") {
			t.Errorf("after try %d: %+v", try, d)
		}
		if next, err := time.Parse(time.RFC3339, d.ProchainEssai); more && (err != nil || time.Until(next) < pause-10*time.Second || time.Until(next) > pause*11/10+time.Second) {
			t.Errorf("after try %d: next in %v, want about %v", try, time.Until(next), pause)
		}
	}
	messages := r.take()
	if len(messages) != 8 {
		t.Errorf("%d tries, want 8", len(messages))
	}
	for _, m := range messages {
		if m.header.Get("webhook-id") != id || verify(h.Secret, m) != nil {
			t.Errorf("try under %s", m.header.Get("webhook-id"))
		}
	}

	// A success clears the flag; five days of failures disable.
	r.answers(status(http.StatusNoContent))
	s.try(t, ocOne, h.ID)
	s.deliver(t, 1)
	if got := s.hook(t, ocOne, h.ID); got.EnEchecDepuis != "" || !got.Actif {
		t.Errorf("after a success: %+v", got)
	}
	r.answers(status(http.StatusBadGateway))
	s.try(t, ocOne, h.ID)
	s.deliver(t, 1)
	s.exec(t, `UPDATE webhook SET failing_since = failing_since - interval '5 days 1 s'`)
	s.deliver(t, 1)
	got := s.hook(t, agenceBio, h.ID)
	if got.Actif || got.DesactivePar != "echecs" || got.DesactiveLe == "" || s.sendings(t, ocOne, h.ID)[0].Etat != "abandonnee" {
		t.Errorf("after five days: %+v", got)
	}
	r.take()
	s.settle(t, ocOne, []object{record("1001")})
	s.deliver(t, 1)
	if got := r.take(); len(got) != 0 {
		t.Errorf("sent to a disabled webhook: %v", got)
	}
	for _, path := range []string{"/essai", "/livraisons/" + id + "/renvoi"} {
		if got := s.ask(t, ocOne, http.MethodPost, webhooksPath+"/"+h.ID+path, nil); got.Status != http.StatusConflict || !strings.Contains(string(got.Body), "WEBHOOK_DESACTIVE") {
			t.Errorf("%s of a disabled webhook: %d %s", path, got.Status, got.Body)
		}
	}

	// Enabled again, it is told that it is gone.
	s.ask(t, ocOne, http.MethodPatch, webhooksPath+"/"+h.ID, strings.NewReader(`{"actif":true}`))
	r.answers(status(http.StatusGone))
	s.try(t, ocOne, h.ID)
	s.deliver(t, 1)
	if got := s.hook(t, ocOne, h.ID); got.Actif || got.DesactivePar != "disparu" {
		t.Errorf("after 410: %+v", got)
	}
	if d := s.sendings(t, ocOne, h.ID)[0]; d.Etat != "echouee" || d.DernierStatut != http.StatusGone {
		t.Errorf("after 410: %+v", d)
	}
}

// exec runs a statement that no request could.
func (s *server) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.connect(t).Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// TestWebhookRequests are those that are refused, and why.
func TestWebhookRequests(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, 4, func(o *service.Options) { o.Poster = upstream.NewPoster(upstream.Options{}) })
	h := s.newWebhook(t, ocOne, "https://9.9.9.9/a")
	if want := (hook{ID: h.ID, URL: "https://9.9.9.9/a", Secret: h.Secret, OC: 1, Evenements: []string{"import.termine"}, Actif: true}); cmp.Diff(want, h) != "" {
		t.Errorf("created (-want +got):\n%s", cmp.Diff(want, h))
	}
	one := webhooksPath + "/" + h.ID
	tests := []struct {
		name, method, path, body, ifMatch string
		status                            int
		code                              string
	}{
		{"no address", "POST", webhooksPath, `{}`, "", 400, "ADRESSE_REFUSEE"},
		{"no body", "POST", webhooksPath, ``, "", 400, "ADRESSE_REFUSEE"},
		{"http", "POST", webhooksPath, `{"url":"http://9.9.9.9/"}`, "", 400, "ADRESSE_REFUSEE"},
		{"the machine itself", "POST", webhooksPath, `{"url":"https://127.0.0.1/"}`, "", 400, "ADRESSE_REFUSEE"},
		{"the machine itself, in IPv6", "POST", webhooksPath, `{"url":"https://[::ffff:127.0.0.1]/"}`, "", 400, "ADRESSE_REFUSEE"},
		{"metadata", "POST", webhooksPath, `{"url":"https://169.254.169.254/latest"}`, "", 400, "ADRESSE_REFUSEE"},
		{"a name of here", "POST", webhooksPath, `{"url":"https://localhost/"}`, "", 400, "ADRESSE_REFUSEE"},
		{"credentials", "POST", webhooksPath, `{"url":"https://moi:mdp@9.9.9.9/"}`, "", 400, "ADRESSE_REFUSEE"},
		{"moved to a private address", "PATCH", one, `{"url":"https://10.0.0.1/"}`, "", 400, "ADRESSE_REFUSEE"},
		{"unknown member", "POST", webhooksPath, `{"url":"https://9.9.9.9/","oc":2}`, "", 400, `"chemin":"oc","code":"CHAMP_INCONNU"`},
		{"a secret of one's own", "PATCH", one, `{"secret":"whsec_x"}`, "", 400, `"chemin":"secret","code":"CHAMP_INCONNU"`},
		{"member in capitals", "PATCH", one, `{"URL":"https://9.9.9.9/"}`, "", 400, "CHAMP_INCONNU"},
		{"unknown member of a rotation", "POST", one + "/rotation", `{"secret":"x"}`, "", 400, "CHAMP_INCONNU"},
		{"unknown parameter", "POST", webhooksPath + "?x=1", `{"url":"https://9.9.9.9/"}`, "", 400, "CHAMP_INCONNU"},
		{"not JSON", "POST", webhooksPath, `url`, "", 400, "INVALID_API_REQUEST"},
		{"not an object", "POST", webhooksPath, `["https://9.9.9.9/"]`, "", 400, "INVALID_API_REQUEST"},
		{"two objects", "POST", webhooksPath, `{"url":"https://9.9.9.9/"}{}`, "", 400, "INVALID_API_REQUEST"},
		{"wrong type", "PATCH", one, `{"actif":"oui"}`, "", 400, `"chemin":"actif"`},
		{"unknown event", "PATCH", one, `{"evenements":["import.termine","x"]}`, "", 400, `"chemin":"evenements"`},
		{"no event", "PATCH", one, `{"evenements":[]}`, "", 400, `"chemin":"evenements"`},
		{"zero byte", "PATCH", one, `{"nom":"\u0000"}`, "", 400, `"chemin":"nom"`},
		{"long name", "PATCH", one, `{"nom":"` + strings.Repeat("é", 201) + `"}`, "", 400, `"chemin":"nom"`},
		{"huge", "PATCH", one, `{"nom":"` + strings.Repeat("a", 1<<17) + `"}`, "", 413, "PAYLOAD_TOO_LARGE"},
		{"twice the same address", "POST", webhooksPath, `{"url":"https://9.9.9.9/a"}`, "", 409, "WEBHOOK_EXISTANT"},
		{"stale", "PATCH", one, `{"nom":"x"}`, `"r9"`, 412, "PRECONDITION_FAILED"},
		{"stale deletion", "DELETE", one, ``, `"r9"`, 412, "PRECONDITION_FAILED"},
		{"tag of another kind", "PATCH", one, `{"nom":"x"}`, `"abc"`, 412, "PRECONDITION_FAILED"},
		{"not an id", "GET", webhooksPath + "/x", ``, "", 404, "WEBHOOK_NOT_FOUND"},
		{"unknown id", "GET", webhooksPath + "/00000000-0000-4000-8000-000000000000", ``, "", 404, "WEBHOOK_NOT_FOUND"},
		{"unknown message", "POST", one + "/livraisons/00000000-0000-4000-8000-000000000000/renvoi", ``, "", 404, "LIVRAISON_NOT_FOUND"},
		{"bad cursor", "GET", one + "/livraisons?curseur=eA", ``, "", 400, "INVALID_API_REQUEST"},
	}
	for _, tt := range tests {
		var headers []string
		if tt.ifMatch != "" {
			headers = []string{"If-Match", tt.ifMatch}
		}
		r := s.ask(t, ocOne, tt.method, tt.path, strings.NewReader(tt.body), headers...)
		if r.Status != tt.status || !strings.Contains(string(r.Body), tt.code) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, r.Status, r.Body, tt.status, tt.code)
		}
	}
	tag := s.get(t, ocOne, one).Header.Get("ETag")
	r := s.ask(t, ocOne, http.MethodPatch, one, strings.NewReader(`{"nom":"Préproduction","actif":false,"url":"https://9.9.9.9/b"}`), "If-Match", tag)
	var edited hook
	if r.into(t, &edited); r.Status != http.StatusOK || edited.Nom != "Préproduction" || edited.Actif || edited.DesactivePar != "demande" || r.Header.Get("ETag") == tag {
		t.Errorf("edited: %d %s", r.Status, r.Body)
	}
	for i := 1; i < sillon.MostWebhooks; i++ {
		s.newWebhook(t, ocOne, fmt.Sprintf("https://9.9.9.9/n%d", i))
	}
	if r := s.ask(t, ocOne, http.MethodPost, webhooksPath, strings.NewReader(`{"url":"https://9.9.9.9/trop"}`)); r.Status != http.StatusConflict {
		t.Errorf("one too many: %d %s", r.Status, r.Body)
	}
	s.newWebhook(t, ocTwo, "https://9.9.9.9/a") // the address of another is no secret
	for _, tt := range []struct {
		who  asker
		want int
	}{{ocOne, sillon.MostWebhooks}, {ocTwo, 1}, {agenceBio, sillon.MostWebhooks + 1}} {
		var list struct{ Data []hook }
		if s.get(t, tt.who, webhooksPath).into(t, &list); len(list.Data) != tt.want {
			t.Errorf("%s lists %d, want %d", tt.who, len(list.Data), tt.want)
		}
	}
}

// TestWebhookRebinding has an address that was accepted lead inside later: the
// message does not leave.
func TestWebhookRebinding(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, 4, func(o *service.Options) {
		o.Poster = upstream.NewPoster(upstream.Options{Guard: upstream.Guard{AllowHTTP: true}})
	})
	r := newReceiver(t)
	h := s.newWebhook(t, ocOne, "https://9.9.9.9/")
	s.exec(t, `UPDATE webhook SET url = '`+r.URL+`'`)
	s.try(t, ocOne, h.ID)
	s.deliver(t, 1)
	if d := s.sendings(t, ocOne, h.ID)[0]; d.DerniereErreur != "adresse_refusee" || len(r.take()) != 0 {
		t.Errorf("%+v", d)
	}
}

// TestDeliveryPages reads the log page by page.
func TestDeliveryPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	h := s.newWebhook(t, ocOne, "https://9.9.9.9/")
	var want []string
	for range 5 {
		want = append([]string{s.try(t, ocOne, h.ID)}, want...)
	}
	var got []string
	for next := webhooksPath + "/" + h.ID + "/livraisons?limite=2"; next != ""; {
		var page struct {
			Data  []sending
			Links struct{ Next string } `json:"_links"`
		}
		s.get(t, ocOne, next).into(t, &page)
		for _, d := range page.Data {
			got = append(got, d.ID)
		}
		next = strings.TrimPrefix(page.Links.Next, publicURL)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// TestS16WebhookSecret looks for a secret in every reply, in the logs and in
// the database: it is shown once, and kept where the database alone cannot
// read it. Another secret of the service opens nothing.
func TestS16WebhookSecret(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newReceiver(t)
	h := s.newWebhook(t, ocOne, r.URL)
	s.try(t, ocOne, h.ID)
	s.deliver(t, 1)
	r.answers(status(http.StatusTeapot))
	s.try(t, ocOne, h.ID)
	s.deliver(t, 1)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Secret, "whsec_"))
	if err != nil || len(key) != 32 {
		t.Fatalf("secret of %d bytes: %v", len(key), err)
	}
	forms := []string{h.Secret, strings.TrimPrefix(h.Secret, "whsec_"), string(key), fmt.Sprintf("%x", key), "whsec_"}
	look := func(where, text string) {
		t.Helper()
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%s has the secret: %.300s", where, text)
			}
		}
	}
	for _, who := range []asker{ocOne, ocTwo, agenceBio, inao, asp} {
		for _, path := range []string{"", "/" + h.ID, "/" + h.ID + "/livraisons"} {
			look(string(who)+" "+path, string(s.get(t, who, webhooksPath+path).Body))
		}
	}
	look("a change", string(s.ask(t, ocOne, http.MethodPatch, webhooksPath+"/"+h.ID, strings.NewReader(`{"nom":"x"}`)).Body))
	look("the log", s.log.String())
	if strings.Contains(s.log.String(), r.URL) || strings.Contains(s.log.String(), s.tokens[ocOne]) { // S17
		t.Error("the log has the address of a webhook, or a token")
	}
	for _, m := range r.take() {
		look("a message", m.body+fmt.Sprint(m.header))
	}
	var dump string
	if err := s.connect(t).QueryRow(t.Context(), `
		SELECT (SELECT string_agg(w::text, ' ') FROM webhook w) || (SELECT string_agg(d::text, ' ') FROM webhook_delivery d)
			|| (SELECT string_agg(j::text, ' ') FROM river_job j)`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	look("the database", dump)

	elsewhere, err := service.New(s.db, service.Options{Log: slog.New(slog.DiscardHandler), Secret: []byte("another secret of thirty-two byt")})
	if err != nil {
		t.Fatal(err)
	}
	s.service = elsewhere
	s.deliver(t, 1)
	if d := s.sendings(t, ocOne, h.ID)[0]; d.DerniereErreur != "secret" || len(r.take()) != 0 {
		t.Errorf("with another secret: %+v", d)
	}
	none, err := service.New(s.db, service.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := none.CreateWebhook(t.Context(), sillon.Actor{ID: "x", Roles: sillon.RoleOCService, OC: 1}, service.WebhookEdit{}, nil); sillon.Failure(err).Code != "WEBHOOKS_INDISPONIBLES" {
		t.Errorf("without secret: %v", err)
	}
}
