// Command generate writes the data files of package reference from the npm
// package of Agence BIO's nomenclatures. It needs npm; Sillon does not.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const npmPackage = "@agencebio/rosetta-cultures"

func main() {
	version := flag.String("version", "2.4.1", "version of the npm package")
	out := flag.String("out", "data", "folder to write to")
	flag.Parse()
	if err := run(context.Background(), *version, *out); err != nil {
		log.Fatal(err)
	}
}

// source is what is read of the package.
type source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`

	nomenclature nomenclature
	grapes       map[string]grape
	licenceText  []byte
}

type nomenclature struct {
	CPF []cpf     `json:"CPF"`
	PAC []capLine `json:"PAC"`
}

type cpf struct {
	Code          string      `json:"code_cpf"`
	Label         string      `json:"libelle_code_cpf"`
	Group         string      `json:"groupe"`
	Subgroup      string      `json:"sous_groupe"`
	BureauVeritas string      `json:"code_bureau_veritas"`
	Geofolia      []string    `json:"codes_geofolia"`
	CAP           [][2]string `json:"cultures_pac"` // code, precision
}

type capLine struct {
	Code      string `json:"code"`
	Precision string `json:"precision"`
	Label     string `json:"libelle"`
	Indirect  bool   `json:"requires_precision"`
}

type grape struct {
	Code   string `json:"code"`
	Label  string `json:"libelle"`
	Colour string `json:"couleur"`
	CPF    string `json:"code_cpf"`
}

func run(ctx context.Context, version, out string) error {
	archive, err := download(ctx, version)
	if err != nil {
		return err
	}
	src, err := read(archive)
	if err != nil {
		return err
	}
	return src.write(out)
}

// download returns the archive of the package.
func download(ctx context.Context, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "rosetta")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pack := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, npmPackage+"@"+version)
	pack.Stderr = os.Stderr
	if err := pack.Run(); err != nil {
		return nil, fmt.Errorf("npm pack %s@%s: %w", npmPackage, version, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("npm pack left %d archives", len(found))
	}
	return os.ReadFile(found[0])
}

// read picks the data and the licence out of the archive of the package.
func read(archive []byte) (*source, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	var src source
	into := map[string]any{
		"package/package.json":      &src,
		"package/data/cpf.json":     &src.nomenclature,
		"package/data/cepages.json": &src.grapes,
		"package/LICENSE":           &src.licenceText,
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		target, wanted := into[h.Name]
		if !wanted {
			continue
		}
		b, err := io.ReadAll(files)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		if text, ok := target.(*[]byte); ok {
			*text = b
		} else if err := json.Unmarshal(b, target); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		delete(into, h.Name)
	}
	for name := range into {
		return nil, fmt.Errorf("the package has no %s", name)
	}
	return &src, nil
}

// write makes the data files, each sorted, so that a new version of the
// package shows as a readable difference.
func (s *source) write(out string) error {
	codes := make([]string, 0, len(s.nomenclature.CPF))
	byCAP := map[[2]string][]string{}
	var cpfRows, capRows, geofoliaRows, grapeRows [][]string
	for _, c := range s.nomenclature.CPF {
		codes = append(codes, c.Code)
		cpfRows = append(cpfRows, []string{c.Code, c.Label, c.Group, c.Subgroup, c.BureauVeritas})
		for _, line := range c.CAP {
			byCAP[line] = append(byCAP[line], c.Code)
		}
		for _, g := range c.Geofolia {
			geofoliaRows = append(geofoliaRows, []string{g, c.Code})
		}
	}
	slices.Sort(codes)
	for _, line := range s.nomenclature.PAC {
		direct := "1"
		if line.Indirect {
			direct = "0"
		}
		to := selector(byCAP[[2]string{line.Code, line.Precision}], codes)
		capRows = append(capRows, []string{line.Code, line.Precision, line.Label, direct, to})
	}
	for _, g := range s.grapes {
		to := g.CPF
		if !slices.Contains(codes, to) {
			to = "" // the package says 01.21.1 for what is neither table nor wine: not in the nomenclature
		}
		grapeRows = append(grapeRows, []string{g.Code, g.Label, g.Colour, to})
	}
	tables := []struct {
		file, header string
		rows         [][]string
	}{
		{"cpf.csv", "cpf;libelle;groupe;sous_groupe;bureau_veritas", cpfRows},
		{"cap.csv", "code;precision;libelle;directe;cpf", capRows},
		{"geofolia.csv", "code;cpf", geofoliaRows},
		{"cepages.csv", "code;libelle;couleur;cpf", grapeRows},
	}
	for _, t := range tables {
		if err := s.writeTable(filepath.Join(out, t.file), t.header, t.rows); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, "LICENSE"), s.licenceText, 0o644)
}

func (s *source) writeTable(path, header string, rows [][]string) error {
	slices.SortFunc(rows, func(a, b []string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "# %s %s, licence %s (see LICENSE). Written by go generate: do not edit.\n", s.Name, s.Version, s.License)
	w := csv.NewWriter(&buf)
	w.Comma = ';'
	if err := w.Write(strings.Split(header, ";")); err != nil {
		return err
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(path, buf.Bytes(), 0o644)
}

// selector writes a set of codes as a list of codes and of prefixes with a
// star, a prefix standing for all codes that begin with it. all is sorted.
func selector(set, all []string) string {
	var parts []string
	var cover func(prefix string, under []string)
	cover = func(prefix string, under []string) {
		in := 0
		for _, c := range under {
			if slices.Contains(set, c) {
				in++
			}
		}
		switch {
		case in == 0:
			return
		case in == len(under) && in > 1:
			parts = append(parts, prefix+"*")
			return
		case in == len(under):
			parts = append(parts, under[0])
			return
		}
		for len(under) > 0 {
			if under[0] == prefix {
				if slices.Contains(set, prefix) {
					parts = append(parts, prefix)
				}
				under = under[1:]
				continue
			}
			longer := under[0][:len(prefix)+1]
			n := 0
			for n < len(under) && strings.HasPrefix(under[n], longer) {
				n++
			}
			cover(longer, under[:n])
			under = under[n:]
		}
	}
	cover("", all)
	return strings.Join(parts, ",")
}
