package sheet

import "strings"

// certisud is the layout of Certisud: one row for a group.
var certisud = Layout{
	Key: "certisud", Certifier: 5, name: "Parcellaire", header: 1, perGroup: true,
	around: func(*Document) []placed { return nil },
	columns: []column{
		{"Cultures en place lors du contrôle", 30, func(r *row) any { return r.group.label(r.Document) }},
		{"Surfaces déclarées", 12, func(r *row) any { return r.group.surface() }},
		{"Autres infos (ilot.parcelle, semis, etc.)", 50, func(r *row) any {
			return r.group.text(r.Document, note{name: longName, auditor: true, annotations: true})
		}},
		{"Classement proposé", 12, func(r *row) any { return string(r.group.level) }},
		{"Depuis", 14, func(r *row) any { return r.group.engaged }},
		{"Id. Parcelles", 40, func(r *row) any {
			ids := make([]string, len(r.group.parcels))
			for i, p := range r.group.parcels {
				ids[i] = p.ID
			}
			return strings.Join(ids, ",")
		}},
	},
}
