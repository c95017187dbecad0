package sheet

// bureauVeritas is the layout of Bureau Veritas: one row for a group.
var bureauVeritas = Layout{
	Key: "bureau-veritas", Certifier: 2, name: "AppliAgro", header: 1, perGroup: true,
	around: func(d *Document) []placed { return []placed{at("A2", d.Client), at("A3", "PV")} },
	columns: []column{
		empty("SITE ID de l'opérateur"),
		{"Catégorie", 22, func(r *row) any { c, _ := r.Crop(r.group.crop); return c.Group }},
		{"Produit", 28, func(r *row) any { return r.group.label(r.Document) }},
		{"Code Produit", 14, func(r *row) any { c, _ := r.Crop(r.group.crop); return c.BureauVeritas }},
		{"Complément certificat", 24, func(r *row) any { return r.group.varieties() }},
		{"Autres infos", 50, func(r *row) any {
			return "Ilots : " + r.group.text(r.Document, note{name: longName, alone: true, auditor: true})
		}},
		{"Surface", 12, func(r *row) any { return r.group.surface() }},
		{"Unité", 8, func(*row) any { return "ha" }},
		{"Classement", 12, func(r *row) any { return string(r.group.level) }},
		{"Date conversion", 14, func(r *row) any { return r.group.engaged }},
	},
}

// varieties are those of the crop of the group, each once.
func (g *group) varieties() string {
	var list []string
	seen := make(map[string]bool)
	for _, p := range g.parcels {
		for _, c := range p.Crops {
			if c.CPF == g.crop && !seen[c.Variete] {
				seen[c.Variete], list = true, append(list, c.Variete)
			}
		}
	}
	return join(", ", list...)
}
