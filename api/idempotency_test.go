package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

const replayHeader = "Idempotent-Replayed"

// keyed are the headers of a push with a key.
func keyed(key string) []string { return []string{"Idempotency-Key", key} }

// job returns the job a reply names, and whether it is a replay.
func jobOf(t *testing.T, r *reply) (id int64, replayed bool) {
	t.Helper()
	var p pushed
	r.into(t, &p)
	return p.JobID, r.Header.Get(replayHeader) == "true"
}

// TestReplayByKey walks the first three rows of certifier-exchange.md §1.2.
func TestReplayByKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	good := []object{record("1001")}
	mixed := []object{record("1001"), record("2001"), record("1002", bad("p", object{"cultures": nil}))}
	tests := []struct {
		name    string
		payload any
		status  int
	}{
		{"accepted", good, http.StatusAccepted},
		{"partly refused", mixed, http.StatusMultiStatus},
		{"all refused", []object{record("2001")}, http.StatusBadRequest},
		{"unreadable", `[{"numeroBio":NaN}, ` + strings.Repeat(" ", 300_000) + `]`, http.StatusBadRequest},
		{"cut off", `[{"numeroBio":"1001"`, http.StatusBadRequest},
		{"empty", "", http.StatusAccepted},
	}
	for _, tt := range tests {
		first := s.push(t, ocOne, tt.payload, keyed(tt.name)...)
		if first.Status != tt.status || first.Header.Get(replayHeader) != "" {
			t.Fatalf("%s: %d %s %v", tt.name, first.Status, first.Body, first.Header)
		}
		s.work(t, 1)
		for i, again := range []*reply{
			s.push(t, ocOne, tt.payload, keyed(tt.name)...),
			s.push(t, ocOne, tt.payload, keyed(`"`+tt.name+`"`)...),
			s.push(t, ocOne, "\ufeff"+text(t, tt.payload), keyed(tt.name)...),
			s.push(t, ocOne, zipped(t, text(t, tt.payload)), append(keyed(tt.name), "Content-Encoding", "gzip")...),
		} {
			if again.Status != first.Status || !bytes.Equal(again.Body, first.Body) || again.Header.Get(replayHeader) != "true" {
				t.Errorf("%s, replay %d: %d %s, want %d %s", tt.name, i, again.Status, again.Body, first.Status, first.Body)
			}
		}
		other := s.push(t, ocOne, []object{record("1003")}, keyed(tt.name)...)
		want := `{"statusCode":422,"code":"IDEMPOTENCY_KEY_REUSED","error":"Unprocessable Entity","message":"Cette clé d'idempotence a déjà été utilisée pour un autre envoi."}`
		if other.Status != http.StatusUnprocessableEntity || string(other.Body) != want {
			t.Errorf("%s, another content: %d %s", tt.name, other.Status, other.Body)
		}
	}
	if n := s.one(t, `SELECT count(*)::text FROM import_job`); n != fmt.Sprint(len(tests)) {
		t.Errorf("%s jobs, want %d", n, len(tests))
	}

	query := s.ask(t, ocOne, http.MethodPost, pushPath+"?a=1", strings.NewReader(text(t, good)), keyed("accepted")...)
	if query.Status != http.StatusUnprocessableEntity {
		t.Errorf("another query string: %d %s", query.Status, query.Body)
	}
	theirs := s.push(t, ocTwo, []object{record("2001")}, keyed("accepted")...)
	if theirs.Status != http.StatusAccepted || theirs.Header.Get(replayHeader) != "" {
		t.Errorf("the same key of another certifier: %d %s", theirs.Status, theirs.Body)
	}
	storetest.Exec(t, s.address, `UPDATE idempotency_key SET created_at = now() - interval '24 hours 1 minute'`)
	if r := s.push(t, ocOne, []object{record("1003")}, keyed("accepted")...); r.Status != http.StatusAccepted {
		t.Errorf("a key of yesterday: %d %s", r.Status, r.Body)
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, keys := range map[string][]string{
		"none": {""}, "quotes alone": {`""`}, "129 characters": {strings.Repeat("k", 129)}, "not ASCII": {"clé"}, "a tab": {"a\tb"}, "two": {"a", "b"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL+pushPath, strings.NewReader("[]"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Authorization"] = []string{s.tokens[ocOne]}
		r.Header["Idempotency-Key"] = keys
		res, err := s.http.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "Idempotency-Key") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	for _, key := range []string{"k", strings.Repeat("k", 128), `"` + strings.Repeat("k", 128) + `"`, "a b~!"} {
		if r := s.push(t, ocOne, "[]", keyed(key)...); r.Status != http.StatusAccepted {
			t.Errorf("key %q: %d %s", key, r.Status, r.Body)
		}
	}
}

// TestBusyKey: while the first push of a key is read, on this node or
// another, the second is refused at once; the mark of a killed node expires,
// and a push that broke off leaves its key.
func TestBusyKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	body, writer := io.Pipe()
	first := make(chan *reply)
	go func() { first <- s.ask(t, ocOne, http.MethodPost, pushPath, body, keyed("k")...) }()
	payload := text(t, []object{record("1001")})
	if _, err := io.WriteString(writer, payload[:20]); err != nil {
		t.Fatal(err)
	}
	for s.one(t, `SELECT count(*)::text FROM idempotency_key`) != "1" { // the server begins to read
	}
	busy := s.push(t, ocOne, payload, keyed("k")...)
	want := `{"statusCode":409,"code":"IDEMPOTENCY_KEY_BUSY","error":"Conflict","message":"Cet envoi est déjà en cours."}`
	if busy.Status != http.StatusConflict || string(busy.Body) != want {
		t.Errorf("busy: %d %s", busy.Status, busy.Body)
	}
	_, _ = io.WriteString(writer, payload[20:])
	_ = writer.Close()
	if r := <-first; r.Status != http.StatusAccepted {
		t.Fatalf("first: %d %s", r.Status, r.Body)
	}
	if r := s.push(t, ocOne, payload, keyed("k")...); r.Header.Get(replayHeader) != "true" {
		t.Errorf("once read: %d %s", r.Status, r.Body)
	}

	storetest.Exec(t, s.address, `INSERT INTO idempotency_key (oc, key, holder, busy_until) VALUES (1, 'dead', gen_random_uuid(), now() + interval '20 s')`)
	if r := s.push(t, ocOne, payload, keyed("dead")...); r.Status != http.StatusConflict {
		t.Errorf("a node that may be alive: %d %s", r.Status, r.Body)
	}
	storetest.Exec(t, s.address, `UPDATE idempotency_key SET busy_until = now() - interval '1 s' WHERE key = 'dead'`)
	if r := s.push(t, ocOne, []object{record("1002")}, keyed("dead")...); r.Status != http.StatusAccepted {
		t.Errorf("a node that was killed: %d %s", r.Status, r.Body)
	}

	broken, half := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL+pushPath, broken)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", s.tokens[ocOne])
	r.Header.Set("Idempotency-Key", "broken")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := s.http.Client().Do(r); err == nil {
			_ = res.Body.Close()
		}
	}()
	_, _ = io.WriteString(half, payload[:20])
	for s.one(t, `SELECT count(*)::text FROM idempotency_key WHERE key = 'broken'`) != "1" { // as above
	}
	_ = half.CloseWithError(io.ErrUnexpectedEOF)
	<-ended
	for s.one(t, `SELECT count(*)::text FROM idempotency_key WHERE key = 'broken'`) != "0" { // the server sees the end
	}
	if r := s.push(t, ocOne, []object{record("1003")}, keyed("broken")...); r.Status != http.StatusAccepted {
		t.Errorf("after a push that broke off: %d %s", r.Status, r.Body)
	}
}

