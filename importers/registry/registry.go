// Package registry reads files of farms and of the links that bind them to
// certifiers: CSV tables, and the JSON of the open directory of Agence BIO.
//
// A file is taken whole or not at all: Read returns either its farms, perhaps
// with warnings, or every error it found and no farm.
package registry

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"sillon/importers/internal/stream"
	"sillon/sillon"
)

const (
	maxBytes    = 512 << 20
	maxLine     = 1 << 20 // bytes of a line, or of a farm in JSON
	maxRows     = 500_000
	maxErrors   = 1_000
	maxWarnings = 1_000
)

// errStop ends the reading of a file whose issues say why.
var errStop = errors.New("the rest cannot be read")

// Read reads a file of farms, CSV or JSON by its content. Farms come in the
// order of the file, each once, with a link for each of its rows. When an
// issue is an error no farm is returned. The error is sillon.ErrTooLarge for a
// file of more than 512 MiB, else that of r.
func Read(r io.Reader) ([]sillon.Farm, []sillon.Issue, error) {
	br := bufio.NewReaderSize(stream.Limit(r, maxBytes, sillon.ErrTooLarge), 64<<10)
	if bom, _ := br.Peek(3); string(bom) == "\xef\xbb\xbf" {
		_, _ = br.Discard(3)
	}
	c := newCollection()
	var err error
	if isJSON(br) {
		err = c.readDirectory(br)
	} else {
		err = c.readTable(br)
	}
	if err != nil && !errors.Is(err, errStop) {
		return nil, nil, err
	}
	farms, issues := c.close()
	return farms, issues, nil
}

// isJSON reports whether the first byte that is not white space opens an
// object or an array.
func isJSON(br *bufio.Reader) bool {
	head, _ := br.Peek(4 << 10) // an error comes back on the next read
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// A place is where a farm or a link stands in the file, for its issues.
type place struct {
	path      string
	numeroBio sillon.NumeroBio
}

// A collection gathers farms, and what is wrong with them.
type collection struct {
	farms    []sillon.Farm
	rank     map[sillon.NumeroBio]int
	links    map[linkKey]bool
	names    map[sillon.OC]string // the first name seen
	rows     int
	issues   []sillon.Issue
	errors   int
	warnings int
}

// A linkKey tells whether two rows say the same link.
type linkKey struct {
	farm         sillon.NumeroBio
	oc           sillon.OC
	name         string
	numeroClient string
	start        sillon.Date
}

func newCollection() *collection {
	return &collection{
		rank:  map[sillon.NumeroBio]int{},
		links: map[linkKey]bool{},
		names: map[sillon.OC]string{},
	}
}

// fail adds an error; it returns errStop when there are too many.
func (c *collection) fail(at place, code sillon.RegistryCode, args ...any) error {
	c.errors++
	c.issues = append(c.issues, sillon.RegistryIssue(sillon.SeverityError, code, at.numeroBio, at.path, args...))
	if c.errors == maxErrors {
		c.issues = append(c.issues, sillon.RegistryIssue(sillon.SeverityError, sillon.RegistryTooManyIssues, "", at.path, maxErrors))
		return errStop
	}
	return nil
}

// stop adds an error after which nothing can be read.
func (c *collection) stop(at place, code sillon.RegistryCode, args ...any) error {
	_ = c.fail(at, code, args...)
	return errStop
}

func (c *collection) warn(at place, code sillon.RegistryCode, args ...any) {
	if c.warnings++; c.warnings <= maxWarnings {
		c.issues = append(c.issues, sillon.RegistryIssue(sillon.SeverityWarning, code, at.numeroBio, at.path, args...))
	}
}

// next counts one more row, or farm of a directory.
func (c *collection) next(at place) error {
	if c.rows++; c.rows > maxRows {
		return c.stop(at, sillon.RegistryTooManyLines, maxRows)
	}
	return nil
}

// farm adds f, or completes the farm of the same number, and returns it. What
// was read first wins.
func (c *collection) farm(at place, f sillon.Farm) *sillon.Farm {
	i, known := c.rank[f.NumeroBio]
	if !known {
		c.rank[f.NumeroBio] = len(c.farms)
		c.farms = append(c.farms, f)
		return &c.farms[len(c.farms)-1]
	}
	first := &c.farms[i]
	for _, v := range []struct {
		name string
		old  *string
		sent string
	}{
		{"nom", &first.Name, f.Name},
		{"dénomination courante", &first.TradeName, f.TradeName},
		{"siret", &first.Siret, f.Siret},
		{"adresse", &first.Address, f.Address},
		{"code postal", &first.PostalCode, f.PostalCode},
		{"commune", &first.Commune, f.Commune},
	} {
		switch {
		case *v.old == "":
			*v.old = v.sent
		case v.sent != "" && v.sent != *v.old:
			c.warn(at, sillon.RegistryDisagreement, excerpt(v.sent), v.name, excerpt(*v.old))
		}
	}
	first.Pacages = union(first.Pacages, f.Pacages)
	first.Production = first.Production || f.Production
	return first
}

// link adds l to f, and reports whether it is new.
func (c *collection) link(at place, f *sillon.Farm, l sillon.Link) bool {
	key := linkKey{f.NumeroBio, l.Certifier.ID, "", l.NumeroClient, l.Start}
	if key.oc == 0 {
		key.name = fold(l.Certifier.Name)
	}
	if c.links[key] {
		return false
	}
	c.links[key] = true
	if l.Certifier.ID != 0 && l.Certifier.Name != "" {
		if name, known := c.names[l.Certifier.ID]; !known {
			c.names[l.Certifier.ID] = l.Certifier.Name
		} else if name != l.Certifier.Name && fold(name) != fold(l.Certifier.Name) {
			c.warn(at, sillon.RegistryDisagreement, excerpt(l.Certifier.Name), "certificateur", excerpt(name))
		}
	}
	f.Links = append(f.Links, l)
	return true
}

// close returns the farms, unless there are errors, and all issues.
func (c *collection) close() ([]sillon.Farm, []sillon.Issue) {
	if len(c.farms) == 0 && c.errors == 0 {
		_ = c.fail(place{path: "fichier"}, sillon.RegistryEmpty)
	}
	if more := c.warnings - maxWarnings; more > 0 {
		c.issues = append(c.issues, sillon.RegistryIssue(sillon.SeverityWarning, sillon.RegistryMoreWarnings, "", "fichier", more))
	}
	if c.errors > 0 {
		return nil, c.issues
	}
	c.nameCertifiers()
	return c.farms, c.issues
}

// nameCertifiers gives each certifier what other rows know of it: one name for
// an id, and the id of a name that only one id bears.
func (c *collection) nameCertifiers() {
	ids := map[string]sillon.OC{}
	for id, name := range c.names {
		name = fold(name)
		if _, twice := ids[name]; twice {
			id = 0 // two certifiers of one name: a name alone tells nothing
		}
		ids[name] = id
	}
	for i := range c.farms {
		for k := range c.farms[i].Links {
			certifier := &c.farms[i].Links[k].Certifier
			if certifier.ID == 0 {
				certifier.ID = ids[fold(certifier.Name)]
			}
			if name := c.names[certifier.ID]; name != "" {
				certifier.Name = name
			}
		}
	}
}

// union adds to a what b has more.
func union(a, b []string) []string {
	for _, v := range b {
		if !slices.Contains(a, v) {
			a = append(a, v)
		}
	}
	return a
}
