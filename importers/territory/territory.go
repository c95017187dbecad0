// Package territory reads the outlines of communes, departments and regions:
// GeoJSON FeatureCollections, plain or gzip, as the public contours of France
// are published. It holds one feature at a time.
package territory

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/paulmach/orb"

	"sillon/importers/internal/stream"
	"sillon/sillon"
)

const (
	maxBytes   = 1 << 30  // once inflated
	maxFeature = 64 << 20 // the most detailed region of France takes some 15 MiB
	maxRatio   = 100      // of a gzip file, past its first MiB (file-formats.md §1.3)
	maxName    = 200      // characters
)

// A Level says of which level the territories of a file are. The zero Level
// is refused.
type Level uint8

// The levels.
const (
	Communes Level = iota + 1
	Departements
	Regions
)

var codeForms = map[Level]*regexp.Regexp{
	Communes:     regexp.MustCompile(`^(\d{5}|2[AB]\d{3})$`),
	Departements: regexp.MustCompile(`^(\d{2,3}|2[AB])$`),
	Regions:      regexp.MustCompile(`^\d{2,3}$`),
}

// A Unit is a territory.
type Unit struct {
	Code        string // INSEE
	Name        string
	Geometry    orb.Geometry // Polygon or MultiPolygon, WGS84 lon/lat degrees; closed rings, not otherwise valid
	Departement string       // code, empty when the file does not tell
	Region      string       // code, empty when the file does not tell
	Population  int          // 0 when the file does not tell
	Inactive    bool         // merged into another
	Successor   string       // code of the commune that took its place, when inactive
}

// Read calls f for each territory of a file, in the order of the file. It
// stops at the first fault, sillon.ErrReferenceRefused with an issue that
// names the feature by its rank from 1, and at the first error of f. The
// units given to f before that are good, but the file is not.
func Read(r io.Reader, level Level, f func(Unit) error) error {
	form, ok := codeForms[level]
	if !ok {
		return fmt.Errorf("territory level %d", level)
	}
	text, err := inflate(r)
	if err != nil {
		return err
	}
	d := reader{json: stream.NewJSON(text), form: form, seen: map[string]bool{}, f: f}
	return d.read()
}

// refused is the failure of a file for one reason.
func refused(code sillon.TerritoryCode, path string, args ...any) error {
	return sillon.ErrReferenceRefused.With(sillon.TerritoryIssue(code, path, args...))
}

// inflate returns the text of r, without gzip nor byte order mark, bounded.
func inflate(r io.Reader) (io.Reader, error) {
	packed := &counter{r: r}
	br := bufio.NewReaderSize(packed, 64<<10)
	if magic, _ := br.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(br)
		if err != nil && packed.failed {
			return nil, err
		}
		if err != nil {
			return nil, refused(sillon.TerritoryUnreadable, "fichier", "l'archive gzip est endommagée")
		}
		br = bufio.NewReaderSize(&inflated{z: z, packed: packed}, 64<<10)
	}
	if mark, _ := br.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = br.Discard(3)
	}
	return stream.Limit(br, maxBytes, refused(sillon.TerritoryUnreadable, "fichier", "il dépasse 1 Gio une fois décompressé")), nil
}

// A counter counts the bytes read of r, and remembers whether it failed.
type counter struct {
	r      io.Reader
	n      int64
	failed bool
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.failed = err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// inflated reads a gzip file that may not grow too much.
type inflated struct {
	z      *gzip.Reader
	packed *counter
	n      int64
}

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.z.Read(p)
	if i.n += int64(n); i.n > 1<<20 && i.n > maxRatio*i.packed.n {
		return 0, refused(sillon.TerritoryUnreadable, "fichier", "l'archive gzip est suspecte")
	}
	if err != nil && !errors.Is(err, io.EOF) && !i.packed.failed {
		err = refused(sillon.TerritoryUnreadable, "fichier", "l'archive gzip est endommagée")
	}
	return n, err
}

// A reader walks a FeatureCollection.
type reader struct {
	json *stream.JSON
	form *regexp.Regexp
	f    func(Unit) error
	rank int
	seen map[string]bool
	text []byte // of the coordinates of the feature being read
}

func (r *reader) read() error {
	found := false
	err := r.json.Members(func(key string) error {
		if key != "features" {
			return r.json.Skip()
		}
		found = true
		return r.json.Elements(r.feature)
	})
	if err == nil {
		_, end := r.json.Peek()
		switch {
		case end == nil:
			err = &stream.JSONError{Offset: r.json.Offset(), Err: stream.ErrSyntax}
		case !errors.Is(end, io.EOF):
			err = end
		}
	}
	if fault, ok := errors.AsType[*stream.JSONError](err); ok {
		return refused(sillon.TerritoryUnreadable, r.path()+fmt.Sprintf(" (octet %d)", fault.Offset), faultText(fault.Err))
	}
	if err == nil && (!found || r.rank == 0) {
		return refused(sillon.TerritoryNone, "fichier")
	}
	return err
}

