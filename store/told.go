package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A Told is what the sender of a creation was told, secrets left out.
type Told struct {
	Content  []byte // digest of what was asked
	Status   int
	Location string // header, or empty
	ETag     string // likewise
	Body     []byte
}

// keyOwner is whose key it is: a certifier's, whatever its tokens, else a token's.
func keyOwner(a sillon.Actor) (oc sillon.OC, actor string) {
	if a.OC != 0 {
		return a.OC, ""
	}
	return 0, a.ID
}

// TakeTold takes an idempotency key of an actor until tx ends, and returns what
// it was told under it in the last 24 hours, if anything. It is
// sillon.ErrKeyBusy while another transaction has the key.
func (tx *Tx) TakeTold(ctx context.Context, a sillon.Actor, key string) (t *Told, used bool, err error) {
	oc, actor := keyOwner(a)
	args := pgx.NamedArgs{"oc": oc, "actor": actor, "key": key}
	var mine bool
	if err := tx.QueryRow(ctx, `
		SELECT pg_try_advisory_xact_lock(hashtextextended('told ' || @oc::int || ' ' || @actor::text || ' ' || @key::text, 0))`, args).Scan(&mine); err != nil {
		return nil, false, fmt.Errorf("take idempotency key: %w", err)
	}
	if !mine {
		return nil, false, sillon.ErrKeyBusy
	}
	t = new(Told)
	err = tx.QueryRow(ctx, `
		SELECT content, status, location, etag, body
		FROM told
		WHERE oc = @oc AND actor_id = @actor AND key = @key AND created_at > now() - interval '24 hours'`, args).
		Scan(&t.Content, &t.Status, &t.Location, &t.ETag, &t.Body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("idempotency key: %w", err)
	}
	return t, true, nil
}

// SaveTold keeps what an actor is told under a key that tx took.
func (tx *Tx) SaveTold(ctx context.Context, a sillon.Actor, key string, t Told) error {
	oc, actor := keyOwner(a)
	if _, err := tx.Exec(ctx, `
		INSERT INTO told (oc, actor_id, key, content, status, location, etag, body)
		VALUES (@oc, @actor, @key, @content, @status, @location, @etag, @body)
		ON CONFLICT (oc, actor_id, key) DO UPDATE SET
			content = excluded.content, status = excluded.status, location = excluded.location, etag = excluded.etag, body = excluded.body,
			created_at = now()`,
		pgx.NamedArgs{
			"oc": oc, "actor": actor, "key": key, "content": t.Content, "status": t.Status, "location": t.Location, "etag": t.ETag, "body": t.Body,
		}); err != nil {
		return fmt.Errorf("keep what was told: %w", err)
	}
	return nil
}
