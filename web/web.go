// Package web serves the map page: the files of dist, which `npm run build`
// makes from src and which are committed, so that a user needs no Node.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed dist
var dist embed.FS

// loaded is what load makes of dist, once for the process: it takes a tenth of
// a second.
var loaded = sync.OnceValues(func() (map[string]file, error) { return load(dist) })

// Options says what the page may do beyond its own server.
type Options struct {
	Origins []string // outside origins (scheme://host) of background tiles; empty strings are skipped
}

// contentTypes are those of the files of dist; the machine's own table is not
// the same everywhere.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// file is a file of dist as it is sent.
type file struct {
	plain, gzip []byte // gzip is nil when it is not the shorter
	hash        string // of plain
	contentType string
	cache       string
}

// Handler returns the handler of / and of /assets/*. It answers 404 to any
// other path and 405 to anything but GET and HEAD. It panics when dist holds
// a file of an unknown kind, which only a build can cause.
func Handler(o Options) http.Handler {
	files, err := loaded()
	if err != nil {
		panic(err)
	}
	return &handler{files: files, policy: policy(o.Origins)}
}

type handler struct {
	files  map[string]file // by path of the request
	policy string          // Content-Security-Policy
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := h.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", h.policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Cache-Control", f.cache)
	header.Set("Content-Type", f.contentType)

	body, etag := f.plain, f.hash
	if f.gzip != nil {
		header.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			body, etag = f.gzip, f.hash+"-gzip"
			header.Set("Content-Encoding", "gzip")
			// ServeContent leaves the length of an encoded body to us.
			header.Set("Content-Length", strconv.Itoa(len(body)))
		}
	}
	header.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// load reads the files of dist.
func load(dist fs.FS) (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		f := file{plain: plain, contentType: contentTypes[path.Ext(name)]}
		if f.contentType == "" {
			return fmt.Errorf("%s: unknown kind of file", name)
		}
		sum := sha256.Sum256(plain)
		f.hash = hex.EncodeToString(sum[:16])
		if f.gzip, err = compress(plain); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch p := strings.TrimPrefix(name, "dist"); p {
		case "/index.html":
			f.cache = "no-cache"
			files["/"] = f
		default: // its name holds the hash of its content
			f.cache = "public, max-age=31536000, immutable"
			files[p] = f
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("map page: %w", err)
	}
	return files, nil
}

// compress returns b in gzip, or nil when that saves nothing.
func compress(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if buf.Len() >= len(b) {
		return nil, nil
	}
	return buf.Bytes(), nil
}

// policy lets the page use its own server, and draw the tiles of origins.
func policy(origins []string) string {
	outside := ""
	for _, o := range origins {
		if o != "" {
			outside += " " + o
		}
	}
	return strings.Join([]string{
		"default-src 'self'",
		"img-src 'self' data: blob:" + outside, // MapLibre's controls are data: images
		"connect-src 'self'" + outside,
		"worker-src 'self'",
		"object-src 'none'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// acceptsGzip reports whether an Accept-Encoding field allows gzip by name.
func acceptsGzip(field string) bool {
	for coding := range strings.SplitSeq(field, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, ok := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			if !ok {
				return true
			}
			v, err := strconv.ParseFloat(q, 64)
			return err == nil && v > 0
		}
	}
	return false
}
