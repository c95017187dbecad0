package api_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sillon/sillon"
	"sillon/store/storetest"
)

// bad is a parcel with one change.
func bad(id string, changes object) object { return parcel(id).with(changes) }

// TestIssues is the table of certifier-exchange.md §5 through HTTP: the error
// that refuses, in the reply to the push; the error found while storing and
// the warnings, in the result of the job. Warnings never block.
func TestIssues(t *testing.T) {
	t.Parallel()
	type change func(object) object
	with := func(changes object) change { return func(r object) object { return r.with(changes) } }
	parcels := func(list ...object) change { return with(object{"parcelles": list}) }
	oneParcel := func(changes object) change { return parcels(bad("p1", changes)) }
	crop := func(changes object) change {
		return oneParcel(object{"cultures": []object{object{"codeCPF": "01.11.12"}.with(changes)}})
	}
	geom := func(g any) change { return oneParcel(object{"geom": g}) }
	const (
		noIlot    = "PAC_PENDING_WITH_ILOT p1: Parcelle p1 acceptée mais ne peut être marquée comme en attente PAC car un îlot est renseigné"
		badGeom   = "INVALID_GEOM p1: champ geom incorrect : "
		corrected = "GEOM_CORRECTED: Ces parcelles ont été corrigées : "
		toCheck   = "GEOM_INVALID_NOT_CORRECTED: Ces parcelles n'ont pas été corrigées mais sont invalides : "
		spike     = "[[[2.1,47.1],[2.11,47.1],[2.11,47.11],[2.11,47.12],[2.11,47.11],[2.1,47.11],[2.1,47.1]]]"
		eight     = "[[[2.1,47.1],[2.11,47.11],[2.11,47.1],[2.1,47.11],[2.1,47.1]]]"
	)
	tests := []struct {
		name    string
		change  change
		raw     string   // a record that is no object of ours
		farm    string   // when the farm matters
		refused []string // in the reply to the push; the record is then refused
		failed  []string // errors found while storing
		warned  []string
		nobody  bool // the record names no farm
	}{
		// §5.1
		{name: "a number for a record", raw: `42`, nobody: true, refused: []string{"INVALID_RECORD #0: enregistrement illisible : un objet est attendu"}},
		{name: "a text for a record", raw: `"x"`, nobody: true, refused: []string{"INVALID_RECORD #0: enregistrement illisible : un objet est attendu"}},
		{name: "no number of farm", change: with(object{"numeroBio": absent}), nobody: true, refused: []string{"MISSING_NUMERO_BIO #0: champ numeroBio manquant"}},
		{name: "null number of farm", change: with(object{"numeroBio": nil}), nobody: true, refused: []string{"MISSING_NUMERO_BIO #0: champ numeroBio manquant"}},
		{name: "blank number of farm", change: with(object{"numeroBio": "  "}), nobody: true, refused: []string{"MISSING_NUMERO_BIO #0: champ numeroBio manquant"}},
		{name: "no client number", change: with(object{"numeroClient": absent}), refused: []string{"MISSING_NUMERO_CLIENT #0: champ numeroClient manquant"}},
		{name: "blank client number", change: with(object{"numeroClient": " "}), refused: []string{"MISSING_NUMERO_CLIENT #0: champ numeroClient manquant"}},
		{name: "unknown farm", farm: "7777", refused: []string{"UNKNOWN_NUMERO_BIO: Numéro bio inconnu du portail de notification"}},
		{name: "no production", farm: "8001", refused: []string{"NOT_PRODUCTION: Numéro bio sans notification liée à une activité de production"}},
		{name: "no certifier", farm: "8002", refused: []string{"NO_OC: Aucun organisme certificateur pour ce numéro bio."}},
		{name: "S6 right number, client of another certifier", farm: "2001", refused: []string{"OC_MISMATCH: Numéro client différent"}},
		{name: "S6 right certifier, wrong number", change: with(object{"numeroClient": "C1"}), refused: []string{"OC_MISMATCH: Numéro client différent"}},
		{name: "S6 client numbers are compared exactly", farm: "1001", change: with(object{"numeroClient": "c1001"}), refused: []string{"OC_MISMATCH: Numéro client différent"}},
		{name: "the farm is checked before the record", farm: "7777", change: with(object{"dateAudit": "x", "parcelles": absent}), refused: []string{"UNKNOWN_NUMERO_BIO: Numéro bio inconnu du portail de notification"}},
		{name: "bad start of validity", change: with(object{"dateCertificationDebut": "23/02/2023"}), refused: []string{"INVALID_DATE_CERTIFICATION_DEBUT: champ dateCertificationDebut incorrect"}},
		{name: "bad end of validity", change: with(object{"dateCertificationFin": "2023-02-30"}), refused: []string{"INVALID_DATE_CERTIFICATION_FIN: champ dateCertificationFin incorrect"}},
		{name: "no audit date", change: with(object{"dateAudit": absent}), refused: []string{"INVALID_DATE_AUDIT: champ dateAudit incorrect"}},
		{name: "empty audit date", change: with(object{"dateAudit": ""}), refused: []string{"INVALID_DATE_AUDIT: champ dateAudit incorrect"}},
		{name: "bad year", change: with(object{"anneeReferenceControle": "deux mille"}), refused: []string{"INVALID_ANNEE: champ anneeReferenceControle incorrect"}},
		{name: "year out of range", change: with(object{"anneeReferenceControle": 1989}), refused: []string{"INVALID_ANNEE: champ anneeReferenceControle incorrect"}},
		{name: "no parcels", change: with(object{"parcelles": absent}), refused: []string{"MISSING_PARCELLES: champ parcelles manquant ou incorrect"}},
		{name: "parcels that are no list", change: with(object{"parcelles": object{}}), refused: []string{"MISSING_PARCELLES: champ parcelles manquant ou incorrect"}},
		{
			name: "all errors of a record",
			change: with(object{
				"dateCertificationDebut": "x", "dateCertificationFin": "x", "dateAudit": "x", "anneeReferenceControle": "x", "parcelles": nil,
			}),
			refused: []string{
				"INVALID_DATE_CERTIFICATION_DEBUT: champ dateCertificationDebut incorrect",
				"INVALID_DATE_CERTIFICATION_FIN: champ dateCertificationFin incorrect",
				"INVALID_DATE_AUDIT: champ dateAudit incorrect",
				"INVALID_ANNEE: champ anneeReferenceControle incorrect",
				"MISSING_PARCELLES: champ parcelles manquant ou incorrect",
			},
		},
		{name: "a parcel that is no object", change: with(object{"parcelles": []any{42}}), refused: []string{"INVALID_RECORD #0: enregistrement illisible : la parcelle de rang 0 n'est pas un objet"}},
		{name: "an id that is no scalar", change: oneParcel(object{"id": []int{1}}), refused: []string{"INVALID_RECORD #0: enregistrement illisible : l'identifiant de la parcelle de rang 0 n'est ni un texte ni un nombre"}},

		// §5.2
		{name: "no date of validity, new version", change: with(object{"dateCertificationDebut": absent, "dateCertificationFin": nil}), failed: []string{"DB_ERROR: Les dates de certification sont manquantes."}},
		{name: "cleared end of validity", change: with(object{"dateCertificationFin": ""}), failed: []string{"DB_ERROR: Les dates de certification sont manquantes."}},
		{
			name:   "new parcel without geometry",
			change: geom(nil),
			failed: []string{"DB_ERROR p1: Impossible de créer une parcelle sans donnée géographique."},
			warned: []string{"MISSING_GEOM p1: Parcelle p1 n'a pas de géométrie"},
		},
		{name: "database error", farm: "8003", failed: []string{"DB_ERROR: Erreur lors de l'enregistrement, référence UUID"}},

		// §5.3, in its order
		{
			name:    "two parcels of one id",
			change:  parcels(parcel("p1"), bad("p1", object{"nom": "autre"})),
			refused: []string{"DUPLICATE_PARCELLE_ID p1: identifiant de parcelle en double : p1"},
		},
		{name: "the same parcel twice", change: parcels(parcel("p1"), parcel("p1")), warned: []string{"DUPLICATE_PARCELLE_ID p1: identifiant de parcelle en double : p1"}},
		{name: "a parcel without id", change: oneParcel(object{"id": absent}), warned: []string{"MISSING_PARCELLE_ID AUTO: Parcelle sans identifiant : l'identifiant AUTO lui a été attribué"}},
		{name: "a: waits for the CAP with an îlot", change: oneParcel(object{"enAttentePac": true, "numeroIlot": 12}), warned: []string{noIlot}},
		{name: "a: in the spelling of the RFC", change: oneParcel(object{"enAttentePAC": true, "numeroIlot": "12"}), warned: []string{noIlot}},
		{name: "a: the îlot is in the note", change: oneParcel(object{"enAttentePAC": true, "commentaire": "Ilot 12 Parcelle 5"}), warned: []string{noIlot}},
		{name: "a: îlot 0 waits", change: oneParcel(object{"enAttentePAC": true, "numeroIlot": 0})},
		{name: "b: unknown level", change: oneParcel(object{"etatProduction": "ab"}), refused: []string{"INVALID_ETAT_PRODUCTION p1: champ etatProduction incorrect"}},
		{name: "c: C1 without date", change: oneParcel(object{"etatProduction": "C1", "dateEngagement": absent}), refused: []string{"MISSING_DATE_ENGAGEMENT p1: Champ date d'engagement obligatoire lorsque que la parcelle est en conversion"}},
		{name: "c: C3 with empty date", change: oneParcel(object{"etatProduction": "C3", "dateEngagement": ""}), refused: []string{"MISSING_DATE_ENGAGEMENT p1: Champ date d'engagement obligatoire lorsque que la parcelle est en conversion"}},
		{
			name: "c before d", change: oneParcel(object{"etatProduction": "C2", "dateEngagement": "hier"}),
			refused: []string{
				"MISSING_DATE_ENGAGEMENT p1: Champ date d'engagement obligatoire lorsque que la parcelle est en conversion",
				"INVALID_DATE_ENGAGEMENT p1: champ dateEngagement incorrect",
			},
		},
		{name: "d: bad date of engagement", change: oneParcel(object{"dateEngagement": "2023"}), refused: []string{"INVALID_DATE_ENGAGEMENT p1: champ dateEngagement incorrect"}},
		{name: "e: no crops", change: oneParcel(object{"cultures": absent}), refused: []string{"MISSING_CULTURES p1: cultures absentes"}},
		{name: "e: two empty lists", change: oneParcel(object{"cultures": []any{}, "culture": []any{}}), refused: []string{"MISSING_CULTURES p1: cultures absentes"}},
		{
			name: "f: unknown crops, as sent", change: oneParcel(object{"cultures": crops("01.13.49.967565", "01.11.12", " 02.10.2003", "")}),
			refused: []string{"INVALID_CPF p1: cultures inconnues: 01.13.49.967565,  02.10.2003, "},
		},
		{name: "bad sowing date", change: crop(object{"dateSemis": "printemps"}), warned: []string{"INVALID_DATE_SEMIS p1: Parcelle p1 : champ dateSemis incorrect"}},
		{name: "unknown unit", change: crop(object{"unite": "are"}), warned: []string{"INVALID_UNITE p1: Parcelle p1 : champ unite incorrect, hectare retenu"}},
		{name: "h: a text for an ordinate", change: geom(`[[[2.1,"x"],[2.2,47.1],[2.2,47.2],[2.1,47.1]]]`), refused: []string{badGeom + "les coordonnées doivent être des nombres finis"}},
		{name: "h: an infinite ordinate", change: geom(`[[[2.1,1e400],[2.2,47.1],[2.2,47.2],[2.1,47.1]]]`), refused: []string{badGeom + "les coordonnées doivent être des nombres finis"}},
		{name: "h: latitude", change: geom(rectangle(2, 95, 0.1)), refused: []string{badGeom + "la latitude doit être comprise entre 90 et -90"}},
		{name: "h: longitude", change: geom(rectangle(190, 47, 0.1)), refused: []string{badGeom + "la longitude doit être comprise entre 180 et -180"}},
		{name: "h: latitude before longitude", change: geom(rectangle(190, 95, 0.1)), refused: []string{badGeom + "la latitude doit être comprise entre 90 et -90"}},
		{name: "h: short ring", change: geom(`[[[2.1,47.1],[2.2,47.1],[2.1,47.1]]]`), refused: []string{badGeom + "Each LinearRing of a Polygon must have 4 or more Positions."}},
		{name: "h: open ring", change: geom(`[[[2.1,47.1],[2.2,47.1],[2.2,47.2],[2.1,47.2]]]`), refused: []string{badGeom + "First and last Position are not equivalent."}},
		{name: "h: cut off", change: geom(`[[[2.1,47.1],[2.2`), refused: []string{badGeom + "JSON illisible (position 17)"}},
		{name: "h: another type", change: geom(object{"type": "Point", "coordinates": []float64{2, 47}}), refused: []string{badGeom + "type de géométrie non pris en charge"}},
		{name: "h: another depth", change: geom(`[[2.1,47.1],[2.2,47.1],[2.2,47.2],[2.1,47.1]]`), refused: []string{badGeom + "type de géométrie non pris en charge"}},
		{name: "h: nothing left of a line", change: geom(`[[[2.1,47.1],[2.2,47.1],[2.3,47.1],[2.1,47.1]]]`), refused: []string{badGeom + "la géométrie est vide après correction"}},
		{name: "h: too many rings", change: geom("[" + strings.Repeat("[[2,47],[3,47],[3,48],[2,47]],", 1000) + "[[2,47],[3,47],[3,48],[2,47]]]"), refused: []string{badGeom + "trop de sommets"}},
		{name: "altitudes", change: geom(`[[[2.1,47.1,120],[2.11,47.1,121],[2.11,47.11,122],[2.1,47.1,120]]]`), warned: []string{"GEOM_Z_DROPPED p1: Parcelle p1 : l'altitude des coordonnées a été ignorée"}},
		{name: "Lambert-93", change: geom(rectangle(652000, 6862000, 300)), warned: []string{"GEOM_REPROJECTED p1: Parcelle p1 : coordonnées converties depuis EPSG:2154"}},
		{name: "latitude first", change: geom(square(47.1, 2.1)), warned: []string{"GEOM_REPROJECTED p1: Parcelle p1 : coordonnées converties depuis latitude/longitude inversées"}},
		{name: "i: abroad", change: geom(square(20, 50)), warned: []string{"GEOM_OUT_OF_BOUNDS p1: Parcelle p1 en dehors des régions autorisées"}},
		{name: "post: corrected", change: parcels(bad("p1", object{"geom": spike}), parcel("p2"), bad("p3", object{"geom": spike})), warned: []string{corrected + "p1, p3"}},
		{name: "post: to be checked", change: parcels(bad("p1", object{"geom": eight}), bad("p2", object{"geom": eight})), warned: []string{toCheck + "p1, p2"}},
		{
			name: "warnings in the order of the table",
			change: parcels(
				bad("p1", object{"enAttentePac": true, "numeroIlot": 1, "cultures": []object{{"codeCPF": "01.11.12", "dateSemis": "x", "unite": "x"}}}),
				bad("p2", object{"geom": eight}), bad("p3", object{"geom": spike}), bad("p4", object{"geom": square(20, 50)}),
			),
			warned: []string{
				noIlot, "INVALID_DATE_SEMIS p1: Parcelle p1 : champ dateSemis incorrect", "INVALID_UNITE p1: Parcelle p1 : champ unite incorrect, hectare retenu",
				"GEOM_OUT_OF_BOUNDS p4: Parcelle p4 en dehors des régions autorisées", corrected + "p3", toCheck + "p2",
			},
		},

		// Warnings of the record
		{name: "bad cropping year", change: with(object{"anneeAssolement": "x"}), warned: []string{"INVALID_ANNEE: champ anneeAssolement incorrect"}},
		{name: "bad PACAGE number", change: with(object{"numeroPacage": "12A"}), warned: []string{"INVALID_PACAGE: champ numeroPacage incorrect"}},
		{name: "no parcel in the list", change: with(object{"parcelles": []any{}}), warned: []string{"EMPTY_PARCELLES: Aucune parcelle transmise : toutes les parcelles de ce parcellaire ont été retirées"}},

		// Tolerances (C6, C47)
		{name: "C47 one brace too many", change: geom(square(2.1, 47.1) + "}")},
		{name: "C47 a GeoJSON geometry", change: geom(`{"type":"Polygon","coordinates":` + square(2.1, 47.1) + `}`)},
		{name: "C47 a lone crop", change: oneParcel(object{"cultures": absent, "culture": object{"codeCPF": " 01.11.12 "}})},
		{name: "C47 an empty list hides nothing", change: oneParcel(object{"culture": []any{}})},
		{name: "C47 engaged, level to be told", change: oneParcel(object{"etatProduction": "BIO", "dateEngagement": absent})},
		{name: "C47 unknown members", change: with(object{"inconnu": object{"parcelles": 1}})},
	}
	s := newServer(t)
	storetest.Farms(t, s.db,
		sillon.Farm{NumeroBio: "8001", Links: []sillon.Link{{Certifier: sillon.Certifier{ID: 1}, NumeroClient: "C8001", State: sillon.LinkEngaged}}},
		sillon.Farm{NumeroBio: "8002", Production: true},
	)
	storetest.Farm(t, s.db, "8003", 1)
	breakFarm(t, s, "8003")
	for i, tt := range tests {
		farm := tt.farm
		if farm == "" {
			farm = strconv.Itoa(5000 + i)
			storetest.Farm(t, s.db, farm, 1)
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			payload := "[" + tt.raw + "]"
			if tt.raw == "" {
				r := record(farm)
				if tt.change != nil {
					r = tt.change(r)
				}
				payload = text(t, []object{r})
			}
			numero := farm
			if tt.nobody {
				numero = ""
			}
			reply := s.push(t, ocOne, payload)
			var p pushed
			reply.into(t, &p)
			compare(t, "reply", tt.refused, numero, p.ListeProblemes)
			s.work(t, 1)
			var j job
			s.get(t, ocOne, jobPath(p.JobID)).into(t, &j)
			if j.Status != "DONE" {
				t.Errorf("job %+v", j)
			}
			compare(t, "errors", append(tt.refused, tt.failed...), numero, j.Result.Errors)
			compare(t, "warnings", tt.warned, numero, j.warnings())
			status, refused := http.StatusAccepted, 0
			if len(tt.refused) > 0 {
				status = http.StatusBadRequest
			}
			if len(tt.refused)+len(tt.failed) > 0 {
				refused = 1
			}
			if reply.Status != status || j.NbObjetsRefuses != refused || j.NbObjetsAcceptes != 1-refused {
				t.Errorf("status %d, want %d; %d accepted, %d refused", reply.Status, status, j.NbObjetsAcceptes, j.NbObjetsRefuses)
			}
			if n := len(j.Result.NumeroBioValid); n != 1-refused {
				t.Errorf("%d records stored", n)
			}
			if farm != "1001" && farm != "2001" && s.one(t, `SELECT count(*)::text FROM parcellaire WHERE numero_bio = $1`, farm) != strconv.Itoa(1-refused) {
				t.Error("what is stored is not what is said")
			}
		})
	}
}

// breakFarm makes every write to the parcellaires of a farm a database error.
func breakFarm(t *testing.T, s *server, numero string) {
	t.Helper()
	storetest.Exec(t, s.address, fmt.Sprintf(`
		CREATE FUNCTION break_farm() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.numero_bio = '%s' THEN RAISE EXCEPTION 'a secret of the table parcellaire'; END IF;
			RETURN NEW;
		END $$`, numero),
		`CREATE TRIGGER break_farm BEFORE INSERT OR UPDATE ON parcellaire FOR EACH ROW EXECUTE FUNCTION break_farm()`)
}

// compare compares issues, ids that the service makes set aside.
func compare(t *testing.T, what string, want []string, numero string, got []found) {
	t.Helper()
	var texts []string
	for _, f := range got {
		text := uuids.ReplaceAllString(f.String(), "UUID")
		if f.Code == "MISSING_PARCELLE_ID" {
			text = strings.ReplaceAll(text, f.ParcelleID, "AUTO")
		}
		texts = append(texts, text)
		if f.NumeroBio != numero {
			t.Errorf("%s: %v is of farm %q, want %q", what, f, f.NumeroBio, numero)
		}
	}
	if diff := cmp.Diff(want, texts, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
