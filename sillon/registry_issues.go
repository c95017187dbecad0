package sillon

import "fmt"

// A RegistryCode says what is wrong in a file of farms. Codes are stable.
type RegistryCode string

// The codes of what is wrong in a file of farms.
const (
	RegistryNoNumeroBio   RegistryCode = "NUMERO_BIO_ABSENT"
	RegistryNumeroBio     RegistryCode = "NUMERO_BIO_INVALIDE"
	RegistrySiret         RegistryCode = "SIRET_INVALIDE"
	RegistryPacage        RegistryCode = "PACAGE_INVALIDE"
	RegistryCommune       RegistryCode = "COMMUNE_INVALIDE"
	RegistryState         RegistryCode = "ETAT_INCONNU"
	RegistryDate          RegistryCode = "DATE_INVALIDE"
	RegistryPeriod        RegistryCode = "PERIODE_INVALIDE"
	RegistryNoCertifier   RegistryCode = "CERTIFICATEUR_ABSENT"
	RegistryCertifier     RegistryCode = "CERTIFICATEUR_INVALIDE"
	RegistryDuplicate     RegistryCode = "DOUBLON"
	RegistryDisagreement  RegistryCode = "VALEUR_DIFFERENTE"
	RegistryTooLong       RegistryCode = "VALEUR_TROP_LONGUE"
	RegistryNoColumn      RegistryCode = "COLONNE_ABSENTE"
	RegistryColumnTwice   RegistryCode = "COLONNE_EN_DOUBLE"
	RegistryUnreadable    RegistryCode = "LIGNE_ILLISIBLE"
	RegistryEmpty         RegistryCode = "FICHIER_VIDE"
	RegistryTooManyLines  RegistryCode = "TROP_DE_LIGNES"
	RegistryTooManyIssues RegistryCode = "TROP_DE_PROBLEMES"
	RegistryMoreWarnings  RegistryCode = "AUTRES_AVERTISSEMENTS"
)

var registryMessages = map[RegistryCode]string{
	RegistryNoNumeroBio:   "Le numéro bio est absent.",
	RegistryNumeroBio:     "Le numéro bio « %s » est invalide : 20 lettres, chiffres ou tirets au plus.",
	RegistrySiret:         "Le SIRET « %s » est invalide : 14 chiffres sont attendus.",
	RegistryPacage:        "Le numéro PACAGE « %s » est invalide : 8 ou 9 chiffres sont attendus.",
	RegistryCommune:       "La commune « %s » est invalide : un code INSEE de 5 caractères est attendu.",
	RegistryState:         "L'état « %s » est inconnu.",
	RegistryDate:          "La date « %s » est invalide : AAAA-MM-JJ ou JJ/MM/AAAA est attendu.",
	RegistryPeriod:        "La date d'arrêt %s précède la date de démarrage %s.",
	RegistryNoCertifier:   "Le certificateur est absent.",
	RegistryCertifier:     "L'identifiant de certificateur « %s » est invalide : un nombre entier est attendu.",
	RegistryDuplicate:     "Ce lien entre l'exploitation et le certificateur figure déjà dans le fichier.",
	RegistryDisagreement:  "La valeur « %s » de %s diffère de « %s », lue plus haut, qui est conservée.",
	RegistryTooLong:       "La valeur de %s dépasse %d caractères.",
	RegistryNoColumn:      "La colonne %s est absente.",
	RegistryColumnTwice:   "La colonne %s figure deux fois.",
	RegistryUnreadable:    "Lecture impossible : %s.",
	RegistryEmpty:         "Le fichier ne contient aucune exploitation.",
	RegistryTooManyLines:  "Le fichier contient plus de %d lignes.",
	RegistryTooManyIssues: "Le fichier contient plus de %d erreurs : la lecture s'arrête ici.",
	RegistryMoreWarnings:  "%d autres avertissements ne sont pas détaillés.",
}

// RegistryIssue is what is wrong at a path of a file of farms; args fill the
// message of the code.
func RegistryIssue(s Severity, code RegistryCode, n NumeroBio, path string, args ...any) Issue {
	message := registryMessages[code]
	if len(args) > 0 {
		message = fmt.Sprintf(message, args...)
	}
	return Issue{Severity: s, Code: string(code), Message: message, NumeroBio: string(n), Path: path}
}

// CertifierNameTaken says why a file of farms cannot be taken: two ids claim
// one name.
const CertifierNameTaken = "Un certificateur du fichier porte le nom d'un autre, qui a un autre identifiant : rien n'a été importé."

// LinkOverlap says which other link binds the farm at the same time.
func LinkOverlap(l Link) string {
	s := "L'exploitation est déjà engagée auprès de " + l.Certifier.Name
	if !l.Start.IsZero() {
		s += " depuis le " + l.Start.French()
	}
	if !l.Stop.IsZero() {
		s += " jusqu'au " + l.Stop.French()
	}
	return s + " : arrêtez d'abord ce lien."
}
