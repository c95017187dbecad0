package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files of a report, in the folder of the documentation.
const (
	reportName  = "performance.json"
	pictureName = "performance.svg"
	pageName    = "performance.md"
)

// The figures of the page stand between these lines; the rest is written by
// hand.
const (
	figuresBegin = "<!-- figures: written by make bench-tiles -->"
	figuresEnd   = "<!-- end of figures -->"
)

// publish writes the report, its picture, and its tables into the page if that
// is there.
func publish(r *report, dir string) error {
	if err := r.write(filepath.Join(dir, reportName)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, pictureName), []byte(picture(r)), 0o644); err != nil { //nolint:gosec // documentation
		return err
	}
	path := filepath.Join(dir, pageName)
	page, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := withFigures(string(page), tables(r))
	if err != nil {
		return fmt.Errorf("%s: %w", pageName, err)
	}
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // documentation
}

var errNoFigures = errors.New("no place for the figures")

// withFigures returns the page with other figures.
func withFigures(page, figures string) (string, error) {
	before, rest, ok := strings.Cut(page, figuresBegin)
	_, after, ok2 := strings.Cut(rest, figuresEnd)
	if !ok || !ok2 {
		return "", errNoFigures
	}
	return before + figuresBegin + "\n" + figures + figuresEnd + after, nil
}
