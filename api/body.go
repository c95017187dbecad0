package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

// mostMembers is what the body of a small resource may hold.
const mostMembers = 64 << 10

// members reads a JSON object into the places of its members, refusing others,
// and parameters of the query (api.md, "Conventions"). No body is an object
// without members.
func members(c echo.Context, places map[string]any) error {
	if _, err := query(c); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.Request().Body, mostMembers))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return sillon.ErrTooLarge.Saying("Le corps de la requête dépasse 64 Kio.")
	}
	if err != nil {
		return sillon.ErrInvalidRequest.Because(err)
	}
	digest := sha256.Sum256(body)
	c.Set(contentKey, digest[:])
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return sillon.ErrUnreadableJSON.Saying("Le corps de la requête doit être un objet JSON.")
	}
	var unknown, invalid []sillon.Issue
	for name, value := range object {
		place, ok := places[name]
		if !ok {
			unknown = append(unknown, sillon.IssueUnknownMember(name))
		} else if err := json.Unmarshal(value, place); err != nil || !storable(string(value)) || strings.Contains(string(value), `\u0000`) {
			invalid = append(invalid, sillon.IssueInvalidMember(name))
		}
	}
	byPath := func(a, b sillon.Issue) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(unknown, byPath)
	slices.SortFunc(invalid, byPath)
	switch {
	case len(unknown) > 0:
		return sillon.ErrUnknownMember.With(unknown...)
	case len(invalid) > 0:
		return sillon.ErrInvalidRequest.With(invalid...)
	}
	return nil
}

// revisionTag is the ETag of a resource that counts its revisions.
func revisionTag(revision int64) string { return `"r` + strconv.FormatInt(revision, 10) + `"` }

// precondition reads what the client knows of the resource it means to change
// (domain.md §12). A tag that no resource has holds for none; a day that cannot
// be read is not there (RFC 9110 §13.1.4).
func precondition(c echo.Context) (p sillon.Precondition) {
	h := c.Request().Header
	switch tag := strings.TrimSpace(h.Get("If-Match")); tag {
	case "":
		p.Since, _ = http.ParseTime(h.Get("If-Unmodified-Since"))
	case "*":
		p.Existing = true
	default:
		text, ok := strings.CutPrefix(strings.TrimSuffix(tag, `"`), `"r`)
		revision, err := strconv.ParseInt(text, 10, 64)
		if p.Revision = revision; !ok || err != nil || revisionTag(revision) != tag || revision < 1 {
			p.Revision = -1
		}
	}
	return p
}
