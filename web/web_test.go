package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"sillon/web"
)

var reference = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

func get(t *testing.T, h http.Handler, method, path string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHandlerPaths(t *testing.T) {
	t.Parallel()
	h := web.Handler(web.Options{})
	tests := []struct {
		name, method, path string
		want               int
	}{
		{"page", http.MethodGet, "/", 200},
		{"page without its body", http.MethodHead, "/", 200},
		{"page by its file name", http.MethodGet, "/index.html", 404},
		{"path without extension", http.MethodGet, "/exploitations", 404},
		{"folder", http.MethodGet, "/assets/", 404},
		{"missing asset", http.MethodGet, "/assets/index-00000000.js", 404},
		{"way out of the folder", http.MethodGet, "/assets/../web.go", 404},
		{"other verb", http.MethodPost, "/", 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := get(t, h, tt.method, tt.path, nil)
			if res.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.want)
			}
			if got := res.Header.Get("Allow"); (tt.want == 405) != (got == "GET, HEAD") {
				t.Errorf("Allow = %q", got)
			}
		})
	}
}

func TestHandlerServesAllThatThePageNames(t *testing.T) {
	t.Parallel()
	h := web.Handler(web.Options{})
	page := body(t, get(t, h, http.MethodGet, "/", nil))
	refs := reference.FindAllSubmatch(page, -1)
	if len(refs) < 3 {
		t.Fatalf("the page names %d assets, want a script, a style sheet and an icon at least", len(refs))
	}
	types := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
	for _, ref := range refs {
		path := string(ref[1])
		res := get(t, h, http.MethodGet, path, nil)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
		if got, want := res.Header.Get("Content-Type"), types[path[strings.LastIndexByte(path, '.')+1:]]; got != want {
			t.Errorf("%s: Content-Type = %q, want %q", path, got, want)
		}
		if got, want := res.Header.Get("Cache-Control"), "public, max-age=31536000, immutable"; got != want {
			t.Errorf("%s: Cache-Control = %q, want %q", path, got, want)
		}
	}
	if regexp.MustCompile(`<script>|<style|\sstyle="|\son\w+="`).Match(page) {
		t.Error("the page has inline code or style, which its policy refuses")
	}
}

func TestHandlerCoding(t *testing.T) {
	t.Parallel()
	h := web.Handler(web.Options{})
	plain := get(t, h, http.MethodGet, "/", nil)
	want := body(t, plain)
	tests := []struct {
		name, accept string
		coded        bool
	}{
		{"nothing said", "", false},
		{"browser", "gzip, deflate, br, zstd", true},
		{"weighted", "br;q=1.0, gzip; q=0.5", true},
		{"refused", "gzip;q=0, identity", false},
		{"other coding", "x-gzip-like, br", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := get(t, h, http.MethodGet, "/", http.Header{"Accept-Encoding": {tt.accept}})
			if got := res.Header.Get("Content-Encoding") == "gzip"; got != tt.coded {
				t.Fatalf("gzip = %v, want %v", got, tt.coded)
			}
			if got := res.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary = %q", got)
			}
			b := body(t, res)
			if tt.coded {
				if res.Header.Get("ETag") == plain.Header.Get("ETag") {
					t.Error("two codings have one strong ETag")
				}
				r, err := gzip.NewReader(bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				if b, err = io.ReadAll(r); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(b, want) {
				t.Error("the body is not the page")
			}
		})
	}
}

func TestHandlerRevalidation(t *testing.T) {
	t.Parallel()
	h := web.Handler(web.Options{})
	etag := get(t, h, http.MethodGet, "/", nil).Header.Get("ETag")
	if !strings.HasPrefix(etag, `"`) {
		t.Fatalf("ETag = %q, want a strong one", etag)
	}
	tests := []struct {
		name, match string
		want        int
	}{
		{"same", etag, 304},
		{"one of several", `"x", ` + etag, 304},
		{"another", `"x"`, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := get(t, h, http.MethodGet, "/", http.Header{"If-None-Match": {tt.match}})
			if res.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.want)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("Cache-Control = %q", got)
			}
			if n := len(body(t, res)); (n == 0) != (tt.want == 304) {
				t.Errorf("%d bytes of body", n)
			}
		})
	}
}

func TestHandlerPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		origins []string
		images  string
	}{
		{"no background", nil, "img-src 'self' data: blob:;"},
		{"background not set", []string{""}, "img-src 'self' data: blob:;"},
		{"background", []string{"https://data.geopf.fr"}, "img-src 'self' data: blob: https://data.geopf.fr;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			header := get(t, web.Handler(web.Options{Origins: tt.origins}), http.MethodGet, "/", nil).Header
			policy := header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'self';", "worker-src 'self';", "frame-ancestors 'none'", tt.images} {
				if !strings.Contains(policy, want) {
					t.Errorf("policy %q lacks %q", policy, want)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q is not strict", policy)
			}
			if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q", got)
			}
			if got := header.Get("Referrer-Policy"); got != "same-origin" {
				t.Errorf("Referrer-Policy = %q", got)
			}
		})
	}
}
