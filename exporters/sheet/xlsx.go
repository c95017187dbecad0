package sheet

import (
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"sillon/sillon"
)

// firstSafeDay is the first one that every spreadsheet counts alike: before it
// Excel has a 29 February 1900 and the others have not, so that the 1 January
// 1900 of parcels that always were organic would be shown as another day.
var firstSafeDay = sillon.Date{Year: 1900, Month: time.March, Day: 1}

// styles are the numbers of the styles of a workbook.
type styles struct{ text, title, hectares, shared, date, link int }

func newStyles(f *excelize.File) (s styles, err error) {
	format := func(text string) *string { return &text }
	top := &excelize.Alignment{Vertical: "top", WrapText: true}
	for _, d := range []struct {
		number *int
		style  excelize.Style
	}{
		// Format 49 is text: what begins like a formula stays text when it is edited.
		{&s.text, excelize.Style{NumFmt: 49, Alignment: top}},
		{&s.title, excelize.Style{NumFmt: 49, Alignment: top, Font: &excelize.Font{Bold: true}}},
		{&s.hectares, excelize.Style{NumFmt: 2, Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.shared, excelize.Style{CustomNumFmt: format(`0.00"*"`), Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.date, excelize.Style{CustomNumFmt: format("dd/mm/yyyy"), Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.link, excelize.Style{NumFmt: 49, Font: &excelize.Font{Color: "0563C1", Underline: "single"}}},
	} {
		if *d.number, err = f.NewStyle(&d.style); err != nil {
			return s, err
		}
	}
	return s, nil
}

// cell is a value as excelize takes it. A string is never a formula there.
func (s *styles) cell(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return nil
		}
		return excelize.Cell{StyleID: s.text, Value: cut(v)}
	case title:
		return excelize.Cell{StyleID: s.title, Value: string(v)}
	case link:
		return excelize.Cell{StyleID: s.link, Value: v.text}
	case hectares:
		return excelize.Cell{StyleID: s.hectares, Value: float64(v)}
	case shared:
		return excelize.Cell{StyleID: s.shared, Value: float64(v)}
	case sillon.Date:
		switch {
		case v.IsZero():
			return nil
		case v.Before(firstSafeDay):
			return excelize.Cell{StyleID: s.text, Value: v.French()}
		}
		return excelize.Cell{StyleID: s.date, Value: time.Date(v.Year, v.Month, v.Day, 0, 0, 0, 0, time.UTC)}
	}
	return value
}

// cut shortens a text to what a cell of a workbook holds, and shows that it did.
func cut(s string) string {
	const mark = " […]"
	room := excelize.TotalCellChars // in UTF-16 units, of which a text never has more than bytes
	if len(s) <= room {
		return s
	}
	units := utf16.Encode([]rune(s))
	if len(units) <= room {
		return s
	}
	return strings.TrimSuffix(string(utf16.Decode(units[:room-len([]rune(mark))])), "\ufffd") + mark
}

// writeXLSX writes a workbook. Rows go through a file once they are large, so
// that memory does not grow with them.
func writeXLSX(w io.Writer, d *Document, l *Layout, scratch string) (err error) {
	f := excelize.NewFile(excelize.Options{TmpDir: scratch})
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", l.name); err != nil {
		return err
	}
	if err := f.SetDocProps(&excelize.DocProperties{Creator: "Sillon", LastModifiedBy: "Sillon"}); err != nil { // else the library's
		return err
	}
	around := l.around(d)
	for _, p := range around { // before the stream, which writes them at its end
		if to, ok := p.value.(link); ok {
			if err := f.SetCellHyperLink(l.name, cellName(p.col, p.row), to.url, "External"); err != nil {
				return err
			}
		}
	}
	s, err := newStyles(f)
	if err != nil {
		return err
	}
	sw, err := f.NewStreamWriter(l.name)
	if err != nil {
		return err
	}
	for i, c := range l.columns {
		if err := sw.SetColWidth(i+1, i+1, c.width); err != nil {
			return err
		}
	}
	if err := sw.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: l.header, TopLeftCell: cellName(1, l.header+1), ActivePane: "bottomLeft",
	}); err != nil {
		return err
	}
	var cells []any
	for n, values := range l.lines(d) {
		cells = cells[:0]
		for _, v := range values {
			cells = append(cells, s.cell(v))
		}
		if err := sw.SetRow(cellName(1, n), cells); err != nil {
			return err
		}
	}
	for _, p := range around {
		if p.lastRow > p.row || p.lastCol > p.col {
			if err := sw.MergeCell(cellName(p.col, p.row), cellName(p.lastCol, p.lastRow)); err != nil {
				return err
			}
		}
	}
	if err := sw.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

// cellName is "A1" for 1, 1, which cannot fail within a sheet.
func cellName(col, row int) string {
	name, _ := excelize.CoordinatesToCellName(col, row)
	return name
}
