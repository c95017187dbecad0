package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
		v := url.Values{"limite": {strconv.Itoa(limit)}, "curseur": {cursorTo(rows[len(rows)-1].ID)}}
		next := s.opts.PublicURL + "/api/v3/jetons?" + v.Encode()
		list.Links.Next = &next
	}
	return c.JSON(http.StatusOK, list)
}

// createToken handles POST /api/v3/jetons.
func (s *Server) createToken(c echo.Context) error {
	var body struct {
		Role          string    `json:"role"`
		Certificateur sillon.OC `json:"certificateur"`
		Libelle       string    `json:"libelle"`
		DureeJours    *int      `json:"dureeJours"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	n := service.NewToken{OC: body.Certificateur, Label: body.Libelle}
	if err := n.Role.UnmarshalText([]byte(body.Role)); err != nil {
		n.Role = 0 // which the service refuses, with what else is wrong
	}
	if body.DureeJours != nil {
		// Out of range on purpose when the number is: 0 would be no end.
		if n.TTL = time.Duration(min(*body.DureeJours, 100_000)) * 24 * time.Hour; *body.DureeJours <= 0 {
			n.TTL = -1
		}
	}
	text, t, err := s.service.IssueToken(c.Request().Context(), actor(c), n, requestID(c))
	if err != nil {
		return err
	}
	return s.newToken(c, text, t)
}

// rotateToken handles POST /api/v3/jetons/{id}/rotation.
func (s *Server) rotateToken(c echo.Context) error {
	var body struct {
		RecouvrementHeures *int `json:"recouvrementHeures"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	hours := 24
	if body.RecouvrementHeures != nil {
		hours = max(-1, min(*body.RecouvrementHeures, 100_000)) // the service refuses both ends
	}
	text, t, err := s.service.RotateToken(c.Request().Context(), actor(c), service.Rotation{
		Token: uuidIn(c, "id"), Overlap: time.Duration(hours) * time.Hour, Request: requestID(c),
	})
	if err != nil {
		return err
	}
	return s.newToken(c, text, t)
}

// newToken answers with a token and, this once, its text.
func (s *Server) newToken(c echo.Context, text string, t service.Token) error {
	noted(c)
	body := s.tokenJSON(t)
	body.Jeton = text
	return c.JSON(http.StatusCreated, body)
}

// revokeToken handles DELETE /api/v3/jetons/{id}.
func (s *Server) revokeToken(c echo.Context) error {
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

// mostJSON is what the body of a small request may hold.
const mostJSON = 1 << 20

// decodeJSON reads the body into v. An empty body is an empty object; a member
// that v does not have is sillon.ErrUnknownMember.
func decodeJSON(c echo.Context, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(c.Response(), c.Request().Body, mostJSON))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return sillon.ErrTooLarge.Saying("La requête dépasse 1 Mio.")
	}
	if err != nil {
		// encoding/json has no type for it.
		if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
			return sillon.ErrUnknownMember.With(sillon.IssueUnknownMember(strings.Trim(name, `"`)))
		}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return sillon.ErrInvalidRequest.Saying(sillon.BadParameter(wrong.Field))
		}
	}
	return sillon.ErrUnreadableJSON
}
