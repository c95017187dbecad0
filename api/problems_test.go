package api_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sillon/sillon"
)

// wellFormed tells what is wrong with the HTML of a page: an element that is
// not closed where it should be, an id or an attribute twice, a bare < or &.
func wellFormed(page string) (faults []string) {
	var open []string
	ids := make(map[string]bool)
	rest := regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(strings.TrimPrefix(page, "<!doctype html>"), "")
	tag := regexp.MustCompile(`<(/?)([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"<>]*")?)*)>`)
	for _, m := range tag.FindAllStringSubmatch(rest, -1) {
		switch name := m[2]; {
		case m[1] == "" && name != "meta":
			open = append(open, name)
		case m[1] == "":
		case len(open) == 0 || open[len(open)-1] != name:
			faults = append(faults, "</"+name+"> in "+strings.Join(open, " "))
		default:
			open = open[:len(open)-1]
		}
		var names []string
		for _, a := range regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`).FindAllStringSubmatch(m[3], -1) {
			if slices.Contains(names, a[1]) || a[1] == "id" && ids[a[2]] {
				faults = append(faults, "twice: "+a[0])
			}
			names, ids[a[2]] = append(names, a[1]), ids[a[2]] || a[1] == "id"
		}
	}
	if len(open) > 0 {
		faults = append(faults, "open: "+strings.Join(open, " "))
	}
	text := regexp.MustCompile(`&(amp|lt|gt|quot|#\d+);`).ReplaceAllString(tag.ReplaceAllString(rest, ""), "")
	if i := strings.IndexAny(text, "<>&"); i >= 0 {
		faults = append(faults, "bare "+text[i:min(len(text), i+20)])
	}
	return faults
}

// TestProblemPages: every code has a page, valid and without any outside host,
// where the type of a problem leads and to which that of all codes links.
func TestProblemPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	all := s.get(t, nobody, "/problemes")
	pages := map[string]string{"/problemes": string(all.Body)}
	for _, p := range sillon.Problems {
		path := "/problemes/" + p.Code
		r := s.get(t, nobody, path)
		body := string(r.Body)
		pages[path] = body
		if r.Status != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", path, r.Status, r.Header.Get("Content-Type"))
		}
		if !strings.Contains(body, "<small>"+p.Code+"</small>") || !strings.Contains(body, "<h2>Que faire</h2>") || strings.Contains(body, "`") {
			t.Errorf("%s does not explain the code", path)
		}
		if !strings.Contains(pages["/problemes"], `href="`+path+`"`) {
			t.Errorf("/problemes does not link to %s", path)
		}
		if again := s.get(t, nobody, path, "If-None-Match", r.Header.Get("ETag")); again.Status != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.Status)
		}
	}
	for path, body := range pages {
		if faults := wellFormed(body); len(faults) > 0 {
			t.Errorf("%s is not valid: %q", path, faults)
		}
		if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|\son\w+=|\sstyle=|https?://|url\(|@import`).FindString(body); found != "" {
			t.Errorf("%s has %s", path, found)
		}
		for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !slices.Contains([]string{"/", "/docs", "#contenu"}, link[1]) && pages[link[1]] == "" {
				t.Errorf("%s links to %s", path, link[1])
			}
		}
	}
	if policy := all.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("policy %s", policy)
	}
	for _, unknown := range []string{"/problemes/", "/problemes/NON", "/problemes/invalid_cpf", "/problemes/%2e%2e"} {
		if r := s.get(t, nobody, unknown); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d", unknown, r.Status)
		}
	}
	var problem struct{ Type string }
	s.get(t, nobody, farmsPath).into(t, &problem)
	if path, ours := strings.CutPrefix(problem.Type, publicURL); !ours || pages[path] == "" {
		t.Errorf("the type of a problem, %s, leads nowhere", problem.Type)
	}
}

// TestGuideCodesHavePages: what the certifier's guide tells of has a page, and
// the guide says where.
func TestGuideCodesHavePages(t *testing.T) {
	t.Parallel()
	guide := page(t, "docs/guide-certificateur.md")
	if !strings.Contains(guide, "`/problemes`") {
		t.Error("the guide does not name the pages")
	}
	for _, m := range regexp.MustCompile("\\| `([A-Z]+_[A-Z_]+)`").FindAllStringSubmatch(guide, -1) {
		if !slices.ContainsFunc(sillon.Problems, func(p sillon.Problem) bool { return p.Code == m[1] }) {
			t.Errorf("%s has no page", m[1])
		}
	}
}
