package exchange_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"sillon/importers/exchange"
	"sillon/sillon"
)

// A square of 100 m in the Drôme, as certifiers write it.
const square = `"[[[4.9,44.9],[4.901,44.9],[4.901,44.901],[4.9,44.901],[4.9,44.9]]]"`

func isCPF(code string) bool {
	switch code {
	case "01.11.12", "01.13.41.1", "01.21.12", "01.99.10.1":
		return true
	}
	return false
}

func env() exchange.Env { return exchange.Env{IsCPF: isCPF, Index: 3} }

// edits are members to set in an object, by name; an empty text drops the
// member.
type edits map[string]string

// object writes base with the edits done, as JSON.
func (e edits) object(base []string) string {
	var b strings.Builder
	b.WriteByte('{')
	sep := ""
	write := func(name, v string) {
		if v != "" {
			fmt.Fprintf(&b, `%s%q:%s`, sep, name, v)
			sep = ","
		}
	}
	done := map[string]bool{}
	for i := 0; i < len(base); i += 2 {
		v, edited := e[base[i]]
		if !edited {
			v = base[i+1]
		}
		done[base[i]] = true
		write(base[i], v)
	}
	for name, v := range e {
		if !done[name] {
			write(name, v)
		}
	}
	b.WriteByte('}')
	return b.String()
}

// parcelJSON is a good parcel with some members changed.
func parcelJSON(e edits) string {
	return e.object([]string{
		"id", `"A"`, "etatProduction", `"AB"`, "dateEngagement", `"2020-05-01"`, "numeroIlot", `"12"`, "numeroParcelle", `"5"`,
		"geom", square, "cultures", `[{"codeCPF":"01.11.12","quantite":"1.5","unite":"ha"}]`,
	})
}

// recordJSON is a good record with some members changed.
func recordJSON(e edits) string {
	return e.object([]string{
		"numeroBio", `"99999"`, "numeroClient", `"C1"`, "anneeReferenceControle", `2023`, "dateAudit", `"2023-04-01"`,
		"dateCertificationDebut", `"2023-05-14"`, "dateCertificationFin", `"2024-11-14"`, "parcelles", "[" + parcelJSON(nil) + "]",
	})
}

// withParcel is a good record of one parcel with some members changed.
func withParcel(e edits) string { return recordJSON(edits{"parcelles": "[" + parcelJSON(e) + "]"}) }

// told writes issues as lines: kind, code, parcel, message.
func told(t *testing.T, issues []sillon.Issue) []string {
	t.Helper()
	var lines []string
	for _, i := range issues {
		if i.Code == "" || i.Message == "" {
			t.Errorf("an issue without code or message: %+v", i)
		}
		kind := "error"
		if i.Severity == sillon.SeverityWarning {
			kind = "warning"
		}
		lines = append(lines, fmt.Sprintf("%s %s [%s] %s", kind, i.Code, i.ParcelleID, i.Message))
	}
	return lines
}

