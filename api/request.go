package api

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

// query returns the parameters of a request, refusing those that the route
// does not have.
func query(c echo.Context, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, sillon.ErrInvalidRequest.Saying("Les paramètres de la requête sont illisibles.")
	}
	var issues []sillon.Issue
	for name := range q {
		if !slices.Contains(known, name) {
			issues = append(issues, sillon.IssueUnknownMember(name))
		}
	}
	if len(issues) > 0 {
		return nil, sillon.ErrUnknownMember.With(issues...)
	}
	for _, name := range known {
		if !storable(q.Get(name)) {
			return nil, sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
		}
	}
	return q, nil
}

// storable reports whether the database can hold a text, and so be asked about
// it: PostgreSQL fails on the others.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// uuidIn is an id in the path, in the one form that replies give. What is no id
// becomes one that nothing has, so that the policy answers first.
func uuidIn(c echo.Context, name string) string {
	text := c.Param(name)
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(id.String()) {
		return uuid.Nil.String()
	}
	return id.String()
}

// numeroBio is a farm's number in the path. One that the database cannot hold
// becomes that of no farm.
func numeroBio(c echo.Context) sillon.NumeroBio {
	if numero := c.Param("numeroBio"); storable(numero) {
		return sillon.NumeroBio(numero)
	}
	return ""
}

// parcellaireID is the id in the path; what is no id becomes one that no
// version has, so that the policy answers first.
func parcellaireID(c echo.Context) sillon.ParcellaireID { return sillon.ParcellaireID(uuidIn(c, "id")) }

// number reads an integer parameter between least and most; absent is otherwise.
func number(q url.Values, name string, least, most, otherwise int) (int, error) {
	text := q.Get(name)
	if text == "" && !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, sillon.ErrInvalidRequest.Saying(sillon.BadNumber(name, least, most))
	}
	return n, nil
}

// cursor reads the opaque place in a list after which a page begins.
func cursor(q url.Values, name string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(q.Get(name))
	if err != nil || !storable(string(b)) {
		return "", sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
	}
	return string(b), nil
}

// cursorID is cursor for a list in the order of its ids; 0 is its beginning.
func cursorID(q url.Values, name string) (int64, error) {
	place, err := cursor(q, name)
	if err != nil || place == "" {
		return 0, err
	}
	id, err := strconv.ParseInt(place, 10, 64)
	if err != nil || id < 1 {
		return 0, sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
	}
	return id, nil
}

// nextLinks lead on from a page of a list.
type nextLinks struct {
	Next *string `json:"next"`
}

// nextPage leads to the page after a place, with the filters that q has.
func (s *Server) nextPage(path string, q url.Values, limit int, place string) nextLinks {
	v := url.Values{"limite": {strconv.Itoa(limit)}, "curseur": {cursorTo(place)}}
	for name := range q {
		if text := q.Get(name); text != "" && !v.Has(name) {
			v.Set(name, text)
		}
	}
	next := s.opts.PublicURL + path + "?" + v.Encode()
	return nextLinks{Next: &next}
}

func cursorTo(place string) string { return base64.RawURLEncoding.EncodeToString([]byte(place)) }

// matches reports whether the client holds the representation that etag names
// (RFC 9110 §13.1.2).
func matches(c echo.Context, etag string) bool {
	header := c.Request().Header.Get("If-None-Match")
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for tag := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag {
			return true
		}
	}
	return false
}

// accepts reports whether the client takes a content coding (RFC 9110 §12.5.3).
func accepts(c echo.Context, coding string) bool {
	for part := range strings.SplitSeq(c.Request().Header.Get(echo.HeaderAcceptEncoding), ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && weight > 0
		}
	}
	return false
}
