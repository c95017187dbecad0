package upstream_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sillon/upstream"
)

var local = upstream.Guard{AllowHTTP: true, AllowPrivate: true}

func TestPost(t *testing.T) {
	t.Parallel()
	var other int
	released := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing shows in the answer
		_, _ = fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Header.Get("Content-Type"), r.Header.Get("Webhook-Id"), body)
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("a", 1<<20)) })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/other", func(http.ResponseWriter, *http.Request) { other++ })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-released:
		}
	})
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-released:
		}
	})
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(released) })
	untrusted := httptest.NewUnstartedServer(mux)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	down, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = down.Close()

	tests := []struct {
		name, address string
		status        int
		body          string
		reason        upstream.Reason
	}{
		{"taken", server.URL + "/ok", 200, `POST application/json id-1 {"a":1}`, ""},
		{"a long answer", server.URL + "/long", 200, strings.Repeat("a", 1024), ""},
		{"gone", server.URL + "/gone", 410, "", ""},
		{"moved", server.URL + "/moved", 307, "", ""},
		{"slow", server.URL + "/slow", 0, "", upstream.ReasonTimeout},
		{"an answer whose body does not come", server.URL + "/drip", 200, "", ""},
		{"cut off", server.URL + "/cut", 0, "", upstream.ReasonBroken},
		{"a certificate of nobody", untrusted.URL + "/ok", 0, "", upstream.ReasonTLS},
		{"https where there is none", strings.Replace(server.URL, "http:", "https:", 1) + "/ok", 0, "", upstream.ReasonBroken},
		{"down", "http://" + down.Addr().String() + "/secret", 0, "", upstream.ReasonNoServer},
		{"no address", "ftp://x/", 0, "", upstream.ReasonRefused},
	}
	poster := upstream.NewPoster(upstream.Options{Guard: local, Timeout: 500 * time.Millisecond})
	for _, tt := range tests {
		answer, err := poster.Post(t.Context(), tt.address, http.Header{"Webhook-Id": {"id-1"}}, []byte(`{"a":1}`))
		if tt.reason != "" {
			if err == nil || upstream.ReasonOf(err) != tt.reason || strings.Contains(err.Error(), "/secret") {
				t.Errorf("%s: %v (%s), want %s", tt.name, err, upstream.ReasonOf(err), tt.reason)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if answer.Status != tt.status || tt.body != "" && string(answer.Body) != tt.body || len(answer.Body) > 1024 {
			t.Errorf("%s: %d %.100q, want %d %.100q", tt.name, answer.Status, answer.Body, tt.status, tt.body)
		}
	}
	if other != 0 {
		t.Error("a redirection was followed")
	}
	roots := x509.NewCertPool()
	roots.AddCert(untrusted.Certificate())
	trusting := upstream.NewPoster(upstream.Options{Guard: upstream.Guard{AllowPrivate: true}, Roots: roots})
	if answer, err := trusting.Post(t.Context(), untrusted.URL+"/ok", nil, nil); err != nil || answer.Status != http.StatusOK {
		t.Errorf("a certificate that is trusted: %v, %v", answer, err)
	}
}

// TestPostRebinding has a name accepted, then lead to the machine itself: the
// connection is refused before a byte of it is made.
func TestPostRebinding(t *testing.T) {
	t.Parallel()
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	poster := upstream.NewPoster(upstream.Options{Guard: upstream.Guard{AllowHTTP: true, Lookup: names}})
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		_, err := poster.Post(t.Context(), "http://"+host+":"+port+"/", nil, nil)
		if !errors.Is(err, upstream.ErrPrivate) || upstream.ReasonOf(err) != upstream.ReasonRefused {
			t.Errorf("%s: %v, want ErrPrivate", host, err)
		}
	}
	if reached {
		t.Error("the server was reached")
	}
}
