package sillon_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"sillon/sillon"
)

// TestProblemsHoldEveryCode finds in the catalogue every code that the package
// declares, once, with the kind of its failure, and nothing else.
func TestProblemsHoldEveryCode(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	const code = `"([A-Z][A-Z_]{3,})"`
	declarations := []*regexp.Regexp{
		regexp.MustCompile(`Code:\s+` + code), regexp.MustCompile(`of(?:Record|Parcel)\(` + code), regexp.MustCompile(`Code\s+= ` + code),
		regexp.MustCompile(`code[A-Z]\w* = ` + code),
	}
	failure := regexp.MustCompile(`Kind: +(\w+), Code: ` + code)
	declared, kinds := make(map[string]bool), make(map[string]string)
	for _, file := range files {
		if file == "problem.go" || len(file) > 8 && file[len(file)-8:] == "_test.go" {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range declarations {
			for _, m := range d.FindAllStringSubmatch(string(source), -1) {
				declared[m[1]] = true
			}
		}
		for _, m := range failure.FindAllStringSubmatch(string(source), -1) {
			kinds[m[2]] = m[1]
		}
	}
	if len(declared) < 90 || len(kinds) < 30 {
		t.Fatalf("%d codes and %d failures found", len(declared), len(kinds))
	}
	names := map[string]sillon.Kind{
		"KindInternal": sillon.KindInternal, "KindInvalid": sillon.KindInvalid, "KindUnauthenticated": sillon.KindUnauthenticated,
		"KindForbidden": sillon.KindForbidden, "KindNotFound": sillon.KindNotFound, "KindMethod": sillon.KindMethod, "KindConflict": sillon.KindConflict,
		"KindStale": sillon.KindStale, "KindTooLarge": sillon.KindTooLarge, "KindUnsupported": sillon.KindUnsupported,
		"KindUnprocessable": sillon.KindUnprocessable, "KindTooMany": sillon.KindTooMany, "KindUnavailable": sillon.KindUnavailable,
	}
	known := make(map[string]bool)
	for _, p := range sillon.Problems {
		switch kind, isFailure := kinds[p.Code]; {
		case known[p.Code]:
			t.Errorf("%s is there twice", p.Code)
		case !declared[p.Code]:
			t.Errorf("%s is no code", p.Code)
		case isFailure != (p.Family == sillon.FamilyRequest):
			t.Errorf("%s is in the family %q", p.Code, p.Family)
		case isFailure && names[kind] != p.Kind:
			t.Errorf("%s is of kind %d, want %s", p.Code, p.Kind, kind)
		case p.Title == "" || p.When == "" || p.Do == "" || !slices.Contains(sillon.ProblemFamilies, p.Family):
			t.Errorf("%s is not explained", p.Code)
		}
		known[p.Code] = true
	}
	for code := range declared {
		if !known[code] {
			t.Errorf("%s is not explained", code)
		}
	}
}
