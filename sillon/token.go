package sillon

// A TokenState says what a service token is good for.
type TokenState string

// The states of a token.
const (
	TokenLive     TokenState = "actif"
	TokenReplaced TokenState = "remplace" // still good, until the end of the overlap with its successor
	TokenExpired  TokenState = "expire"
	TokenRevoked  TokenState = "revoque"
)

// The failures of token management.
var (
	ErrTokenEnded    = &Error{Kind: KindConflict, Code: "JETON_TERMINE", Title: "Ce jeton est révoqué ou expiré : créez-en un autre."}
	ErrTokenReplaced = &Error{
		Kind: KindConflict, Code: "JETON_DEJA_REMPLACE",
		Title: "Ce jeton a déjà un remplaçant : révoquez-le d'abord s'il est perdu.",
	}
)

// IssueTokenRole tells which roles a token may carry.
func IssueTokenRole() Issue {
	return Issue{Code: "ROLE_INVALIDE", Message: "le rôle doit être oc_service, agence_bio, inao ou asp", Path: "role"}
}

// IssueTokenCertifier tells when a token has a certifier.
func IssueTokenCertifier() Issue {
	return Issue{Code: "CERTIFICATEUR_INVALIDE", Message: "un jeton oc_service, et lui seul, a un certificateur connu", Path: "certificateur"}
}

// IssueTokenLabel tells what a label may be.
func IssueTokenLabel() Issue {
	return Issue{Code: "LIBELLE_INVALIDE", Message: "le libellé est un texte de 200 caractères au plus", Path: "libelle"}
}

// IssueTokenDays tells how long a token may live.
func IssueTokenDays() Issue {
	return Issue{Code: "DUREE_INVALIDE", Message: "la durée est un nombre de jours entre 1 et 3650", Path: "dureeJours"}
}

// IssueTokenOverlap tells how long a rotated token may live on.
func IssueTokenOverlap() Issue {
	return Issue{Code: "RECOUVREMENT_INVALIDE", Message: "le recouvrement est un nombre d'heures entre 0 et 720", Path: "recouvrementHeures"}
}
