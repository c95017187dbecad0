package sheet

import "sillon/sillon"

// certis is the layout of Certis: one row for a parcel, most of it left to the
// auditor, and each total beside its own label.
var certis = Layout{
	Key: "certis", Certifier: 6, Remembers: true, name: "Tableau de surfaces", header: 7,
	around: func(d *Document) []placed {
		return []placed{
			at("G1", title("Commentaires")), at("G2", d.Version.AuditNotes),
			at("P1", title("Total C1")), at("Q1", ha(d.sum(sillon.LevelC1))),
			at("P2", title("Total C2")), at("Q2", ha(d.sum(sillon.LevelC2))),
			at("P3", title("Total C3")), at("Q3", ha(d.sum(sillon.LevelC3))),
			at("P4", title("Total bio")), at("Q4", ha(d.sum(sillon.LevelAB))),
			at("P5", title("Total conv")), at("Q5", ha(d.sum(sillon.LevelCONV))),
			at("R1", title("Total : "+decimal(d.total()/10_000)+" ha")),
			at("A5", title("N° PACAGE")), at("B5", d.pacages()),
			over("A6", "F6", title("Description parcellaire")), over("G6", "N6", title("Cultures")),
			over("O6", "P6", title("Ferti/amendements/effluents")), over("Q6", "R6", title("Traitements phytos")),
			over("S6", "U6", title("Rendements")), over("V6", "W6", title("Prévisionnel")), at("X6", title("Commentaires")),
		}
	},
	columns: []column{
		{"Nom de la parcelle", 24, func(r *row) any { return r.parcel.Name }},
		ilot("Ilot"), numero("N° parcelle"), surface("Surface graphique (ha)"), engaged("Date de début de conversion"),
		previous("Précédent (année n-1)"), cropCode("Type de culture"), cropLabel("Liste secondaire"),
		{"Espèces implantées", 24, func(r *row) any { return r.otherCrops(r.parcel) }},
		level("Degré de conversion de la parcelle/ilot"),
		{"Date de semis/implantation", 16, func(r *row) any {
			return eachCrop(r.parcel, ", ", func(_ int, c *sillon.Crop) string { return c.SownOn.French() })
		}},
		empty("Semence C2/Bio/Conv"), empty("Date de dérogation (NA si non applicable)"), empty("Conformité ?"),
		empty("Type/Nature des ferti/amendements/effluents"), empty("Conformité ?"),
		empty("Type/Nature des traitements phytos"), empty("Conformité ?"),
		empty("Rendement (qté/ha)"), empty("Rendement cohérent"), empty("Récolte gardée pour semence fermière"),
		empty("Culture prévue"), empty("Justificatif (facture d'achat ou semences fermières) vu lors de l'audit ?"),
		{"Commentaire sur cet ilot/parcelle", 40, func(r *row) any {
			return join(", ", r.parcel.NotesAuditeur, annotations(r.parcel))
		}},
		parcelID("Id. Parcelle"),
	},
}
