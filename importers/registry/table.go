package registry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"sillon/sillon"
)

// The columns of a table, by their names in the contract.
const (
	colNumeroBio = iota
	colNom
	colSiret
	colPacage
	colCommune
	colCertifierID
	colCertifier
	colNumeroClient
	colState
	colStart
	colStop
	columns
)

var columnNames = [columns]string{
	"numeroBio", "nom", "siret", "numeroPacage", "commune", "certificateurId", "certificateur", "numeroClient", "etat",
	"dateDemarrage", "dateArret",
}

// A table is a CSV file: lines of fields apart from each other by a separator.
type table struct {
	br        *bufio.Reader
	line      int // of the record last read, from 1
	lines     int // read so far
	separator byte
	buf       []byte // of record
}

var (
	errLongLine = errors.New("la ligne dépasse 1 Mio")
	errOpen     = errors.New("un guillemet ouvert n'est jamais refermé")
	errQuote    = errors.New("un texte suit un guillemet fermant")
	errUTF16    = errors.New("le fichier est en UTF-16, l'enregistrer en CSV UTF-8")
)

// readTable collects the farms of a CSV file.
func (c *collection) readTable(br *bufio.Reader) error {
	if mark, _ := br.Peek(2); string(mark) == "\xff\xfe" || string(mark) == "\xfe\xff" {
		return c.stop(place{path: "fichier"}, sillon.RegistryUnreadable, errUTF16)
	}
	t := table{br: br}
	var index [columns]int
	var width int
	for header := true; ; {
		record, err := t.record()
		if err == nil && isBlank(record) {
			continue // spreadsheets end tables with empty lines
		}
		at := place{path: fmt.Sprintf("ligne %d", t.line)}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errLongLine), errors.Is(err, errOpen):
			return c.stop(at, sillon.RegistryUnreadable, err)
		case err != nil:
			return err
		}
		if header {
			header = false
			if index, width, err = c.header(at, &t, decode(record)); err != nil {
				return err
			}
			continue
		}
		if err := c.next(at); err != nil {
			return err
		}
		fields, err := split(decode(record), t.separator)
		for len(fields) > width && fields[len(fields)-1] == "" {
			fields = fields[:len(fields)-1]
		}
		if err == nil && len(fields) != width {
			err = fmt.Errorf("%d champs au lieu de %d", len(fields), width)
		}
		if err != nil {
			if err := c.fail(at, sillon.RegistryUnreadable, err); err != nil {
				return err
			}
			continue
		}
		var row [columns]string
		for column, i := range index {
			if i >= 0 {
				row[column] = fields[i]
			}
		}
		if err := c.row(at, &row); err != nil {
			return err
		}
	}
}

// isBlank reports whether a record has nothing but separators.
func isBlank(record []byte) bool {
	for _, b := range record {
		switch b {
		case ' ', '\t', '\r', '\n', ';', ',', '"':
		default:
			return false
		}
	}
	return true
}

// header finds the separator and the columns: the place of each in a line, or
// -1, and how many fields a line has.
func (c *collection) header(at place, t *table, line string) (index [columns]int, width int, err error) {
	var fields []string
	most := -1
	for _, separator := range []byte{';', ','} {
		got, err := split(line, separator)
		if err != nil {
			continue
		}
		known := 0
		for _, name := range got {
			if column(name) >= 0 {
				known++
			}
		}
		if known > most {
			most, fields, t.separator = known, got, separator
		}
	}
	for len(fields) > 0 && clean(fields[len(fields)-1]) == "" {
		fields = fields[:len(fields)-1]
	}
	for i := range index {
		index[i] = -1
	}
	for i, name := range fields {
		k := column(name)
		if k < 0 {
			continue // a column of no concern here
		}
		if index[k] >= 0 {
			return index, 0, c.stop(at, sillon.RegistryColumnTwice, columnNames[k])
		}
		index[k] = i
	}
	if index[colNumeroBio] < 0 {
		err = c.stop(at, sillon.RegistryNoColumn, columnNames[colNumeroBio])
	}
	if index[colCertifierID] < 0 && index[colCertifier] < 0 {
		err = c.stop(at, sillon.RegistryNoColumn, columnNames[colCertifierID]+" ou "+columnNames[colCertifier])
	}
	return index, len(fields), err
}

// column returns the column of a name, or -1.
func column(name string) int {
	name = fold(name)
	return slices.IndexFunc(columnNames[:], func(known string) bool { return fold(known) == name })
}