// TestIssues holds the rows of certifier-exchange.md §5 that a record can show
// by itself.
func TestIssues(t *testing.T) {
	t.Parallel()
	repeat := func(n int, s string) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	const (
		geom = "error INVALID_GEOM [A] champ geom incorrect : "
		rec  = "error INVALID_RECORD [] enregistrement illisible : "
	)
	tests := []struct {
		name   string
		record string
		env    func(*exchange.Env)
		want   []string
	}{
		{name: "a good record", record: recordJSON(nil)},

		{name: "INVALID_RECORD: a text", record: `"x"`, want: []string{rec + "un objet est attendu"}},
		{
			name: "MISSING_NUMERO_BIO", record: recordJSON(edits{"numeroBio": `" "`}),
			want: []string{"error MISSING_NUMERO_BIO [] champ numeroBio manquant"},
		},
		{
			name: "MISSING_NUMERO_CLIENT", record: recordJSON(edits{"numeroClient": "null"}),
			want: []string{"error MISSING_NUMERO_CLIENT [] champ numeroClient manquant"},
		},

		{
			name: "INVALID_DATE_CERTIFICATION_DEBUT: unreadable", record: recordJSON(edits{"dateCertificationDebut": `"2023"`}),
			want: []string{"error INVALID_DATE_CERTIFICATION_DEBUT [] champ dateCertificationDebut incorrect"},
		},
		{
			name: "INVALID_DATE_CERTIFICATION_FIN: a number", record: recordJSON(edits{"dateCertificationFin": `20231231`}),
			want: []string{"error INVALID_DATE_CERTIFICATION_FIN [] champ dateCertificationFin incorrect"},
		},
		{
			name:   "dates of certification may be absent or empty",
			record: recordJSON(edits{"dateCertificationDebut": "", "dateCertificationFin": `""`}),
		},
		{
			name: "INVALID_DATE_AUDIT: unreadable", record: recordJSON(edits{"dateAudit": `"01/04/2023"`}),
			want: []string{"error INVALID_DATE_AUDIT [] champ dateAudit incorrect"},
		},
		{
			name: "INVALID_DATE_AUDIT: absent", record: recordJSON(edits{"dateAudit": ""}),
			want: []string{"error INVALID_DATE_AUDIT [] champ dateAudit incorrect"},
		},
		{
			name: "INVALID_DATE_AUDIT: empty", record: recordJSON(edits{"dateAudit": `""`}),
			want: []string{"error INVALID_DATE_AUDIT [] champ dateAudit incorrect"},
		},
		{
			name: "INVALID_ANNEE: a text", record: recordJSON(edits{"anneeReferenceControle": `"an 2023"`}),
			want: []string{"error INVALID_ANNEE [] champ anneeReferenceControle incorrect"},
		},
		{
			name: "INVALID_ANNEE: not an integer", record: recordJSON(edits{"anneeReferenceControle": `2023.5`}),
			want: []string{"error INVALID_ANNEE [] champ anneeReferenceControle incorrect"},
		},
		{
			name: "INVALID_ANNEE: too early", record: recordJSON(edits{"anneeReferenceControle": `1989`}),
			want: []string{"error INVALID_ANNEE [] champ anneeReferenceControle incorrect"},
		},
		{
			name: "INVALID_ANNEE: too late", record: recordJSON(edits{"anneeReferenceControle": `"2101"`}),
			want: []string{"error INVALID_ANNEE [] champ anneeReferenceControle incorrect"},
		},
		{
			name: "INVALID_ANNEE: a list", record: recordJSON(edits{"anneeReferenceControle": `[2023]`}),
			want: []string{"error INVALID_ANNEE [] champ anneeReferenceControle incorrect"},
		},
		{
			name: "INVALID_ANNEE: anneeAssolement", record: recordJSON(edits{"anneeAssolement": `"?"`}),
			want: []string{"warning INVALID_ANNEE [] champ anneeAssolement incorrect"},
		},
		{
			name: "INVALID_PACAGE: too long", record: recordJSON(edits{"numeroPacage": `"0999100540"`}),
			want: []string{"warning INVALID_PACAGE [] champ numeroPacage incorrect"},
		},
		{
			name: "INVALID_PACAGE: letters", record: recordJSON(edits{"numeroPacage": `"2A100540"`}),
			want: []string{"warning INVALID_PACAGE [] champ numeroPacage incorrect"},
		},
		{
			name: "INVALID_PACAGE: an object", record: recordJSON(edits{"numeroPacage": `{}`}),
			want: []string{"warning INVALID_PACAGE [] champ numeroPacage incorrect"},
		},
		{
			name: "MISSING_PARCELLES: absent", record: recordJSON(edits{"parcelles": ""}),
			want: []string{"error MISSING_PARCELLES [] champ parcelles manquant ou incorrect"},
		},
		{
			name: "MISSING_PARCELLES: an object", record: recordJSON(edits{"parcelles": "{}"}),
			want: []string{"error MISSING_PARCELLES [] champ parcelles manquant ou incorrect"},
		},
		{
			name: "MISSING_PARCELLES: null", record: recordJSON(edits{"parcelles": "null"}),
			want: []string{"error MISSING_PARCELLES [] champ parcelles manquant ou incorrect"},
		},
		{
			name: "EMPTY_PARCELLES", record: recordJSON(edits{"parcelles": "[ ]"}),
			want: []string{"warning EMPTY_PARCELLES [] Aucune parcelle transmise : toutes les parcelles de ce parcellaire ont été retirées"},
		},
		{
			name: "all faults of a record, in order",
			record: `{"numeroBio":1,"numeroClient":2,"numeroPacage":"x","anneeAssolement":"x","anneeReferenceControle":"x",` +
				`"dateAudit":"x","dateCertificationFin":"x","dateCertificationDebut":"x"}`,
			want: []string{
				"error INVALID_DATE_CERTIFICATION_DEBUT [] champ dateCertificationDebut incorrect",
				"error INVALID_DATE_CERTIFICATION_FIN [] champ dateCertificationFin incorrect",
				"error INVALID_DATE_AUDIT [] champ dateAudit incorrect",
				"error INVALID_ANNEE [] champ anneeReferenceControle incorrect",
				"error MISSING_PARCELLES [] champ parcelles manquant ou incorrect",
				"warning INVALID_ANNEE [] champ anneeAssolement incorrect",
				"warning INVALID_PACAGE [] champ numeroPacage incorrect",
			},
		},

		{
			name:   "INVALID_RECORD: parcels that are no objects",
			record: recordJSON(edits{"parcelles": "[" + parcelJSON(nil) + `,null,[{}],"x"]`}),
			want: []string{
				rec + "la parcelle de rang 1 n'est pas un objet", rec + "la parcelle de rang 2 n'est pas un objet",
				rec + "la parcelle de rang 3 n'est pas un objet",
			},
		},
		{
			name:   "INVALID_RECORD: ids that are no scalars",
			record: recordJSON(edits{"parcelles": "[" + parcelJSON(edits{"id": `{"a":1}`}) + "," + parcelJSON(edits{"id": "true"}) + "]"}),
			want: []string{
				rec + "l'identifiant de la parcelle de rang 0 n'est ni un texte ni un nombre",
				rec + "l'identifiant de la parcelle de rang 1 n'est ni un texte ni un nombre",
			},
		},
		{
			name: "INVALID_RECORD: an endless id", record: withParcel(edits{"id": `"` + strings.Repeat("x", 300) + `"`}),
			want: []string{rec + "l'identifiant de la parcelle de rang 0 est trop long"},
		},
		{
			name: "INVALID_RECORD: too many parcels", record: recordJSON(edits{"parcelles": repeat(3, parcelJSON(edits{"cultures": ""}))}),
			env: func(e *exchange.Env) { e.Limits.Parcels = 2 }, want: []string{rec + "plus de 2 parcelles"},
		},
		{
			name: "INVALID_RECORD: twenty thousand and one parcels", record: recordJSON(edits{"parcelles": repeat(20_001, `{"id":1}`)}),
			want: []string{rec + "plus de 20000 parcelles"},
		},
		{
			name: "INVALID_RECORD: too many crops", record: withParcel(edits{"cultures": repeat(1_001, `{"codeCPF":"01.11.12"}`)}),
			want: []string{rec + "la parcelle de rang 0 a plus de 1000 cultures"},
		},
		{
			name: "DUPLICATE_PARCELLE_ID: two parcels", record: recordJSON(edits{
				"parcelles": "[" + parcelJSON(nil) + "," + parcelJSON(edits{"nom": `"x"`}) + "]",
			}),
			want: []string{"error DUPLICATE_PARCELLE_ID [A] identifiant de parcelle en double : A"},
		},
		{
			name: "DUPLICATE_PARCELLE_ID: a text and a number", record: recordJSON(edits{
				"parcelles": "[" + parcelJSON(edits{"id": `"12"`}) + "," + parcelJSON(edits{"id": "12"}) + "]",
			}),
			want: []string{"error DUPLICATE_PARCELLE_ID [12] identifiant de parcelle en double : 12"},
		},
		{
			name: "DUPLICATE_PARCELLE_ID: one parcel sent twice", record: recordJSON(edits{
				"parcelles": "[" + parcelJSON(nil) + "," + strings.ReplaceAll(parcelJSON(nil), `",`, "\" ,\n") + "]",
			}),
			want: []string{"warning DUPLICATE_PARCELLE_ID [A] identifiant de parcelle en double : A"},
		},
		{
			name: "DUPLICATE_PARCELLE_ID: the faults of the second are told too", record: recordJSON(edits{
				"parcelles": "[" + parcelJSON(nil) + "," + parcelJSON(edits{"cultures": ""}) + "]",
			}),
			want: []string{
				"error DUPLICATE_PARCELLE_ID [A] identifiant de parcelle en double : A",
				"error MISSING_CULTURES [A] cultures absentes",
			},
		},
		{
			name: "MISSING_PARCELLE_ID: absent", record: withParcel(edits{"id": ""}),
			want: []string{"warning MISSING_PARCELLE_ID [" + autoA + "] Parcelle sans identifiant : l'identifiant " + autoA + " lui a été attribué"},
		},
		{
			name:   "MISSING_PARCELLE_ID: null, and other white space in the geometry",
			record: withParcel(edits{"id": "null", "geom": strings.ReplaceAll(square, ",", " , ")}),
			want:   []string{"warning MISSING_PARCELLE_ID [" + autoA + "] Parcelle sans identifiant : l'identifiant " + autoA + " lui a été attribué"},
		},

		{
			name: "a PAC_PENDING_WITH_ILOT: îlot from the field", record: withParcel(edits{"enAttentePac": "true"}),
			want: []string{"warning PAC_PENDING_WITH_ILOT [A] Parcelle A acceptée mais ne peut être marquée comme en attente PAC car un îlot est renseigné"},
		},
		{
			name:   "a PAC_PENDING_WITH_ILOT: îlot from the comment",
			record: withParcel(edits{"enAttentePAC": "true", "numeroIlot": "", "commentaire": `"Ilot 3 parcelle 1"`}),
			want:   []string{"warning PAC_PENDING_WITH_ILOT [A] Parcelle A acceptée mais ne peut être marquée comme en attente PAC car un îlot est renseigné"},
		},
		{name: "a: îlot 0 is no îlot", record: withParcel(edits{"enAttentePac": "true", "numeroIlot": "0"})},
		{
			name: "b INVALID_ETAT_PRODUCTION: unknown", record: withParcel(edits{"etatProduction": `"ab"`}),
			want: []string{"error INVALID_ETAT_PRODUCTION [A] champ etatProduction incorrect"},
		},
		{
			name: "b INVALID_ETAT_PRODUCTION: a number", record: withParcel(edits{"etatProduction": `1`}),
			want: []string{"error INVALID_ETAT_PRODUCTION [A] champ etatProduction incorrect"},
		},
		{
			name: "c MISSING_DATE_ENGAGEMENT: absent", record: withParcel(edits{"etatProduction": `"C1"`, "dateEngagement": ""}),
			want: []string{"error MISSING_DATE_ENGAGEMENT [A] Champ date d'engagement obligatoire lorsque que la parcelle est en conversion"},
		},
		{
			name: "c MISSING_DATE_ENGAGEMENT: empty", record: withParcel(edits{"etatProduction": `"C3"`, "dateEngagement": `""`}),
			want: []string{"error MISSING_DATE_ENGAGEMENT [A] Champ date d'engagement obligatoire lorsque que la parcelle est en conversion"},
		},
		{
			name: "c then d: unreadable", record: withParcel(edits{"etatProduction": `"C2"`, "dateEngagement": `"mai"`}),
			want: []string{
				"error MISSING_DATE_ENGAGEMENT [A] Champ date d'engagement obligatoire lorsque que la parcelle est en conversion",
				"error INVALID_DATE_ENGAGEMENT [A] champ dateEngagement incorrect",
			},
		},
		{
			name: "d INVALID_DATE_ENGAGEMENT", record: withParcel(edits{"dateEngagement": `"2020-02-30"`}),
			want: []string{"error INVALID_DATE_ENGAGEMENT [A] champ dateEngagement incorrect"},
		},
		{name: "AB needs no date", record: withParcel(edits{"dateEngagement": ""})},
		{
			name: "e MISSING_CULTURES: absent", record: withParcel(edits{"cultures": ""}),
			want: []string{"error MISSING_CULTURES [A] cultures absentes"},
		},
		{
			name: "e MISSING_CULTURES: both empty", record: withParcel(edits{"cultures": "[]", "culture": "[]"}),
			want: []string{"error MISSING_CULTURES [A] cultures absentes"},
		},
		{
			name: "e MISSING_CULTURES: empty text", record: withParcel(edits{"cultures": `""`}),
			want: []string{"error MISSING_CULTURES [A] cultures absentes"},
		},
		{
			name: "f INVALID_CPF", record: withParcel(edits{"cultures": `[{"codeCPF":"01.13.49.967565"},{"codeCPF":"01.11.12"},{"codeCPF":" x "}]`}),
			want: []string{"error INVALID_CPF [A] cultures inconnues: 01.13.49.967565,  x "},
		},
		{
			name:   "f INVALID_CPF: absent, null, empty and number",
			record: withParcel(edits{"cultures": `[{"variete":"v"},{"codeCPF":null},{"codeCPF":""},{"codeCPF":1.10},"01.11.12",null]`}),
			want:   []string{"error INVALID_CPF [A] cultures inconnues: , , , 1.10, , "},
		},
		{
			name: "INVALID_DATE_SEMIS", record: withParcel(edits{"cultures": `[{"codeCPF":"01.11.12","dateSemis":"mai"},{"codeCPF":"01.11.12","dateSemis":3}]`}),
			want: []string{"warning INVALID_DATE_SEMIS [A] Parcelle A : champ dateSemis incorrect"},
		},
		{
			name: "INVALID_UNITE", record: withParcel(edits{"cultures": `{"codeCPF":"01.11.12","unite":"are"}`}),
			want: []string{"warning INVALID_UNITE [A] Parcelle A : champ unite incorrect, hectare retenu"},
		},
		{
			name: "g MISSING_GEOM: absent", record: withParcel(edits{"geom": ""}),
			want: []string{"warning MISSING_GEOM [A] Parcelle A n'a pas de géométrie"},
		},
		{
			name: "g MISSING_GEOM: the text null", record: withParcel(edits{"geom": `"null"`}),
			want: []string{"warning MISSING_GEOM [A] Parcelle A n'a pas de géométrie"},
		},
		{
			name: "h INVALID_GEOM: truncated", record: withParcel(edits{"geom": `"[[[4.9,44.9],[4.901,44.9]"`}),
			want: []string{geom + "JSON illisible (position 25)"},
		},
		{
			name: "h INVALID_GEOM: not finite", record: withParcel(edits{"geom": `"[[[1e999,44.9],[4.901,44.9],[4.9,45],[4.9,44.9]]]"`}),
			want: []string{geom + "les coordonnées doivent être des nombres finis"},
		},
		{
			name: "h INVALID_GEOM: latitude", record: withParcel(edits{"geom": `"[[[4.9,444.9],[4.901,44.9],[4.9,45],[4.9,444.9]]]"`}),
			want: []string{geom + "la latitude doit être comprise entre 90 et -90"},
		},
		{
			name: "h INVALID_GEOM: longitude", record: withParcel(edits{"geom": `"[[[404.9,44.9],[4.901,44.9],[4.9,45],[404.9,44.9]]]"`}),
			want: []string{geom + "la longitude doit être comprise entre 180 et -180"},
		},
		{
			name: "h INVALID_GEOM: a short ring", record: withParcel(edits{"geom": `"[[[4.9,44.9],[4.901,44.9],[4.9,44.9]]]"`}),
			want: []string{geom + "Each LinearRing of a Polygon must have 4 or more Positions."},
		},
		{
			name: "h INVALID_GEOM: an open ring", record: withParcel(edits{"geom": `"[[[4.9,44.9],[4.901,44.9],[4.901,44.901],[4.9,44.901]]]"`}),
			want: []string{geom + "First and last Position are not equivalent."},
		},
		{
			name: "h INVALID_GEOM: unsupported", record: withParcel(edits{"geom": `{"type":"Point","coordinates":[4.9,44.9]}`}),
			want: []string{geom + "type de géométrie non pris en charge"},
		},
		{
			name: "h INVALID_GEOM: nothing", record: withParcel(edits{"geom": `"[]"`}),
			want: []string{geom + "la géométrie est vide après correction"},
		},
		{
			name:   "h INVALID_GEOM: nothing left after repair",
			record: withParcel(edits{"geom": `"[[[4.9,44.9],[4.901,44.9],[4.902,44.9],[4.9,44.9]]]"`}),
			want:   []string{geom + "la géométrie est vide après correction"},
		},
		{
			name: "h INVALID_GEOM: too many positions", record: withParcel(nil),
			env: func(e *exchange.Env) { e.Limits.Positions = 4 }, want: []string{geom + "trop de sommets"},
		},
		{
			name: "h INVALID_GEOM: too many rings", record: withParcel(edits{"geom": repeat(2, strings.Trim(square, `"`)[1:len(square)-3])}),
			env: func(e *exchange.Env) { e.Limits.Rings = 1 }, want: []string{geom + "trop de sommets"},
		},
		{
			name: "GEOM_Z_DROPPED", record: withParcel(edits{"geom": strings.ReplaceAll(square, ",44.9]", ",44.9,180.5]")}),
			want: []string{"warning GEOM_Z_DROPPED [A] Parcelle A : l'altitude des coordonnées a été ignorée"},
		},
		{
			name:   "GEOM_REPROJECTED: swapped",
			record: withParcel(edits{"geom": `"[[[44.9,4.9],[44.9,4.901],[44.901,4.901],[44.901,4.9],[44.9,4.9]]]"`}),
			want:   []string{"warning GEOM_REPROJECTED [A] Parcelle A : coordonnées converties depuis latitude/longitude inversées"},
		},
		{
			name: "i GEOM_OUT_OF_BOUNDS", record: withParcel(edits{"geom": `"[[[24.9,54.9],[24.901,54.9],[24.901,54.901],[24.9,54.901],[24.9,54.9]]]"`}),
			want: []string{"warning GEOM_OUT_OF_BOUNDS [A] Parcelle A en dehors des régions autorisées"},
		},

		{
			name: "post GEOM_CORRECTED and GEOM_INVALID_NOT_CORRECTED", record: recordJSON(edits{"parcelles": "[" +
				parcelJSON(edits{"id": `"spike"`, "geom": spike}) + "," + parcelJSON(edits{"id": `"eight"`, "geom": eight}) + "," +
				parcelJSON(edits{"id": `"spike 2"`, "geom": spike}) + "," + parcelJSON(edits{"id": `"good"`, "geom": ""}) + "]"}),
			want: []string{
				"warning MISSING_GEOM [good] Parcelle good n'a pas de géométrie",
				"warning GEOM_CORRECTED [] Ces parcelles ont été corrigées : spike, spike 2",
				"warning GEOM_INVALID_NOT_CORRECTED [] Ces parcelles n'ont pas été corrigées mais sont invalides : eight",
			},
		},
		{
			name: "all faults of three parcels (C2)", record: recordJSON(edits{"parcelles": "[" +
				parcelJSON(edits{"id": "1", "etatProduction": `"x"`, "cultures": ""}) + "," +
				parcelJSON(edits{"id": "2", "dateEngagement": `"x"`, "geom": `"["`}) + "," +
				parcelJSON(edits{"id": "3", "culture": `[{"codeCPF":"y"}]`, "geom": `5`}) + "]"}),
			want: []string{
				"error INVALID_ETAT_PRODUCTION [1] champ etatProduction incorrect",
				"error MISSING_CULTURES [1] cultures absentes",
				"error INVALID_DATE_ENGAGEMENT [2] champ dateEngagement incorrect",
				"error INVALID_GEOM [2] champ geom incorrect : JSON illisible (position 1)",
				"error INVALID_CPF [3] cultures inconnues: y",
				"error INVALID_GEOM [3] champ geom incorrect : type de géométrie non pris en charge",
			},
		},
		{
			name: "a to i on one parcel, in order", record: recordJSON(edits{"dateAudit": `"x"`, "parcelles": "[" + parcelJSON(edits{
				"id": "", "enAttentePac": "true", "etatProduction": `"C1"`, "dateEngagement": `"x"`,
				"cultures": `[{"dateSemis":"x","unite":"x"}]`, "geom": "",
			}) + "]"}),
			want: []string{
				"error INVALID_DATE_AUDIT [] champ dateAudit incorrect",
				"warning MISSING_PARCELLE_ID [" + autoEmpty + "] Parcelle sans identifiant : l'identifiant " + autoEmpty + " lui a été attribué",
				"warning PAC_PENDING_WITH_ILOT [" + autoEmpty + "] Parcelle " + autoEmpty + " acceptée mais ne peut être marquée comme en attente PAC car un îlot est renseigné",
				"error MISSING_DATE_ENGAGEMENT [" + autoEmpty + "] Champ date d'engagement obligatoire lorsque que la parcelle est en conversion",
				"error INVALID_DATE_ENGAGEMENT [" + autoEmpty + "] champ dateEngagement incorrect",
				"error INVALID_CPF [" + autoEmpty + "] cultures inconnues: ",
				"warning INVALID_DATE_SEMIS [" + autoEmpty + "] Parcelle " + autoEmpty + " : champ dateSemis incorrect",
				"warning INVALID_UNITE [" + autoEmpty + "] Parcelle " + autoEmpty + " : champ unite incorrect, hectare retenu",
				"warning MISSING_GEOM [" + autoEmpty + "] Parcelle " + autoEmpty + " n'a pas de géométrie",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := env()
			if tt.env != nil {
				tt.env(&e)
			}
			if !json.Valid([]byte(tt.record)) {
				t.Fatalf("the case is no JSON: %s", tt.record)
			}
			rec, issues := exchange.Read([]byte(tt.record), e)
			if diff := cmp.Diff(tt.want, told(t, issues)); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
			checkOutcome(t, rec, issues)
			for _, i := range issues {
				if (i.Code == "INVALID_RECORD" || i.Code == "MISSING_NUMERO_BIO") && (i.Index == nil || *i.Index != 3) {
					t.Errorf("%s has no rank", i.Code)
				}
				if i.Code != "MISSING_NUMERO_BIO" && i.NumeroBio == "" && tt.record != `"x"` {
					t.Errorf("%s has no numeroBio", i.Code)
				}
			}
		})
	}
}

