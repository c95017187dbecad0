package service

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"sillon/geo"
	"sillon/sillon"
	"sillon/store"
)

// A mergeInto is what a record meets: the version it is for as it stands, and
// what is known beside it. Nothing of it is written by merging.
type mergeInto struct {
	target store.PushTarget
	oc     sillon.OC
	cover  *geo.Cover                             // nil while no communes are loaded
	known  map[store.FarmParcel]store.KnownParcel // for the parcels that withoutGeometry named
	now    time.Time                              // in Europe/Paris
}

// A merged is what a record makes of a version and of its parcels.
type merged struct {
	version sillon.Parcellaire
	live    []sillon.Parcel  // all that remain
	written []sillon.Parcel  // of these, new or changed
	moved   []bool           // by rank of written
	former  []*sillon.Parcel // by rank of written; nil when new
	removed []string
	gone    []*sillon.Parcel // by rank of removed
}

// A refusal is a record that cannot be stored as the database stands
// (certifier-exchange.md §5.2).
type refusal struct{ issues []sillon.Issue }

func (r *refusal) Error() string { return "record refused: " + r.issues[0].Code }

// withoutGeometry lists the parcels that came without geometry and that the
// version does not hold: it must be known from elsewhere.
func withoutGeometry(r *sillon.PushRecord, stored []sillon.Parcel) (missing []store.FarmParcel) {
	held := map[string]bool{}
	for i := range r.Parcels {
		p := &r.Parcels[i]
		if p.Geometry != nil {
			continue
		}
		if len(held) == 0 {
			for i := range stored {
				held[stored[i].ID] = true
			}
		}
		if !held[p.ID] {
			missing = append(missing, store.FarmParcel{NumeroBio: r.NumeroBio, ID: p.ID})
		}
	}
	return missing
}

// mergeRecord returns what becomes of a version once r is applied to it
// (certifier-exchange.md §7), parcels being matched by id, or a *refusal.
func mergeRecord(r *sillon.PushRecord, into mergeInto) (*merged, error) {
	m := &merged{version: r.MergeInto(into.target.Parcellaire, r.NumeroBio, into.oc, into.now)}
	if into.target.Parcellaire == nil {
		m.version.ID = sillon.ParcellaireID(uuid.NewString())
	}
	if m.version.CertifiedFrom.IsZero() || m.version.CertifiedUntil.IsZero() {
		return nil, &refusal{[]sillon.Issue{sillon.IssueNoCertificationDates(string(r.NumeroBio))}}
	}
	if !sillon.IsReferenceYear(m.version.Year) { // that of an audit before there was organic farming
		return nil, &refusal{[]sillon.Issue{sillon.IssueInvalidAnnee(string(r.NumeroBio))}}
	}
	stored := into.target.Parcels
	byID := make(map[string]*sillon.Parcel, len(stored))
	for i := range stored {
		byID[stored[i].ID] = &stored[i]
	}
	m.live = make([]sillon.Parcel, 0, len(r.Parcels))
	sent := make(map[string]bool, len(r.Parcels))
	var refused []sillon.Issue
	for i := range r.Parcels {
		p := &r.Parcels[i]
		sent[p.ID] = true
		old := byID[p.ID]
		parcel, moved := p.MergeInto(old, r.NumeroPacage)
		if parcel.Geometry == nil {
			k, ok := into.known[store.FarmParcel{NumeroBio: r.NumeroBio, ID: p.ID}]
			if !ok {
				refused = append(refused, sillon.IssueCreationWithoutGeometry(string(r.NumeroBio), strings.Clone(p.ID)))
				continue
			}
			parcel.Geometry, parcel.GeometryStatus, parcel.Declared, moved = k.Geometry, k.GeometryStatus, k.Declared, true
		}
		if moved || old == nil {
			parcel.SurfaceM2 = geo.Area(parcel.Geometry)
		}
		if old == nil || old.DeletedAt != nil || !old.SameAs(&parcel) {
			for c := range parcel.Crops {
				if parcel.Crops[c].ID == "" {
					parcel.Crops[c].ID = uuid.NewString()
				}
			}
			parcel.Revision++
			if moved {
				moved = !inCommune(into.cover, &parcel)
			}
			m.written, m.moved, m.former = append(m.written, parcel), append(m.moved, moved), append(m.former, old)
		}
		m.live = append(m.live, parcel)
	}
	if len(refused) > 0 {
		return nil, &refusal{refused}
	}
	for i := range stored {
		if p := &stored[i]; p.DeletedAt == nil && !sent[p.ID] {
			m.removed, m.gone = append(m.removed, p.ID), append(m.gone, p)
		}
	}
	m.version.Total(m.live)
	return m, nil
}

// inCommune gives its commune to a parcel where the cover knows it, and reports
// whether it does. All others are for the database, which intersects them.
func inCommune(cover *geo.Cover, p *sillon.Parcel) bool {
	code, ok := cover.Locate(p.Geometry, p.Commune)
	if ok {
		abroad := false
		p.Commune, p.Etranger = code, &abroad
	}
	return ok
}

func (m *merged) changedIDs() []string {
	ids := make([]string, 0, len(m.written)+len(m.removed))
	for i := range m.written {
		ids = append(ids, m.written[i].ID)
	}
	return append(ids, m.removed...)
}

// after returns the version as the next record of the farm would find it, had
// m been stored on what stood before.
func (m *merged) after(before store.PushTarget, now time.Time) store.PushTarget {
	version := m.version
	parcels := append([]sillon.Parcel(nil), m.live...)
	live := make(map[string]bool, len(m.live))
	for i := range m.live {
		live[m.live[i].ID] = true
	}
	for _, p := range before.Parcels {
		if live[p.ID] {
			continue
		}
		if p.DeletedAt == nil {
			p.DeletedAt = &now
		}
		parcels = append(parcels, p)
	}
	return store.PushTarget{Parcellaire: &version, Parcels: parcels}
}
