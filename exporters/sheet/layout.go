package sheet

import (
	"iter"
	"slices"

	"github.com/xuri/excelize/v2"

	"sillon/sillon"
)

// A Layout is the form of a spreadsheet that a certifier asks for.
type Layout struct {
	Key       string    // in addresses and names of files
	Certifier sillon.OC // whose it is; 0 is everybody else's
	Remembers bool      // tells what Document.Past holds

	format   Format // zero is FormatXLSX
	name     string // of the sheet
	header   int    // row of the column headers, from 1
	perGroup bool   // a row is a group and not a parcel
	columns  []column
	// around gives the cells that are in no column, or above them.
	around func(*Document) []placed
}

// layouts lists every layout of documents.md §3.2.
var layouts = []*Layout{&standard, &bureauVeritas, &certipaq, &qualisud, &certisud, &certis, &controlUnion, &ocacia}

// LayoutOf is the layout of a certifier, which for most is that of everybody.
func LayoutOf(oc sillon.OC) *Layout {
	for _, l := range layouts {
		if l.Certifier == oc {
			return l
		}
	}
	return &standard
}

// LayoutNamed is the layout with a key, ok when there is one.
func LayoutNamed(key string) (l *Layout, ok bool) {
	i := slices.IndexFunc(layouts, func(l *Layout) bool { return l.Key == key })
	if i < 0 {
		return nil, false
	}
	return layouts[i], true
}

// Keys lists the keys of the layouts.
func Keys() []string {
	keys := make([]string, len(layouts))
	for i, l := range layouts {
		keys[i] = l.Key
	}
	return keys
}

// A column is one of the table: of gives what is in it for a row.
type column struct {
	title string
	width float64 // in characters
	of    func(*row) any
}

// empty is a column that the auditor fills in.
func empty(title string) column { return column{title, 16, func(*row) any { return nil }} }

// A row is what a line of the table is about: a parcel, or a group.
type row struct {
	*Document
	parcel *sillon.Parcel
	group  *group
}

// A cell holds nil, a string, a sillon.Date, or one of these.
type (
	hectares float64 // shown with 2 decimals
	shared   float64 // hectares that other crops are counted with: shown with a star
	title    string  // of a column or of a part
	link     struct{ text, url string }
)

// ha is an area in m² as a cell.
func ha(m2 float64) hectares { return hectares(m2 / 10_000) }

// A placed is a cell in a place of its own, as "P1", or over several that are
// merged, as "A6:F6".
type placed struct {
	row, col, lastRow, lastCol int
	value                      any
}

func at(cell string, value any) placed {
	col, row := coordinates(cell)
	return placed{row, col, row, col, value}
}

func over(first, last string, value any) placed {
	p := at(first, value)
	p.lastCol, p.lastRow = coordinates(last)
	return p
}

// coordinates reads the name of a cell, which our tables write right: a test
// walks them all.
func coordinates(cell string) (col, row int) {
	col, row, _ = excelize.CellNameToCoordinates(cell)
	return col, row
}

// table yields the titles of the columns, then a line for each row.
func (l *Layout) table(d *Document) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		cells := make([]any, len(l.columns))
		for i, c := range l.columns {
			if c.title != "" {
				cells[i] = title(c.title)
			}
		}
		if !yield(cells) {
			return
		}
		for r := range l.rows(d) {
			for i, c := range l.columns {
				cells[i] = c.of(r)
			}
			if !yield(cells) {
				return
			}
		}
	}
}

func (l *Layout) rows(d *Document) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		r := row{Document: d}
		if l.perGroup {
			for _, g := range d.groups() {
				r.group = g
				if !yield(&r) {
					return
				}
			}
			return
		}
		for i := range d.Parcels {
			r.parcel = &d.Parcels[i]
			if !yield(&r) {
				return
			}
		}
	}
}

// lines yields every line that is not empty, in order, with the cells around the
// table in it. What it yields is overwritten by the next line.
func (l *Layout) lines(d *Document) iter.Seq2[int, []any] {
	return func(yield func(int, []any) bool) {
		around := slices.Clone(l.around(d))
		slices.SortStableFunc(around, func(a, b placed) int { return a.row - b.row })
		var cells []any
		// line adds to cells what is around in a row.
		line := func(n int) []any {
			for len(around) > 0 && around[0].row == n {
				p := around[0]
				for len(cells) < p.col {
					cells = append(cells, nil)
				}
				cells[p.col-1], around = p.value, around[1:]
			}
			return cells
		}
		// until yields what is around before a row.
		until := func(n int) bool {
			for len(around) > 0 && (n == 0 || around[0].row < n) {
				cells = cells[:0]
				if at := around[0].row; !yield(at, line(at)) {
					return false
				}
			}
			return true
		}
		n := l.header
		for values := range l.table(d) {
			if !until(n) {
				return
			}
			cells = append(cells[:0], values...)
			if !yield(n, line(n)) {
				return
			}
			n++
		}
		until(0)
	}
}
