package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"

	openapi "sillon"
)

var (
	//go:embed docs.html
	docsTemplate string
	//go:embed docs.css
	docsStyle string
)

// loadDescription reads openapi.yaml, once for the process.
var loadDescription = sync.OnceValues(func() (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true // which line is the order of everything
	return loader.LoadFromData(openapi.YAML)
})

// An operation is what openapi.yaml calls a route.
type operation struct {
	spec   string // the path
	action string // the operationId
}

// describe returns the operations of routes by method and path of Echo. It
// panics when openapi.yaml cannot be read, which only a build can cause.
func describe(routes []route) map[string]operation {
	doc, err := loadDescription()
	if err != nil {
		panic(err)
	}
	operations := make(map[string]operation, len(routes))
	for _, r := range routes {
		o := operation{spec: r.spec}
		if item := doc.Paths.Value(r.spec); item != nil {
			if op := item.GetOperation(r.method); op != nil {
				o.action = op.OperationID
			}
		}
		operations[r.method+" "+r.path] = o
	}
	return operations
}

// docsPage is the page of /docs.
type docsPage struct {
	Title, Summary, Text, Version string
	Style                         template.CSS // ours
	Tags                          []docsTag
	Schemas                       []docsNamed
}

type docsTag struct {
	Name, Text string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Text, Curl string
	Secured                               bool
	Parameters                            []docsParameter
	Body                                  []docsContent
	BodyText                              string
	Replies                               []docsReply
}

type docsParameter struct {
	Name, In, Text string
	Required       bool
	Schema         docsSchema
}

type docsReply struct {
	Status, Text string
	Content      []docsContent
}

type docsContent struct {
	Media  string
	Schema docsSchema
}

type docsNamed struct {
	Name   string
	Schema docsSchema
}

// docsSchema is a schema as the page tells it: the name of another one, or a
// kind with what it is made of.
type docsSchema struct {
	Ref, Kind, Text string
	Rules           []string // what values may be
	Properties      []docsProperty
	Items           *docsSchema
	OneOf           []docsSchema
}

type docsProperty struct {
	Name     string
	Required bool
	Schema   docsSchema
}

// A finishedPage is a page as it is sent.
type finishedPage struct {
	plain, gzip  []byte
	etag, policy string
}

// docsOnce makes the page when it is first asked for.
var docsOnce = sync.OnceValues(makeDocs)

// docs handles GET /docs: openapi.yaml as a page that needs nothing else, no
// script and no other host.
func (s *Server) docs(c echo.Context) error {
	p, err := docsOnce()
	if err != nil {
		return err
	}
	return p.send(c)
}

// send answers with the page.
func (p *finishedPage) send(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set(echo.HeaderCacheControl, "public, no-cache")
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	etag, body, zipped := `"`+p.etag+`"`, p.plain, accepts(c, "gzip")
	if zipped {
		etag, body = `"`+p.etag+`-gzip"`, p.gzip
	}
	h.Set("ETag", etag)
	if matches(c, etag) {
		return c.NoContent(http.StatusNotModified)
	}
	if zipped {
		h.Set(echo.HeaderContentEncoding, "gzip")
	}
	return c.Blob(http.StatusOK, "text/html; charset=utf-8", body)
}

func makeDocs() (*finishedPage, error) {
	doc, err := loadDescription()
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"text": richText, "lower": strings.ToLower}).Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	return finish(t, docsOf(doc))
}

