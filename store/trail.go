package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A Trace is a row of the trail: one thing that was refused, read or
// administered, or Times of them.
type Trace struct {
	ID        int64
	At        time.Time // of the first
	Kind      sillon.TraceKind
	ActorID   string // empty is nobody
	ActorRole string
	OC        *sillon.OC
	Action    string // the operation of openapi.yaml, or of the command line
	Resource  string
	Method    string
	Route     string
	Status    int
	Code      string // of the refusal
	RequestID string // of the first
	Times     int
}

// InsertTraces appends to the trail, with one statement.
func (tx *Tx) InsertTraces(ctx context.Context, traces ...Trace) error {
	n := len(traces)
	at, status, times, ocs := make([]time.Time, n), make([]int, n), make([]int, n), make([]*sillon.OC, n)
	var text [9][]string
	for i, t := range traces {
		at[i], status[i], times[i], ocs[i] = t.At, t.Status, t.Times, t.OC
		for j, v := range []string{string(t.Kind), t.ActorID, t.ActorRole, t.Action, t.Resource, t.Method, t.Route, t.Code, t.RequestID} {
			text[j] = append(text[j], v)
		}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO trail (at, kind, actor_id, actor_role, action, resource, method, route, code, request_id, oc, status, times)
		SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::text[], $10::text[], $11::int[], $12::int[], $13::int[])`,
		at, text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7], text[8], ocs, status, times); err != nil {
		return fmt.Errorf("insert traces: %w", err)
	}
	return nil
}

// A TraceQuery selects a page of the trail; zero values do not filter.
type TraceQuery struct {
	Kind    sillon.TraceKind
	ActorID string
	Before  int64 // id
	Limit   int
}

// Traces reads the trail, newest first.
func (tx *Tx) Traces(ctx context.Context, q TraceQuery) ([]Trace, error) {
	return all[Trace](ctx, tx, `
		SELECT id, at, kind, actor_id, actor_role, oc, action, resource, method, route, status, code, request_id, times
		FROM trail
		WHERE (@kind = '' OR kind = @kind) AND (@actor = '' OR actor_id = @actor) AND (@before = 0 OR id < @before)
		ORDER BY id DESC
		LIMIT @limit`, pgx.NamedArgs{"kind": string(q.Kind), "actor": q.ActorID, "before": q.Before, "limit": q.Limit})
}
