package sillon

import (
	"fmt"
	"strconv"
	"strings"
)

// The issues of the certifier exchange: one constructor a row of
// certifier-exchange.md §5, with its code, its severity and its exact text.
// numeroBio and id are those of the record and of the parcel at fault.

// A RecordFault says why a record cannot be read, as IssueInvalidRecord prints
// it.
type RecordFault string

// The faults of a record; the functions below make more.
const (
	RecordNotObject    RecordFault = "un objet est attendu"
	RecordUnrecognised RecordFault = "aucun champ d'enregistrement reconnu"
	RecordTooLarge     RecordFault = "trop volumineux"
	RecordTooDeep      RecordFault = "imbrication trop profonde"
	RecordLongBio      RecordFault = "champ numeroBio trop long"
	RecordLongClient   RecordFault = "champ numeroClient trop long"
)

// RecordUnreadable is the fault of a text that stops being JSON at byte
// position of the body.
func RecordUnreadable(position int64) RecordFault {
	return RecordFault("JSON illisible (position " + strconv.FormatInt(position, 10) + ")")
}

// RecordTooManyParcels is the fault of a record of more than most parcels.
func RecordTooManyParcels(most int) RecordFault {
	return RecordFault("plus de " + strconv.Itoa(most) + " parcelles")
}

// RecordBadParcel is the fault of a parcel, of this rank from 0, that is not
// an object.
func RecordBadParcel(rank int) RecordFault {
	return RecordFault("la parcelle de rang " + strconv.Itoa(rank) + " n'est pas un objet")
}

// RecordBadParcelID is the fault of a parcel, of this rank from 0, whose id is
// neither a text nor a number.
func RecordBadParcelID(rank int) RecordFault {
	return RecordFault("l'identifiant de la parcelle de rang " + strconv.Itoa(rank) + " n'est ni un texte ni un nombre")
}

// RecordLongParcelID is the fault of a parcel, of this rank from 0, whose id
// is too long to be one.
func RecordLongParcelID(rank int) RecordFault {
	return RecordFault("l'identifiant de la parcelle de rang " + strconv.Itoa(rank) + " est trop long")
}

// RecordTooManyCrops is the fault of a parcel, of this rank from 0, that has
// more than most crops.
func RecordTooManyCrops(rank, most int) RecordFault {
	return RecordFault("la parcelle de rang " + strconv.Itoa(rank) + " a plus de " + strconv.Itoa(most) + " cultures")
}

// IssueInvalidRecord says that the record of rank index cannot be read;
// numeroBio may be empty.
func IssueInvalidRecord(index int, numeroBio string, fault RecordFault) Issue {
	i := ofRecord("INVALID_RECORD", "enregistrement illisible : "+string(fault), numeroBio)
	i.Index = &index
	return i
}

// IssueMissingNumeroBio says that the record of rank index names no farm.
func IssueMissingNumeroBio(index int) Issue {
	i := ofRecord("MISSING_NUMERO_BIO", "champ numeroBio manquant", "")
	i.Index = &index
	return i
}

// IssueMissingNumeroClient says that the record of rank index has no client
// number.
func IssueMissingNumeroClient(index int, numeroBio string) Issue {
	i := ofRecord("MISSING_NUMERO_CLIENT", "champ numeroClient manquant", numeroBio)
	i.Index = &index
	return i
}

// IssueUnknownNumeroBio says that the registry does not know the farm.
func IssueUnknownNumeroBio(numeroBio string) Issue {
	return ofRecord("UNKNOWN_NUMERO_BIO", "Numéro bio inconnu du portail de notification", numeroBio)
}

// IssueNotProduction says that the farm has no notification of production.
func IssueNotProduction(numeroBio string) Issue {
	return ofRecord("NOT_PRODUCTION", "Numéro bio sans notification liée à une activité de production", numeroBio)
}