func (r *reader) path() string {
	if r.rank == 0 {
		return "fichier"
	}
	return "objet " + strconv.Itoa(r.rank)
}

func faultText(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "le fichier GeoJSON est incomplet"
	case errors.Is(err, stream.ErrTooLarge):
		return "un objet dépasse 64 Mio"
	case errors.Is(err, stream.ErrTooDeep):
		return "le fichier GeoJSON a trop de niveaux"
	}
	return "ce n'est pas une FeatureCollection GeoJSON"
}

// feature reads one feature and gives it to f. Members come in any order, so
// that coordinates are kept as text until all are read.
func (r *reader) feature() error {
	r.rank++
	var u Unit
	var kind string
	r.text = r.text[:0]
	err := r.json.Members(func(key string) error {
		switch key {
		case "properties":
			raw, err := r.json.Value(1 << 20)
			if err != nil {
				return err
			}
			return r.properties(&u, raw)
		case "geometry":
			var err error
			kind, err = r.geometry()
			return err
		default:
			return r.json.Skip()
		}
	})
	if err != nil {
		return err
	}
	switch {
	case !r.form.MatchString(u.Code):
		return refused(sillon.TerritoryBadCode, r.path(), u.Code)
	case r.seen[u.Code]:
		return refused(sillon.TerritoryDuplicate, r.path(), u.Code)
	case u.Name == "":
		return refused(sillon.TerritoryNoName, r.path(), u.Code)
	}
	r.seen[u.Code] = true
	g, fault := parseGeometry(kind, r.text)
	if fault != "" {
		return refused(sillon.TerritoryGeometry, r.path(), u.Code, string(fault))
	}
	u.Geometry = g
	if err := r.f(u); err != nil {
		return fmt.Errorf("territory %s: %w", u.Code, err)
	}
	return nil
}

// geometry returns the type of a geometry, empty for none, and keeps its
// coordinates.
func (r *reader) geometry() (kind string, err error) {
	first, err := r.json.Peek()
	if err == nil && first != '{' {
		return "", r.json.Skip()
	}
	err = r.json.Members(func(key string) error {
		switch key {
		case "type":
			raw, err := r.json.Value(100)
			kind = string(raw)
			return err
		case "coordinates":
			raw, err := r.json.Value(maxFeature)
			r.text = append(r.text[:0], raw...)
			return err
		default:
			return r.json.Skip()
		}
	})
	return kind, err
}

// names lists the names of each property in the public files, in lower case
// and without separators; the first that is there wins.
var names = struct{ code, name, departement, region, population, active, successor []string }{
	code:        []string{"code", "insee", "codeinsee", "inseecom", "inseedep", "inseereg"},
	name:        []string{"nom", "nomcom", "nomdep", "nomreg", "name", "libelle"},
	departement: []string{"departement", "codedepartement", "inseedep"},
	region:      []string{"region", "coderegion", "inseereg"},
	population:  []string{"population", "popul"},
	active:      []string{"actif"},
	successor:   []string{"successeur"},
}

// properties fills u.
func (r *reader) properties(u *Unit, raw []byte) error {
	var sent map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&sent); err != nil {
		return refused(sillon.TerritoryUnreadable, r.path(), "les propriétés ne sont pas un objet JSON")
	}
	folded := make(map[string]string, len(sent))
	for key, v := range sent {
		if text := scalar(v); text != "" {
			folded[strings.Map(letter, key)] = text
		}
	}
	pick := func(names []string) string {
		for _, name := range names {
			if v := folded[name]; v != "" {
				return v
			}
		}
		return ""
	}
	u.Code = strings.ToUpper(cut(pick(names.code), 10))
	u.Name = cut(pick(names.name), maxName)
	u.Departement, u.Region = pick(names.departement), pick(names.region)
	if u.Departement != "" && !codeForms[Departements].MatchString(u.Departement) {
		u.Departement = "" // its name
	}
	if u.Region != "" && !codeForms[Regions].MatchString(u.Region) {
		u.Region = ""
	}
	if v := pick(names.population); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return refused(sillon.TerritoryProperty, r.path(), names.population[0], u.Code)
		}
		u.Population = int(n)
	}
	switch pick(names.active) {
	case "", "true", "1":
	case "false", "0":
		u.Inactive = true
	default:
		return refused(sillon.TerritoryProperty, r.path(), names.active[0], u.Code)
	}
	if u.Successor = pick(names.successor); u.Successor != "" && !r.form.MatchString(u.Successor) {
		return refused(sillon.TerritoryProperty, r.path(), names.successor[0], u.Code)
	}
	return nil
}

// scalar is the text of a string, number or boolean, on one line.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.Join(strings.Fields(strings.Map(printable, v)), " ")
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// letter makes lower case of a letter or digit and drops the rest.
func letter(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return unicode.ToLower(r)
	}
	return -1
}

// printable makes spaces of control characters.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most])
}
