package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/google/uuid"

	"sillon/sillon"
	"sillon/store"
)

// tokenMark begins every service token, so that one left in a file or a log is
// recognised for what it is.
const tokenMark = "sillon_"

// A NewToken is a service token to be made.
type NewToken struct {
	Role  sillon.Roles // one of sillon.MachineRoles
	OC    sillon.OC    // of oc_service alone
	Label string
	TTL   time.Duration // 0 never expires
}

// CreateToken makes a service token and returns its text, which is not kept:
// the database holds its SHA-256. It is for the command line.
func (s *Service) CreateToken(ctx context.Context, n NewToken) (text string, t store.Token, err error) {
	text = tokenMark + strings.ToLower(rand.Text()) + strings.ToLower(rand.Text()[:8])
	t = store.Token{ID: uuid.NewString(), Prefix: text[:len(tokenMark)+8], Role: n.Role.String(), Label: n.Label}
	if n.TTL > 0 {
		end := s.opts.Now().Add(n.TTL)
		t.ExpiresAt = &end
	}
	hash, _ := tokenHash(text)
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		if n.Role == sillon.RoleOCService {
			if _, err := tx.Certifier(ctx, n.OC); err != nil {
				return err
			}
			t.OC = &n.OC
		}
		return tx.SaveToken(ctx, t, hash)
	})
	return text, t, err
}

// Tokens lists the service tokens, newest first.
func (s *Service) Tokens(ctx context.Context) (tokens []store.Token, err error) {
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		tokens, err = tx.Tokens(ctx)
		return err
	})
	return tokens, err
}

// RevokeToken ends a token at once on every node, by its id or its prefix.
func (s *Service) RevokeToken(ctx context.Context, idOrPrefix string) error {
	return s.db.InTx(ctx, store.System, func(tx *store.Tx) error { return tx.RevokeToken(ctx, idOrPrefix) })
}

// tokenHash is what the database knows of a token. Tokens are random enough
// that a plain digest cannot be searched. ok is false for what is no token.
func tokenHash(text string) (hash []byte, ok bool) {
	if !strings.HasPrefix(text, tokenMark) || len(text) > 100 {
		return nil, false
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:], true
}