// TestC37ReplayOfContent walks the last three rows of certifier-exchange.md
// §1.2: a push sent again is the same job, unless that would lose something.
func TestC37ReplayOfContent(t *testing.T) {
	t.Parallel()
	a := []object{record("1001", parcel("a")), record("1002")}
	b := []object{record("1001", parcel("b"))}
	tests := []struct {
		name   string
		before func(t *testing.T, s *server) // between the first push of a and the second
		key    string
		same   bool
	}{
		{"not begun", func(*testing.T, *server) {}, "", true},
		{"not begun, a new key", func(*testing.T, *server) {}, "new", true},
		{"at work", func(t *testing.T, s *server) {
			t.Helper()
			storetest.Exec(t, s.address, `UPDATE import_job SET state = 'PENDING', started_at = now()`)
		}, "", true},
		{"done", func(t *testing.T, s *server) { t.Helper(); s.work(t, 1) }, "", true},
		{"done, a new key", func(t *testing.T, s *server) { t.Helper(); s.work(t, 1) }, "new", false},
		{"done yesterday", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			storetest.Exec(t, s.address, `UPDATE import_job SET ended_at = now() - interval '24 hours 1 s'`)
		}, "", false},
		{"a record refused while storing", func(t *testing.T, s *server) {
			t.Helper()
			breakFarm(t, s, "1002")
			s.work(t, 1)
		}, "", false},
		{"a user touched a version", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			storetest.Exec(t, s.address, `UPDATE parcellaire SET revision = revision + 1 WHERE numero_bio = '1002'`)
		}, "", false},
		{"a user deleted a version", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			s.drop(t, s.version(t, "1001", 1, "2026-03-01"))
		}, "", false},
		{"another push touched a version", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			s.store(t, ocOne, b)
		}, "", false},
		{"another push of the farm waits", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			s.push(t, ocOne, b)
		}, "", false},
		{"both wait", func(t *testing.T, s *server) { t.Helper(); s.push(t, ocOne, b) }, "", false},
		{"both wait, a new key", func(t *testing.T, s *server) { t.Helper(); s.push(t, ocOne, b) }, "new", false},
		{"another push of another farm waits", func(t *testing.T, s *server) {
			t.Helper()
			s.push(t, ocOne, []object{record("1003")})
		}, "", true},
		{"another push changed nothing", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			s.store(t, ocOne, []object{record("1001", parcel("a"))})
		}, "", true},
		{"another audit of the farm", func(t *testing.T, s *server) {
			t.Helper()
			s.work(t, 1)
			s.store(t, ocOne, []object{record("1001", parcel("a")).with(object{"dateAudit": "2025-03-01"})})
		}, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			first := s.push(t, ocOne, a)
			id, _ := jobOf(t, first)
			tt.before(t, s)
			var headers []string
			if tt.key != "" {
				headers = keyed(tt.key)
			}
			again := s.push(t, ocOne, a, headers...)
			got, replayed := jobOf(t, again)
			if replayed != tt.same || (got == id) != tt.same || again.Status != http.StatusAccepted || tt.same && !bytes.Equal(again.Body, first.Body) {
				t.Errorf("%d %s %v after %s, want the same job: %v", again.Status, again.Body, again.Header, first.Body, tt.same)
			}
			s.work(t, 1)
			// A, B, A ends with A.
			if ids := s.one(t, `
				SELECT string_agg(p.id, ' ') FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id
				WHERE v.numero_bio = '1001' AND v.audit_date = '2026-03-01' AND v.deleted_at IS NULL AND p.deleted_at IS NULL`); ids != "a" {
				t.Errorf("parcels %s, want those of the last push", ids)
			}
			if tt.key == "" {
				return
			}
			if last := s.push(t, ocOne, a, headers...); last.Header.Get(replayHeader) != "true" || !bytes.Equal(last.Body, again.Body) {
				t.Errorf("the key again: %d %s", last.Status, last.Body)
			}
		})
	}
	t.Run("another query string", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		id, _ := jobOf(t, s.push(t, ocOne, a))
		if got, replayed := jobOf(t, s.ask(t, ocOne, http.MethodPost, pushPath+"?x=1", strings.NewReader(text(t, a)))); got == id || replayed {
			t.Errorf("job %d replayed", got)
		}
	})
	t.Run("refused records", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		refused := []object{record("1001"), record("2001")}
		s.settle(t, ocOne, refused)
		if id, replayed := jobOf(t, s.push(t, ocOne, refused)); id != 2 || replayed {
			t.Errorf("job %d, replayed %v: the farm may have been corrected", id, replayed)
		}
	})
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		ids := make(chan int64, 4)
		for range cap(ids) {
			go func() {
				id, _ := jobOf(t, s.push(t, ocOne, a))
				ids <- id
			}()
		}
		for range cap(ids) {
			if id := <-ids; id != 1 {
				t.Errorf("job %d of a push sent four times at once", id)
			}
		}
	})
}

// TestKeyLost: a push whose key another one took over stores nothing.
func TestKeyLost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	err := s.db.InTx(t.Context(), store.Tenant(1), func(tx *store.Tx) error {
		return tx.UseKey(t.Context(), 1, "k", holder, make([]byte, 32), 1)
	})
	if err == nil || !strings.Contains(err.Error(), sillon.ErrKeyBusy.Code) {
		t.Errorf("a key that is not held: %v", err)
	}
}
