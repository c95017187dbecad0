package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

var statusOf = map[sillon.Kind]int{
	sillon.KindInternal:        http.StatusInternalServerError,
	sillon.KindInvalid:         http.StatusBadRequest,
	sillon.KindUnauthenticated: http.StatusUnauthorized,
	sillon.KindForbidden:       http.StatusForbidden,
	sillon.KindNotFound:        http.StatusNotFound,
	sillon.KindMethod:          http.StatusMethodNotAllowed,
	sillon.KindConflict:        http.StatusConflict,
	sillon.KindStale:           http.StatusPreconditionFailed,
	sillon.KindTooLarge:        http.StatusRequestEntityTooLarge,
	sillon.KindUnsupported:     http.StatusUnsupportedMediaType,
	sillon.KindUnprocessable:   http.StatusUnprocessableEntity,
	sillon.KindTooMany:         http.StatusTooManyRequests,
	sillon.KindUnavailable:     http.StatusServiceUnavailable,
}

// problem is an Error on the wire: RFC 9457, plus code and erreurs (api.md).
type problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Code     string         `json:"code"`
	Instance string         `json:"instance"`
	Revision int64          `json:"revision,omitempty"` // the present one, of a precondition that failed
	Erreurs  []problemIssue `json:"erreurs,omitempty"`
}

type problemIssue struct {
	Chemin  string `json:"chemin,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// exchangeError is an Error as certifiers have always read it
// (certifier-exchange.md §1.1). JobID and Position are of unreadable pushes.
type exchangeError struct {
	StatusCode int    `json:"statusCode"`
	Code       string `json:"code,omitempty"`
	Error      string `json:"error"`
	Message    string `json:"message"`
	JobID      int64  `json:"jobId,omitempty"`
	Position   *int64 `json:"position,omitempty"`
}

// noJob is the answer for a job that is not there (certifier-exchange.md §6.3).
type noJob struct {
	Status string `json:"status"`
	Error  string `json:"error"`
}

// quotaExceeded is the type that a problem of too many requests has everywhere
// (standards.md, "HTTP").
const quotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// noImport is the answer for an import, or its payload, that is not there
// (certifier-exchange.md §8).
type noImport struct {
	Message string `json:"message"`
}

// waitedFor is how much of a body that nobody read net/http waits for before it
// sends a refusal, on a connection that is to be used again. A longer one is not
// worth the wait.
const waitedFor = 256 << 10

// fail answers a request that failed. It alone picks a status for a failure,
// and it alone logs one.
func (s *Server) fail(err error, c echo.Context) {
	f, status := failure(err, c)
	if status == http.StatusInternalServerError || status == http.StatusServiceUnavailable {
		s.opts.Log.ErrorContext(c.Request().Context(), "request failed", "request", requestID(c), "route", c.Path(), "err", err)
	}
	if c.Response().Committed {
		return // the body has begun: cut says so to the client
	}
	if c.Request().ContentLength > waitedFor {
		c.Response().Header().Set(echo.HeaderConnection, "close")
	}
	switch path := c.Request().URL.Path; {
	case f.Code == sillon.ErrNoJob.Code && inExchange(path):
		_ = c.JSON(status, noJob{Status: "error", Error: f.Text()})
	case f.Code == sillon.ErrNoImport.Code, f.Code == sillon.ErrNoPayload.Code:
		_ = c.JSON(status, noImport{Message: f.Text()})
	case inExchange(path):
		_ = c.JSON(status, exchangeErrorJSON(f, status, err))
	default:
		p := problem{
			Type: s.opts.PublicURL + problemsPath + "/" + f.Code, Title: f.Title, Status: status,
			Detail: f.Text(), Code: f.Code, Instance: requestID(c), Revision: f.Revision,
		}
		if f.Revision > 0 { // domain.md §12
			c.Response().Header().Set("ETag", revisionTag(f.Revision))
		}
		if f.Kind == sillon.KindTooMany {
			p.Type = quotaExceeded
		}
		for _, issue := range f.Issues {
			p.Erreurs = append(p.Erreurs, problemIssue{Chemin: issue.Path, Code: issue.Code, Message: issue.Message})
		}
		c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
		_ = c.JSON(status, p)
	}
}

// exchangeErrorJSON is the failure f of err as certifiers read it.
func exchangeErrorJSON(f *sillon.Error, status int, err error) exchangeError {
	e := exchangeError{StatusCode: status, Code: f.Code, Error: http.StatusText(status), Message: f.Text()}
	if f.Kind == sillon.KindInternal {
		e.Code = "" // the contract has none
	}
	if unreadable, ok := errors.AsType[*service.UnreadableError](err); ok {
		e.JobID, e.Position = unreadable.JobID, &unreadable.Position
	}
	return e
}

// inExchange reports whether a path belongs to the certifier exchange, whose
// errors have the body of the system in service.
func inExchange(path string) bool {
	return strings.HasPrefix(path, "/api/v2/") || strings.HasPrefix(path, "/api/v3/import/")
}

// failure returns the failure inside err, and its status.
func failure(err error, c echo.Context) (*sillon.Error, int) {
	if he, ok := errors.AsType[*echo.HTTPError](err); ok { // no route, wrong verb
		switch he.Code {
		case http.StatusMethodNotAllowed:
			verbs, _ := c.Get(echo.ContextKeyHeaderAllow).(string)
			verbs = strings.TrimPrefix(verbs, "OPTIONS, ")
			c.Response().Header().Set(echo.HeaderAllow, verbs)
			return sillon.ErrMethod.Saying("Méthode non autorisée : utilisez " + verbs + "."), he.Code
		default:
			return sillon.ErrNotFound, http.StatusNotFound
		}
	}
	f := sillon.Failure(err)
	return f, statusOf[f.Kind]
}
