package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// token is a service token on the wire. Jeton is its text, which only the reply
// to its making has.
type token struct {
	ID            string            `json:"id"`
	Prefixe       string            `json:"prefixe"`
	Role          string            `json:"role"`
	Certificateur *sillon.OC        `json:"certificateur"`
	Libelle       string            `json:"libelle"`
	Etat          sillon.TokenState `json:"etat"`
	Creation      string            `json:"creation"`
	Expiration    *string           `json:"expiration"`
	Revocation    *string           `json:"revocation"`
	DernierUsage  *string           `json:"dernierUsage"`
	Remplace      *string           `json:"remplace"`
	Jeton         string            `json:"jeton,omitempty"`
}

type tokenList struct {
	Data  []token   `json:"data"`
	Links nextLinks `json:"_links"`
}

// tokens handles GET /api/v3/jetons.
func (s *Server) tokens(c echo.Context) error {
	q, err := query(c, "limite", "curseur")
	if err != nil {
		return err
	}
	limit, err := number(q, "limite", 1, service.MostTokens, 50)
	if err != nil {
		return err
	}
	after, err := cursor(q, "curseur")
	if err != nil {
		return err
	}
	if after != "" && uuid.Validate(after) != nil {
		return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("curseur"))
	}
	rows, more, err := s.service.ListTokens(c.Request().Context(), actor(c), after, limit)
	if err != nil {
		return err
	}
	list := tokenList{Data: make([]token, len(rows))}
	for i, t := range rows {
		list.Data[i] = s.tokenJSON(t)
	}
	if more {
		list.Links = s.nextPage("/api/v3/jetons", q, limit, rows[len(rows)-1].ID)
	}
	return c.JSON(http.StatusOK, list)
}

// createToken handles POST /api/v3/jetons.
func (s *Server) createToken(c echo.Context) error {
	var role string
	var days *int
	var n service.NewToken
	if err := members(c, map[string]any{"role": &role, "certificateur": &n.OC, "libelle": &n.Label, "dureeJours": &days}); err != nil {
		return err
	}
	if err := n.Role.UnmarshalText([]byte(role)); err != nil {
		n.Role = 0 // which the service refuses, with what else is wrong
	}
	if days != nil {
		// Out of range on purpose when the number is: 0 would be no end.
		if n.TTL = time.Duration(min(*days, 100_000)) * 24 * time.Hour; *days <= 0 {
			n.TTL = -1
		}
	}
	asked, err := once(c, s.newTokenTold)
	if err != nil {
		return err
	}
	text, t, err := s.service.IssueToken(c.Request().Context(), actor(c), n, requestID(c), asked)
	return s.newToken(c, asked, text, t, err)
}

// rotateToken handles POST /api/v3/jetons/{id}/rotation.
func (s *Server) rotateToken(c echo.Context) error {
	hours := 24
	if err := members(c, map[string]any{"recouvrementHeures": &hours}); err != nil {
		return err
	}
	hours = max(-1, min(hours, 100_000)) // the service refuses both ends
	asked, err := once(c, s.newTokenTold)
	if err != nil {
		return err
	}
	text, t, err := s.service.RotateToken(c.Request().Context(), actor(c), service.Rotation{
		Token: uuidIn(c, "id"), Overlap: time.Duration(hours) * time.Hour, Request: requestID(c), Once: asked,
	})
	return s.newToken(c, asked, text, t, err)
}

// newTokenTold is what may be told again of a new token: not its text.
func (s *Server) newTokenTold(t service.Token) (service.Told, any) {
	return service.Told{Status: http.StatusCreated}, s.tokenJSON(t)
}

// newToken answers with a token and, this once, its text.
func (s *Server) newToken(c echo.Context, asked *service.Once[service.Token], text string, t service.Token, err error) error {
	switch {
	case err != nil:
		return err
	case asked.Replay != nil:
		return replay(c, asked.Replay)
	}
	noted(c)
	body := s.tokenJSON(t)
	body.Jeton = text
	return c.JSON(http.StatusCreated, body)
}

// revokeToken handles DELETE /api/v3/jetons/{id}.
func (s *Server) revokeToken(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	if err := s.service.EndToken(c.Request().Context(), actor(c), uuidIn(c, "id"), requestID(c)); err != nil {
		return err
	}
	noted(c)
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) tokenJSON(t service.Token) token {
	when := func(t *time.Time) *string { return textNull(stamp(t)) }
	return token{
		ID: t.ID, Prefixe: t.Prefix, Role: t.Role, Certificateur: t.OC, Libelle: t.Label, Etat: s.service.TokenState(t),
		Creation: stamp(&t.CreatedAt), Expiration: when(t.ExpiresAt), Revocation: when(t.RevokedAt), DernierUsage: when(t.LastUsedAt),
		Remplace: t.Replaces,
	}
}
