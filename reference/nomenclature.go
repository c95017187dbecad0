// Package reference holds the nomenclatures of crops and what translates them
// into one another (file-formats.md §2): the CPF of Agence BIO, the crop codes
// of the CAP, of Geofolia and of Bureau Veritas, and the grape varieties.
//
// They are embedded; go generate rewrites them from the package of Agence BIO
// named at the head of each file of data/.
package reference

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"sillon/sillon"
)

//go:generate go run ./generate

//go:embed data/*.csv
var embedded embed.FS

// A CPF is a crop of the nomenclature that every stored crop is coded in.
type CPF struct {
	Code          string // as 01.11.49.31
	Label         string // French
	Group         string // French, one of seven
	Subgroup      string // French
	BureauVeritas string // empty when Bureau Veritas has no such crop
	HasChildren   bool   // more precise codes exist: see Nomenclature.CPFs
}

// A CAP is a crop of the farmers' yearly declaration.
type CAP struct {
	Code      string // three letters
	Precision string // three digits, or empty
	Label     string // French
	Direct    bool   // stands for one CPF code and no other
}

// A Grape is a variety of the vineyard register.
type Grape struct {
	Code   string
	Label  string
	Colour string // French
	CPF    string // empty for what is neither wine nor table grape
}

// A Nomenclature is all of them, read-only and safe for use by many.
type Nomenclature struct {
	cpfs     []CPF // by code
	caps     []CAP // by code and precision
	grapes   []Grape
	cpf      map[string]int      // code → index in cpfs
	fromCAP  map[capKey][]string // CPF codes, sorted
	toCAP    map[string][]CAP    // by CPF code
	geofolia map[string]string
	fromBV   map[string][]string
	grape    map[string]int // code → index in grapes
}

type capKey struct{ code, precision string }

// load reads the embedded files once.
var load = sync.OnceValues(func() (*Nomenclature, error) {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		return nil, err
	}
	return Read(data)
})

// Load returns the embedded nomenclatures, always the same.
func Load() (*Nomenclature, error) { return load() }

// Read builds nomenclatures from the files cpf.csv, cap.csv, geofolia.csv and
// cepages.csv of a folder. A line that names a code outside cpf.csv is an
// error: nothing can then be written that the nomenclature does not have.
func Read(folder fs.FS) (*Nomenclature, error) {
	n := &Nomenclature{
		cpf:      map[string]int{},
		fromCAP:  map[capKey][]string{},
		toCAP:    map[string][]CAP{},
		geofolia: map[string]string{},
		fromBV:   map[string][]string{},
		grape:    map[string]int{},
	}
	tables := []struct {
		file    string
		columns int
		add     func(row []string) error
	}{
		{"cpf.csv", 5, n.addCPF}, // first: the others refer to it
		{"cap.csv", 5, n.addCAP},
		{"geofolia.csv", 2, n.addGeofolia},
		{"cepages.csv", 4, n.addGrape},
	}
	for _, t := range tables {
		if err := readTable(folder, t.file, t.columns, t.add); err != nil {
			return nil, fmt.Errorf("nomenclature %s: %w", t.file, err)
		}
	}
	n.markChildren()
	return n, nil
}