// finish makes a page of a template, with docsStyle as its only style.
func finish(t *template.Template, data any) (*finishedPage, error) {
	var plain, zipped bytes.Buffer
	if err := t.Execute(&plain, data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if _, err := w.Write(plain.Bytes()); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	sum, style := sha256.Sum256(plain.Bytes()), sha256.Sum256([]byte(docsStyle))
	return &finishedPage{
		plain: plain.Bytes(), gzip: zipped.Bytes(), etag: hex.EncodeToString(sum[:16]),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

// richText writes the little Markdown that openapi.yaml has: paragraphs, and
// code between backquotes.
func richText(s string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		if paragraph == "" {
			continue
		}
		b.WriteString("<p>")
		for i, part := range strings.Split(template.HTMLEscapeString(paragraph), "`") {
			if i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			b.WriteString(part)
		}
		b.WriteString("</p>")
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}

// byLine orders names by where openapi.yaml has their values.
func byLine[T any](m map[string]T, origin func(T) *openapi3.Origin) []string {
	line := func(name string) int {
		if o := origin(m[name]); o != nil && o.Key != nil {
			return o.Key.Line
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(line(a), line(b)), cmp.Compare(a, b))
	})
}

func schemaOrigin(s *openapi3.SchemaRef) *openapi3.Origin {
	if s.Ref != "" {
		return s.Origin
	}
	return s.Value.Origin
}

// docsOf is the page of a description. An operation whose method is HEAD says
// nothing that its GET does not.
func docsOf(doc *openapi3.T) docsPage {
	p := docsPage{
		Title: doc.Info.Title, Summary: extension(doc.Info.Extensions, "summary"), Text: doc.Info.Description, Version: doc.Info.Version,
		Style: template.CSS(docsStyle), //nolint:gosec // ours
	}
	if p.Summary == "" {
		p.Summary = doc.Info.Summary
	}
	tags := map[string]*docsTag{}
	for _, t := range doc.Tags {
		p.Tags = append(p.Tags, docsTag{Name: t.Name, Text: t.Description})
	}
	for i := range p.Tags {
		tags[p.Tags[i].Name] = &p.Tags[i]
	}
	paths := doc.Paths.Map()
	for _, path := range byLine(paths, func(i *openapi3.PathItem) *openapi3.Origin { return i.Origin }) {
		operations := paths[path].Operations()
		for _, method := range byLine(operations, func(o *openapi3.Operation) *openapi3.Origin { return o.Origin }) {
			if tag := tags[cmp.Or(operations[method].Tags...)]; tag != nil && method != http.MethodHead {
				tag.Operations = append(tag.Operations, docsOperationOf(method, path, paths[path], operations[method]))
			}
		}
	}
	for _, name := range byLine(doc.Components.Schemas, schemaOrigin) {
		p.Schemas = append(p.Schemas, docsNamed{name, docsSchemaOf(doc.Components.Schemas[name])})
	}
	return p
}

func extension(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func docsOperationOf(method, path string, item *openapi3.PathItem, op *openapi3.Operation) docsOperation {
	o := docsOperation{
		ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Text: op.Description,
		Secured: op.Security != nil && len(*op.Security) > 0,
	}
	for _, ref := range slices.Concat(item.Parameters, op.Parameters) {
		v := ref.Value
		o.Parameters = append(o.Parameters, docsParameter{
			Name: v.Name, In: placeNames[v.In], Text: v.Description, Required: v.Required, Schema: docsSchemaOf(v.Schema),
		})
	}
	if op.RequestBody != nil {
		o.Body, o.BodyText = docsContents(op.RequestBody.Value.Content), op.RequestBody.Value.Description
	}
	replies := op.Responses.Map()
	for _, status := range slices.Sorted(maps.Keys(replies)) { // default comes last
		r := docsReply{Status: status, Content: docsContents(replies[status].Value.Content)}
		if status == "default" {
			r.Status = "autres"
		}
		if d := replies[status].Value.Description; d != nil {
			r.Text = *d
		}
		o.Replies = append(o.Replies, r)
	}
	o.Curl = curlOf(o)
	return o
}

// placeNames are the places of parameters.
var placeNames = map[string]string{"path": "chemin", "query": "requête", "header": "en-tête", "cookie": "témoin"}

// curlOf is how to try an operation.
func curlOf(o docsOperation) string {
	var b strings.Builder
	b.WriteString("curl")
	if o.Method != http.MethodGet {
		b.WriteString(" -X " + o.Method)
	}
	if o.Secured {
		b.WriteString(` -H "Authorization: Bearer $JETON"`)
	}
	if len(o.Body) > 0 {
		b.WriteString(" -H 'Content-Type: " + o.Body[0].Media + "' --data-binary @corps.json")
	}
	return b.String() + ` "$SILLON` + o.Path + `"`
}

func docsContents(content openapi3.Content) []docsContent {
	var list []docsContent
	for _, media := range slices.Sorted(maps.Keys(content)) {
		list = append(list, docsContent{media, docsSchemaOf(content[media].Schema)})
	}
	return list
}

var kindNames = map[string]string{
	"string": "texte", "integer": "entier", "number": "nombre", "boolean": "booléen", "array": "tableau", "object": "objet", "null": "nul",
}

func docsSchemaOf(ref *openapi3.SchemaRef) docsSchema {
	if ref == nil || ref.Value == nil {
		return docsSchema{Kind: "libre"}
	}
	if name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/"); ok {
		return docsSchema{Ref: name}
	}
	v := ref.Value
	s := docsSchema{Text: v.Description, Rules: rulesOf(v)}
	var kinds []string
	if v.Type != nil {
		for _, kind := range *v.Type {
			kinds = append(kinds, cmp.Or(kindNames[kind], kind))
		}
	}
	s.Kind = strings.Join(kinds, " ou ")
	for _, name := range byLine(v.Properties, schemaOrigin) {
		s.Properties = append(s.Properties, docsProperty{name, slices.Contains(v.Required, name), docsSchemaOf(v.Properties[name])})
	}
	if v.Items != nil {
		items := docsSchemaOf(v.Items)
		s.Items = &items
	}
	for _, one := range slices.Concat(v.OneOf, v.AnyOf, v.AllOf) {
		s.OneOf = append(s.OneOf, docsSchemaOf(one))
	}
	if s.Kind == "" && len(s.OneOf) == 0 {
		s.Kind = "libre"
	}
	return s
}

// rulesOf tells what values of a schema may be.
func rulesOf(v *openapi3.Schema) (rules []string) {
	add := func(format string, args ...any) { rules = append(rules, fmt.Sprintf(format, args...)) }
	if v.Format != "" {
		add("format %s", v.Format)
	}
	if v.Const != nil {
		add("toujours %s", literal(v.Const))
	}
	if len(v.Enum) > 0 {
		values := make([]string, len(v.Enum))
		for i, e := range v.Enum {
			values[i] = literal(e)
		}
		add("parmi %s", strings.Join(values, ", "))
	}
	if v.Min != nil {
		add("au moins %v", *v.Min)
	}
	if v.Max != nil {
		add("au plus %.0f", *v.Max)
	}
	if v.MaxLength != nil {
		add("%d caractères au plus", *v.MaxLength)
	}
	if v.MaxItems != nil {
		add("%d éléments au plus", *v.MaxItems)
	}
	if v.Pattern != "" {
		add("motif %s", v.Pattern)
	}
	if v.Default != nil {
		add("sinon %s", literal(v.Default))
	}
	return rules
}

func literal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
