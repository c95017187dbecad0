package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"sillon/sillon"
	"sillon/store"
)

// tokenMark begins every service token, so that one left in a file or a log is
// recognised for what it is.
const tokenMark = "sillon_"

// A Token is a service token, without its secret.
type Token = store.Token

// A NewToken is a service token to be made.
type NewToken struct {
	Role  sillon.Roles // one of sillon.MachineRoles
	OC    sillon.OC    // of oc_service alone
	Label string
	TTL   time.Duration // 0 never expires

	replaces *string // the id of the token whose successor it is
}

// most are what a token and its label may be.
const (
	mostTokenLabel   = 200
	mostTokenDays    = 3650
	mostTokenOverlap = 720 * time.Hour
	// MostTokens is the size of the largest page of tokens.
	MostTokens = 200
)

// CreateToken makes a service token and returns its text, which is not kept:
// the database holds its SHA-256. It is for the command line.
func (s *Service) CreateToken(ctx context.Context, n NewToken) (text string, t store.Token, err error) {
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		text, t, err = s.saveToken(ctx, tx, sillon.System, n, "")
		return err
	})
	return text, t, err
}

// IssueToken is CreateToken for an actor; request is the id of what it asks
// with. A token that cannot be is sillon.ErrInvalidRequest, with its issues;
// the other failures are those of Once.
func (s *Service) IssueToken(ctx context.Context, a sillon.Actor, n NewToken, request string, once *Once[Token]) (text string, t store.Token, err error) {
	if err := sillon.May(a, sillon.ActionManageTokens, sillon.Resource{}); err != nil {
		return "", t, err
	}
	if issues := n.issues(); len(issues) > 0 {
		return "", t, sillon.ErrInvalidRequest.With(issues...)
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		t, err = once.do(ctx, tx, a, func() (Token, error) {
			text, t, err = s.saveToken(ctx, tx, a, n, request)
			return t, err
		})
		return err
	})
	if errors.Is(err, sillon.ErrNotFound) {
		return "", t, sillon.ErrInvalidRequest.With(sillon.IssueTokenCertifier())
	}
	return text, t, err
}

// issues tells what is wrong with a token to be made.
func (n NewToken) issues() (issues []sillon.Issue) {
	if !n.Role.IsSingle() || n.Role&sillon.MachineRoles == 0 {
		issues = append(issues, sillon.IssueTokenRole())
	}
	if (n.Role == sillon.RoleOCService) != (n.OC > 0) {
		issues = append(issues, sillon.IssueTokenCertifier())
	}
	if utf8.RuneCountInString(n.Label) > mostTokenLabel || !utf8.ValidString(n.Label) || strings.Contains(n.Label, "\x00") {
		issues = append(issues, sillon.IssueTokenLabel())
	}
	if n.TTL < 0 || n.TTL > mostTokenDays*24*time.Hour {
		issues = append(issues, sillon.IssueTokenDays())
	}
	return issues
}

// saveToken makes a token, its successor when n replaces one, and notes who did.
func (s *Service) saveToken(ctx context.Context, tx *store.Tx, a sillon.Actor, n NewToken, request string) (text string, t store.Token, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", t, fmt.Errorf("id of a token: %w", err)
	}
	text = tokenMark + strings.ToLower(rand.Text()) + strings.ToLower(rand.Text()[:8])
	t = store.Token{
		ID: id.String(), Prefix: text[:len(tokenMark)+8], Role: n.Role.String(), Label: n.Label, CreatedAt: s.opts.Now(), Replaces: n.replaces,
	}
	if n.TTL > 0 {
		end := t.CreatedAt.Add(n.TTL)
		t.ExpiresAt, t.Life = &end, &n.TTL
	}
	if n.Role == sillon.RoleOCService {
		if _, err := tx.Certifier(ctx, n.OC); err != nil {
			return "", t, err
		}
		t.OC = &n.OC
	}
	hash, _ := tokenHash(text)
	if err := tx.SaveToken(ctx, t, hash); err != nil {
		return "", t, err
	}
	action := "createToken"
	if n.replaces != nil {
		action = "rotateToken"
	}
	return text, t, s.administered(ctx, tx, a, action, "jeton "+t.Prefix, request)
}

// Tokens lists the service tokens, newest first. It is for the command line.
func (s *Service) Tokens(ctx context.Context) (tokens []store.Token, err error) {
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		tokens, err = tx.Tokens(ctx, "", 0)
		return err
	})
	return tokens, err
}