// The ids given to the parcel of recordJSON without id, with and without
// geometry. They must never change: certifiers may send these parcels again.
const (
	autoA     = "auto-1e04fe2a5c96"
	autoEmpty = "auto-17f506fd49b3"
)

// spike goes out and back on one line; eight has two equal lobes.
const (
	spike = `"[[[4.9,44.9],[4.901,44.9],[4.902,44.9],[4.901,44.9],[4.901,44.901],[4.9,44.901],[4.9,44.9]]]"`
	eight = `"[[[4.9,44.9],[4.901,44.901],[4.901,44.9],[4.9,44.901],[4.9,44.9]]]"`
)

// checkOutcome fails t unless a record is given exactly when nothing refuses
// it, with nothing that a database would refuse.
func checkOutcome(t *testing.T, rec *sillon.PushRecord, issues []sillon.Issue) {
	t.Helper()
	refused := false
	for _, i := range issues {
		refused = refused || i.Severity == sillon.SeverityError
	}
	if refused == (rec != nil) {
		t.Fatalf("record given: %v, refused: %v", rec != nil, refused)
	}
	if rec == nil {
		return
	}
	if rec.NumeroBio == "" || rec.NumeroClient == "" || rec.AuditDate.IsZero() {
		t.Errorf("a record without identity: %+v", rec)
	}
	ids := map[string]bool{}
	for _, p := range rec.Parcels {
		if p.ID == "" || ids[p.ID] {
			t.Errorf("id %q is empty or given twice", p.ID)
		}
		ids[p.ID] = true
		if len(p.Crops) == 0 {
			t.Errorf("parcel %q has no crop", p.ID)
		}
		if (p.Geometry == nil) != (p.GeometryStatus == "") {
			t.Errorf("parcel %q has geometry %v and status %q", p.ID, p.Geometry, p.GeometryStatus)
		}
		if (p.Declared != nil) != (p.GeometryStatus == sillon.GeometryToCheck) {
			t.Errorf("parcel %q has declared %v and status %q", p.ID, p.Declared, p.GeometryStatus)
		}
		for _, s := range []string{p.ID, p.Nom.Value, p.Commentaire.Value, p.NumeroIlot.Value, p.Commune.Value, p.CodeCulture.Value} {
			if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
				t.Errorf("parcel %q holds what is no text: %q", p.ID, s)
			}
		}
	}
}

