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
}

// SaveToken stores a token with the SHA-256 of its text.
func (tx *Tx) SaveToken(ctx context.Context, t Token, hash []byte) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO token (id, prefix, hash, role, oc, label, expires_at)
		VALUES (@id, @prefix, @hash, @role, @oc, @label, @expires)`, pgx.NamedArgs{
		"id": t.ID, "prefix": t.Prefix, "hash": hash, "role": t.Role, "oc": t.OC, "label": t.Label, "expires": t.ExpiresAt,
	}); err != nil {
		return fmt.Errorf("save token %s: %w", t.Prefix, err)
	}
	return nil
}

// Tokens lists all tokens, newest first.
func (tx *Tx) Tokens(ctx context.Context) ([]Token, error) {
	return all[Token](ctx, tx, `
		SELECT id::text, prefix, role, oc, label, created_at, expires_at, revoked_at, last_used_at
		FROM token
		ORDER BY created_at DESC, prefix`, nil)
}

// RevokeToken ends a token at once, known by its id or prefix. One already
// revoked stays so. An unknown one is sillon.ErrNoToken.
func (tx *Tx) RevokeToken(ctx context.Context, idOrPrefix string) error {
	tag, err := tx.Exec(ctx, `
		UPDATE token SET revoked_at = coalesce(revoked_at, now())
		WHERE id::text = $1 OR prefix = $1`, idOrPrefix)
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", idOrPrefix, err)
	}
	if tag.RowsAffected() == 0 {
		return sillon.ErrNoToken
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
