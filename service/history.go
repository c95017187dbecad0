package service

import (
	"context"
	"encoding/json"
	"fmt"

	"sillon/sillon"
	"sillon/store"
)

// A PastEvent is an entry of the history of a version as it is read.
type PastEvent = store.PastEvent

// MostEvents is the largest page of a history.
const MostEvents = 100

// History returns a page of the history of a version, the newest first: those
// older than the entry before, or all when that is 0. Farmers and certifiers
// who did not make the version read neither who acted nor notes (domain.md §2).
func (s *Service) History(ctx context.Context, a sillon.Actor, id sillon.ParcellaireID, before int64, limit int) (events []PastEvent, more bool, err error) {
	if err := sillon.May(a, sillon.ActionReadHistory, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	if !reachesFarms(a) {
		return nil, false, sillon.ErrNoParcellaire
	}
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		p, present, err := tx.Parcellaire(ctx, id)
		if err != nil {
			return err
		}
		if err := mayOn(a, sillon.ActionReadHistory, p, present); err != nil {
			return err
		}
		if events, err = tx.Events(ctx, id, before, limit+1); err != nil || seesNotes(a, p.OC) {
			return err
		}
		for i := range events {
			if err := withoutNotes(&events[i]); err != nil {
				return fmt.Errorf("event %d: %w", events[i].ID, err)
			}
		}
		return nil
	})
	if len(events) > limit {
		return events[:limit], true, err
	}
	return events, false, err
}

// withoutNotes takes out of an event who acted and what auditors wrote.
func withoutNotes(e *PastEvent) (err error) {
	e.ActorID = ""
	if r, ok := sillon.ParseDeletionReason(e.Reason); ok {
		e.Reason = sillon.DeletionReason{Code: r.Code}.String()
	} else {
		e.Reason = ""
	}
	if e.Before, err = blanked(e.Before); err == nil {
		e.After, err = blanked(e.After)
	}
	return err
}

// blanked is one side of an event without the notes, those of parcels included.
func blanked(side []byte) ([]byte, error) {
	if side == nil {
		return nil, nil
	}
	var version map[string]json.RawMessage
	if err := json.Unmarshal(side, &version); err != nil {
		return nil, err
	}
	delete(version, "notesAudit")
	delete(version, "demandesAudit")
	if parcels, ok := version["parcelles"]; ok {
		var byID map[string]map[string]json.RawMessage
		if err := json.Unmarshal(parcels, &byID); err != nil {
			return nil, err
		}
		for _, parcel := range byID {
			delete(parcel, "notesAuditeur")
		}
		b, err := json.Marshal(byID)
		if err != nil {
			return nil, err
		}
		version["parcelles"] = b
	}
	return json.Marshal(version)
}