func readTable(folder fs.FS, file string, columns int, add func([]string) error) error {
	f, err := folder.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.Comma, r.Comment, r.FieldsPerRecord = ';', '#', columns
	if _, err := r.Read(); err != nil { // the header
		return err
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := add(row); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func (n *Nomenclature) addCPF(row []string) error {
	c := CPF{Code: row[0], Label: row[1], Group: row[2], Subgroup: row[3], BureauVeritas: row[4]}
	if i := len(n.cpfs); i > 0 && c.Code <= n.cpfs[i-1].Code {
		return fmt.Errorf("code %q is not after %q", c.Code, n.cpfs[i-1].Code)
	}
	n.cpf[c.Code] = len(n.cpfs)
	n.cpfs = append(n.cpfs, c)
	if c.BureauVeritas != "" {
		n.fromBV[c.BureauVeritas] = append(n.fromBV[c.BureauVeritas], c.Code)
	}
	return nil
}

func (n *Nomenclature) addCAP(row []string) error {
	c := CAP{Code: row[0], Precision: row[1], Label: row[2], Direct: row[3] == "1"}
	key := capKey{c.Code, c.Precision}
	if _, twice := n.fromCAP[key]; twice {
		return fmt.Errorf("code %q, precision %q occurs twice", c.Code, c.Precision)
	}
	codes, err := n.expand(row[4])
	if err != nil {
		return err
	}
	if c.Direct && len(codes) > 1 {
		return fmt.Errorf("code %q, precision %q is direct to %d codes", c.Code, c.Precision, len(codes))
	}
	n.caps = append(n.caps, c)
	n.fromCAP[key] = codes
	for _, code := range codes {
		n.toCAP[code] = append(n.toCAP[code], c)
	}
	return nil
}

func (n *Nomenclature) addGeofolia(row []string) error {
	if !n.IsCPF(row[1]) {
		return fmt.Errorf("CPF %q is not in the nomenclature", row[1])
	}
	code := collapse(row[0])
	if _, twice := n.geofolia[code]; twice {
		return fmt.Errorf("code %q occurs twice", code)
	}
	n.geofolia[code] = row[1]
	return nil
}

func (n *Nomenclature) addGrape(row []string) error {
	g := Grape{Code: row[0], Label: row[1], Colour: row[2], CPF: row[3]}
	if g.CPF != "" && !n.IsCPF(g.CPF) {
		return fmt.Errorf("CPF %q is not in the nomenclature", g.CPF)
	}
	if _, twice := n.grape[g.Code]; twice {
		return fmt.Errorf("code %q occurs twice", g.Code)
	}
	n.grape[g.Code] = len(n.grapes)
	n.grapes = append(n.grapes, g)
	return nil
}

// expand reads one code, a list of codes, or prefixes with a star, and
// returns the codes in order.
func (n *Nomenclature) expand(selector string) ([]string, error) {
	var codes []string
	for part := range strings.SplitSeq(selector, ",") {
		part = strings.TrimSpace(part)
		prefix, star := strings.CutSuffix(part, "*")
		before := len(codes)
		for _, c := range n.cpfs {
			if c.Code == part || star && strings.HasPrefix(c.Code, prefix) {
				codes = append(codes, c.Code)
			}
		}
		if len(codes) == before {
			return nil, fmt.Errorf("CPF %q is not in the nomenclature", part)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes), nil
}

// markChildren finds the codes that others make more precise.
func (n *Nomenclature) markChildren() {
	for i := range n.cpfs {
		c := &n.cpfs[i]
		for _, longer := range n.cpfs[i+1:] { // sorted: children come next
			if !strings.HasPrefix(longer.Code, c.Code) {
				break
			}
			if sillon.CPFUnder(longer.Code, c.Code) {
				c.HasChildren = true
				break
			}
		}
	}
}

// CPFs returns the crops of the nomenclature in the order of their codes.
//
// HasChildren marks an imprecise code: one that has others under it in the
// levels of the CPF.
func (n *Nomenclature) CPFs() []CPF { return slices.Clone(n.cpfs) }

// CAPs returns the crops of the CAP in the order of code and precision.
func (n *Nomenclature) CAPs() []CAP { return slices.Clone(n.caps) }

// Grapes returns the grape varieties in the order of their codes, as texts.
func (n *Nomenclature) Grapes() []Grape { return slices.Clone(n.grapes) }

// CPF returns the crop of a code, exactly as written in the nomenclature.
func (n *Nomenclature) CPF(code string) (CPF, bool) {
	i, ok := n.cpf[code]
	if !ok {
		return CPF{}, false
	}
	return n.cpfs[i], true
}

// Crop returns the crop of a code as documents name it.
func (n *Nomenclature) Crop(code string) (sillon.CropCode, bool) {
	c, ok := n.CPF(code)
	return sillon.CropCode{Code: c.Code, Label: c.Label, Group: c.Group, BureauVeritas: c.BureauVeritas}, ok
}

// IsCPF reports whether the nomenclature has the code, exactly as written.
func (n *Nomenclature) IsCPF(code string) bool {
	_, ok := n.cpf[code]
	return ok
}

// Label returns the French name of a crop.
func (n *Nomenclature) Label(cpf string) (string, bool) {
	c, ok := n.CPF(cpf)
	return c.Label, ok
}

// Group returns the French name of the group of a crop, empty for a code
// outside the nomenclature.
func (n *Nomenclature) Group(cpf string) string {
	c, _ := n.CPF(cpf)
	return c.Group
}