// TestRead reads whole records and looks at what they become.
func TestRead(t *testing.T) {
	t.Parallel()
	set := func(s string) sillon.Patch[string] { return sillon.To(s) }
	surface := 1.5
	area := orb.Polygon{{{4.9, 44.9}, {4.901, 44.9}, {4.901, 44.901}, {4.9, 44.901}, {4.9, 44.9}}}
	good := func() sillon.PushRecord {
		return sillon.PushRecord{
			NumeroBio: "99999", NumeroClient: "C1", AuditDate: day(2023, 4, 1), Year: 2023,
			CertifiedFrom: sillon.To(day(2023, 5, 14)), CertifiedUntil: sillon.To(day(2024, 11, 14)),
			Parcels: []sillon.PushParcel{{
				ID: "A", Level: sillon.LevelAB, EngagedOn: sillon.To(day(2020, 5, 1)),
				NumeroIlot: set("12"), NumeroParcelle: set("5"),
				Geometry: area, GeometryStatus: sillon.GeometryValid,
				Crops: []sillon.Crop{{CPF: "01.11.12", Surface: &surface, Unit: sillon.UnitHectare}},
			}},
		}
	}
	tests := []struct {
		name   string
		record string
		want   func(*sillon.PushRecord, *sillon.PushParcel)
	}{
		{"as is", recordJSON(nil), func(*sillon.PushRecord, *sillon.PushParcel) {}},
		{
			"numbers for identifiers",
			recordJSON(edits{"numeroBio": "45742.0", "numeroClient": "4.5742e4", "numeroPacage": "1234567", "anneeReferenceControle": `"2023 "`}),
			func(r *sillon.PushRecord, _ *sillon.PushParcel) {
				r.NumeroBio, r.NumeroClient, r.NumeroPacage = "45742", "45742", set("001234567")
			},
		},
		{
			"no year", recordJSON(edits{"anneeReferenceControle": `""`, "anneeAssolement": "2022"}),
			func(r *sillon.PushRecord, _ *sillon.PushParcel) { r.Year, r.AnneeAssolement = 0, 2022 },
		},
		{
			"a year out of bounds for the crops", recordJSON(edits{"anneeAssolement": "22"}),
			func(r *sillon.PushRecord, _ *sillon.PushParcel) { r.AnneeAssolement = 0 },
		},
		{
			"empty clears", recordJSON(edits{"dateCertificationDebut": `""`, "dateCertificationFin": "null", "numeroPacage": `""`, "commentaire": `""`}),
			func(r *sillon.PushRecord, _ *sillon.PushParcel) {
				r.CertifiedFrom, r.CertifiedUntil = sillon.Cleared[sillon.Date](), sillon.Patch[sillon.Date]{}
				r.NumeroPacage, r.Commentaire = sillon.Cleared[string](), sillon.Cleared[string]()
			},
		},
		{
			"a PACAGE that is none is kept as sent", recordJSON(edits{"numeroPacage": `" 2A1 "`}),
			func(r *sillon.PushRecord, _ *sillon.PushParcel) { r.NumeroPacage = set("2A1") },
		},
		{
			"notes", recordJSON(edits{"commentaire": `"Vu \"sur place\"\nà 10 h"`}),
			func(r *sillon.PushRecord, _ *sillon.PushParcel) { r.Commentaire = set("Vu \"sur place\"\nà 10 h") },
		},
		{
			"unknown members", recordJSON(edits{"id": "5", "x": `{"numeroBio":[1,{"a":"]"}]}`}),
			func(*sillon.PushRecord, *sillon.PushParcel) {},
		},
		{
			"the last of two members wins", strings.Replace(recordJSON(nil), "{", `{"dateAudit":"x","parcelles":5,`, 1),
			func(*sillon.PushRecord, *sillon.PushParcel) {},
		},
		{
			"an invalid audit date in UTC shifts to Paris", recordJSON(edits{"dateAudit": `"2023-03-31T23:00:00Z"`}),
			func(*sillon.PushRecord, *sillon.PushParcel) {},
		},

		{
			"a number for the id", withParcel(edits{"id": "45742.0"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.ID = "45742" },
		},
		{
			"an id keeps its spaces", withParcel(edits{"id": `" A 1 "`}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.ID = " A 1 " },
		},
		{
			"an id of NUL", withParcel(edits{"id": `"\u0000"`}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.ID = "\ufffd" },
		},
		{"CONV", withParcel(edits{"etatProduction": `"CONV"`}), level(sillon.LevelCONV)},
		{"C0", withParcel(edits{"etatProduction": `"C0"`}), level(sillon.LevelCONV)},
		{"NB", withParcel(edits{"etatProduction": `"NB"`}), level(sillon.LevelCONV)},
		{"C1", withParcel(edits{"etatProduction": `"C1"`}), level(sillon.LevelC1)},
		{"C2", withParcel(edits{"etatProduction": `"C2"`}), level(sillon.LevelC2)},
		{"C3", withParcel(edits{"etatProduction": `"C3"`}), level(sillon.LevelC3)},
		{"BIO", withParcel(edits{"etatProduction": `"BIO"`}), level(sillon.LevelEngaged)},
		{"no level", withParcel(edits{"etatProduction": ""}), level(sillon.LevelUnknown)},
		{"null level", withParcel(edits{"etatProduction": "null"}), level(sillon.LevelUnknown)},
		{"empty level", withParcel(edits{"etatProduction": `""`}), level(sillon.LevelUnknown)},
		{
			"AB without date", withParcel(edits{"dateEngagement": "null"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.EngagedOn = sillon.Patch[sillon.Date]{} },
		},
		{
			"empty date of engagement", withParcel(edits{"dateEngagement": `""`}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.EngagedOn = sillon.Cleared[sillon.Date]() },
		},
		{
			"texts", withParcel(edits{"nom": `"Le \u00c9 pré"`, "commentaire": `"x"`, "codeCulture": `"BTH"`, "codePrecision": "1"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) {
				p.Nom, p.Commentaire, p.CodeCulture, p.CodePrecision = set("Le É pré"), set("x"), set("BTH"), set("1")
			},
		},
		{
			"empty texts", withParcel(edits{"nom": `""`, "commentaire": `""`, "codeCulture": `""`, "codePrecision": "null"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) {
				p.Nom, p.Commentaire, p.CodeCulture = sillon.Cleared[string](), sillon.Cleared[string](), sillon.Cleared[string]()
			},
		},
		{
			"no text at all", withParcel(edits{"nom": `{"a":1}`, "commentaire": `true`, "commune": "[]"}),
			func(*sillon.PushRecord, *sillon.PushParcel) {},
		},
		{
			"commune as a number", withParcel(edits{"commune": "1004"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.Commune = set("01004") },
		},
		{
			"commune as a text", withParcel(edits{"commune": `" 2A004 "`}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.Commune = set("2A004") },
		},
		{
			"empty commune", withParcel(edits{"commune": `""`}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.Commune = sillon.Cleared[string]() },
		},

		{
			"waiting, îlot absent", withParcel(edits{"numeroIlot": "", "enAttentePac": "true"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) {
				p.NumeroIlot, p.EnAttentePAC = sillon.Patch[string]{}, sillon.To(true)
			},
		},
		{
			"waiting in the other spelling, îlot absent", withParcel(edits{"numeroIlot": "", "enAttentePAC": "true"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) {
				p.NumeroIlot, p.EnAttentePAC = sillon.Patch[string]{}, sillon.To(true)
			},
		},
		{
			"waiting in one of two, îlot 0", withParcel(edits{"numeroIlot": `"0"`, "enAttentePAC": "true", "enAttentePac": "false"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) {
				p.NumeroIlot, p.EnAttentePAC = set("0"), sillon.To(true)
			},
		},
		{
			"waiting in the other spelling, îlot 12", withParcel(edits{"enAttentePAC": "true"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.EnAttentePAC = sillon.To(false) },
		},
		{
			"not waiting", withParcel(edits{"enAttentePac": "false"}),
			func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.EnAttentePAC = sillon.To(false) },
		},
		{"waiting, who knows", withParcel(edits{"enAttentePac": "null", "enAttentePAC": `""`}), func(*sillon.PushRecord, *sillon.PushParcel) {}},

		{
			"culture wins", withParcel(edits{"culture": `[{"codeCPF":"01.21.12"}]`}),
			crops(sillon.Crop{CPF: "01.21.12", Unit: sillon.UnitHectare}),
		},
		{
			"an empty culture hides nothing", withParcel(edits{"culture": `[]`, "cultures": `[{"codeCPF":"01.21.12"}]`}),
			crops(sillon.Crop{CPF: "01.21.12", Unit: sillon.UnitHectare}),
		},
		{
			"a null culture hides nothing", withParcel(edits{"culture": `null`, "cultures": `[{"codeCPF":"01.21.12"}]`}),
			crops(sillon.Crop{CPF: "01.21.12", Unit: sillon.UnitHectare}),
		},
		{
			"a lone crop", withParcel(edits{"cultures": `{"codeCPF":" 01.21.12 ","commentaire":"x","variete":"Chardonnay","dateSemis":"2022-03-01","unite":"%","quantite":50}`}),
			crops(sillon.Crop{CPF: "01.21.12", Variete: "Chardonnay", SownOn: day(2022, 3, 1), Unit: sillon.UnitPercent, Surface: new(50.0)}),
		},
		{
			"quantities", withParcel(edits{"cultures": `[{"codeCPF":"01.11.12","quantite":1.25},{"codeCPF":"01.11.12","quantite":" 0012.50 "},` +
				`{"codeCPF":"01.11.12","quantite":"1,5"},{"codeCPF":"01.11.12","quantite":""},{"codeCPF":"01.11.12","quantite":"NaN"},` +
				`{"codeCPF":"01.11.12","quantite":1e999},{"codeCPF":"01.11.12","quantite":null},{"codeCPF":"01.11.12","quantite":"0x1p4"},` +
				`{"codeCPF":"01.11.12","quantite":true,"variete":12,"dateSemis":"","unite":""}]`}),
			crops(
				sillon.Crop{CPF: "01.11.12", Unit: "ha", Surface: new(1.25)}, sillon.Crop{CPF: "01.11.12", Unit: "ha", Surface: new(12.5)},
				sillon.Crop{CPF: "01.11.12", Unit: "ha"}, sillon.Crop{CPF: "01.11.12", Unit: "ha"}, sillon.Crop{CPF: "01.11.12", Unit: "ha"},
				sillon.Crop{CPF: "01.11.12", Unit: "ha"}, sillon.Crop{CPF: "01.11.12", Unit: "ha"}, sillon.Crop{CPF: "01.11.12", Unit: "ha"},
				sillon.Crop{CPF: "01.11.12", Unit: "ha", Variete: "12"},
			),
		},
		{
			"a bad sowing date is dropped", withParcel(edits{"cultures": `[{"codeCPF":"01.11.12","dateSemis":"x","unite":"m2"}]`}),
			crops(sillon.Crop{CPF: "01.11.12", Unit: "ha"}),
		},

		{"no geometry", withParcel(edits{"geom": "null"}), func(_ *sillon.PushRecord, p *sillon.PushParcel) {
			p.Geometry, p.GeometryStatus = nil, ""
		}},
		{"no parcel", recordJSON(edits{"parcelles": "[]"}), func(r *sillon.PushRecord, _ *sillon.PushParcel) { r.Parcels = []sillon.PushParcel{} }},
		{
			"one parcel sent twice is kept once", recordJSON(edits{"parcelles": "[" + parcelJSON(nil) + "," + parcelJSON(nil) + "]"}),
			func(*sillon.PushRecord, *sillon.PushParcel) {},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, issues := exchange.Read([]byte(tt.record), env())
			if got == nil {
				t.Fatalf("refused: %v", told(t, issues))
			}
			checkOutcome(t, got, issues)
			want := good()
			tt.want(&want, &want.Parcels[0])
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func day(y, m, d int) sillon.Date { return sillon.Date{Year: y, Month: time.Month(m), Day: d} }

func level(l sillon.Level) func(*sillon.PushRecord, *sillon.PushParcel) {
	return func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.Level = l }
}

func crops(c ...sillon.Crop) func(*sillon.PushRecord, *sillon.PushParcel) {
	return func(_ *sillon.PushRecord, p *sillon.PushParcel) { p.Crops = c }
}

// TestCAPNumbers holds the rules of numeroIlot and numeroParcelle (§2.2).
func TestCAPNumbers(t *testing.T) {
	t.Parallel()
	const keep, cleared = "keep", "cleared"
	tests := []struct {
		name, ilot, parcelle, note string // JSON; empty is absent
		wantIlot, wantParcelle     string
	}{
		{"nothing", "", "", "", keep, keep},
		{"texts", `"12"`, `"5"`, "", "12", "5"},
		{"numbers", `12`, `5.0`, "", "12", "5"},
		{"a decimal number", `12.7`, `1.2e1`, "", "12", "12"},
		{"text after the number", `"20 935 CHARD"`, `" 7b"`, "", "20", "7"},
		{"no number", `"à valider"`, `"n°5"`, "", keep, keep},
		{"zero", `0`, `"0"`, "", "0", "0"},
		{"leading zeros", `"007"`, `"000"`, "", "7", "0"},
		{"empty clears", `""`, `" "`, "", cleared, cleared},
		{"null keeps", `null`, `null`, "", keep, keep},
		{"a boolean keeps", `true`, `{}`, "", keep, keep},
		{"negative is no number", `-5`, `"-5"`, "", keep, keep},
		{"first pattern", "", "", `"Ilot 12 Parcelle 5"`, "12", "5"},
		{"first pattern, any case and space", "", "", `"vu : iLOT\t12\n\u00a0PARCELLE  5."`, "12", "5"},
		{"first pattern, no space", "", "", `"ilot12parcelle5"`, "12", "5"},
		{"second pattern", "", "", `"Parcelle 5 ILOT 12 PAC 2023 0C 1271"`, "12", "5"},
		{"third pattern", "", "", `"Ilot-49-20 935 CHARD"`, "49", "20"},
		{"third pattern wants no space", "", "", `"Ilot - 49 - 20"`, keep, keep},
		{"the last pattern that matches wins", "", "", `"ilot-1-2 ilot 3 parcelle 4 ilot 5"`, "1", "2"},
		{"the second wins over the first", "", "", `"ilot 1 parcelle 2 ilot 3"`, "3", "2"},
		{"the first match of a pattern", "", "", `"ilot 1 parcelle 2, ilot 3 parcelle 4"`, "1", "2"},
		{"half a pattern", "", "", `"ilot 12, 5 hectares"`, keep, keep},
		{"each on its own: îlot", "", `"9"`, `"Ilot 12 Parcelle 5"`, "12", "9"},
		{"each on its own: parcelle", `"9"`, `"à valider"`, `"Ilot 12 Parcelle 5"`, "9", "5"},
		{"zero is a number", `0`, "", `"Ilot 12 Parcelle 5"`, "0", "5"},
		{"the note is looked at before clearing", `""`, `""`, `"Ilot 12 Parcelle 5"`, "12", "5"},
		{"empty clears when the note says nothing", `""`, "", `"rien en 2023"`, cleared, keep},
		{"zeros in the note", "", "", `"ilot 012 parcelle 00"`, "12", "0"},
	}
	show := func(p sillon.Patch[string]) string {
		switch p.Op {
		case sillon.Keep:
			return keep
		case sillon.Clear:
			return cleared
		case sillon.Set:
		}
		return p.Value
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec, issues := exchange.Read([]byte(withParcel(edits{
				"numeroIlot": tt.ilot, "numeroParcelle": tt.parcelle, "commentaire": tt.note,
			})), env())
			if rec == nil {
				t.Fatalf("refused: %v", told(t, issues))
			}
			p := rec.Parcels[0]
			if got := show(p.NumeroIlot); got != tt.wantIlot {
				t.Errorf("îlot = %q, want %q", got, tt.wantIlot)
			}
			if got := show(p.NumeroParcelle); got != tt.wantParcelle {
				t.Errorf("parcelle = %q, want %q", got, tt.wantParcelle)
			}
		})
	}
}

// TestIssueCap holds that a hostile record stays small, and still refused.
func TestIssueCap(t *testing.T) {
	t.Parallel()
	parcel := func(i int, e edits) string {
		e["id"] = fmt.Sprint(i)
		return parcelJSON(e)
	}
	var list []string
	for i := range 10 {
		list = append(list, parcel(i, edits{"geom": ""}))
	}
	list = append(list, parcel(10, edits{"cultures": ""}), parcel(11, edits{"geom": spike}))
	e := env()
	e.Limits.Issues = 4
	rec, issues := exchange.Read([]byte(recordJSON(edits{"parcelles": "[" + strings.Join(list, ",") + "]"})), e)
	checkOutcome(t, rec, issues)
	want := []string{
		"warning MISSING_GEOM [0] Parcelle 0 n'a pas de géométrie",
		"warning MISSING_GEOM [1] Parcelle 1 n'a pas de géométrie",
		"warning MISSING_GEOM [2] Parcelle 2 n'a pas de géométrie",
		"error MISSING_CULTURES [10] cultures absentes",
		"warning GEOM_CORRECTED [] Ces parcelles ont été corrigées : 11",
	}
	if diff := cmp.Diff(want, told(t, issues)); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}
