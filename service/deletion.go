package service

import (
	"context"
	"encoding/json"
	"errors"

	"sillon/sillon"
	"sillon/store"
)

// A Deletion deletes a version, or restores it: then it has no reason.
type Deletion struct {
	ID      sillon.ParcellaireID
	If      sillon.Precondition
	Reason  sillon.DeletionReason
	Request string // the id of what it is asked with
}

// Delete hides a version and its parcels from everybody (domain.md §13). They
// can be restored for 6 months. A version without certifier becomes the actor's
// (domain.md §3.3). Failures: sillon.ErrStale.
func (s *Service) Delete(ctx context.Context, a sillon.Actor, d Deletion) error {
	err := s.onParcellaire(ctx, a, sillon.ActionDelete, d, func(tx *store.Tx, p *sillon.Parcellaire) error {
		e := d.event(a, p, sillon.EventDeletion, false)
		e.Reason = d.Reason.String()
		return tx.DeleteParcellaire(ctx, p, e)
	})
	if err == nil {
		s.caughtUp(ctx)
	}
	return err
}

// Restore undoes Delete, and returns the version as it then stands; one that is
// not deleted stays as it is, so that asking twice is asking once. Failures:
// sillon.ErrStale, ErrAuditDateTaken.
func (s *Service) Restore(ctx context.Context, a sillon.Actor, d Deletion) (*sillon.Parcellaire, error) {
	if err := s.onParcellaire(ctx, a, sillon.ActionRestore, d, func(tx *store.Tx, p *sillon.Parcellaire) error {
		if p.DeletedAt == nil {
			return nil
		}
		return tx.RestoreParcellaire(ctx, p, d.event(a, p, sillon.EventRestoration, true))
	}); err != nil {
		return nil, err
	}
	s.caughtUp(ctx)
	return s.Parcellaire(ctx, a, d.ID)
}

// event raises the revision of p, makes it the actor's when it was nobody's, and
// tells of it.
func (d Deletion) event(a sillon.Actor, p *sillon.Parcellaire, of sillon.EventType, was bool) sillon.Event {
	type told struct {
		Supprime bool       `json:"supprime"`
		OC       *sillon.OC `json:"oc,omitempty"`
	}
	before, after := told{Supprime: was}, told{Supprime: !was}
	if p.OC == 0 && a.OC != 0 {
		none := sillon.OC(0)
		before.OC, after.OC, p.OC = &none, &a.OC, a.OC
	}
	p.Revision++
	e := sillon.Event{Type: of, Actor: a, State: p.State, RequestID: d.Request}
	e.Before, _ = json.Marshal(before) // plain values
	e.After, _ = json.Marshal(after)
	return e
}

// onParcellaire runs f in a transaction on a version, locked, on which a may do
// act, if it still is what the client knows.
func (s *Service) onParcellaire(ctx context.Context, a sillon.Actor, act sillon.Action, d Deletion,
	f func(*store.Tx, *sillon.Parcellaire) error,
) error {
	if err := sillon.May(a, act, sillon.Resource{}); err != nil {
		return err
	}
	if !reachesFarms(a) {
		return sillon.ErrNoParcellaire
	}
	return s.db.InTx(ctx, writeScopeOf(a), func(tx *store.Tx) error {
		now := s.opts.Now()
		// A scope sees more than it may lock: what it may not write is refused
		// by the policy, not missed.
		p, err := tx.FindParcellaire(ctx, d.ID, now)
		if err != nil {
			return err
		}
		present, err := tx.PresentCertifier(ctx, p.NumeroBio)
		if err != nil && !errors.Is(err, sillon.ErrNotFound) {
			return err
		}
		if err := mayOn(a, act, p, present); err != nil {
			return err
		}
		if p, err = tx.LockParcellaire(ctx, d.ID, now); err != nil {
			return err
		}
		if err := mayOn(a, act, p, present); err != nil { // as it is now
			return err
		}
		if err := d.If.Check(p.Revision, p.UpdatedAt); err != nil {
			return err
		}
		return f(tx, p)
	})
}

// mayOn is sillon.May on a version; one that is hidden is none.
func mayOn(a sillon.Actor, act sillon.Action, p *sillon.Parcellaire, present sillon.OC) error {
	err := sillon.May(a, act, sillon.OnParcellaire(p, present))
	if errors.Is(err, sillon.ErrNotFound) {
		return sillon.ErrNoParcellaire
	}
	return err
}

// writeScopeOf is scopeOf for a transaction that writes.
func writeScopeOf(a sillon.Actor) store.Scope {
	if a.Roles&sillon.RoleAgenceBio != 0 {
		return store.System
	}
	return scopeOf(a)
}
