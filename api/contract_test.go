package api_test

import (
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	openapi "sillon"
)

// A described is a path of openapi.yaml.
type described struct {
	path    string
	pattern *regexp.Regexp
	item    *openapi3.PathItem
}

// A contract is openapi.yaml, its most literal paths first.
type contract struct {
	doc   *openapi3.T
	paths []described
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.YAML)
	if err != nil {
		return nil, err
	}
	c := &contract{doc: doc}
	parameter := regexp.MustCompile(`\\\{\w+\\\}`)
	for path, item := range doc.Paths.Map() {
		pattern := parameter.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
		c.paths = append(c.paths, described{path, regexp.MustCompile("^" + pattern + "$"), item})
	}
	slices.SortFunc(c.paths, func(a, b described) int {
		if n := strings.Count(a.path, "{") - strings.Count(b.path, "{"); n != 0 {
			return n
		}
		return strings.Compare(a.path, b.path)
	})
	return c, nil
})

func theContract(t *testing.T) *contract {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// holdToContract fails the test unless openapi.yaml describes the reply: its
// status, its media type, its body, its headers. What it describes not is
// refused in the manner of its family. known says that the asker has a token.
func holdToContract(t *testing.T, method, target string, r *reply, known bool) {
	t.Helper()
	c := theContract(t)
	path, _, _ := strings.Cut(target, "?")
	var operation *openapi3.Operation
	status := http.StatusNotFound
	for _, d := range c.paths {
		if d.pattern.MatchString(path) {
			if operation = d.item.GetOperation(method); operation == nil {
				status = http.StatusMethodNotAllowed
			}
			break
		}
	}
	if operation == nil {
		if r.Status != status {
			t.Errorf("%s %s is not described: %d, want %d", method, target, r.Status, status)
		}
		family := "Probleme"
		if strings.HasPrefix(path, "/api/v2/") || strings.HasPrefix(path, "/api/v3/import/") {
			family = "EchangeRefuse"
		}
		c.body(t, c.doc.Components.Responses[family].Value, method, target, r)
		return
	}
	response := operation.Responses.Status(r.Status)
	if response == nil {
		response = operation.Responses.Default()
	}
	if response == nil {
		t.Errorf("%s %s: status %d is not described: %s", method, target, r.Status, r.Body)
		return
	}
	c.body(t, response.Value, method, target, r)
	for name := range response.Value.Headers {
		if r.Header.Get(name) == "" {
			t.Errorf("%s %s: %d without %s", method, target, r.Status, name)
		}
	}
	if operation.Security != nil && known && r.Status != http.StatusUnauthorized {
		if got := r.Header.Get("X-Api-Version"); got != apiVersion {
			t.Errorf("%s %s: X-Api-Version %q", method, target, got)
		}
		if got := r.Header.Get("Cache-Control"); got != "private, no-store" { // S25
			t.Errorf("%s %s: Cache-Control %q on a private reply", method, target, got)
		}
	}
}

// body holds the body of a reply to the content of a response.
func (c *contract) body(t *testing.T, response *openapi3.Response, method, target string, r *reply) {
	t.Helper()
	if method == http.MethodHead || r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		if len(r.Body) > 0 {
			t.Errorf("%s %s: %d with a body", method, target, r.Status)
		}
		return
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Errorf("%s %s: Content-Type: %v", method, target, err)
		return
	}
	content := response.Content.Get(media)
	if content == nil {
		t.Errorf("%s %s: %d as %s is not described", method, target, r.Status, media)
		return
	}
	if content.Schema == nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return
	}
	var v any
	if err := json.Unmarshal(r.Body, &v); err != nil {
		t.Errorf("%s %s: %v in %.500s", method, target, err, r.Body)
		return
	}
	if err := content.Schema.Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s %s: %d %.500s: %v", method, target, r.Status, r.Body, err)
	}
	if text := string(r.Body); strings.Contains(text, "undefined") || strings.Contains(text, "NaN") || strings.Contains(text, `"null"`) { // C5
		t.Errorf("%s %s: a missing value is spelled out: %.500s", method, target, r.Body)
	}
}

func TestDescriptionIsValid(t *testing.T) {
	t.Parallel()
	if err := theContract(t).doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}
