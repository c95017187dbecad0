package service

import (
	"encoding/json"
	"strconv"

	"sillon/geo/geojson"
	"sillon/sillon"
)

// A diff is the two sides of an event as they are written: of a version and of
// its parcels the members that changed, by wire name. A parcel that is null is
// not there. It is written by hand: encoding/json takes as long as all the rest
// of a push (make bench-push).
type diff struct{ before, after []byte }

// diffVersion tells the changes from old (nil: nothing was there) to p and its
// parcels, as the before and after of one event; changed is false when a
// reader would see none.
func diffVersion(old, p *sillon.Parcellaire, m *merged) (before, after json.RawMessage, changed bool) {
	n := len(m.written) + len(m.removed)
	changed = old == nil || n > 0
	if old == nil {
		old = &sillon.Parcellaire{}
	}
	const member, parcel = 256, 640 // bytes, about
	d := diff{make([]byte, 0, member+16*n), make([]byte, 0, member+parcel*n)}
	d.open()
	changed = differ(&d, "statut", old.State, p.State, geojson.AppendString) || changed
	changed = differ(&d, "dateAudit", old.AuditDate, p.AuditDate, appendDate) || changed
	changed = differ(&d, "dateCertificationDebut", old.CertifiedFrom, p.CertifiedFrom, appendDate) || changed
	changed = differ(&d, "dateCertificationFin", old.CertifiedUntil, p.CertifiedUntil, appendDate) || changed
	changed = differ(&d, "anneeReferenceControle", old.Year, p.Year, appendInt) || changed
	changed = differ(&d, "notesAudit", old.AuditNotes, p.AuditNotes, geojson.AppendString) || changed
	changed = differ(&d, "oc", old.OC, p.OC, appendInt) || changed
	changed = differ(&d, "mixite", old.Mixite, p.Mixite, geojson.AppendString) || changed
	changed = differ(&d, "anneeAssolement", old.Metadata.AnneeAssolement, p.Metadata.AnneeAssolement, appendInt) || changed
	changed = differ(&d, "pacage", old.Metadata.Pacage, p.Metadata.Pacage, geojson.AppendString) || changed
	if !changed {
		return nil, nil, false
	}
	if n > 0 {
		d.name("parcelles")
		d.open()
		for i := range m.written {
			was := m.former[i]
			if was != nil && was.DeletedAt != nil {
				was = nil
			}
			d.parcel(m.written[i].ID, was, &m.written[i])
		}
		for i, id := range m.removed {
			d.parcel(id, m.gone[i], nil)
		}
		d.end()
	}
	d.end()
	return d.before, d.after, true
}

func (d *diff) open() { d.before, d.after = append(d.before, '{'), append(d.after, '{') }
func (d *diff) end()  { d.before, d.after = append(d.before, '}'), append(d.after, '}') }

// name begins a member of both sides.
func (d *diff) name(name string) {
	d.before, d.after = appendName(d.before, name), appendName(d.after, name)
}

// parcel writes a parcel: all its members when it was not, or is not, there
// (nil), else those that differ.
func (d *diff) parcel(id string, was, is *sillon.Parcel) {
	d.name(id)
	before, after := len(d.before), len(d.after)
	none := &sillon.Parcel{}
	d.open()
	switch {
	case was == nil:
		d.members(none, is)
	case is == nil:
		d.members(was, none)
	default:
		d.members(was, is)
	}
	d.end()
	if was == nil {
		d.before = append(d.before[:before], "null"...)
	}
	if is == nil {
		d.after = append(d.after[:after], "null"...)
	}
}

// members writes the members that differ between two states of a parcel.
func (d *diff) members(old, p *sillon.Parcel) {
	d.geometry(old, p)
	if old.Declared != nil || p.Declared != nil {
		d.name("geometrieDeclaree")
		d.before, d.after = geojson.AppendGeometry(d.before, old.Declared, 9), geojson.AppendGeometry(d.after, p.Declared, 9)
	}
	differ(d, "geometrieStatut", old.GeometryStatus, p.GeometryStatus, geojson.AppendString)
	differ(d, "nom", old.Name, p.Name, geojson.AppendString)
	differ(d, "numeroPacage", old.NumeroPacage, p.NumeroPacage, geojson.AppendString)
	differ(d, "numeroIlotPAC", old.NumeroIlot, p.NumeroIlot, geojson.AppendString)
	differ(d, "numeroParcellePAC", old.NumeroParcelle, p.NumeroParcelle, geojson.AppendString)
	differ(d, "enAttentePAC", old.EnAttentePAC, p.EnAttentePAC, strconv.AppendBool)
	if !p.SameCropsAs(old) {
		d.name("cultures")
		d.before, d.after = appendCrops(d.before, old.Crops), appendCrops(d.after, p.Crops)
	}
	differ(d, "codeCulturePAC", old.CodeCulturePAC, p.CodeCulturePAC, geojson.AppendString)
	differ(d, "codePrecisionPAC", old.CodePrecisionPAC, p.CodePrecisionPAC, geojson.AppendString)
	differ(d, "niveauConversion", old.Level, p.Level, geojson.AppendString)
	differ(d, "dateEngagement", old.EngagedOn, p.EngagedOn, appendDate)
	differ(d, "notesAuditeur", old.NotesAuditeur, p.NotesAuditeur, geojson.AppendString)
	differ(d, "commentaire", old.Commentaire, p.Commentaire, geojson.AppendString)
}

// geometry writes the geometries, where there are, unless a reader would see
// the same.
func (d *diff) geometry(old, p *sillon.Parcel) {
	before, after := len(d.before), len(d.after)
	if old.Geometry != nil {
		d.before = geojson.AppendGeometry(appendName(d.before, "geometry"), old.Geometry, 9)
	}
	if p.Geometry != nil {
		d.after = geojson.AppendGeometry(appendName(d.after, "geometry"), p.Geometry, 9)
	}
	if string(d.before[before:]) == string(d.after[after:]) {
		d.before, d.after = d.before[:before], d.after[:after]
	}
}

// differ writes both values where they are not the same.
func differ[T comparable](d *diff, name string, was, is T, value func([]byte, T) []byte) bool {
	if was == is {
		return false
	}
	d.before, d.after = value(appendName(d.before, name), was), value(appendName(d.after, name), is)
	return true
}

// appendName begins a member of an object.
func appendName(buf []byte, name string) []byte {
	if buf[len(buf)-1] != '{' {
		buf = append(buf, ',')
	}
	return append(geojson.AppendString(buf, name), ':')
}

func appendCrops(buf []byte, crops []sillon.Crop) []byte {
	buf = append(buf, '[')
	for i := range crops {
		c := &crops[i]
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = geojson.AppendString(appendName(append(buf, '{'), "cpf"), c.CPF)
		if c.Variete != "" {
			buf = geojson.AppendString(appendName(buf, "variete"), c.Variete)
		}
		if !c.SownOn.IsZero() {
			buf = appendDate(appendName(buf, "dateSemis"), c.SownOn)
		}
		if c.Surface != nil {
			buf = geojson.AppendNumber(appendName(buf, "surface"), c.Surface)
		}
		buf = append(geojson.AppendString(appendName(buf, "unite"), c.Unit), '}')
	}
	return append(buf, ']')
}

func appendDate(buf []byte, d sillon.Date) []byte { return geojson.AppendString(buf, d.String()) }

func appendInt[T ~int | ~int32](buf []byte, v T) []byte { return strconv.AppendInt(buf, int64(v), 10) }