// ListTokens lists a page of tokens after an id, newest first; more says that
// the next page has something.
func (s *Service) ListTokens(ctx context.Context, a sillon.Actor, after string, limit int) (tokens []store.Token, more bool, err error) {
	if err := sillon.May(a, sillon.ActionManageTokens, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		tokens, err = tx.Tokens(ctx, after, limit+1)
		return err
	})
	if len(tokens) > limit {
		return tokens[:limit], true, err
	}
	return tokens, false, err
}

// TokenState is what a token is good for now.
func (s *Service) TokenState(t store.Token) sillon.TokenState {
	switch {
	case t.RevokedAt != nil:
		return sillon.TokenRevoked
	case t.ExpiresAt != nil && !t.ExpiresAt.After(s.opts.Now()):
		return sillon.TokenExpired
	case t.Replaced:
		return sillon.TokenReplaced
	}
	return sillon.TokenLive
}

// A Rotation gives a token a successor.
type Rotation struct {
	Token   string        // id, or prefix at the command line
	Overlap time.Duration // how long the token lives on; 0 ends it at once
	Request string        // the id of what it is asked with
	Once    *Once[Token]
}

// RotateToken makes the successor of a token, with its role, certifier, label
// and length of life, and returns its text. The token itself ends after the
// overlap, unless it ends before. sillon.System may rotate every token.
// Failures: sillon.ErrNoToken, ErrTokenEnded, ErrTokenReplaced, those of Once.
func (s *Service) RotateToken(ctx context.Context, a sillon.Actor, r Rotation) (text string, t store.Token, err error) {
	if !a.IsSystem() {
		if err := sillon.May(a, sillon.ActionManageTokens, sillon.Resource{}); err != nil {
			return "", t, err
		}
	}
	if r.Overlap < 0 || r.Overlap > mostTokenOverlap {
		return "", t, sillon.ErrInvalidRequest.With(sillon.IssueTokenOverlap())
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		t, err = r.Once.do(ctx, tx, a, func() (Token, error) {
			text, t, err = s.rotate(ctx, tx, a, r)
			return t, err
		})
		return err
	})
	return text, t, err
}

// rotate is RotateToken in a transaction.
func (s *Service) rotate(ctx context.Context, tx *store.Tx, a sillon.Actor, r Rotation) (text string, t Token, err error) {
	old, err := tx.LockToken(ctx, r.Token)
	if err != nil {
		return "", t, err
	}
	switch s.TokenState(*old) {
	case sillon.TokenRevoked, sillon.TokenExpired:
		return "", t, sillon.ErrTokenEnded
	case sillon.TokenReplaced:
		return "", t, sillon.ErrTokenReplaced
	case sillon.TokenLive:
	}
	n := NewToken{Label: old.Label, replaces: &old.ID}
	if err := n.Role.UnmarshalText([]byte(old.Role)); err != nil {
		return "", t, fmt.Errorf("role of token %s: %w", old.Prefix, err)
	}
	if old.OC != nil {
		n.OC = *old.OC
	}
	if old.Life != nil {
		n.TTL = *old.Life
	}
	if text, t, err = s.saveToken(ctx, tx, a, n, r.Request); err != nil {
		return "", t, err
	}
	return text, t, tx.ExpireToken(ctx, old.ID, s.opts.Now().Add(r.Overlap))
}

// RevokeToken ends a token at once on every node, by its id or its prefix. It
// is for the command line.
func (s *Service) RevokeToken(ctx context.Context, idOrPrefix string) error {
	return s.endToken(ctx, sillon.System, idOrPrefix, "")
}

// EndToken is RevokeToken for an actor; request is the id of what it asks with.
func (s *Service) EndToken(ctx context.Context, a sillon.Actor, id, request string) error {
	if err := sillon.May(a, sillon.ActionManageTokens, sillon.Resource{}); err != nil {
		return err
	}
	return s.endToken(ctx, a, id, request)
}

func (s *Service) endToken(ctx context.Context, a sillon.Actor, idOrPrefix, request string) error {
	return s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		t, err := tx.LockToken(ctx, idOrPrefix)
		if err != nil {
			return err
		}
		if err := tx.RevokeToken(ctx, t.ID); err != nil {
			return err
		}
		return s.administered(ctx, tx, a, "revokeToken", "jeton "+t.Prefix, request)
	})
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
