package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// rehearsalReply is the answer to a push that stores nothing
// (certifier-exchange.md §6.2).
type rehearsalReply struct {
	Validation            string             `json:"validation"`
	NbObjetRecus          int                `json:"nbObjetRecus"`
	NbObjetAcceptes       int                `json:"nbObjetAcceptes"`
	NbObjetRefuses        int                `json:"nbObjetRefuses"`
	ListeNumeroBioValides []sillon.NumeroBio `json:"listeNumeroBioValides"`
	ListeProblemes        []pushProblem      `json:"listeProblemes"`
	Result                jobResult          `json:"result"`
	Effets                []effect           `json:"effets"`
}

type effect struct {
	NumeroBio  sillon.NumeroBio `json:"numeroBio"`
	DateAudit  string           `json:"dateAudit"`
	Version    string           `json:"version"`
	Ajoutees   []string         `json:"ajoutees"`
	Modifiees  []string         `json:"modifiees"`
	Supprimees []string         `json:"supprimees"`
}

// onlyValidation is the one value of the parameter validation.
const onlyValidation = "seule"

// rehearsed reports whether a query asks for a dry run.
func rehearsed(query string) (bool, error) {
	q, err := url.ParseQuery(query)
	values, asked := q["validation"]
	if err != nil && strings.Contains(query, "validation") { // a trial must never be stored as if it were meant
		values = append(values, "")
	}
	for _, v := range values {
		if v != onlyValidation {
			return false, sillon.ErrInvalidRequest.Saying(sillon.BadParameter("validation"))
		}
	}
	return asked, nil
}

// rehearse answers a push with ?validation=seule.
func (s *Server) rehearse(c echo.Context, r service.PushRequest) error {
	done, err := s.service.Rehearse(c.Request().Context(), actor(c), r)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, rehearsalJSON(done))
}

func rehearsalJSON(r *service.Rehearsal) rehearsalReply {
	body := rehearsalReply{
		Validation: onlyValidation, NbObjetRecus: r.Reply.Received, NbObjetAcceptes: r.Reply.Received - r.Reply.Refused,
		NbObjetRefuses: r.Reply.Refused, ListeNumeroBioValides: listed(r.Reply.Valid), ListeProblemes: listed(pushProblems(r.Reply.Problems)),
		Result: jobResultJSON(&r.Job), Effets: make([]effect, len(r.Effects)),
	}
	for i, e := range r.Effects {
		version := "miseAJour"
		if e.New {
			version = "creation"
		}
		body.Effets[i] = effect{e.NumeroBio, e.AuditDate.String(), version, listed(e.Added), listed(e.Changed), listed(e.Removed)}
	}
	return body
}

// listed is a list on the wire: none is an empty one.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
