package exchange

import (
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
)

// An Env is what the checks of a record need to know of the world.
type Env struct {
	IsCPF  func(code string) bool // whether the nomenclature has a crop code
	Land   *geo.Land              // nil when the communes are not loaded
	Home   *orb.Point             // of the farm's commune, WGS84 lon/lat; nil when unknown
	Index  int                    // rank of the record in its push
	Limits Limits
}

// Read reads the record whose JSON is raw, with steps 3 and 4 of
// certifier-exchange.md §4. All its issues are collected: those of the record,
// those of its parcels in their order, then those that list parcels. rec is nil
// when one of them is an error. Crops have no id, and AB parcels without date
// of engagement stay without.
//
// A record keeps at most Limits.Issues of the issues before the last two; an
// error takes the place of a warning. The result does not hold on to raw, but
// the texts of rec share one copy of it.
func Read(raw []byte, env Env) (rec *sillon.PushRecord, issues []sillon.Issue) {
	env.Limits = env.Limits.orDefaults()
	r := &reader{Env: env}
	r.record(value(strings.TrimSpace(string(raw))))
	if r.errors > 0 {
		return nil, r.issues
	}
	return &r.rec, r.issues
}

// A reader reads one record.
type reader struct {
	Env
	rec       sillon.PushRecord
	bio       string // for the issues, which outlive the record
	issues    []sillon.Issue
	errors    int // among the issues, kept or not
	corrected []string
	toCheck   []string
	seen      map[string]value // parcels by id
	outline   outline
	crops     slab[sillon.Crop]
	surfaces  slab[float64]
}

// report keeps an issue. When the record has too many, errors still push
// warnings out: a refusal must say why.
func (r *reader) report(i sillon.Issue) {
	if i.Severity == sillon.SeverityError {
		r.errors++
	}
	if len(r.issues) < r.Limits.Issues {
		r.issues = append(r.issues, i)
		return
	}
	if i.Severity == sillon.SeverityWarning {
		return
	}
	for n := len(r.issues) - 1; n >= 0; n-- {
		if r.issues[n].Severity == sillon.SeverityWarning {
			r.issues = append(append(r.issues[:n], r.issues[n+1:]...), i)
			return
		}
	}
}

// unreadable reports that the record cannot be read.
func (r *reader) unreadable(f sillon.RecordFault) {
	r.report(sillon.IssueInvalidRecord(r.Index, r.bio, f))
}

// members are those of a record, as written.
type members struct {
	bio, client, year, assolement, audit, from, until, pacage, note, parcels value
}

// record reads a whole record.
func (r *reader) record(v value) {
	if !v.isObject() {
		r.unreadable(sillon.RecordNotObject)
		return
	}
	var m members
	c := walk(v)
	for n := 0; c.more('}', n); n++ {
		key, v := c.key(), c.value()
		switch key {
		case "numeroBio":
			m.bio = v
		case "numeroClient":
			m.client = v
		case "anneeReferenceControle":
			m.year = v
		case "anneeAssolement":
			m.assolement = v
		case "dateAudit":
			m.audit = v
		case "dateCertificationDebut":
			m.from = v
		case "dateCertificationFin":
			m.until = v
		case "numeroPacage":
			m.pacage = v
		case "commentaire":
			m.note = v
		case "parcelles":
			m.parcels = v
		}
	}
	if c.bad {
		r.unreadable(sillon.RecordUnreadable(int64(c.i)))
		return
	}
	bio, _ := m.bio.text()
	client, _ := m.client.text()
	r.bio = strings.Clone(strings.TrimSpace(bio))
	r.rec.NumeroBio, r.rec.NumeroClient = sillon.NumeroBio(r.bio), strings.TrimSpace(client)
	switch {
	case r.bio == "":
		r.report(sillon.IssueMissingNumeroBio(r.Index))
		return
	case r.rec.NumeroClient == "":
		r.report(sillon.IssueMissingNumeroClient(r.Index, r.bio))
		return
	}
	r.dates(m)
	if m.parcels.isArray() {
		r.warnings(m)
		r.parcels(m.parcels)
	} else {
		r.report(sillon.IssueMissingParcelles(r.bio))
		r.warnings(m)
	}
	if len(r.corrected) > 0 {
		r.issues = append(r.issues, sillon.IssueGeomCorrected(r.bio, r.corrected))
	}
	if len(r.toCheck) > 0 {
		r.issues = append(r.issues, sillon.IssueGeomToCheck(r.bio, r.toCheck))
	}
}

// dates applies step 3 of §4, but for the parcels.
func (r *reader) dates(m members) {
	var ok bool
	if r.rec.CertifiedFrom, ok = dateOf(m.from); !ok {
		r.report(sillon.IssueInvalidDateCertificationDebut(r.bio))
	}
	if r.rec.CertifiedUntil, ok = dateOf(m.until); !ok {
		r.report(sillon.IssueInvalidDateCertificationFin(r.bio))
	}
	audit, ok := dateOf(m.audit)
	if !ok || audit.Op != sillon.Set {
		r.report(sillon.IssueInvalidDateAudit(r.bio))
	}
	r.rec.AuditDate = audit.Value
	if r.rec.Year, ok = yearOf(m.year); !ok {
		r.report(sillon.IssueInvalidAnnee(r.bio))
	}
	r.rec.Commentaire = textOf(m.note)
}

