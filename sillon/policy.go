package sillon

import (
	"fmt"
	"math/bits"
	"slices"
)

// Roles is a set of roles; the zero Roles is nobody. Users may hold several.
type Roles uint16

// The roles of domain.md §1.
const (
	RoleOCService Roles = 1 << iota
	RoleAuditor
	RoleOfficer
	RoleFarmer
	RoleAgenceBio
	RoleINAO
	RoleASP
	RolePublic
)

var roleNames = map[Roles]string{ //nolint:exhaustive // MachineRoles is a set of roles
	RoleOCService: "oc_service",
	RoleAuditor:   "auditeur",
	RoleOfficer:   "charge_certification",
	RoleFarmer:    "exploitant",
	RoleAgenceBio: "agence_bio",
	RoleINAO:      "inao",
	RoleASP:       "asp",
	RolePublic:    "public",
}

// MachineRoles are the roles that a service token can carry.
const MachineRoles = RoleOCService | RoleAgenceBio | RoleINAO | RoleASP

// CertifierRoles are the roles of those who act for a certifier.
const CertifierRoles = RoleOCService | RoleAuditor | RoleOfficer

// String is the name of a single role, as in domain.md §1.
func (r Roles) String() string {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return fmt.Sprintf("roles(%b)", uint16(r))
}

// UnmarshalText reads the name of a single role.
func (r *Roles) UnmarshalText(b []byte) error {
	for role, name := range roleNames {
		if name == string(b) {
			*r = role
			return nil
		}
	}
	return fmt.Errorf("rôle %q inconnu", b)
}

// An Actor is who asks. The zero Actor may do nothing.
type Actor struct {
	ID    string // of the token or user; never a name nor an address
	Roles Roles
	OC    OC          // of certifier actors; else 0
	Farms []NumeroBio // of farmers; else none
}

// Public is the actor without credentials.
var Public = Actor{Roles: RolePublic}

// System is the operator at the command line, who stands outside the matrix:
// no request can be System, and May refuses it.
var System = Actor{ID: "system"}

// IsSystem reports whether a is the operator.
func (a Actor) IsSystem() bool { return a.ID == System.ID && a.Roles == 0 }

// An Action is something to be permitted. The zero Action is refused.
type Action uint8

// The actions, one per row of domain.md §2 that a route uses.
const (
	ActionNone              Action = iota
	ActionSearchFarms              // search farms, farm sheet
	ActionRead                     // a version, its parcels, its private tiles
	ActionPush                     // send a bulk push
	ActionReadJob                  // read the jobs, logs and payloads of a push
	ActionExchange                 // the RFC 002 read API
	ActionReadOpen                 // open data, its tiles, reference lists
	ActionManageTokens             // registry edit: the service tokens
	ActionReadTrail                // the global audit trail; agence_bio sees what was administered
	ActionReadWebhook              // a webhook and its deliveries, without its secret
	ActionEditWebhook              // make, change, try and delete a webhook
	ActionEditRegistry             // farms and their links
	ActionDelete                   // delete a version
	ActionRestore                  // restore a deleted version
	ActionReadHistory              // the history of a version
	ActionCompareCertifiers        // a map of who certifies what
	ActionExport                   // the spreadsheet of a version
)

// grants is the table of permissions. What it does not list is refused.
var grants = map[Action]Roles{
	ActionNone:        0,
	ActionSearchFarms: RoleAuditor | RoleOfficer | RoleFarmer | RoleAgenceBio | RoleINAO,
	ActionRead:        RoleOCService | RoleAuditor | RoleOfficer | RoleFarmer | RoleAgenceBio | RoleINAO,
	ActionPush:        RoleOCService,
	ActionReadJob:     RoleOCService | RoleAgenceBio | RoleINAO,
	ActionExchange:    RoleOCService,
	ActionReadOpen: RoleOCService | RoleAuditor | RoleOfficer | RoleFarmer | RoleAgenceBio | RoleINAO | RoleASP |
		RolePublic,
	ActionManageTokens: RoleAgenceBio,
	ActionReadTrail:    RoleAgenceBio | RoleINAO,
	ActionReadWebhook:  RoleOCService | RoleAgenceBio,
	ActionEditWebhook:  RoleOCService,
	ActionEditRegistry: RoleAgenceBio,
	ActionDelete:       RoleAuditor | RoleOfficer | RoleFarmer,
	ActionRestore:      RoleOfficer | RoleAgenceBio,
	ActionReadHistory:  RoleAuditor | RoleOfficer | RoleFarmer | RoleAgenceBio | RoleINAO,

	ActionCompareCertifiers: RoleAgenceBio | RoleINAO,
	ActionExport:            RoleAuditor | RoleOfficer | RoleAgenceBio | RoleINAO,
}

