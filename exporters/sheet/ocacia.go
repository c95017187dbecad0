package sheet

import (
	"slices"

	"sillon/sillon"
)

// ocacia is the layout of Ocacia: one row for a parcel, a column for each level.
var ocacia = Layout{
	Key: "ocacia", Certifier: 11, Remembers: true, name: "Parcellaire", header: 3,
	around: func(d *Document) []placed {
		return []placed{
			at("A1", d.Farm.Name), at("B1", join(" ", d.Farm.PostalCode, d.Commune)), at("C1", stateLabel(d.Version.State)), at("D1", year(d)),
			at("F1", title("Surfaces en ha")), at("I1", ha(d.total())), over("O1", "P2", title("Dernier intrant non autorisé en AB")),
			at("F2", ha(d.sum(sillon.LevelCONV))), at("G2", ha(d.sum(sillon.LevelAB))),
			at("H2", ha(d.sum(sillon.LevelC1))), at("I2", ha(d.sum(sillon.LevelC2))), at("J2", ha(d.sum(sillon.LevelC3))),
		}
	},
	columns: slices.Concat([]column{
		communeLabel("Commune"),
		{"Ilot", 14, func(r *row) any { return shortName(r.parcel, ".") }},
		cropLabel("Culture"),
		{"N° Cadastre", 20, func(r *row) any { return cadastre(r.parcel) }},
		{"Variété / infos", 30, func(r *row) any { return r.otherCrops(r.parcel) }},
	}, levelColumns(), []column{
		engaged("Date conv"),
		{"Observation", 50, func(r *row) any {
			p := r.parcel
			return join(", ", sowings(p), cropSurfaces(p), p.NotesAuditeur, p.Name, annotations(p))
		}},
		previous("Précédent"), beforePrevious("Anté précédent"), empty("Produit"), empty("Date"),
		cropCode("Code culture"), parcelID("Id. Parcelle"),
	}),
}

// year is the one that the validity starts in, else the one of the audit.
func year(d *Document) any {
	for _, day := range []sillon.Date{d.Version.CertifiedFrom, d.Version.AuditDate} {
		if !day.IsZero() {
			return day.Year
		}
	}
	return nil
}

func stateLabel(s sillon.State) string {
	switch s {
	case sillon.StateDraft:
		return "Brouillon"
	case sillon.StateAudited:
		return "Audité"
	case sillon.StatePending:
		return "En attente de certification"
	case sillon.StateCertified:
		return "Certifié"
	}
	return string(s)
}
