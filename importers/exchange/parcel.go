package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"sillon/sillon"
)

// maxID bounds the id of a parcel, in bytes: an index must hold it.
const maxID = 256

// A field is one parcel, its members as written.
type field struct {
	id, level, engaged, ilot, parcelle, geom, note, culture, cultures, commune, nom value
	attentePac, attentePAC, codeCulture, codePrecision                              value
}

// parcel reads the next parcel, of this rank in the record.
func (r *reader) parcel(c *cursor, rank int) {
	c.space()
	if c.peek() != '{' {
		c.value()
		r.unreadable(sillon.RecordBadParcel(rank))
		return
	}
	from := c.i
	f := readField(c)
	if c.bad {
		return
	}
	whole := value(c.s[from:c.i])

	note := textOf(f.note)
	p := sillon.PushParcel{
		Commentaire:   note,
		Nom:           textOf(f.nom),
		CodeCulture:   textOf(f.codeCulture),
		CodePrecision: textOf(f.codePrecision),
		Commune:       communeOf(f.commune),
	}
	p.NumeroIlot, p.NumeroParcelle = capOf(f, note.Value)
	shape, fault := r.outline.read(f.geom, r.Limits)

	id, ok := r.identify(f, &p, whole, rank)
	if !ok {
		return
	}
	p.ID = id
	r.pending(f, &p)
	r.engagement(f, &p)
	r.cultures(f, &p, rank)
	r.geometry(&p, shape, fault)
	if r.errors == 0 {
		r.rec.Parcels = append(r.rec.Parcels, p)
	}
}

// readField reads the members of the parcel at c.
func readField(c *cursor) (f field) {
	c.i++
	for n := 0; c.more('}', n); n++ {
		key, v := c.key(), c.value()
		switch key {
		case "id":
			f.id = v
		case "etatProduction":
			f.level = v
		case "dateEngagement":
			f.engaged = v
		case "numeroIlot":
			f.ilot = v
		case "numeroParcelle":
			f.parcelle = v
		case "geom":
			f.geom = v
		case "commentaire":
			f.note = v
		case "culture":
			f.culture = v
		case "cultures":
			f.cultures = v
		case "commune":
			f.commune = v
		case "nom":
			f.nom = v
		case "enAttentePac":
			f.attentePac = v
		case "enAttentePAC":
			f.attentePAC = v
		case "codeCulture":
			f.codeCulture = v
		case "codePrecision":
			f.codePrecision = v
		}
	}
	return f
}

// identify finds the id of a parcel and refuses a second parcel of the same
// id. ok is false when the parcel is to be left there.
func (r *reader) identify(f field, p *sillon.PushParcel, whole value, rank int) (id string, ok bool) {
	id, scalar := f.id.text()
	switch {
	case !scalar && !f.id.isNull():
		r.unreadable(sillon.RecordBadParcelID(rank))
		return "", false
	case len(id) > maxID:
		r.unreadable(sillon.RecordLongParcelID(rank))
		return "", false
	}
	given := strings.TrimSpace(id) != ""
	if !given {
		id = r.outline.autoID(p)
	}
	if first, again := r.seen[id]; !again {
		r.seen[id] = whole
	} else if sameJSON(first, whole) {
		r.report(sillon.IssueRepeatedParcelle(r.bio, strings.Clone(id)))
		return "", false
	} else {
		r.report(sillon.IssueDuplicateParcelleID(r.bio, strings.Clone(id)))
	}
	if !given {
		r.report(sillon.IssueMissingParcelleID(r.bio, id))
	}
	return id, true
}

// autoID makes the id of a parcel sent without one. The same parcel always
// gets the same id, so that sending it twice does not duplicate it.
func (o *outline) autoID(p *sillon.PushParcel) string {
	b := make([]byte, 0, 1024)
	b = append(b, p.NumeroIlot.Value...)
	b = append(b, 0)
	b = append(b, p.NumeroParcelle.Value...)
	b = append(b, 0)
	for _, end := range o.rings {
		b = binary.LittleEndian.AppendUint32(b, uint32(end))
	}
	for _, pt := range o.points {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(pt[0]))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(pt[1]))
	}
	sum := sha256.Sum256(b)
	return "auto-" + hex.EncodeToString(sum[:6])
}

// capOf finds the CAP numbers of a parcel: each in its member, else in the
// note of the auditor.
func capOf(f field, note string) (ilot, parcelle sillon.Patch[string]) {
	ilot, parcelle = capNumberOf(f.ilot), capNumberOf(f.parcelle)
	if note == "" || ilot.Op == sillon.Set && parcelle.Op == sillon.Set {
		return ilot, parcelle
	}
	found := capNumberIn(note)
	if ilot.Op != sillon.Set && found.ilot != "" {
		ilot = sillon.To(found.ilot)
	}
	if parcelle.Op != sillon.Set && found.parcelle != "" {
		parcelle = sillon.To(found.parcelle)
	}
	return ilot, parcelle
}

// capNumberOf reads the integer that a CAP number begins with. Without any, it
// keeps, or clears when empty.
func capNumberOf(v value) sillon.Patch[string] {
	s, ok := v.text()
	if !ok {
		return sillon.Patch[string]{}
	}
	s = trimLeft(s)
	if s == "" {
		return sillon.Cleared[string]()
	}
	if n := leadingInteger(s); n != "" {
		return sillon.To(n)
	}
	return sillon.Patch[string]{}
}

// communeOf reads an INSEE code; one sent as a number has lost its zero.
func communeOf(v value) sillon.Patch[string] {
	p := textOf(v)
	if p.Op != sillon.Set {
		return p
	}
	p.Value = strings.TrimSpace(p.Value)
	switch {
	case p.Value == "":
		return sillon.Cleared[string]()
	case v.isNumber():
		p.Value = padded(p.Value, 5)
	}
	return p
}

