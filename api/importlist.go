package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// importLine is an import of a list, up to its payload (certifier-exchange.md
// §8).
type importLine struct {
	JobID     int64   `json:"jobId"`
	Status    string  `json:"status"`
	CreatedAt string  `json:"createdAt"`
	EndedAt   *string `json:"endedAt"`
	jobCounts
	Result jobResult `json:"result"`
}

type listMeta struct {
	Total int `json:"total"`
	Page  int `json:"page"`
	Limit int `json:"limit"`
}

type logLine struct {
	ID         int64   `json:"id"`
	Type       string  `json:"type"`
	Code       string  `json:"code"`
	Message    string  `json:"message"`
	NumeroBio  *string `json:"numeroBio"`
	ParcelleID *string `json:"parcelleId"`
}

const importsPath = "/api/v3/import/parcellaire-imports"

// imports handles GET /api/v3/import/parcellaire-imports.
func (s *Server) imports(c echo.Context) error {
	q := c.QueryParams()
	iq, err := importQuery(q)
	if err != nil {
		return err
	}
	out := newStream(c, echo.MIMEApplicationJSON)
	total, lines := 0, 0
	last, more, err := s.service.Imports(c.Request().Context(), actor(c), iq, func(n int) error {
		total = n
		return out.text(`{"data":[`)
	}, func(l *service.ImportLine) error {
		if lines++; lines > 1 {
			if err := out.text(","); err != nil {
				return err
			}
		}
		return out.importLine(l, iq.Logs)
	})
	if err != nil {
		return err
	}
	if err := out.text(`],"meta":`); err != nil {
		return err
	}
	if err := out.value(listMeta{total, iq.Page, iq.Limit}); err != nil {
		return err
	}
	if err := out.text(`,"_links":`); err != nil {
		return err
	}
	if err := out.value(s.importLinks(q, iq, last, more)); err != nil {
		return err
	}
	if err := out.text("}"); err != nil {
		return err
	}
	return out.end()
}

// importDetail handles GET /api/v3/import/parcellaire-imports/{id}.
func (s *Server) importDetail(c echo.Context) error {
	id, err := importID(c)
	if err != nil {
		return err
	}
	q := c.QueryParams()
	logs, err := logKind(q, "logs", service.LogNone)
	if err != nil {
		return err
	}
	payload, err := withPayload(q)
	if err != nil {
		return err
	}
	out := newStream(c, echo.MIMEApplicationJSON)
	if err := s.service.ImportDetail(c.Request().Context(), actor(c), id, logs, payload, func(l *service.ImportLine) error {
		return out.importLine(l, logs)
	}); err != nil {
		return err
	}
	return out.end()
}

// importLogs handles GET /api/v3/import/parcellaire-imports/{id}/logs.
func (s *Server) importLogs(c echo.Context) error {
	id, err := importID(c)
	if err != nil {
		return err
	}
	logs, err := logKind(c.QueryParams(), "type", service.LogAll)
	if err != nil || logs == service.LogNone {
		return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("type"))
	}
	out := newStream(c, echo.MIMEApplicationJSON)
	opening := "["
	if err := s.service.ImportLog(c.Request().Context(), actor(c), id, logs, func(l *service.LogLine) error {
		if err := out.text(opening); err != nil {
			return err
		}
		opening = ","
		return out.value(logLine{l.ID, l.Type, l.Code, l.Message, l.NumeroBio, l.ParcelleID})
	}); err != nil {
		return err
	}
	if opening == "[" {
		if err := out.text(opening); err != nil {
			return err
		}
	}
	if err := out.text("]"); err != nil {
		return err
	}
	return out.end()
}

// importPayload handles GET /api/v3/import/parcellaire-imports/{id}/payload.
// The media type is the sender's: nothing may take the body for a page.
func (s *Server) importPayload(c echo.Context) error {
	id, err := importID(c)
	if err != nil {
		return err
	}
	var out *stream
	if err := s.service.ImportPayload(c.Request().Context(), actor(c), id, func(media string) error {
		h := c.Response().Header()
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
		h.Set(echo.HeaderContentDisposition, `attachment; filename="envoi-`+strconv.FormatInt(id, 10)+`"`)
		h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
		out = newStream(c, media)
		return out.text("")
	}, func(piece []byte) error { return out.bytes(piece) }); err != nil {
		return err
	}
	return out.end()
}

// importID reads the number of an import; what is no number is no import.
func importID(c echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, sillon.ErrNoImport
	}
	return id, nil
}

