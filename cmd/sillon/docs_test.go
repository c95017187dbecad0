package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestReadmeListsFlags holds the configuration tables of the README to the
// program: every flag, its variable and its default.
func TestReadmeListsFlags(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(new(cli), kong.DefaultEnvars("SILLON"), kong.Vars{"workers": defaultWorkers()})
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string) // by flag
	for line := range strings.Lines(string(readme)) {
		for _, cell := range strings.Split(line, "|") {
			if flag, ok := strings.CutPrefix(strings.TrimSpace(cell), "`--"); ok {
				rows[strings.TrimSuffix(flag, "`")] = line
			}
		}
	}
	known := make(map[string]bool)
	if err := kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		f, ok := node.(*kong.Flag)
		if !ok || f.Name == "help" {
			return next(nil)
		}
		known[f.Name] = true
		wants := f.Envs
		if f.HasDefault && f.Name != "workers" { // whose default is the machine's
			wants = append(wants, f.Default)
		}
		for _, want := range wants {
			if !strings.Contains(rows[f.Name], "`"+want+"`") {
				t.Errorf("README: the row of --%s lacks %s: %q", f.Name, want, rows[f.Name])
			}
		}
		return next(nil)
	}); err != nil {
		t.Fatal(err)
	}
	for flag := range rows {
		if !known[flag] {
			t.Errorf("README: there is no flag --%s", flag)
		}
	}
}
