package sillon

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classes failures by what the caller can do about them. The zero Kind
// is an internal failure. Only api turns a Kind into an HTTP status.
type Kind uint8

// The kinds of failure.
const (
	KindInternal Kind = iota
	KindInvalid
	KindUnauthenticated
	KindForbidden
	KindNotFound
	KindMethod
	KindConflict
	KindStale
	KindTooLarge
	KindUnsupported
	KindUnprocessable
	KindTooMany
	KindUnavailable
)

// An Error is a failure its user may read. Errors with one Code are the same
// failure to errors.Is, whatever their detail, issues and cause.
type Error struct {
	Kind   Kind
	Code   string  // stable, part of the contract
	Title  string  // French, the same each time
	Detail string  // French, what is special this time; empty means Title
	Issues []Issue // what is wrong, and where
	Cause  error   // for the log only

	Revision int64 // of ErrStale: the present one of the resource; 0 when there is none
}

// Error returns the code and the text, for logs.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Text()
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is the same failure.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Text is what the user reads: the detail, else the title.
func (e *Error) Text() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.Title
}

// Because returns a copy of e with its cause, which only the log will see.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Saying returns a copy of e with what is special this time, in French.
func (e *Error) Saying(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// With returns a copy of e with the issues it is made of.
func (e *Error) With(issues ...Issue) *Error {
	c := *e
	c.Issues = issues
	return &c
}

// At returns a copy of e with the present revision of the resource.
func (e *Error) At(revision int64) *Error {
	c := *e
	c.Revision = revision
	return &c
}

// Failure returns the *Error in the chain of err, or ErrInternal because of err.
func Failure(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return ErrInternal.Because(err)
}

// Every failure is declared once, here. Codes and texts of the certifier
// exchange are those of certifier-exchange.md §1.1, §6 and §8.
var (
	ErrInternal = &Error{
		Kind: KindInternal, Code: "INTERNAL_SERVER_ERROR",
		Title: "Erreur serveur. Nous avons été informés et résoudrons ceci au plus vite.",
	}
	ErrInvalidRequest = &Error{Kind: KindInvalid, Code: "INVALID_API_REQUEST", Title: "La requête est invalide."}
	ErrUnreadableJSON = &Error{Kind: KindInvalid, Code: "INVALID_API_REQUEST", Title: "Le fichier JSON est invalide."}
	ErrNoCredentials  = &Error{
		Kind: KindUnauthenticated, Code: "INVALID_CREDENTIALS",
		Title: "Accès refusé : un jeton d'API est nécessaire pour accéder à ce contenu.",
	}
	ErrBadCredentials = &Error{
		Kind: KindForbidden, Code: "FORBIDDEN",
		Title: "Accès refusé : un jeton d'API Agence Bio valide est nécessaire pour accéder à ce contenu.",
	}
	ErrForbidden = &Error{
		Kind: KindForbidden, Code: "FORBIDDEN",
		Title: "Accès refusé : vous n'avez pas le droit d'effectuer cette action.",
	}
	ErrStale = &Error{
		Kind: KindStale, Code: "PRECONDITION_FAILED",
		Title: "La ressource a été modifiée depuis la dernière requête. Le contenu a été modifié depuis votre dernière requête.",
	}
	ErrNotFound       = &Error{Kind: KindNotFound, Code: "NOT_FOUND", Title: "Cette ressource n'existe pas."}
	ErrNoParcellaire  = &Error{Kind: KindNotFound, Code: "NOT_FOUND", Title: "Aucun parcellaire trouvé"}
	ErrAuditDateTaken = &Error{
		Kind: KindInvalid, Code: "DATE_AUDIT_EXISTANTE",
		Title: "Un parcellaire ne peut pas avoir deux versions avec la même date d'audit.",
	}
	ErrNoJob    = &Error{Kind: KindNotFound, Code: "JOB_NOT_FOUND", Title: "Aucun job n'a cet id"}
	ErrMethod   = &Error{Kind: KindMethod, Code: "METHOD_NOT_ALLOWED", Title: "Méthode non autorisée."}
	ErrTooLarge = &Error{
		Kind: KindTooLarge, Code: "PAYLOAD_TOO_LARGE",
		Title: "L'envoi dépasse la taille maximale de 512 Mio une fois décompressé.",
	}
	ErrUnsupportedEncoding = &Error{
		Kind: KindUnsupported, Code: "UNSUPPORTED_CONTENT_ENCODING",
		Title: "Cet encodage du contenu n'est pas pris en charge : utilisez gzip ou aucun.",
	}
	ErrUnavailable = &Error{
		Kind: KindUnavailable, Code: "SERVICE_INDISPONIBLE",
		Title: "Le service est momentanément indisponible, réessayez dans quelques instants.",
	}
	ErrFarmsRefused = &Error{
		Kind: KindInvalid, Code: "REGISTRE_INVALIDE",
		Title: "Le fichier des exploitations contient des erreurs : rien n'a été importé.",
	}
	ErrFarmInvalid = &Error{
		Kind: KindInvalid, Code: "EXPLOITATION_INVALIDE",
		Title: "Des valeurs de la requête sont invalides : rien n'a été enregistré.",
	}
	ErrLinkOverlap = &Error{
		Kind: KindConflict, Code: "PERIODE_CHEVAUCHANTE",
		Title: "L'exploitation serait engagée auprès de deux certificateurs le même jour.",
	}
	ErrNoCertifier      = &Error{Kind: KindNotFound, Code: "CERTIFICATEUR_INCONNU", Title: "Aucun certificateur n'a cet identifiant."}
	ErrReferenceRefused = &Error{
		Kind: KindInvalid, Code: "REFERENTIEL_INVALIDE",
		Title: "Le fichier de référence est invalide : rien n'a été chargé.",
	}
	ErrNoToken = &Error{Kind: KindNotFound, Code: "TOKEN_NOT_FOUND", Title: "Aucun jeton ne correspond."}
)

// The failures of pushes sent twice and of the list of imports
// (certifier-exchange.md §1.2, §8).
var (
	ErrKeyBusy   = &Error{Kind: KindConflict, Code: "IDEMPOTENCY_KEY_BUSY", Title: "Cet envoi est déjà en cours."}
	ErrKeyReused = &Error{
		Kind: KindUnprocessable, Code: "IDEMPOTENCY_KEY_REUSED",
		Title: "Cette clé d'idempotence a déjà été utilisée pour un autre envoi.",
	}
	ErrBadKey = &Error{
		Kind: KindInvalid, Code: "INVALID_API_REQUEST",
		Title: "L'en-tête Idempotency-Key doit tenir en 1 à 128 caractères ASCII imprimables.",
	}
	ErrNoImport  = &Error{Kind: KindNotFound, Code: "IMPORT_NOT_FOUND", Title: "Import introuvable"}
	ErrNoPayload = &Error{Kind: KindNotFound, Code: "PAYLOAD_NOT_FOUND", Title: "Payload introuvable"}
	ErrRehearsal = &Error{
		Kind: KindTooLarge, Code: "PAYLOAD_TOO_LARGE",
		Title: "Trop d'audits d'une même exploitation pour être validés ensemble : répartissez-les en plusieurs envois.",
	}
)

// ErrUnknownMember refuses what a route does not have (api.md, "Conventions").
var ErrUnknownMember = &Error{Kind: KindInvalid, Code: "CHAMP_INCONNU", Title: "La requête contient un champ inconnu."}

// IssueUnknownMember names a member or parameter that a route does not have.
func IssueUnknownMember(path string) Issue {
	return Issue{Code: ErrUnknownMember.Code, Message: "champ inconnu : " + path, Path: path}
}

// ErrTooManyRequests refuses who asks too often (certifier-exchange.md §1.1).
var ErrTooManyRequests = &Error{Kind: KindTooMany, Code: "TOO_MANY_REQUESTS", Title: "Trop de requêtes."}

// The failures of an export of a version (documents.md §3).
var (
	ErrNoModel      = &Error{Kind: KindInvalid, Code: "MODELE_INCONNU", Title: "Ce modèle de tableur n'existe pas."}
	ErrExportFormat = &Error{
		Kind: KindInvalid, Code: "FORMAT_INDISPONIBLE",
		Title: "Ce format d'export n'est pas disponible : demandez xlsx, csv, tsv ou geojson.",
	}
	ErrExportTooLarge = &Error{Kind: KindUnprocessable, Code: "EXPORT_TROP_GRAND", Title: "Le parcellaire est trop grand pour un tableur."}
)

// ModelsThereAre names the models of spreadsheets.
func ModelsThereAre(keys []string) string {
	return "Ce modèle de tableur n'existe pas. Modèles : " + strings.Join(keys, ", ") + "."
}

// ExportLimit says how many parcels are too many.
func ExportLimit(parcels, most int) string {
	return fmt.Sprintf("Ce parcellaire a %d parcelles ; un tableur en a %d au plus.", parcels, most)
}

// RetryIn says when to ask again.
func RetryIn(seconds int) string {
	return fmt.Sprintf("Trop de requêtes, réessayez dans %d secondes.", seconds)
}

// BadNumber says what a numeric parameter must be.
func BadNumber(name string, least, most int) string {
	return fmt.Sprintf("Le paramètre %s doit être un entier entre %d et %d.", name, least, most)
}

// BadParameter says that a parameter cannot be read.
func BadParameter(name string) string { return fmt.Sprintf("Le paramètre %s est invalide.", name) }

// TooManyFilterValues says that a filter has more than most values.
func TooManyFilterValues(most int) string {
	return fmt.Sprintf("Les filtres ont plus de %d valeurs.", most)
}

// IssueInvalidMember names a member whose value cannot be read.
func IssueInvalidMember(path string) Issue {
	return Issue{Code: ErrInvalidRequest.Code, Message: "valeur invalide : " + path, Path: path}
}
