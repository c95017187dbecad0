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
	if r.URL.Query().Has("validation") { // a trial must never be stored as if it were meant
		return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("validation"))
	}
	gzip, err := gzipped(r)
	if err != nil {
		return err
	}
	if !gzip && r.ContentLength > maxBody {
		return sillon.ErrTooLarge
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)) // any or none is accepted
	reply, err := s.service.Push(r.Context(), actor(c), service.PushRequest{
		Body: r.Body, Gzip: gzip, NDJSON: media == "application/x-ndjson", MediaType: mediaType(media), RequestID: requestID(c),
	})
	if err != nil {
		return err
	}
	status, body := pushReplyJSON(reply)
	return c.JSON(status, body)
}

// maxBody is what a push may hold (certifier-exchange.md §1). The scanner
// counts too: this spares a client that says at once that it sends more.
const maxBody = 512 << 20

func pushReplyJSON(r *service.PushReply) (int, pushReply) {
	body := pushReply{
		JobID: r.JobID, NbObjetRecus: r.Received, NbObjetAcceptes: r.Received - r.Refused, NbObjetRefuses: r.Refused,
	}
	for _, issue := range r.Problems {
		body.ListeProblemes = append(body.ListeProblemes, pushProblem{
			NumeroBio: issue.NumeroBio, Code: issue.Code, Message: issue.Message, ParcelleID: issue.ParcelleID, Indice: issue.Index,
		})
	}
	if r.Refused > 0 && r.Refused == r.Received {
		return http.StatusBadRequest, body
	}
	valid := r.Valid
	if valid == nil {
		valid = []sillon.NumeroBio{}
	}
	body.ListeNumeroBioValide = &valid
	if r.Refused > 0 {
		return http.StatusMultiStatus, body
	}
	return http.StatusAccepted, body
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