// row collects the farm and the link of a line.
func (c *collection) row(at place, row *[columns]string) error {
	before := c.errors
	var err error
	fail := func(code sillon.RegistryCode, args ...any) {
		err = errors.Join(err, c.fail(at, code, args...))
	}
	field := func(column int) string {
		s, ok := text(row[column])
		if !ok {
			fail(sillon.RegistryTooLong, columnNames[column], maxText)
		}
		return s
	}
	day := func(column int) sillon.Date {
		d, ok := date(row[column])
		if !ok {
			fail(sillon.RegistryDate, excerpt(row[column]))
		}
		return d
	}

	f := sillon.Farm{NumeroBio: sillon.NumeroBio(clean(row[colNumeroBio])), Production: true}
	switch {
	case f.NumeroBio == "":
		fail(sillon.RegistryNoNumeroBio)
	case !numeroBioForm.MatchString(string(f.NumeroBio)):
		fail(sillon.RegistryNumeroBio, excerpt(string(f.NumeroBio)))
	default:
		at.numeroBio = f.NumeroBio
	}
	f.Name = field(colNom)
	var ok bool
	if f.Siret, ok = siret(row[colSiret]); !ok {
		fail(sillon.RegistrySiret, excerpt(row[colSiret]))
	}
	var wrong string
	if f.Pacages, wrong = pacages(row[colPacage]); wrong != "" {
		fail(sillon.RegistryPacage, excerpt(wrong))
	}
	if f.Commune, ok = commune(row[colCommune]); !ok {
		fail(sillon.RegistryCommune, excerpt(row[colCommune]))
	}

	l := sillon.Link{NumeroClient: field(colNumeroClient), Start: day(colStart), Stop: day(colStop)}
	l.Certifier.Name = field(colCertifier)
	if l.Certifier.ID, ok = oc(row[colCertifierID]); !ok {
		fail(sillon.RegistryCertifier, excerpt(row[colCertifierID]))
	} else if l.Certifier == (sillon.Certifier{}) {
		fail(sillon.RegistryNoCertifier)
	}
	if !l.Start.IsZero() && !l.Stop.IsZero() && l.Stop.Before(l.Start) {
		fail(sillon.RegistryPeriod, l.Stop.French(), l.Start.French())
	}
	switch {
	case clean(row[colState]) != "":
		if l.State, ok = state(row[colState]); !ok {
			fail(sillon.RegistryState, excerpt(row[colState]))
		}
	case l.Stop.IsZero():
		l.State = sillon.LinkEngaged
	default:
		l.State = sillon.LinkStopped
	}
	if err != nil || c.errors > before {
		return err
	}
	if !c.link(at, c.farm(at, f), l) {
		return c.fail(at, sillon.RegistryDuplicate)
	}
	return nil
}

// record reads the next record: a line, or several when a quoted field holds
// line breaks. It holds until the next call.
func (t *table) record() ([]byte, error) {
	t.line = t.lines + 1
	record := t.buf[:0]
	defer func() { t.buf = record }()
	var q quoting
	for {
		part, err := t.br.ReadSlice('\n')
		record = append(record, part...)
		if t.separator != 0 { // else the header, which is a single line
			q = q.after(part, t.separator)
		}
		switch {
		case len(record) > maxLine && t.lines+1 > t.line:
			return nil, errOpen
		case len(record) > maxLine:
			return nil, errLongLine
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(record) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		t.lines++
		if q != inQuoted {
			return record, nil
		}
		if err != nil {
			return nil, errOpen
		}
	}
}

// A quoting follows a record byte by byte, to tell whether a line break is
// inside a quoted field. A quote opens a field only at its beginning.
type quoting uint8

const (
	atStart quoting = iota // of a field
	inPlain
	inQuoted
	atQuote // inside a quoted field: it closes unless another follows
)

// after is the state once part was read.
func (q quoting) after(part []byte, separator byte) quoting {
	if (q == atStart || q == inPlain) && bytes.IndexByte(part, '"') < 0 {
		if bytes.HasSuffix(part, []byte{separator}) {
			return atStart
		}
		return inPlain
	}
	for _, b := range part {
		switch {
		case q == inQuoted:
			if b == '"' {
				q = atQuote
			}
		case b == separator:
			q = atStart
		case b == '"' && (q == atStart || q == atQuote):
			q = inQuoted
		default:
			q = inPlain
		}
	}
	return q
}

// split cuts a record into fields, without their quotes.
func split(record string, separator byte) ([]string, error) {
	record = strings.TrimRight(record, "\r\n")
	var fields []string
	for {
		if strings.HasPrefix(record, `"`) {
			field, rest, err := quoted(record[1:])
			if err != nil {
				return nil, err
			}
			fields = append(fields, field)
			if rest == "" {
				return fields, nil
			}
			if rest[0] != separator {
				return nil, errQuote
			}
			record = rest[1:]
			continue
		}
		i := strings.IndexByte(record, separator)
		if i < 0 {
			return append(fields, record), nil
		}
		fields, record = append(fields, record[:i]), record[i+1:]
	}
}

// quoted reads a field up to its closing quote; two quotes are one inside it.
func quoted(s string) (field, rest string, err error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", "", errOpen
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if !strings.HasPrefix(s, `"`) {
			return b.String(), s, nil
		}
		b.WriteByte('"')
		s = s[1:]
	}
}

// decode makes text of a record: UTF-8, else Windows-1252.
func decode(record []byte) string {
	if utf8.Valid(record) {
		return string(record)
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(record)
	if err != nil {
		return string(record) // clean will mark what is wrong
	}
	return string(s)
}
