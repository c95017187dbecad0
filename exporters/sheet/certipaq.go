package sheet

import (
	"fmt"
	"slices"

	"sillon/sillon"
)

// certipaq is the layout of Certipaq: one row for a parcel, and beside them the
// totals of the levels and of the crops.
var certipaq = Layout{
	Key: "certipaq", Certifier: 3, Remembers: true, format: FormatCSV, name: "Export Certipaq", header: 5,
	around: func(d *Document) []placed {
		return slices.Concat([]placed{
			at("A1", title("N° de l'opérateur")), at("B1", d.Client), at("A2", title("Date de saisie :")), at("B2", d.Saved),
			over("E4", "I4", title("Surfaces en ha")), over("N4", "O4", title("Dernier intrant non autorisé en AB")),
		}, certipaqTotals(d), certipaqCrops(d))
	},
	columns: slices.Concat([]column{
		communeLabel("Commune"),
		{"Ilot", 14, func(r *row) any { return shortName(r.parcel, "_") }},
		cropLabel("Culture"),
		{"Variété / infos", 40, func(r *row) any {
			return join(", ", varieties(r.parcel), r.parcel.Name, r.parcel.NotesAuditeur)
		}},
	}, levelColumns(), []column{
		engaged("Date conv"),
		{"Observation / date de semis", 40, func(r *row) any {
			return join(", ", sowings(r.parcel), cropSurfaces(r.parcel), annotations(r.parcel))
		}},
		previous("Précédent"), beforePrevious("Anté précédent"), empty("Produit"), empty("Date"),
		parcelID("Id. Parcelle"), cropCode("Code culture"),
	}),
}

// certipaqLevels are the levels in the order of the totals, from column T on.
var certipaqLevels = []sillon.Level{sillon.LevelAB, sillon.LevelC1, sillon.LevelC2, sillon.LevelC3, sillon.LevelCONV}

// certipaqTotals are the sums of the levels, under their names.
func certipaqTotals(d *Document) []placed {
	list := []placed{at("S5", title("TOTAUX :"))}
	for i, l := range certipaqLevels {
		column := string(rune('T' + i))
		list = append(list, at(column+"4", title(levelName(l))), at(column+"5", ha(d.sum(l))))
	}
	return append(list, at("Y4", title("Total")), at("Y5", ha(d.total())))
}

// certipaqCrops are the sums of each crop by level.
func certipaqCrops(d *Document) []placed {
	list := []placed{at("S7", title("Surfaces par culture"))}
	for i, l := range certipaqLevels {
		name := levelName(l)
		if i == 0 {
			name = "Somme de " + name
		}
		list = append(list, at(string(rune('T'+i))+"7", title(name)))
	}
	type sums map[sillon.Level]*group
	byCrop := make(map[string]sums)
	var order []string
	for _, g := range d.groups() {
		label := g.label(d)
		if byCrop[label] == nil {
			byCrop[label], order = make(sums), append(order, label)
		}
		if s := byCrop[label][g.level]; s != nil {
			s.m2, s.shared = s.m2+g.m2, s.shared || g.shared
		} else {
			byCrop[label][g.level] = &group{m2: g.m2, shared: g.shared}
		}
	}
	for i, label := range order {
		list = append(list, at(fmt.Sprint("S", 8+i), label))
		for j, l := range certipaqLevels {
			if s := byCrop[label][l]; s != nil {
				list = append(list, at(fmt.Sprint(string(rune('T'+j)), 8+i), s.surface()))
			}
		}
	}
	return list
}
