package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	var asked [3]atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/length":
			asked[0].Add(1)
			_, _ = w.Write(make([]byte, 1000))
		case "/chunks":
			asked[1].Add(1)
			for range 4 {
				_, _ = w.Write(make([]byte, 250))
				_ = http.NewResponseController(w).Flush()
			}
		case "/held":
			asked[2].Add(1)
			w.WriteHeader(http.StatusNotModified)
		case "/empty":
		}
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	of := func(paths ...string) target {
		t := target{address: address, want: http.StatusOK}
		for _, path := range paths {
			t.requests = append(t.requests, request(address, path, ""))
		}
		return t
	}

	got, err := load(t.Context(), of("/length", "/chunks"), 1, 4, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got.count == 0 || got.bytes != 1000*int64(got.count) || len(got.times) != got.count || got.took < 50*time.Millisecond {
		t.Errorf("%d answers with %d bytes in %v: want 1000 bytes each, for 50 ms", got.count, got.bytes, got.took)
	}
	if a, b := asked[0].Load(), asked[1].Load(); a+b != int64(got.count) || a-b < -4 || a-b > 4 {
		t.Errorf("asked %d and %d times, want %d in turn", a, b, got.count)
	}
	if _, err := load(t.Context(), of("/length", "/empty"), 0, 2, time.Second); err == nil {
		t.Error("an empty answer passes for a tile")
	}
	if _, err := load(t.Context(), of("/held"), 0, 2, time.Second); err == nil {
		t.Error("a status that is not wanted passes")
	}
	held := of("/held")
	held.want = http.StatusNotModified
	if got, err := load(t.Context(), held, 0, 2, 10*time.Millisecond); err != nil || got.count == 0 || got.bytes != 0 || got.again != 0 {
		t.Errorf("304: %d answers with %d bytes, %d again, %v", got.count, got.bytes, got.again, err)
	}
	sent := of("/length")
	sent.want = http.StatusNotModified
	if got, err := load(t.Context(), sent, 0, 2, 10*time.Millisecond); err != nil || got.again == 0 || got.again != got.count {
		t.Errorf("a body instead of 304: %d of %d, %v", got.again, got.count, err)
	}
}