// pending reads "waiting for CAP numbers", in its two spellings (check a).
func (r *reader) pending(f field, p *sillon.PushParcel) {
	waits := f.attentePac == "true" || f.attentePAC == "true"
	switch {
	case waits && p.NumeroIlot.Op == sillon.Set && p.NumeroIlot.Value != "0":
		p.EnAttentePAC = sillon.To(false)
		r.report(sillon.IssuePACPendingWithIlot(r.bio, strings.Clone(p.ID)))
	case waits:
		p.EnAttentePAC = sillon.To(true)
	case f.attentePac == "false" || f.attentePAC == "false":
		p.EnAttentePAC = sillon.To(false)
	}
}

// engagement reads the level and its date (checks b to d).
func (r *reader) engagement(f field, p *sillon.PushParcel) {
	if !f.level.isNull() && f.level != `""` {
		ok := f.level.isString()
		if ok {
			p.Level, ok = sillon.DeclaredLevel(unquote(f.level.inner()))
		}
		if !ok {
			r.report(sillon.IssueInvalidEtatProduction(r.bio, strings.Clone(p.ID)))
		}
	}
	var ok bool
	p.EngagedOn, ok = dateOf(f.engaged)
	if p.Level.IsConverting() && p.EngagedOn.Op != sillon.Set {
		r.report(sillon.IssueMissingDateEngagement(r.bio, strings.Clone(p.ID)))
	}
	if !ok {
		r.report(sillon.IssueInvalidDateEngagement(r.bio, strings.Clone(p.ID)))
	}
}

// cultures reads the crops (checks e and f, and those of a crop).
func (r *reader) cultures(f field, p *sillon.PushParcel, rank int) {
	list := f.culture
	n := countCrops(list)
	if n == 0 {
		list = f.cultures
		n = countCrops(list)
	}
	if n == 0 {
		r.report(sillon.IssueMissingCultures(r.bio, strings.Clone(p.ID)))
		return
	}
	if n > r.Limits.Crops {
		r.unreadable(sillon.RecordTooManyCrops(rank, r.Limits.Crops))
		return
	}
	var unknown []string
	badDate, badUnit := false, false
	p.Crops = r.crops.cut(n)
	c := cursor{s: string(list)}
	if list.isArray() {
		c.i = 1
	}
	for i := range p.Crops {
		if list.isArray() {
			c.more(']', i)
		}
		crop := readCrop(&c)
		out := &p.Crops[i]
		code, _ := crop.code.text()
		out.CPF = strings.TrimSpace(code)
		if out.CPF == "" || !r.IsCPF(out.CPF) {
			unknown = append(unknown, crop.sentCode())
		}
		out.Variete, _ = crop.variete.text()
		sown, ok := dateOf(crop.sown)
		out.SownOn = sown.Value
		badDate = badDate || !ok
		if out.Unit, ok = unitOf(crop.unit); !ok {
			badUnit = true
		}
		if q, ok := quantityOf(crop.quantity); ok {
			out.Surface = &r.surfaces.cut(1)[0]
			*out.Surface = q
		}
	}
	if len(unknown) > 0 {
		r.report(sillon.IssueInvalidCPF(r.bio, strings.Clone(p.ID), unknown))
	}
	if badDate {
		r.report(sillon.IssueInvalidDateSemis(r.bio, strings.Clone(p.ID)))
	}
	if badUnit {
		r.report(sillon.IssueInvalidUnite(r.bio, strings.Clone(p.ID)))
	}
}

// countCrops counts the crops of a list; an object is a list of one.
func countCrops(v value) int {
	switch {
	case v.isObject():
		return 1
	case !v.isArray():
		return 0
	}
	n := 0
	for c := walk(v); c.more(']', n); n++ {
		c.value()
	}
	return n
}

// A rawCrop is a crop, its members as written.
type rawCrop struct{ code, variete, sown, quantity, unit value }

// readCrop reads the crop at c; what is not an object is a crop of nothing.
func readCrop(c *cursor) (crop rawCrop) {
	c.space()
	if c.peek() != '{' {
		c.value()
		return rawCrop{}
	}
	c.i++
	for n := 0; c.more('}', n); n++ {
		key, v := c.key(), c.value()
		switch key {
		case "codeCPF":
			crop.code = v
		case "variete":
			crop.variete = v
		case "dateSemis":
			crop.sown = v
		case "quantite":
			crop.quantity = v
		case "unite":
			crop.unit = v
		}
	}
	return crop
}

// sentCode is the code of a crop as sent, spaces included.
func (c rawCrop) sentCode() string {
	if c.code.isNumber() {
		return string(c.code)
	}
	code, _ := c.code.text()
	return code
}

// unitOf reads the unit of a crop. ok is false for an unknown one, which is
// read as hectares.
func unitOf(v value) (u sillon.Unit, ok bool) {
	switch {
	case v.isNull(), v == `""`:
		return sillon.UnitHectare, true
	case v.isString():
		switch sillon.Unit(unquote(v.inner())) {
		case sillon.UnitHectare:
			return sillon.UnitHectare, true
		case sillon.UnitPercent:
			return sillon.UnitPercent, true
		}
	}
	return sillon.UnitHectare, false
}

// quantityOf reads a finite number, or a string that holds one.
func quantityOf(v value) (q float64, ok bool) {
	s, ok := numericOf(v)
	if !ok {
		return 0, false
	}
	q, err := strconv.ParseFloat(s, 64)
	return q, err == nil
}
