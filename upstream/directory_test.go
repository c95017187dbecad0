package upstream_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sillon/upstream"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		_, _ = fmt.Fprintf(w, `{"nbTotal":3,"items":[{"numeroBio":%s},{"numeroBio":%s}],"departement":"%s"}`, q.Get("debut"), q.Get("nb"), q.Get("departement"))
	}))
	t.Cleanup(server.Close)
	d := newDirectory(t, server.URL+"/api/operateurs?departement=26", 0)
	page, err := d.Page(t.Context(), 40, 20)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%d %s", page.Total, page.Farms); got != `3 [{"numeroBio":40} {"numeroBio":20}]` {
		t.Errorf("Page() = %s", got)
	}
}

func newDirectory(t *testing.T, address string, patience time.Duration) *upstream.Directory {
	t.Helper()
	d, err := upstream.NewDirectory(address, patience)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// O11: a directory that is slow, wrong or down is a failure, in time, and after
// some of them it is not even asked.
func TestO11DirectoryFails(t *testing.T) {
	t.Parallel()
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"slow to answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"slow to end", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"items":[`))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
		{"broken", answers(500, `{"items":[]}`)},
		{"a page for people", answers(200, `<html>Maintenance</html>`)},
		{"another object", answers(200, `{"erreur":"x"}`)},
		{"nothing", answers(200, ``)},
		{"null", answers(200, `null`)},
		{"cut short", answers(200, `{"items":[{"numeroBio":1}`)},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for chunk := []byte(strings.Repeat(" ", 1<<20)); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}},
		{"down", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				tt.handler(w, r)
			}))
			if tt.handler == nil {
				server.Close()
			}
			t.Cleanup(server.Close)
			patience := 300 * time.Millisecond
			if tt.name == "endless" {
				patience = time.Minute
			}
			d := newDirectory(t, server.URL, patience)
			begin := time.Now()
			for range 8 {
				if page, err := d.Page(t.Context(), 0, 10); err == nil {
					t.Errorf("Page() = %v, want a failure", page)
				}
			}
			if n := asked.Load(); n > 3 {
				t.Errorf("asked %d times, want 3 and no more for a while", n)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
