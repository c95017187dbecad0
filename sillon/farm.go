package sillon

import (
	"strings"
	"time"
)

// OC is the id of a certifier; 0 is none.
type OC int32

// A Certifier is a certification body (organisme certificateur).
type Certifier struct {
	ID   OC
	Name string
}

// NumeroBio is the number of a farm in the notifications of Agence BIO.
type NumeroBio string

// A Farm is a farm of the registry (domain.md §3.1).
type Farm struct {
	NumeroBio  NumeroBio
	Name       string // raison sociale
	TradeName  string // dénomination courante
	Siret      string // 14 digits, or empty
	Pacages    []string
	Address    string
	PostalCode string
	Commune    string // INSEE code, or empty
	Production bool   // has a notification of production, or none at all
	Links      []Link
}

// Departement is the one of the commune, or empty (domain.md §3.1).
func (f Farm) Departement() string {
	n := 2
	if strings.HasPrefix(f.Commune, "97") || strings.HasPrefix(f.Commune, "98") {
		n = 3
	}
	return f.Commune[:min(n, len(f.Commune))]
}

// A LinkState is the state of the notification that binds a farm to a
// certifier (domain.md §3.2). The zero LinkState is refused.
type LinkState string

// The states of a link, in the words of the registry.
const (
	LinkDraft      LinkState = "BROUILLON"
	LinkFuture     LinkState = "ENGAGEE FUTUR"
	LinkEngaged    LinkState = "ENGAGEE"
	LinkSuspended  LinkState = "SUSPENDUE"
	LinkNotEngaged LinkState = "NON ENGAGEE"
	LinkStopped    LinkState = "ARRETEE"
	LinkWithdrawn  LinkState = "RETIREE"
)

// LinkStates lists the states in the order in which a current link is chosen
// (domain.md §3.2): an earlier state wins.
var LinkStates = []LinkState{
	LinkWithdrawn, LinkEngaged, LinkSuspended, LinkFuture, LinkNotEngaged, LinkStopped, LinkDraft,
}

// A Link binds a farm to a certifier for a time.
type Link struct {
	Certifier    Certifier
	NumeroClient string
	State        LinkState
	Start        Date // dateDemarrage
	Stop         Date // dateArret
	ChangedAt    time.Time
}
