package sheet

import "net/url"

// directory is where Agence BIO shows a farm to everybody.
const directory = "https://annuaire.agencebio.org/fiche/"

// standard is the layout of the certifiers without one of their own.
var standard = Layout{
	Key: "defaut", name: "Parcellaire bio", header: 6,
	around: func(d *Document) []placed {
		numero := string(d.Version.NumeroBio)
		return []placed{
			at("A1", title("Numéro bio :")), at("B1", link{numero, directory + url.PathEscape(numero)}),
			at("C1", title("Nom Opérateur:")), at("D1", d.Farm.Name),
			at("A2", title("Date de saisie :")), at("B2", d.Saved), at("C2", title("N°PACAGE")), at("D2", d.pacages()),
			at("A3", title("Surface graphique totale (en ha) :")), at("B3", ha(d.total())),
		}
	},
	columns: []column{
		parcelID("Identifiant CartoBio"), ilot("N°Ilot"), numero("N°Parcelle"), surface("Surfaces graphique (ha)"),
		cropCode("Code culture"), cropLabel("Libellé culture"),
		{"PACAGE", 12, func(r *row) any { return r.parcel.NumeroPacage }},
		level("Niveau de conversion"), engaged("Date de conversion"),
		{"Pac / Hors Pac / Cueillette", 14, func(r *row) any {
			if r.parcel.NumeroPacage == "" {
				return nil
			}
			return "PAC"
		}},
		{"Commentaire agriculteur", 40, func(r *row) any {
			return r.text(r.parcel, note{own: mainCrop(r.parcel), annotations: true})
		}},
		{"Notes d'audit", 40, func(r *row) any { return r.parcel.NotesAuditeur }},
	},
}
