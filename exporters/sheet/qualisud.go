package sheet

import "sillon/sillon"

// qualisud is the layout of Qualisud: one row for a parcel.
var qualisud = Layout{
	Key: "qualisud", Certifier: 4, name: "Export CartoBio", header: 1,
	around: func(*Document) []placed { return nil },
	columns: []column{
		{"Production (code CPF)", 18, func(r *row) any {
			code := mainCrop(r.parcel)
			if _, ok := r.Crop(code); ok {
				return code
			}
			return r.mainLabel(r.parcel)
		}},
		{"Notes de l'auditeur", 50, func(r *row) any {
			return r.text(r.parcel, note{own: mainCrop(r.parcel), auditor: true, annotations: true})
		}},
		{"Nom", 30, func(r *row) any { return wordyName(r.parcel) }},
		surface("Surface"), level("Classe"), engaged("Date de début de conversion"), parcelID("Id. Parcelle"),
	},
}

// wordyName is the long name with the words.
func wordyName(p *sillon.Parcel) string {
	if !isDeclared(p) {
		return longName(p)
	}
	return named(p, "ilot "+p.NumeroIlot+" parcelle "+p.NumeroParcelle)
}
