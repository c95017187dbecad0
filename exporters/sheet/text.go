package sheet

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"sillon/sillon"
)

// writeCSV writes all lines, the empty ones too, so that each cell is where the
// layout has it.
func writeCSV(w io.Writer, d *Document, l *Layout) error {
	out := bufio.NewWriterSize(w, 32<<10)
	if _, err := out.WriteString("\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(out)
	c.Comma, c.UseCRLF = ';', true
	width := len(l.columns)
	for _, p := range l.around(d) {
		width = max(width, p.lastCol)
	}
	var texts []string
	next := 1
	for n, cells := range l.lines(d) {
		for ; next < n; next++ {
			if err := c.Write(make([]string, width)); err != nil {
				return err
			}
		}
		texts = asTexts(texts, cells, width)
		if err := c.Write(texts); err != nil {
			return err
		}
		next++
	}
	return flushed(c, out)
}

// writeTSV writes the table alone.
func writeTSV(w io.Writer, d *Document, l *Layout) error {
	out := bufio.NewWriterSize(w, 32<<10)
	c := csv.NewWriter(out)
	c.Comma = '\t'
	var texts []string
	for cells := range l.table(d) {
		texts = asTexts(texts, cells, len(l.columns))
		if err := c.Write(texts); err != nil {
			return err
		}
	}
	return flushed(c, out)
}

func flushed(c *csv.Writer, out *bufio.Writer) error {
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return out.Flush()
}

// asTexts writes cells as texts into buf, at least so many.
func asTexts(buf []string, cells []any, least int) []string {
	buf = buf[:0]
	for _, cell := range cells {
		buf = append(buf, asText(cell))
	}
	for len(buf) < least {
		buf = append(buf, "")
	}
	return buf
}

func asText(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return plain(v)
	case link:
		return plain(v.text)
	case title:
		return string(v)
	case hectares:
		return decimal(float64(v))
	case shared:
		return decimal(float64(v)) + "*"
	case sillon.Date:
		return v.French()
	}
	return fmt.Sprint(cell)
}

// plain keeps a spreadsheet from taking a text for a formula: text files have no
// types, and an apostrophe ahead is how spreadsheets mark a text. Tabs and line
// breaks ahead are skipped by some of them.
func plain(s string) string {
	if t := strings.TrimLeft(s, " \t\r\n\u00a0"); t != "" && strings.ContainsRune("=+-@", rune(t[0])) {
		return "'" + s
	}
	return s
}
