package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A Token is a service token, without its secret.
type Token struct {
	ID         string
	Prefix     string // the start of its text, by which people know it
	Role       string
	OC         *sillon.OC
	Label      string
	CreatedAt  time.Time
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time
	Life       *time.Duration // what it was made for, whatever it was then cut to; nil has no end
	Replaces   *string        // the id of the token that it is the successor of
	Replaced   bool           // it has a successor that is not revoked
}

// SaveToken stores a token with the SHA-256 of its text.
func (tx *Tx) SaveToken(ctx context.Context, t Token, hash []byte) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO token (id, prefix, hash, role, oc, label, expires_at, life, replaces)
		VALUES (@id, @prefix, @hash, @role, @oc, @label, @expires, @life, @replaces)`, pgx.NamedArgs{
		"id": t.ID, "prefix": t.Prefix, "hash": hash, "role": t.Role, "oc": t.OC, "label": t.Label, "expires": t.ExpiresAt,
		"life": t.Life, "replaces": t.Replaces,
	}); err != nil {
		return fmt.Errorf("save token %s: %w", t.Prefix, err)
	}
	return nil
}

const tokenColumns = `
	id::text, prefix, role, oc, label, created_at, expires_at, revoked_at, last_used_at, life, replaces::text,
	EXISTS (SELECT FROM token n WHERE n.replaces = token.id AND n.revoked_at IS NULL) AS replaced`

// Tokens lists tokens, newest first: their ids begin with their time. Those
// after an id come, all when it is empty; limit 0 is none.
func (tx *Tx) Tokens(ctx context.Context, after string, limit int) ([]Token, error) {
	return all[Token](ctx, tx, `
		SELECT `+tokenColumns+`
		FROM token
		WHERE @after = '' OR id < nullif(@after, '')::uuid
		ORDER BY id DESC
		LIMIT nullif(@limit::int, 0)`, pgx.NamedArgs{"after": after, "limit": limit})
}

// LockToken returns a token, known by its id or prefix, that nobody else
// changes until the transaction ends. An unknown one is sillon.ErrNoToken.
func (tx *Tx) LockToken(ctx context.Context, idOrPrefix string) (*Token, error) {
	return one[Token](ctx, tx, sillon.ErrNoToken, `
		SELECT `+tokenColumns+`
		FROM token
		WHERE id::text = @token OR prefix = @token
		FOR UPDATE`, pgx.NamedArgs{"token": idOrPrefix})
}

// RevokeToken ends a token at once. One already revoked stays so.
func (tx *Tx) RevokeToken(ctx context.Context, id string) error {
	if _, err := tx.Exec(ctx, `UPDATE token SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1`, id); err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

// ExpireToken ends a token at an instant, unless it ends before.
func (tx *Tx) ExpireToken(ctx context.Context, id string, at time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE token SET expires_at = least(expires_at, $2) WHERE id = $1`, id, at); err != nil {
		return fmt.Errorf("expire token %s: %w", id, err)
	}
	return nil
}

// Authenticate returns the actor of a live token by the SHA-256 of its text;
// ok is false for an unknown, expired or revoked one.
func (db *DB) Authenticate(ctx context.Context, hash []byte) (a sillon.Actor, ok bool, err error) {
	err = db.InTx(ctx, Scope{role: "sillon_api"}, func(tx *Tx) error {
		var role string
		var oc *sillon.OC
		err := tx.QueryRow(ctx, `SELECT id::text, role, oc FROM authenticate($1)`, hash).Scan(&a.ID, &role, &oc)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		if oc != nil {
			a.OC = *oc
		}
		ok = true
		return a.Roles.UnmarshalText([]byte(role))
	})
	return a, ok, err
}
