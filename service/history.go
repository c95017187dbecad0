package service

import (
	"context"
	"encoding/json"
	"fmt"

	"sillon/geo/geojson"
	"sillon/sillon"
	"sillon/store"
)

// A PastEvent is an entry of the history of a version as it is read.
type PastEvent = store.PastEvent

// MostEvents is the largest page of a history.
const MostEvents = 100

// History returns a page of the history of a version, the newest first: those
// older than the entry before, or all when that is 0. Farmers and certifiers
// who did not make the version read neither who acted nor notes (domain.md §2).
func (s *Service) History(ctx context.Context, a sillon.Actor, id sillon.ParcellaireID, before int64, limit int) (events []PastEvent, more bool, err error) {
	if err := sillon.May(a, sillon.ActionReadHistory, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	if !reachesFarms(a) {
		return nil, false, sillon.ErrNoParcellaire
	}
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		p, present, err := tx.Parcellaire(ctx, id)
		if err != nil {
			return err
		}
		if err := mayOn(a, sillon.ActionReadHistory, p, present); err != nil {
			return err
		}
		if events, err = tx.Events(ctx, id, before, limit+1); err != nil || seesNotes(a, p.OC) {
			return err
		}
		for i := range events {
			if err := withoutNotes(&events[i]); err != nil {
				return fmt.Errorf("event %d: %w", events[i].ID, err)
			}
		}
		return nil
	})
	if len(events) > limit {
		return events[:limit], true, err
	}
	return events, false, err
}

// withoutNotes takes out of an event who acted and what auditors wrote.
func withoutNotes(e *PastEvent) (err error) {
	e.ActorID = ""
	if r, ok := sillon.ParseDeletionReason(e.Reason); ok {
		e.Reason = sillon.DeletionReason{Code: r.Code}.String()
	} else {
		e.Reason = ""
	}
	if e.Before, err = blanked(e.Before); err == nil {
		e.After, err = blanked(e.After)
	}
	return err
}

// blanked is one side of an event without the notes, those of parcels included.
func blanked(side []byte) ([]byte, error) {
	if side == nil {
		return nil, nil
	}
	var version map[string]json.RawMessage
	if err := json.Unmarshal(side, &version); err != nil {
		return nil, err
	}
	delete(version, "notesAudit")
	delete(version, "demandesAudit")
	if parcels, ok := version["parcelles"]; ok {
		var byID map[string]map[string]json.RawMessage
		if err := json.Unmarshal(parcels, &byID); err != nil {
			return nil, err
		}
		for _, parcel := range byID {
			delete(parcel, "notesAuditeur")
		}
		b, err := json.Marshal(byID)
		if err != nil {
			return nil, err
		}
		version["parcelles"] = b
	}
	return json.Marshal(version)
}

// An eventVersion is what an event holds of a version: changed members alone,
// by wire name. A parcel that is null is not there.
type eventVersion struct {
	Statut                 *sillon.State           `json:"statut,omitempty"`
	DateAudit              *string                 `json:"dateAudit,omitempty"`
	DateCertificationDebut *string                 `json:"dateCertificationDebut,omitempty"`
	DateCertificationFin   *string                 `json:"dateCertificationFin,omitempty"`
	AnneeReferenceControle *int                    `json:"anneeReferenceControle,omitempty"`
	NotesAudit             *string                 `json:"notesAudit,omitempty"`
	OC                     *sillon.OC              `json:"oc,omitempty"`
	Mixite                 *sillon.Mixite          `json:"mixite,omitempty"`
	AnneeAssolement        *int                    `json:"anneeAssolement,omitempty"`
	Pacage                 *string                 `json:"pacage,omitempty"`
	Parcelles              map[string]*eventParcel `json:"parcelles,omitempty"`
}

// An eventParcel is what an event holds of a parcel, likewise.
type eventParcel struct {
	Geometry          json.RawMessage        `json:"geometry,omitempty"`
	GeometrieDeclaree json.RawMessage        `json:"geometrieDeclaree,omitempty"`
	GeometrieStatut   *sillon.GeometryStatus `json:"geometrieStatut,omitempty"`
	Nom               *string                `json:"nom,omitempty"`
	NumeroPacage      *string                `json:"numeroPacage,omitempty"`
	NumeroIlotPAC     *string                `json:"numeroIlotPAC,omitempty"`
	NumeroParcellePAC *string                `json:"numeroParcellePAC,omitempty"`
	EnAttentePAC      *bool                  `json:"enAttentePAC,omitempty"`
	Cultures          *[]eventCrop           `json:"cultures,omitempty"`
	CodeCulturePAC    *string                `json:"codeCulturePAC,omitempty"`
	CodePrecisionPAC  *string                `json:"codePrecisionPAC,omitempty"`
	NiveauConversion  *sillon.Level          `json:"niveauConversion,omitempty"`
	DateEngagement    *string                `json:"dateEngagement,omitempty"`
	NotesAuditeur     *string                `json:"notesAuditeur,omitempty"`
	Commentaire       *string                `json:"commentaire,omitempty"`
}

type eventCrop struct {
	CPF       string      `json:"cpf"`
	Variete   string      `json:"variete,omitempty"`
	DateSemis string      `json:"dateSemis,omitempty"`
	Surface   *float64    `json:"surface,omitempty"`
	Unite     sillon.Unit `json:"unite"`
}

