package sillon_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sillon/sillon"
)

// A standing is how a resource stands to who asks: certifier 1, its users, and
// a farmer of the farm.
type standing string

const (
	own     standing = "own"     // its own, of its client
	former  standing = "former"  // its own, of a farm that went to certifier 2
	current standing = "current" // of a former certifier, of its client
	gone    standing = "gone"    // of certifier 2, of a farm that it left
	foreign standing = "foreign" // of certifier 2, of a farm it never had
	deleted standing = "deleted" // its own, soft-deleted
)

var standings = []standing{own, former, current, gone, foreign, deleted}

// version is a parcellaire that stands so. The farmer has every farm but 9.
func (s standing) version() sillon.Resource {
	p := &sillon.Parcellaire{NumeroBio: "1", OC: 1}
	present := sillon.OC(1)
	switch s {
	case own:
	case former:
		present = 2
	case current:
		p.OC = 2
	case gone:
		p.OC, present = 2, 2
	case foreign:
		p.NumeroBio, p.OC, present = "9", 2, 2
	case deleted:
		p.DeletedAt = new(time.Time)
	}
	return sillon.OnParcellaire(p, present)
}

// owner is who pushed what stands so.
func (s standing) owner() sillon.OC {
	if s == own || s == former || s == deleted {
		return 1
	}
	return 2
}

var actors = map[string]sillon.Actor{
	"S":      {ID: "s", Roles: sillon.RoleOCService, OC: 1},
	"A":      {ID: "a", Roles: sillon.RoleAuditor, OC: 1},
	"C":      {ID: "c", Roles: sillon.RoleOfficer, OC: 1},
	"E":      {ID: "e", Roles: sillon.RoleFarmer, Farms: []sillon.NumeroBio{"1", "2"}},
	"B":      {ID: "b", Roles: sillon.RoleAgenceBio},
	"I":      {ID: "i", Roles: sillon.RoleINAO},
	"asp":    {ID: "p", Roles: sillon.RoleASP},
	"public": sillon.Public,
	// Whoever a bug would make: nobody, the operator, and users of nobody.
	"nobody": {}, "system": sillon.System, "A without certifier": {ID: "x", Roles: sillon.RoleAuditor}, "E without farm": {ID: "x", Roles: sillon.RoleFarmer},
}

// TestS1Matrix is the matrix of domain.md §2 with the visibility of §3.3, as
// far as there are routes: role × action × standing. What it does not list is
// refused, for every action there may come to be.
func TestS1Matrix(t *testing.T) {
	t.Parallel()
	const all = "own former current gone foreign"
	nothing := func(standing) sillon.Resource { return sillon.Resource{} }
	job := func(s standing) sillon.Resource { return sillon.OnJob(s.owner()) }
	webhook := func(s standing) sillon.Resource { return sillon.OnWebhook(s.owner()) }
	tests := []struct {
		action sillon.Action
		on     func(standing) sillon.Resource
		// The standings that each role may act on; "any" stands for all. A role
		// that is left out is forbidden, whatever it is about.
		may map[string]string
	}{
		{sillon.ActionNone, nothing, nil},
		{sillon.ActionSearchFarms, nothing, map[string]string{"A": "any", "C": "any", "E": "any", "B": "any", "I": "any"}},
		{sillon.ActionRead, standing.version, map[string]string{
			"S": "own former current", "A": "own former current", "C": "own former current", "E": "own former current gone", "B": all, "I": all,
		}},
		{sillon.ActionPush, nothing, map[string]string{"S": "any"}},
		{sillon.ActionReadJob, job, map[string]string{"S": "own former deleted", "B": "any", "I": "any"}},
		{sillon.ActionExchange, nothing, map[string]string{"S": "any"}},
		{sillon.ActionReadOpen, nothing, map[string]string{
			"S": "any", "A": "any", "C": "any", "E": "any", "B": "any", "I": "any", "asp": "any", "public": "any",
		}},
		{sillon.ActionManageTokens, nothing, map[string]string{"B": "any"}},
		{sillon.ActionReadTrail, nothing, map[string]string{"B": "any", "I": "any"}},
		{sillon.ActionReadWebhook, webhook, map[string]string{"S": "own former deleted", "B": "any"}},
		{sillon.ActionEditWebhook, webhook, map[string]string{"S": "own former deleted"}},
		{sillon.ActionEditRegistry, nothing, map[string]string{"B": "any"}},
		{sillon.ActionCompareCertifiers, nothing, map[string]string{"B": "any", "I": "any"}},
		{sillon.ActionExport, standing.version, map[string]string{
			"A": "own former current", "C": "own former current", "B": all, "I": all,
		}},
		{sillon.ActionReadHistory, standing.version, map[string]string{
			"A": "own former current", "C": "own former current", "E": "own former current gone", "B": all, "I": all,
		}},
	}
	listed := make(map[sillon.Action]bool)
	listed[sillon.ActionDelete], listed[sillon.ActionRestore] = true, true // see TestS1DeletionMatrix
	for _, tt := range tests {
		listed[tt.action] = true
		for name, a := range actors {
			role, _, users := strings.Cut(name, " ") // those of nobody may as much, and see nothing
			seen, allowed := tt.may[role]
			for _, s := range standings {
				r := tt.on(s)
				want := sillon.ErrForbidden
				switch {
				case !allowed:
				case r.Kind != sillon.ResourceNone && (users || seen != "any" && !strings.Contains(" "+seen+" ", " "+string(s)+" ")):
					want = sillon.ErrNotFound
				default:
					want = nil
				}
				if got := sillon.May(a, tt.action, r); want == nil && got != nil || want != nil && !errors.Is(got, want) {
					t.Errorf("action %d, %s on %s: %v, want %v", tt.action, name, s, got, want)
				}
			}
		}
	}
	for act := range 256 {
		if listed[sillon.Action(act)] {
			continue
		}
		for name, a := range actors {
			if err := sillon.May(a, sillon.Action(act), sillon.Resource{}); !errors.Is(err, sillon.ErrForbidden) {
				t.Errorf("action %d is in no row, and %s may: %v", act, name, err)
			}
		}
	}
}

