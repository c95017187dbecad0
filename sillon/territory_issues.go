package sillon

import "fmt"

// A TerritoryCode says what is wrong in a file of communes, departments or
// regions. Codes are stable.
type TerritoryCode string

// The codes of what is wrong in a file of territories.
const (
	TerritoryUnreadable TerritoryCode = "FICHIER_ILLISIBLE"
	TerritoryNone       TerritoryCode = "AUCUN_TERRITOIRE"
	TerritoryBadCode    TerritoryCode = "CODE_INVALIDE"
	TerritoryDuplicate  TerritoryCode = "CODE_EN_DOUBLE"
	TerritoryNoName     TerritoryCode = "NOM_ABSENT"
	TerritoryGeometry   TerritoryCode = "GEOMETRIE_INVALIDE"
	TerritoryProperty   TerritoryCode = "PROPRIETE_INVALIDE"
)

var territoryMessages = map[TerritoryCode]string{
	TerritoryUnreadable: "Lecture impossible : %s.",
	TerritoryNone:       "Le fichier ne contient aucun territoire.",
	TerritoryBadCode:    "Le code « %s » n'est pas celui d'un territoire de ce niveau.",
	TerritoryDuplicate:  "Le code « %s » figure deux fois.",
	TerritoryNoName:     "Le nom du territoire « %s » est absent.",
	TerritoryGeometry:   "La géométrie du territoire « %s » est invalide : %s.",
	TerritoryProperty:   "La propriété %s du territoire « %s » est invalide.",
}

// TerritoryIssue is what is wrong at a path of a file of territories; args
// fill the message of the code.
func TerritoryIssue(code TerritoryCode, path string, args ...any) Issue {
	message := territoryMessages[code]
	if len(args) > 0 {
		message = fmt.Sprintf(message, args...)
	}
	return Issue{Code: string(code), Message: message, Path: path}
}
