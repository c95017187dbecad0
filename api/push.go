package api

import (
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// pushReply is the answer to a push (certifier-exchange.md §6.1).
type pushReply struct {
	JobID                int64               `json:"jobId"`
	NbObjetRecus         int                 `json:"nbObjetRecus"`
	NbObjetAcceptes      int                 `json:"nbObjetAcceptes"`
	NbObjetRefuses       int                 `json:"nbObjetRefuses"`
	ListeNumeroBioValide *[]sillon.NumeroBio `json:"listeNumeroBioValides,omitempty"`
	ListeProblemes       []pushProblem       `json:"listeProblemes,omitempty"`
}

type pushProblem struct {
	NumeroBio  string `json:"numeroBio,omitempty"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	ParcelleID string `json:"parcelleId,omitempty"`
	Indice     *int   `json:"indice,omitempty"`
}

// push handles POST /api/v2/certification/parcelles.
func (s *Server) push(c echo.Context) error {
	r := c.Request()
	dry, err := rehearsed(r.URL.RawQuery)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	gzip, err := gzipped(r)
	if err != nil {
		return err
	}
	if !gzip && r.ContentLength > maxBody {
		return sillon.ErrTooLarge
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)) // any or none is accepted
	request := service.PushRequest{
		Body: r.Body, Gzip: gzip, NDJSON: media == "application/x-ndjson", MediaType: mediaType(media), RequestID: requestID(c),
		Key: key, Query: r.URL.RawQuery, Answer: pushAnswer,
	}
	if dry {
		return s.rehearse(c, request)
	}
	reply, err := s.service.Push(r.Context(), actor(c), request)
	if err != nil {
		return err
	}
	answer := pushAnswer(reply, nil)
	if reply.Replay != nil {
		c.Response().Header().Set("Idempotent-Replayed", "true")
		answer = *reply.Replay
	}
	return c.JSONBlob(answer.Status, answer.Body)
}

// pushAnswer is what the sender of a push reads, and reads again when it sends
// the same again.
func pushAnswer(r *service.PushReply, unreadable *service.UnreadableError) service.Answer {
	var status int
	var body any
	if unreadable != nil {
		f := sillon.Failure(unreadable)
		status = statusOf[f.Kind]
		body = exchangeErrorJSON(f, status, unreadable)
	} else {
		status, body = pushReplyJSON(r)
	}
	b, _ := marshal(body) // texts and numbers: it cannot fail
	return service.Answer{Status: status, Body: b}
}

// idempotencyKey reads the key of a push, quoted or not; none is empty.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if len(key) > 1 && key[0] == '"' && key[len(key)-1] == '"' {
		key = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(key[1 : len(key)-1]) // RFC 8941 §3.3.3
	}
	if len(values) > 1 || key == "" || len(key) > 128 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", sillon.ErrBadKey
	}
	return key, nil
}

// maxBody is what a push may hold (certifier-exchange.md §1). The scanner
// counts too: this spares a client that says at once that it sends more.
const maxBody = 512 << 20

func pushReplyJSON(r *service.PushReply) (int, pushReply) {
	body := pushReply{
		JobID: r.JobID, NbObjetRecus: r.Received, NbObjetAcceptes: r.Received - r.Refused, NbObjetRefuses: r.Refused,
	}
	body.ListeProblemes = pushProblems(r.Problems)
	if r.Refused > 0 && r.Refused == r.Received {
		return http.StatusBadRequest, body
	}
	valid := listed(r.Valid)
	body.ListeNumeroBioValide = &valid
	if r.Refused > 0 {
		return http.StatusMultiStatus, body
	}
	return http.StatusAccepted, body
}

func pushProblems(issues []sillon.Issue) (list []pushProblem) {
	for _, issue := range issues {
		list = append(list, pushProblem{
			NumeroBio: issue.NumeroBio, Code: issue.Code, Message: issue.Message, ParcelleID: issue.ParcelleID, Indice: issue.Index,
		})
	}
	return list
}

// gzipped reports whether the body is compressed; a coding other than gzip is
// sillon.ErrUnsupportedEncoding.
func gzipped(r *http.Request) (bool, error) {
	switch coding := strings.ToLower(strings.TrimSpace(r.Header.Get(echo.HeaderContentEncoding))); coding {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	}
	return false, sillon.ErrUnsupportedEncoding
}

// mediaType is what a payload is given back as.
func mediaType(media string) string {
	if media == "" || len(media) > 100 {
		return echo.MIMEApplicationJSON
	}
	return media
}
