package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: the page tells every operation and schema, asks nothing of any other
// host, runs nothing, and its policy lets nothing else be.
func TestDocs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.get(t, nobody, "/docs")
	body := string(r.Body)
	for _, d := range theContract(t).paths {
		for method, op := range d.item.Operations() {
			if method != http.MethodHead && !strings.Contains(body, `<article id="`+op.OperationID+`">`) {
				t.Errorf("%s %s is not told", method, d.path)
			}
		}
	}
	for name := range theContract(t).doc.Components.Schemas {
		if !strings.Contains(body, `<article id="schema-`+name+`">`) {
			t.Errorf("schema %s is not told", name)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if ids[id[1]] {
			t.Errorf("id %s twice", id[1])
		}
		ids[id[1]] = true
	}
	for _, link := range regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		switch target, local := strings.CutPrefix(link[1], "#"); {
		case local && !ids[target]:
			t.Errorf("link to %s, which is not there", link[1])
		case !local && link[1] != "/" && link[1] != "/openapi.yaml" && link[1] != "/problemes":
			t.Errorf("link to %s", link[1])
		}
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|\son\w+=|\sstyle=|https?://|url\(|@import`).FindString(body); found != "" {
		t.Errorf("the page has %s", found)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(body)
	if style == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := r.Header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy %s, want %s", got, want)
	}
	for _, want := range []string{`<html lang="fr">`, `<main id="contenu"`, `<nav aria-label=`, `<h1>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if len(body) > 1<<20 {
		t.Errorf("%d bytes", len(body))
	}
}

func TestDocsCaching(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	plain, zipped := s.get(t, nobody, "/docs"), s.get(t, nobody, "/docs", "Accept-Encoding", "gzip")
	if zipped.Header.Get("Content-Encoding") != "gzip" || !bytes.Equal(plain.Body, zipped.Body) || plain.Header.Get("ETag") == zipped.Header.Get("ETag") {
		t.Errorf("two codings, ETags %s and %s", plain.Header.Get("ETag"), zipped.Header.Get("ETag"))
	}
	if r := s.get(t, nobody, "/docs", "If-None-Match", plain.Header.Get("ETag")); r.Status != http.StatusNotModified {
		t.Errorf("unchanged: %d", r.Status)
	}
}