// importLine writes an import, its payload record by record.
func (s *stream) importLine(l *service.ImportLine, logs service.LogKind) error {
	head := importLine{
		JobID: l.ID, Status: l.State, CreatedAt: stamp(&l.CreatedAt), EndedAt: textNull(stamp(l.EndedAt)),
		jobCounts: jobCounts{NbObjetsRecus: l.Received, NbObjetsAcceptes: l.Accepted, NbObjetsRefuses: l.Refused},
		Result:    jobResultJSON(&l.ImportView),
	}
	if !logs.Errors() {
		head.Result.NumeroBioError = []sillon.NumeroBio{} // it is told with the errors
	}
	b, err := marshal(head)
	if err != nil {
		return err
	}
	if err := s.text(string(b[:len(b)-1]) + `,"payload":`); err != nil {
		return err
	}
	if l.Payload == nil {
		return s.text("null}")
	}
	opening := "["
	if err := l.Payload(func(record []byte) error {
		if err := s.text(opening); err != nil {
			return err
		}
		opening = ","
		return s.record(record)
	}); err != nil {
		return err
	}
	if opening == "[" {
		return s.text("[]}")
	}
	return s.text("]}")
}

// record writes a record as it was received; one that is no JSON, as a line of
// NDJSON can be, is written as a text.
func (s *stream) record(record []byte) error {
	if !utf8.Valid(record) || !json.Valid(record) {
		text := strings.ToValidUTF8(string(record), "\ufffd")
		if json.Valid([]byte(text)) {
			return s.text(text)
		}
		return s.value(text)
	}
	return s.bytes(record)
}

// importLinks are the addresses of the pages before and after. The next one
// begins after the last import of this one, whatever was received meanwhile.
func (s *Server) importLinks(q url.Values, iq service.ImportQuery, last int64, more bool) (l links) {
	address := func(page int, before int64) *string {
		v := url.Values{}
		for _, name := range []string{"status", "from", "to", "withRejected", "withPayload", "payload", "logs", "limit"} {
			if q.Has(name) {
				v.Set(name, q.Get(name))
			}
		}
		v.Set("page", strconv.Itoa(page))
		if before > 0 {
			v.Set("apres", cursorTo(strconv.FormatInt(before, 10)))
		}
		a := s.opts.PublicURL + importsPath + "?" + v.Encode()
		return &a
	}
	if iq.Page > 1 {
		l.Prev = address(iq.Page-1, 0)
	}
	if more {
		l.Next = address(iq.Page+1, last)
	}
	return l
}

// importQuery reads the filters of a list of imports.
func importQuery(q url.Values) (iq service.ImportQuery, err error) {
	bad := func(name string) error { return sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name)) }
	for status := range strings.SplitSeq(q.Get("status"), ",") {
		status = strings.ToUpper(strings.TrimSpace(status))
		switch {
		case status == "":
		case slices.Contains(service.ImportStates, status):
			iq.States = append(iq.States, status)
		default:
			return iq, bad("status")
		}
	}
	iq.From, iq.To = q.Get("from"), q.Get("to")
	if iq.WithRejected, err = flag(q, "withRejected"); err != nil {
		return iq, err
	}
	if iq.Payload, err = withPayload(q); err != nil {
		return iq, err
	}
	if iq.Logs, err = logKind(q, "logs", service.LogNone); err != nil {
		return iq, err
	}
	if iq.Page, err = number(q, "page", 1, 10_000_000, 1); err != nil {
		return iq, err
	}
	if iq.Limit, err = number(q, "limit", 1, 1_000_000_000, 20); err != nil {
		return iq, err
	}
	iq.Limit = min(iq.Limit, service.MaxImports)
	iq.Before, err = cursorID(q, "apres")
	return iq, err
}

// withPayload reads withPayload, or its other name.
func withPayload(q url.Values) (bool, error) {
	one, err := flag(q, "withPayload")
	if err != nil {
		return false, err
	}
	other, err := flag(q, "payload")
	return one || other, err
}

// flag reads a yes or no; absent is no.
func flag(q url.Values, name string) (bool, error) {
	switch strings.ToLower(q.Get(name)) {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
}

// logKind reads which part of a log is wanted.
func logKind(q url.Values, name string, otherwise service.LogKind) (service.LogKind, error) {
	switch strings.ToLower(q.Get(name)) {
	case "":
		return otherwise, nil
	case "none":
		return service.LogNone, nil
	case "error":
		return service.LogErrors, nil
	case "warning":
		return service.LogWarnings, nil
	case "all":
		return service.LogAll, nil
	}
	return 0, sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
}