// warnings reads the members of the record that cannot refuse it.
func (r *reader) warnings(m members) {
	var ok bool
	if r.rec.AnneeAssolement, ok = yearOf(m.assolement); !ok {
		r.report(sillon.IssueInvalidAnneeAssolement(r.bio))
	}
	if r.rec.NumeroPacage, ok = pacageOf(m.pacage); !ok {
		r.report(sillon.IssueInvalidPacage(r.bio))
	}
}

// parcels reads the list of parcels.
func (r *reader) parcels(list value) {
	before, errors := len(r.issues), r.errors
	// A parcel takes about this many bytes; the list grows when it is wrong.
	expected := min(len(list)/512+1, r.Limits.Parcels)
	r.rec.Parcels = make([]sillon.PushParcel, 0, expected)
	r.seen = make(map[string]value, expected)
	c := walk(list)
	rank := 0
	for ; c.more(']', rank); rank++ {
		if rank == r.Limits.Parcels {
			r.issues, r.errors = r.issues[:before], errors
			r.corrected, r.toCheck = nil, nil
			r.unreadable(sillon.RecordTooManyParcels(r.Limits.Parcels))
			return
		}
		r.parcel(&c, rank)
	}
	if c.bad {
		r.unreadable(sillon.RecordUnreadable(int64(c.i)))
		return
	}
	if rank == 0 {
		r.report(sillon.IssueEmptyParcelles(r.bio))
	}
}

// dateOf reads a date (§2.4): absent or null keeps, empty clears. ok is false
// for what is not a date, and the patch then keeps.
func dateOf(v value) (p sillon.Patch[sillon.Date], ok bool) {
	switch {
	case v.isNull():
		return p, true
	case v == `""`:
		return sillon.Cleared[sillon.Date](), true
	case !v.isString():
		return p, false
	}
	d, ok := sillon.DeclaredDate(unquote(v.inner()))
	if !ok {
		return p, false
	}
	return sillon.To(d), true
}

// textOf reads a text: absent or null keeps, empty clears. What has no text
// keeps.
func textOf(v value) sillon.Patch[string] {
	s, ok := v.text()
	switch {
	case !ok:
		return sillon.Patch[string]{}
	case s == "":
		return sillon.Cleared[string]()
	}
	return sillon.To(s)
}

// yearOf reads a year of 1990–2100; absent, null or empty is 0.
func yearOf(v value) (year int, ok bool) {
	if v.isNull() || v == `""` {
		return 0, true
	}
	s, ok := numericOf(v)
	if !ok {
		return 0, false
	}
	year, err := strconv.Atoi(canonical(s))
	if err != nil || !sillon.IsReferenceYear(year) {
		return 0, false
	}
	return year, true
}

// numericOf returns the text of a number, or of a string that holds one.
func numericOf(v value) (s string, ok bool) {
	switch {
	case v.isNumber():
		return string(v), true
	case v.isString():
		s = strings.TrimSpace(unquote(v.inner()))
		return s, isNumeric(s)
	}
	return "", false
}

// isNumeric reports whether s is a number, with leading zeros if need be.
func isNumeric(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := len(s)
	s = strings.TrimLeft(s, "0123456789")
	digits -= len(s)
	if rest, ok := strings.CutPrefix(s, "."); ok {
		s = strings.TrimLeft(rest, "0123456789")
		digits += len(rest) - len(s)
	}
	if digits == 0 {
		return false
	}
	if s != "" && s[0]|0x20 == 'e' {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return isDigits(s)
	}
	return s == ""
}

// pacageOf reads a PACAGE number, padded to its 9 digits. ok is false when it
// cannot be one, and it is then kept as sent.
func pacageOf(v value) (p sillon.Patch[string], ok bool) {
	s, ok := v.text()
	if !ok {
		return p, v.isNull()
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return sillon.Cleared[string](), true
	case !isDigits(s) || len(s) > 9:
		return sillon.To(s), false
	}
	return sillon.To(padded(s, 9)), true
}

// padded puts zeros before s up to n bytes.
func padded(s string, n int) string {
	if len(s) >= n {
		return s
	}
	return strings.Repeat("0", n-len(s)) + s
}

// A slab cuts many small slices out of few large ones.
type slab[T any] struct{ free []T }

// slabSize is how many values a slab asks for at a time.
const slabSize = 256

// cut returns n zero values, which nothing else shares.
func (s *slab[T]) cut(n int) []T {
	if n > len(s.free) {
		s.free = make([]T, max(n, slabSize))
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}
