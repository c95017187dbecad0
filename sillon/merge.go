package sillon

import (
	"slices"
	"time"

	"github.com/paulmach/orb"
)

// MergeInto returns what the version old becomes once r is applied to it, nil
// being a version that does not exist yet (certifier-exchange.md §7). now is
// the instant of the push, in Europe/Paris. Parcels and totals are not its
// matter.
func (r *PushRecord) MergeInto(old *Parcellaire, numero NumeroBio, oc OC, now time.Time) Parcellaire {
	p := Parcellaire{NumeroBio: numero, AuditDate: r.AuditDate, Name: "Version créée le " + DateOf(now).French()}
	if old != nil {
		p = *old
	}
	p.OC, p.State = oc, StateCertified
	p.CertifiedFrom = r.CertifiedFrom.On(p.CertifiedFrom)
	p.CertifiedUntil = r.CertifiedUntil.On(p.CertifiedUntil)
	p.AuditNotes = r.Commentaire.On(p.AuditNotes)
	switch {
	case r.Year != 0:
		p.Year = r.Year
	case p.Year == 0:
		p.Year = r.AuditDate.Year
	}
	p.Metadata.Source = SourceAPI
	p.Metadata.Pacage = r.NumeroPacage.On(p.Metadata.Pacage)
	if r.AnneeAssolement != 0 {
		p.Metadata.AnneeAssolement = r.AnneeAssolement
	} else if p.Metadata.AnneeAssolement == 0 {
		p.Metadata.AnneeAssolement = p.Year
	}
	return p
}

// MergeInto returns what the parcel old becomes once s is applied to it, nil
// being a parcel that the version does not hold yet (certifier-exchange.md
// §7); pacage is that of the record. moved says that its commune must be found
// again. The result has no geometry when none is known: that cannot be stored.
func (s *PushParcel) MergeInto(old *Parcel, pacage Patch[string]) (p Parcel, moved bool) {
	p = Parcel{ID: s.ID, Origin: OriginAPI}
	if old != nil {
		p = *old
		p.DeletedAt = nil
	}
	if s.Geometry != nil {
		if p.Geometry == nil || !orb.Equal(p.Geometry, s.Geometry) {
			p.Geometry, moved = s.Geometry, true
		}
		p.GeometryStatus, p.Declared = s.GeometryStatus, s.Declared
	}
	if s.Commune.Op == Clear || s.Commune.Op == Set && s.Commune.Value != p.Commune {
		p.Commune, moved = s.Commune.Value, true
	}
	if s.Level != LevelUnknown {
		p.Level = s.Level
	}
	p.EngagedOn = s.EngagedOn.On(p.EngagedOn)
	if p.Level == LevelAB && p.EngagedOn.IsZero() {
		p.EngagedOn = EngagedSinceAlways
	}
	p.NumeroPacage = pacage.On(p.NumeroPacage)
	p.NumeroIlot = s.NumeroIlot.On(p.NumeroIlot)
	p.NumeroParcelle = s.NumeroParcelle.On(p.NumeroParcelle)
	p.NotesAuditeur = s.Commentaire.On(p.NotesAuditeur)
	p.Name = s.Nom.On(p.Name)
	p.CodeCulturePAC = s.CodeCulture.On(p.CodeCulturePAC)
	p.CodePrecisionPAC = s.CodePrecision.On(p.CodePrecisionPAC)
	p.EnAttentePAC = s.EnAttentePAC.On(p.EnAttentePAC) && (p.NumeroIlot == "" || p.NumeroIlot == "0")
	if !sameCrops(p.Crops, s.Crops) {
		p.Crops = s.Crops
	}
	return p, moved
}

// SameAs reports whether a reader would see no difference between p and q:
// revisions, dates of writing and ids of crops set aside.
func (p *Parcel) SameAs(q *Parcel) bool {
	return p.ID == q.ID && p.GeometryStatus == q.GeometryStatus && p.Name == q.Name && p.NumeroPacage == q.NumeroPacage &&
		p.NumeroIlot == q.NumeroIlot && p.NumeroParcelle == q.NumeroParcelle && p.EnAttentePAC == q.EnAttentePAC &&
		p.CodeCulturePAC == q.CodeCulturePAC && p.CodePrecisionPAC == q.CodePrecisionPAC && p.Level == q.Level &&
		p.EngagedOn == q.EngagedOn && p.Commentaire == q.Commentaire && p.NotesAuditeur == q.NotesAuditeur && p.Commune == q.Commune &&
		(p.DeletedAt == nil) == (q.DeletedAt == nil) && slices.Equal(p.ReferencesCadastrales, q.ReferencesCadastrales) &&
		sameCrops(p.Crops, q.Crops) && sameGeometry(p.Geometry, q.Geometry) && sameGeometry(p.Declared, q.Declared)
}

// SameCropsAs reports whether p and q bear the same crops, ids set aside.
func (p *Parcel) SameCropsAs(q *Parcel) bool { return sameCrops(p.Crops, q.Crops) }

func sameGeometry(a, b orb.Geometry) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return orb.Equal(a, b)
}

func sameCrops(a, b []Crop) bool {
	return slices.EqualFunc(a, b, func(x, y Crop) bool {
		return x.CPF == y.CPF && x.Variete == y.Variete && x.SownOn == y.SownOn && x.Unit == y.Unit &&
			(x.Surface == nil) == (y.Surface == nil) && (x.Surface == nil || *x.Surface == *y.Surface)
	})
}

// Total sets the figures of p that derive from its live parcels.
func (p *Parcellaire) Total(parcels []Parcel) {
	p.SurfaceM2, p.ParcelCount = 0, len(parcels)
	for i := range parcels {
		p.SurfaceM2 += parcels[i].SurfaceM2
	}
	p.Mixite = MixiteOf(parcels)
}