// IssueNoOC says that the farm is with no certifier.
func IssueNoOC(numeroBio string) Issue {
	return ofRecord("NO_OC", "Aucun organisme certificateur pour ce numéro bio.", numeroBio)
}

// IssueOCMismatch says that the farm is not a client of the caller under this
// client number.
func IssueOCMismatch(numeroBio string) Issue {
	return ofRecord("OC_MISMATCH", "Numéro client différent", numeroBio)
}

// IssueInvalidDateCertificationDebut refuses the start of validity.
func IssueInvalidDateCertificationDebut(numeroBio string) Issue {
	return ofRecord("INVALID_DATE_CERTIFICATION_DEBUT", "champ dateCertificationDebut incorrect", numeroBio)
}

// IssueInvalidDateCertificationFin refuses the end of validity.
func IssueInvalidDateCertificationFin(numeroBio string) Issue {
	return ofRecord("INVALID_DATE_CERTIFICATION_FIN", "champ dateCertificationFin incorrect", numeroBio)
}

// IssueInvalidDateAudit refuses the audit date.
func IssueInvalidDateAudit(numeroBio string) Issue {
	return ofRecord("INVALID_DATE_AUDIT", "champ dateAudit incorrect", numeroBio)
}

// IssueInvalidAnnee refuses the reference year.
func IssueInvalidAnnee(numeroBio string) Issue {
	return ofRecord("INVALID_ANNEE", "champ anneeReferenceControle incorrect", numeroBio)
}

// IssueMissingParcelles says that the record has no list of parcels.
func IssueMissingParcelles(numeroBio string) Issue {
	return ofRecord("MISSING_PARCELLES", "champ parcelles manquant ou incorrect", numeroBio)
}

// IssueRegistreIndisponible says that the registry could not be asked.
func IssueRegistreIndisponible(numeroBio string) Issue {
	return ofRecord("REGISTRE_INDISPONIBLE",
		"Le portail de notification n'a pas pu être contacté, renvoyez cet enregistrement plus tard", numeroBio)
}

// IssueInvalidAnneeAssolement warns that the cropping year was dropped.
func IssueInvalidAnneeAssolement(numeroBio string) Issue {
	return warning(ofRecord("INVALID_ANNEE", "champ anneeAssolement incorrect", numeroBio))
}

// IssueInvalidPacage warns that the PACAGE number has not 9 digits.
func IssueInvalidPacage(numeroBio string) Issue {
	return warning(ofRecord("INVALID_PACAGE", "champ numeroPacage incorrect", numeroBio))
}

// IssueEmptyParcelles warns that the record empties its parcellaire.
func IssueEmptyParcelles(numeroBio string) Issue {
	return warning(ofRecord("EMPTY_PARCELLES",
		"Aucune parcelle transmise : toutes les parcelles de ce parcellaire ont été retirées", numeroBio))
}

// IssueDuplicateRecord warns that the push holds several records for one farm
// and audit date.
func IssueDuplicateRecord(numeroBio string) Issue {
	return warning(ofRecord("DUPLICATE_RECORD",
		"Plusieurs enregistrements pour ce numéro bio et cette date d'audit", numeroBio))
}

// IssueNoCertificationDates says that neither the record nor the stored
// parcellaire has dates of validity.
func IssueNoCertificationDates(numeroBio string) Issue {
	return ofRecord(codeDB, "Les dates de certification sont manquantes.", numeroBio)
}

// IssueCreationWithoutGeometry says that a parcel unknown so far came without
// geometry.
func IssueCreationWithoutGeometry(numeroBio, id string) Issue {
	return ofParcel(codeDB, "Impossible de créer une parcelle sans donnée géographique.", numeroBio, id)
}

// IssueBadStoredGeometry says that the geometry of a parcel cannot be stored.
func IssueBadStoredGeometry(numeroBio, id string) Issue {
	return ofParcel(codeDB, "La donnée géographique est manquante ou invalide.", numeroBio, id)
}