// A Resource is what an action is about, as far as permissions go. The zero
// Resource belongs to nobody in particular: a list, a new thing.
type Resource struct {
	Kind    ResourceKind
	Owner   OC        // of the version, of the job
	Current OC        // the certifier the farm is with; 0 when none may see through it
	Farm    NumeroBio // of the version
	State   State     // of the version
	Deleted bool
}

// A ResourceKind says which rule of visibility a Resource follows.
type ResourceKind uint8

// The kinds of resource.
const (
	ResourceNone        ResourceKind = iota // nothing to hide: lists filter by themselves
	ResourceParcellaire                     // domain.md §3.3
	ResourceJob                             // certifier-exchange.md §6.4, "Scope"
	ResourceWebhook                         // its certifier's own
)

// OnParcellaire is a parcellaire as a resource; current is the farm's
// present certifier unless its link is NON ENGAGEE (domain.md §3.3).
func OnParcellaire(p *Parcellaire, current OC) Resource {
	return Resource{
		Kind: ResourceParcellaire, Owner: p.OC, Current: current, Farm: p.NumeroBio, State: p.State, Deleted: p.DeletedAt != nil,
	}
}

// OnJob is an import job as a resource.
func OnJob(owner OC) Resource { return Resource{Kind: ResourceJob, Owner: owner} }

// OnWebhook is a webhook as a resource.
func OnWebhook(owner OC) Resource { return Resource{Kind: ResourceWebhook, Owner: owner} }

// May returns nil when a may do act on r, ErrNotFound when a may not even
// know that r exists, and ErrForbidden otherwise (domain.md §2). One role must
// both allow the action and show the resource: several do not add up to more.
func May(a Actor, act Action, r Resource) error {
	by := a.Roles & grants[act]
	switch {
	case by == 0:
		return ErrForbidden
	case !a.sees(act, r, by):
		return ErrNotFound
	case r.Kind == ResourceParcellaire && !a.meets(act, r, by):
		return ErrForbidden
	}
	return nil
}

// meets holds the conditions of domain.md §2 on a version that a sees, for a as
// one of some roles.
func (a Actor) meets(act Action, r Resource, as Roles) bool {
	if act == ActionDelete {
		return as&CertifierRoles != 0 && a.writes(r) && r.State != StateCertified ||
			as&RoleFarmer != 0 && r.State == StateDraft && (r.Owner == 0 || r.Owner == r.Current)
	}
	return act != ActionRestore || as&RoleAgenceBio != 0 || a.writes(r)
}

// writes reports whether domain.md §3.3 lets a certifier's actor write a version:
// its certifier, as long as it has the farm; without one, that which has the farm.
func (a Actor) writes(r Resource) bool {
	return a.OC != 0 && a.OC == r.Current && (r.Owner == 0 || r.Owner == a.OC)
}

// sees holds the visibility of domain.md §3.3, for a as one of some roles. What
// is deleted can only be restored.
func (a Actor) sees(act Action, r Resource, as Roles) bool {
	switch {
	case r.Kind == ResourceNone:
		return true
	case r.Deleted && act != ActionRestore:
		return false
	case as&(RoleAgenceBio|RoleINAO) != 0:
		return true
	}
	certifier := as&CertifierRoles != 0 && a.OC != 0
	switch r.Kind {
	case ResourceParcellaire:
		return certifier && (a.OC == r.Owner || a.OC == r.Current) || as&RoleFarmer != 0 && slices.Contains(a.Farms, r.Farm)
	case ResourceJob, ResourceWebhook:
		return certifier && a.OC == r.Owner
	case ResourceNone:
	}
	return false
}

// IsSingle reports whether r is exactly one role.
func (r Roles) IsSingle() bool { return bits.OnesCount16(uint16(r)) == 1 }