// TestS3Farmer: a farmer sees the versions of its farms, whoever wrote them,
// and none of another farm, by no action there is.
func TestS3Farmer(t *testing.T) {
	t.Parallel()
	farmer := actors["E"]
	for act := range 256 {
		for _, s := range standings {
			r := s.version()
			for _, numero := range []sillon.NumeroBio{"9", "", "11", "1 ", "01"} {
				r.Farm = numero
				if err := sillon.May(farmer, sillon.Action(act), r); err == nil {
					t.Errorf("action %d on %s of farm %q is allowed", act, s, numero)
				}
			}
		}
	}
	for _, numero := range farmer.Farms {
		r := foreign.version()
		if r.Farm = numero; sillon.May(farmer, sillon.ActionRead, r) != nil {
			t.Errorf("the farmer does not read its farm %s", numero)
		}
	}
}

// TestUnionOfRoles: who has several roles may what one of them may, and no
// more: not what one allows on what another shows (domain.md §1).
func TestUnionOfRoles(t *testing.T) {
	t.Parallel()
	roles := []sillon.Roles{
		sillon.RoleOCService, sillon.RoleAuditor, sillon.RoleOfficer, sillon.RoleFarmer, sillon.RoleAgenceBio, sillon.RoleINAO, sillon.RoleASP,
		sillon.RolePublic,
	}
	for set := range sillon.Roles(1 << len(roles)) {
		a := sillon.Actor{ID: "u", Roles: set, OC: 1, Farms: []sillon.NumeroBio{"1"}}
		for act := range sillon.Action(32) {
			for _, s := range standings {
				for _, r := range []sillon.Resource{{}, s.version(), sillon.OnJob(s.owner()), sillon.OnWebhook(s.owner())} {
					want := false
					for _, role := range roles {
						one := a
						one.Roles = role
						want = want || set&role != 0 && sillon.May(one, act, r) == nil
					}
					if got := sillon.May(a, act, r) == nil; got != want {
						t.Fatalf("roles %b, action %d on %s: %t, want %t", set, act, fmt.Sprintf("%+v", r), got, want)
					}
				}
			}
		}
	}
}

// TestS1DeletionMatrix is the same of deletion and restoration, which have
// conditions besides: role × standing × state.
func TestS1DeletionMatrix(t *testing.T) {
	t.Parallel()
	const (
		unknown   = "unknown"
		forbidden = "forbidden"
		allowed   = "allowed"
	)
	states := []sillon.State{sillon.StateDraft, sillon.StateAudited, sillon.StatePending, sillon.StateCertified}
	// certifierWants is for auditors and officers, whose certifier is 1.
	certifierWants := func(s standing, writable bool) string {
		switch {
		case s == gone || s == foreign:
			return unknown
		case s == own && writable:
			return allowed
		}
		return forbidden
	}
	for _, tt := range []struct {
		name   string
		action sillon.Action
		want   func(role string, s standing, state sillon.State) string
	}{
		{"delete", sillon.ActionDelete, func(role string, s standing, state sillon.State) string {
			switch {
			case role != "A" && role != "C" && role != "E":
				return forbidden
			case s == deleted || role == "E" && s == foreign:
				return unknown
			case role == "E" && state == sillon.StateDraft && (s == own || s == gone):
				return allowed // a draft of the certifier that the farm is with
			case role == "E":
				return forbidden
			}
			return certifierWants(s, state != sillon.StateCertified)
		}},
		{"restore", sillon.ActionRestore, func(role string, s standing, _ sillon.State) string {
			switch {
			case role == "B":
				return allowed
			case role != "C":
				return forbidden
			case s == deleted:
				return allowed
			}
			return certifierWants(s, true)
		}},
	} {
		for role, a := range actors {
			if strings.Contains(role, " ") || role == "nobody" || role == "system" {
				continue
			}
			for _, s := range standings {
				for _, state := range states {
					r := s.version()
					r.State = state
					got := allowed
					switch err := sillon.May(a, tt.action, r); {
					case errors.Is(err, sillon.ErrNotFound):
						got = unknown
					case err != nil:
						got = forbidden
					}
					if want := tt.want(role, s, state); got != want {
						t.Errorf("%s of a version in %s, %s on %s: %s, want %s", tt.name, state, role, s, got, want)
					}
				}
			}
		}
	}
}