// diffVersion tells the changes from old (nil: nothing was there) to p and its
// parcels, as the before and after of one event; changed is false when a
// reader would see none.
func diffVersion(old, p *sillon.Parcellaire, m *merged) (before, after json.RawMessage, changed bool, err error) {
	var b, a eventVersion
	if old == nil {
		old, changed = &sillon.Parcellaire{}, true
	}
	changed = differ(&b.Statut, &a.Statut, old.State, p.State) || changed
	changed = differ(&b.DateAudit, &a.DateAudit, old.AuditDate.String(), p.AuditDate.String()) || changed
	changed = differ(&b.DateCertificationDebut, &a.DateCertificationDebut, old.CertifiedFrom.String(), p.CertifiedFrom.String()) || changed
	changed = differ(&b.DateCertificationFin, &a.DateCertificationFin, old.CertifiedUntil.String(), p.CertifiedUntil.String()) || changed
	changed = differ(&b.AnneeReferenceControle, &a.AnneeReferenceControle, old.Year, p.Year) || changed
	changed = differ(&b.NotesAudit, &a.NotesAudit, old.AuditNotes, p.AuditNotes) || changed
	changed = differ(&b.OC, &a.OC, old.OC, p.OC) || changed
	changed = differ(&b.Mixite, &a.Mixite, old.Mixite, p.Mixite) || changed
	changed = differ(&b.AnneeAssolement, &a.AnneeAssolement, old.Metadata.AnneeAssolement, p.Metadata.AnneeAssolement) || changed
	changed = differ(&b.Pacage, &a.Pacage, old.Metadata.Pacage, p.Metadata.Pacage) || changed
	if n := len(m.written) + len(m.removed); n > 0 {
		changed = true
		b.Parcelles, a.Parcelles = make(map[string]*eventParcel, n), make(map[string]*eventParcel, n)
	}
	for i := range m.written {
		id := m.written[i].ID
		if old := m.former[i]; old == nil || old.DeletedAt != nil {
			b.Parcelles[id], a.Parcelles[id] = nil, wholeParcel(&m.written[i])
		} else {
			b.Parcelles[id], a.Parcelles[id] = diffParcel(old, &m.written[i])
		}
	}
	for i, id := range m.removed {
		b.Parcelles[id], a.Parcelles[id] = wholeParcel(m.gone[i]), nil
	}
	if !changed {
		return nil, nil, false, nil
	}
	if before, err = json.Marshal(b); err == nil {
		after, err = json.Marshal(a)
	}
	if err != nil {
		return nil, nil, false, fmt.Errorf("history of %s: %w", p.ID, err)
	}
	return before, after, true, nil
}

// wholeParcel holds every member of p.
func wholeParcel(p *sillon.Parcel) *eventParcel {
	_, after := diffParcel(&sillon.Parcel{}, p)
	return after
}

// diffParcel holds the members that differ between two states of a parcel.
func diffParcel(old, p *sillon.Parcel) (before, after *eventParcel) {
	var b, a eventParcel
	if was, is := geometryJSON(old), geometryJSON(p); string(was) != string(is) {
		b.Geometry, a.Geometry = was, is
	}
	if old.Declared != nil || p.Declared != nil {
		b.GeometrieDeclaree, a.GeometrieDeclaree = geojson.AppendGeometry(nil, old.Declared, 9), geojson.AppendGeometry(nil, p.Declared, 9)
	}
	differ(&b.GeometrieStatut, &a.GeometrieStatut, old.GeometryStatus, p.GeometryStatus)
	differ(&b.Nom, &a.Nom, old.Name, p.Name)
	differ(&b.NumeroPacage, &a.NumeroPacage, old.NumeroPacage, p.NumeroPacage)
	differ(&b.NumeroIlotPAC, &a.NumeroIlotPAC, old.NumeroIlot, p.NumeroIlot)
	differ(&b.NumeroParcellePAC, &a.NumeroParcellePAC, old.NumeroParcelle, p.NumeroParcelle)
	differ(&b.EnAttentePAC, &a.EnAttentePAC, old.EnAttentePAC, p.EnAttentePAC)
	differ(&b.CodeCulturePAC, &a.CodeCulturePAC, old.CodeCulturePAC, p.CodeCulturePAC)
	differ(&b.CodePrecisionPAC, &a.CodePrecisionPAC, old.CodePrecisionPAC, p.CodePrecisionPAC)
	differ(&b.NiveauConversion, &a.NiveauConversion, old.Level, p.Level)
	differ(&b.DateEngagement, &a.DateEngagement, old.EngagedOn.String(), p.EngagedOn.String())
	differ(&b.NotesAuditeur, &a.NotesAuditeur, old.NotesAuditeur, p.NotesAuditeur)
	differ(&b.Commentaire, &a.Commentaire, old.Commentaire, p.Commentaire)
	if !p.SameCropsAs(old) {
		b.Cultures, a.Cultures = eventCrops(old.Crops), eventCrops(p.Crops)
	}
	return &b, &a
}

// geometryJSON is the GeoJSON of a parcel's geometry, or nothing.
func geometryJSON(p *sillon.Parcel) json.RawMessage {
	if p.Geometry == nil {
		return nil
	}
	return geojson.AppendGeometry(nil, p.Geometry, 9)
}

func eventCrops(crops []sillon.Crop) *[]eventCrop {
	out := make([]eventCrop, len(crops))
	for i, c := range crops {
		out[i] = eventCrop{CPF: c.CPF, Variete: c.Variete, DateSemis: c.SownOn.String(), Surface: c.Surface, Unite: c.Unit}
	}
	return &out
}

// differ notes both values where they are not the same.
func differ[T comparable](before, after **T, was, is T) bool {
	if was == is {
		return false
	}
	*before, *after = &was, &is
	return true
}
