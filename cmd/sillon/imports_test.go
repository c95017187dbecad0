package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "sillon"
	openapi  = "openapi" // the root package, which embeds openapi.yaml
	anything = "*"
)

// may lists what each folder may import of ours; only, the folders that a
// library belongs to. Both are architecture, not what happens to be.
var may = map[string]string{
	openapi: "", "geo": "", "migrations": "", "web": "",
	"sillon":    "geo",
	"reference": "sillon",
	"importers": "sillon geo", "exporters": "sillon geo", "upstream": "sillon",
	"store":   "sillon geo migrations",
	"tiles":   "sillon geo store",
	"service": "sillon geo importers exporters upstream store tiles",
	"jobs":    "sillon service store",
	"api":     "sillon geo service web openapi",
	"bench":   anything,
	"cmd":     anything,
}

var only = map[string]string{
	"github.com/jackc/pgx":        "store jobs", // jobs: the type of a transaction is a parameter of River's client
	"github.com/labstack/echo":    "api",
	"github.com/riverqueue/river": "jobs store",
	"github.com/twpayne/go-geom":  "geo",
	"github.com/xuri/excelize":    "exporters importers",
}

// A listed is a package as go list describes it.
type listed struct {
	ImportPath string
	Doc        string
	GoFiles    []string
	Imports    []string
}

// folder returns the room of one of our packages, ok when it is ours.
func folder(path string) (name string, ok bool) {
	if path == module {
		return openapi, true
	}
	path, ok = strings.CutPrefix(path, module+"/")
	name, _, _ = strings.Cut(path, "/")
	return name, ok
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, pkg := range packages(t) {
		room, _ := folder(pkg.ImportPath)
		allowed, known := may[room]
		if !known {
			t.Errorf("folder %s is not in the table", room)
		}
		if allowed == anything {
			continue
		}
		for _, path := range pkg.Imports {
			target, ours := folder(path)
			if ours && target != room && !slices.Contains(strings.Fields(allowed), target) {
				t.Errorf("%s may not import %s", pkg.ImportPath, path)
			}
			for lib, owners := range only {
				if strings.HasPrefix(path, lib) && !slices.Contains(strings.Fields(owners), room) {
					t.Errorf("%s imports %s, which belongs to %s", pkg.ImportPath, path, owners)
				}
			}
		}
	}
}

func TestPackageDoc(t *testing.T) {
	t.Parallel()
	for _, pkg := range packages(t) {
		if pkg.Doc == "" && len(pkg.GoFiles) > 0 {
			t.Errorf("%s has no doc comment", pkg.ImportPath)
		}
	}
}

// packages lists ours.
func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,GoFiles,Imports", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listed
		if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, pkg)
	}
}