// IssueUnexpected says that storing the record failed; reference finds the
// cause in the log.
func IssueUnexpected(numeroBio, reference string) Issue {
	return ofRecord(codeDB, "Erreur lors de l'enregistrement, référence "+reference, numeroBio)
}

// IssueDuplicateParcelleID says that two different parcels have one id.
func IssueDuplicateParcelleID(numeroBio, id string) Issue {
	return ofParcel("DUPLICATE_PARCELLE_ID", "identifiant de parcelle en double : "+id, numeroBio, id)
}

// IssueRepeatedParcelle warns that one parcel was sent twice, and kept once.
func IssueRepeatedParcelle(numeroBio, id string) Issue {
	return warning(IssueDuplicateParcelleID(numeroBio, id))
}

// IssueMissingParcelleID warns that a parcel without id was given id.
func IssueMissingParcelleID(numeroBio, id string) Issue {
	return warning(ofParcel("MISSING_PARCELLE_ID",
		"Parcelle sans identifiant : l'identifiant "+id+" lui a été attribué", numeroBio, id))
}

// IssuePACPendingWithIlot warns that a parcel with an îlot waits for none.
func IssuePACPendingWithIlot(numeroBio, id string) Issue {
	return warning(ofParcel("PAC_PENDING_WITH_ILOT",
		"Parcelle "+id+" acceptée mais ne peut être marquée comme en attente PAC car un îlot est renseigné", numeroBio, id))
}

// IssueInvalidEtatProduction refuses the level.
func IssueInvalidEtatProduction(numeroBio, id string) Issue {
	return ofParcel("INVALID_ETAT_PRODUCTION", "champ etatProduction incorrect", numeroBio, id)
}

// IssueMissingDateEngagement says that a parcel in conversion has no usable
// date of engagement.
func IssueMissingDateEngagement(numeroBio, id string) Issue {
	return ofParcel("MISSING_DATE_ENGAGEMENT",
		"Champ date d'engagement obligatoire lorsque que la parcelle est en conversion", numeroBio, id)
}

// IssueInvalidDateEngagement refuses the date of engagement.
func IssueInvalidDateEngagement(numeroBio, id string) Issue {
	return ofParcel("INVALID_DATE_ENGAGEMENT", "champ dateEngagement incorrect", numeroBio, id)
}

// IssueMissingCultures says that a parcel has no crop.
func IssueMissingCultures(numeroBio, id string) Issue {
	return ofParcel("MISSING_CULTURES", "cultures absentes", numeroBio, id)
}

// IssueInvalidCPF lists the crop codes that the CPF nomenclature does not
// have, as sent; an absent one is empty.
func IssueInvalidCPF(numeroBio, id string, codes []string) Issue {
	return ofParcel("INVALID_CPF", "cultures inconnues: "+strings.Join(codes, ", "), numeroBio, id)
}

// IssueInvalidDateSemis warns that a sowing date was dropped.
func IssueInvalidDateSemis(numeroBio, id string) Issue {
	return warning(ofParcel("INVALID_DATE_SEMIS", "Parcelle "+id+" : champ dateSemis incorrect", numeroBio, id))
}

// IssueInvalidUnite warns that an unknown unit was read as hectares.
func IssueInvalidUnite(numeroBio, id string) Issue {
	return warning(ofParcel("INVALID_UNITE", "Parcelle "+id+" : champ unite incorrect, hectare retenu", numeroBio, id))
}

// IssueMissingGeom warns that a parcel came without geometry.
func IssueMissingGeom(numeroBio, id string) Issue {
	return warning(ofParcel("MISSING_GEOM", "Parcelle "+id+" n'a pas de géométrie", numeroBio, id))
}

// A GeomFault says what is wrong in a geometry, as IssueInvalidGeom prints it.
// The empty GeomFault is no fault.
type GeomFault string

