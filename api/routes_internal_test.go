package api

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	diff "github.com/google/go-cmp/cmp"

	openapi "sillon"
)

// TestRoutesAreDescribed holds the routes to the operations of openapi.yaml,
// both ways and in the same order.
func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	type operation struct {
		line          int
		text          string
		authenticated bool
	}
	var operations []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			operations = append(operations, operation{op.Origin.Key.Line, method + " " + path, op.Security != nil})
		}
	}
	slices.SortFunc(operations, func(a, b operation) int { return cmp.Compare(a.line, b.line) })
	var want, got []string
	for _, o := range operations {
		want = append(want, o.text+locked(o.authenticated))
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, r := range new(Server).routes() {
		got = append(got, r.method+" "+r.spec+locked(len(r.middleware) > 0))
		if path := parameter.ReplaceAllString(r.path, "{$1}"); path != strings.TrimSuffix(r.spec, ".mvt") {
			t.Errorf("%s is served under %s", r.spec, r.path)
		}
		if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.method) {
			t.Errorf("%s %s: a verb that nothing here uses", r.method, r.spec)
		}
	}
	if d := diff.Diff(want, got); d != "" {
		t.Errorf("openapi.yaml and routes (-described +served):\n%s", d)
	}
}

func locked(authenticated bool) string {
	if authenticated {
		return " (token)"
	}
	return ""
}
