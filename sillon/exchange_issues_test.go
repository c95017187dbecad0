package sillon_test

import (
	"testing"

	"sillon/sillon"
)

func TestExchangeIssues(t *testing.T) {
	t.Parallel()
	const warning, refusal = sillon.SeverityWarning, sillon.SeverityError
	tests := []struct {
		code     string
		severity sillon.Severity
		message  string
		got      sillon.Issue
	}{
		{
			"INVALID_RECORD", refusal, "enregistrement illisible : un objet est attendu",
			sillon.IssueInvalidRecord(2, "", sillon.RecordNotObject),
		},
		{"MISSING_NUMERO_BIO", refusal, "champ numeroBio manquant", sillon.IssueMissingNumeroBio(2)},
		{"MISSING_NUMERO_CLIENT", refusal, "champ numeroClient manquant", sillon.IssueMissingNumeroClient(2, "1")},
		{"UNKNOWN_NUMERO_BIO", refusal, "Numéro bio inconnu du portail de notification", sillon.IssueUnknownNumeroBio("1")},
		{
			"NOT_PRODUCTION", refusal, "Numéro bio sans notification liée à une activité de production",
			sillon.IssueNotProduction("1"),
		},
		{"NO_OC", refusal, "Aucun organisme certificateur pour ce numéro bio.", sillon.IssueNoOC("1")},
		{"OC_MISMATCH", refusal, "Numéro client différent", sillon.IssueOCMismatch("1")},
		{
			"INVALID_DATE_CERTIFICATION_DEBUT", refusal, "champ dateCertificationDebut incorrect",
			sillon.IssueInvalidDateCertificationDebut("1"),
		},
		{
			"INVALID_DATE_CERTIFICATION_FIN", refusal, "champ dateCertificationFin incorrect",
			sillon.IssueInvalidDateCertificationFin("1"),
		},
		{"INVALID_DATE_AUDIT", refusal, "champ dateAudit incorrect", sillon.IssueInvalidDateAudit("1")},
		{"INVALID_ANNEE", refusal, "champ anneeReferenceControle incorrect", sillon.IssueInvalidAnnee("1")},
		{"MISSING_PARCELLES", refusal, "champ parcelles manquant ou incorrect", sillon.IssueMissingParcelles("1")},
		{
			"REGISTRE_INDISPONIBLE", refusal,
			"Le portail de notification n'a pas pu être contacté, renvoyez cet enregistrement plus tard",
			sillon.IssueRegistreIndisponible("1"),
		},
		{"INVALID_ANNEE", warning, "champ anneeAssolement incorrect", sillon.IssueInvalidAnneeAssolement("1")},
		{"INVALID_PACAGE", warning, "champ numeroPacage incorrect", sillon.IssueInvalidPacage("1")},
		{
			"EMPTY_PARCELLES", warning,
			"Aucune parcelle transmise : toutes les parcelles de ce parcellaire ont été retirées",
			sillon.IssueEmptyParcelles("1"),
		},
		{
			"DUPLICATE_RECORD", warning, "Plusieurs enregistrements pour ce numéro bio et cette date d'audit",
			sillon.IssueDuplicateRecord("1"),
		},
		{"DB_ERROR", refusal, "Les dates de certification sont manquantes.", sillon.IssueNoCertificationDates("1")},
		{
			"DB_ERROR", refusal, "Impossible de créer une parcelle sans donnée géographique.",
			sillon.IssueCreationWithoutGeometry("1", "A"),
		},
		{"DB_ERROR", refusal, "La donnée géographique est manquante ou invalide.", sillon.IssueBadStoredGeometry("1", "A")},
		{"DB_ERROR", refusal, "Erreur lors de l'enregistrement, référence 7f3a", sillon.IssueUnexpected("1", "7f3a")},
		{"DUPLICATE_PARCELLE_ID", refusal, "identifiant de parcelle en double : A", sillon.IssueDuplicateParcelleID("1", "A")},
		{"DUPLICATE_PARCELLE_ID", warning, "identifiant de parcelle en double : A", sillon.IssueRepeatedParcelle("1", "A")},
		{
			"MISSING_PARCELLE_ID", warning, "Parcelle sans identifiant : l'identifiant A lui a été attribué",
			sillon.IssueMissingParcelleID("1", "A"),
		},
		{
			"PAC_PENDING_WITH_ILOT", warning,
			"Parcelle A acceptée mais ne peut être marquée comme en attente PAC car un îlot est renseigné",
			sillon.IssuePACPendingWithIlot("1", "A"),
		},
		{"INVALID_ETAT_PRODUCTION", refusal, "champ etatProduction incorrect", sillon.IssueInvalidEtatProduction("1", "A")},
		{
			"MISSING_DATE_ENGAGEMENT", refusal,
			"Champ date d'engagement obligatoire lorsque que la parcelle est en conversion",
			sillon.IssueMissingDateEngagement("1", "A"),
		},
		{"INVALID_DATE_ENGAGEMENT", refusal, "champ dateEngagement incorrect", sillon.IssueInvalidDateEngagement("1", "A")},
		{"MISSING_CULTURES", refusal, "cultures absentes", sillon.IssueMissingCultures("1", "A")},
		{
			"INVALID_CPF", refusal, "cultures inconnues: 01.13.49.967565, , x",
			sillon.IssueInvalidCPF("1", "A", []string{"01.13.49.967565", "", "x"}),
		},
		{"INVALID_DATE_SEMIS", warning, "Parcelle A : champ dateSemis incorrect", sillon.IssueInvalidDateSemis("1", "A")},
		{"INVALID_UNITE", warning, "Parcelle A : champ unite incorrect, hectare retenu", sillon.IssueInvalidUnite("1", "A")},
		{"MISSING_GEOM", warning, "Parcelle A n'a pas de géométrie", sillon.IssueMissingGeom("1", "A")},
		{
			"INVALID_GEOM", refusal, "champ geom incorrect : la géométrie est vide après correction",
			sillon.IssueInvalidGeom("1", "A", sillon.GeomEmpty),
		},
		{
			"INVALID_GEOM", refusal, "champ geom incorrect : JSON illisible (position 12)",
			sillon.IssueInvalidGeom("1", "A", sillon.GeomUnreadable(12)),
		},
		{"GEOM_Z_DROPPED", warning, "Parcelle A : l'altitude des coordonnées a été ignorée", sillon.IssueGeomZDropped("1", "A")},
		{
			"GEOM_REPROJECTED", warning, "Parcelle A : coordonnées converties depuis EPSG:2154",
			sillon.IssueGeomReprojected("1", "A", 2154),
		},
		{
			"GEOM_REPROJECTED", warning, "Parcelle A : coordonnées converties depuis latitude/longitude inversées",
			sillon.IssueGeomReprojected("1", "A", 0),
		},
		{"GEOM_OUT_OF_BOUNDS", warning, "Parcelle A en dehors des régions autorisées", sillon.IssueGeomOutOfBounds("1", "A")},
		{
			"GEOM_CORRECTED", warning, "Ces parcelles ont été corrigées : A, B",
			sillon.IssueGeomCorrected("1", []string{"A", "B"}),
		},
		{
			"GEOM_INVALID_NOT_CORRECTED", warning, "Ces parcelles n'ont pas été corrigées mais sont invalides : A, B",
			sillon.IssueGeomToCheck("1", []string{"A", "B"}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			if tt.got.Code != tt.code || tt.got.Severity != tt.severity || tt.got.Message != tt.message {
				t.Errorf("got %+v, want %s %d %q", tt.got, tt.code, tt.severity, tt.message)
			}
		})
	}
}
