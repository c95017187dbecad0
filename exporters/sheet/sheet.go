// Package sheet writes a parcellaire as the spreadsheet that a certifier
// expects (documents.md §3). A layout is a table: columns, and the cells around
// them. Each can be written as a workbook or as text.
package sheet

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"sillon/sillon"
)

// A Document is a parcellaire with all that its spreadsheet says. Whoever makes
// it leaves out the notes that its reader may not read.
type Document struct {
	Farm    sillon.Farm
	Commune string // name of the farm's; empty when it is not known
	Version sillon.Parcellaire
	Client  string // numeroClient of the current link to the certifier
	Saved   sillon.Date
	Parcels []sillon.Parcel // their geometry is not read; Sort puts them in order
	// Communes names the communes of the parcels, by code.
	Communes map[string]string
	// Past holds the crops that parcels had in the years before, by id.
	Past map[string]Past
	// Crop looks up the nomenclature.
	Crop func(code string) (sillon.CropCode, bool)
}

// A Past is what grew on a parcel (domain.md §11.2): codes of the year before
// the one of the version, and of the year before that.
type Past struct {
	Previous, BeforePrevious []string
}

// A Format is a kind of file. The zero Format is the one that the layout was
// made for.
type Format uint8

// The formats of a spreadsheet.
const (
	FormatOwn  Format = iota
	FormatXLSX        // a workbook of one sheet
	FormatCSV         // separated by semicolons, with a byte order mark, as French Excel opens it
	FormatTSV         // for the clipboard: the table alone
)

// UnmarshalText reads a format as addresses have it; empty is FormatOwn.
func (f *Format) UnmarshalText(b []byte) error {
	switch string(b) {
	case "":
		*f = FormatOwn
	case "xlsx":
		*f = FormatXLSX
	case "csv":
		*f = FormatCSV
	case "tsv":
		*f = FormatTSV
	default:
		return fmt.Errorf("format %q inconnu", b)
	}
	return nil
}

// MediaType is the one of RFC 6838, with its parameters.
func (f Format) MediaType() string {
	switch f {
	case FormatOwn, FormatXLSX:
	case FormatCSV:
		return "text/csv; charset=utf-8"
	case FormatTSV:
		return "text/tab-separated-values; charset=utf-8"
	}
	return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
}

// Extension is how the names of such files end, without a dot.
func (f Format) Extension() string {
	switch f {
	case FormatOwn, FormatXLSX:
	case FormatCSV:
		return "csv"
	case FormatTSV:
		return "tsv"
	}
	return "xlsx"
}

// Of is f, or the format that the layout was made for.
func (f Format) Of(l *Layout) Format { return cmp.Or(f, l.format, FormatXLSX) }

// Write writes d in a layout. What does not fit in memory goes through files in
// the folder scratch; empty is the system's.
func Write(w io.Writer, d *Document, l *Layout, f Format, scratch string) error {
	var err error
	switch f.Of(l) {
	case FormatCSV:
		err = writeCSV(w, d, l)
	case FormatTSV:
		err = writeTSV(w, d, l)
	case FormatOwn, FormatXLSX:
		err = writeXLSX(w, d, l, scratch)
	}
	if err != nil {
		return fmt.Errorf("sheet %s of %s: %w", l.Key, d.Version.ID, err)
	}
	return nil
}

// Sort puts the parcels in the order of the documents: by their short names, as
// French does and numbers as numbers.
func (d *Document) Sort() {
	french, buf := collate.New(language.French, collate.Numeric), &collate.Buffer{}
	type keyed struct {
		key    []byte
		parcel sillon.Parcel
	}
	list := make([]keyed, len(d.Parcels))
	for i := range d.Parcels {
		list[i] = keyed{slices.Clone(french.KeyFromString(buf, shortName(&d.Parcels[i], "."))), d.Parcels[i]}
		buf.Reset()
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return slices.Compare(a.key, b.key) })
	for i := range list {
		d.Parcels[i] = list[i].parcel
	}
}
