package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A PastEvent is an entry of the history of a parcellaire as it is read.
type PastEvent struct {
	ID         int64
	Type       sillon.EventType
	At         time.Time
	ActorID    string
	ActorRole  string
	ActorOC    *sillon.OC
	State      sillon.State
	FeatureIDs []string
	Before     []byte // changed members by wire name; nil is none
	After      []byte
	Reason     string
}

// Events returns at most limit entries of the history of a parcellaire in
// scope, the newest first, older than the one of id before when that is not 0.
// Uses event_parcellaire_idx.
func (tx *Tx) Events(ctx context.Context, id sillon.ParcellaireID, before int64, limit int) ([]PastEvent, error) {
	events, err := all[PastEvent](ctx, tx, `
		SELECT id, type, at, actor_id, actor_role, actor_oc, state, feature_ids, before, after, reason
		FROM event
		WHERE parcellaire_id = @id AND (@before = 0 OR id < @before)
		ORDER BY id DESC
		LIMIT @limit`, pgx.NamedArgs{"id": string(id), "before": before, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", id, err)
	}
	return events, nil
}