// The faults of a geometry; GeomUnreadable makes one more.
const (
	GeomNotFinite   GeomFault = "les coordonnées doivent être des nombres finis"
	GeomLatitude    GeomFault = "la latitude doit être comprise entre 90 et -90"
	GeomLongitude   GeomFault = "la longitude doit être comprise entre 180 et -180"
	GeomShortRing   GeomFault = "Each LinearRing of a Polygon must have 4 or more Positions."
	GeomOpenRing    GeomFault = "First and last Position are not equivalent."
	GeomUnsupported GeomFault = "type de géométrie non pris en charge"
	GeomEmpty       GeomFault = "la géométrie est vide après correction"
	GeomTooLarge    GeomFault = "trop de sommets"
)

// GeomUnreadable is the fault of a text that stops being JSON at byte position.
func GeomUnreadable(position int) GeomFault {
	return GeomFault("JSON illisible (position " + strconv.Itoa(position) + ")")
}

// IssueInvalidGeom refuses the geometry.
func IssueInvalidGeom(numeroBio, id string, fault GeomFault) Issue {
	return ofParcel("INVALID_GEOM", "champ geom incorrect : "+string(fault), numeroBio, id)
}

// IssueGeomZDropped warns that ordinates beyond longitude and latitude were
// dropped.
func IssueGeomZDropped(numeroBio, id string) Issue {
	return warning(ofParcel("GEOM_Z_DROPPED",
		"Parcelle "+id+" : l'altitude des coordonnées a été ignorée", numeroBio, id))
}

// IssueGeomReprojected warns that the coordinates were converted from epsg, or
// that longitude and latitude were swapped when epsg is 0.
func IssueGeomReprojected(numeroBio, id string, epsg int) Issue {
	from := "latitude/longitude inversées"
	if epsg != 0 {
		from = "EPSG:" + strconv.Itoa(epsg)
	}
	return warning(ofParcel("GEOM_REPROJECTED", "Parcelle "+id+" : coordonnées converties depuis "+from, numeroBio, id))
}

// IssueGeomOutOfBounds warns that a parcel is in no French region.
func IssueGeomOutOfBounds(numeroBio, id string) Issue {
	return warning(ofParcel("GEOM_OUT_OF_BOUNDS", "Parcelle "+id+" en dehors des régions autorisées", numeroBio, id))
}

// IssueGeomCorrected warns that the geometries of these parcels were repaired.
func IssueGeomCorrected(numeroBio string, ids []string) Issue {
	return warning(ofRecord("GEOM_CORRECTED",
		"Ces parcelles ont été corrigées : "+strings.Join(ids, ", "), numeroBio))
}

// IssueGeomToCheck warns that the geometries of these parcels changed so much
// when repaired that somebody must look at them.
func IssueGeomToCheck(numeroBio string, ids []string) Issue {
	return warning(ofRecord("GEOM_INVALID_NOT_CORRECTED",
		"Ces parcelles n'ont pas été corrigées mais sont invalides : "+strings.Join(ids, ", "), numeroBio))
}

const codeDB = "DB_ERROR"

func ofRecord(code, message, numeroBio string) Issue {
	return Issue{Severity: SeverityError, Code: code, Message: message, NumeroBio: numeroBio}
}

func ofParcel(code, message, numeroBio, id string) Issue {
	return Issue{Severity: SeverityError, Code: code, Message: message, NumeroBio: numeroBio, ParcelleID: id}
}

func warning(i Issue) Issue {
	i.Severity = SeverityWarning
	return i
}

// CompressionTooHigh says that a body unpacks to suspiciously much.
func CompressionTooHigh(most int64) string {
	return fmt.Sprintf("L'envoi est compressé plus de %d fois : il n'a pas été lu.", most)
}

// TooManyRecords says that a push has too many records, none of which is kept.
func TooManyRecords(most int) string {
	return fmt.Sprintf("L'envoi contient plus de %d enregistrements : envoyez-le en plusieurs fois.", most)
}
