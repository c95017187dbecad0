package sheet

// controlUnion is the layout of Control Union: one row for a parcel.
var controlUnion = Layout{
	Key: "control-union", Certifier: 10, name: "Suivi parcelles", header: 6,
	around: func(d *Document) []placed {
		return []placed{
			at("A1", title("Raison sociale :")), at("B1", d.Farm.Name), at("C1", title("Date de l'audit :")), at("D1", d.Version.AuditDate),
			at("A3", title("Suivi parcelles")), at("A5", title("N° PACAGE :")), at("B5", d.pacages()),
		}
	},
	columns: []column{
		{"Identification (références cadastrales)", 30, func(r *row) any { return cadastre(r.parcel) }},
		cropLabel("Production"), surface("Quantité"), engaged("Date de début de conversion"),
		level("Niveau de la parcelle au jour de l'audit (C1/C2/C3/AB)"),
		{"Autres infos", 50, func(r *row) any {
			return r.text(r.parcel, note{name: longName, own: mainCrop(r.parcel), auditor: true, annotations: true})
		}},
		parcelID("Id. Parcelle"), cropCode("Code culture"),
	},
}
