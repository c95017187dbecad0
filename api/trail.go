package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// trace is a row of the trail on the wire.
type trace struct {
	ID            int64            `json:"id"`
	Date          string           `json:"date"`
	Type          sillon.TraceKind `json:"type"`
	Acteur        *string          `json:"acteur"`
	Role          string           `json:"role"`
	Certificateur *sillon.OC       `json:"certificateur"`
	Action        *string          `json:"action"`
	Ressource     *string          `json:"ressource"`
	Methode       *string          `json:"methode"`
	Route         *string          `json:"route"`
	Statut        *int             `json:"statut"`
	Code          *string          `json:"code"`
	Requete       *string          `json:"requete"`
	Nombre        int              `json:"nombre"`
}

type traceList struct {
	Data  []trace   `json:"data"`
	Links nextLinks `json:"_links"`
}

// trail handles GET /api/v3/supervision/journal.
func (s *Server) trail(c echo.Context) error {
	q, err := query(c, "type", "acteur", "limite", "curseur")
	if err != nil {
		return err
	}
	tq := service.TraceQuery{ActorID: q.Get("acteur")}
	if tq.Limit, err = number(q, "limite", 1, service.MostTraces, 50); err != nil {
		return err
	}
	if text := q.Get("type"); text != "" {
		if err := tq.Kind.UnmarshalText([]byte(text)); err != nil {
			return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("type"))
		}
	}
	if tq.Before, err = cursorID(q, "curseur"); err != nil {
		return err
	}
	traces, more, err := s.service.Trail(c.Request().Context(), actor(c), tq)
	if err != nil {
		return err
	}
	list := traceList{Data: make([]trace, len(traces))}
	for i := range traces {
		list.Data[i] = traceJSON(&traces[i])
	}
	if more {
		list.Links = s.nextPage("/api/v3/supervision/journal", q, tq.Limit, strconv.FormatInt(traces[len(traces)-1].ID, 10))
	}
	return c.JSON(http.StatusOK, list)
}

func traceJSON(t *service.Trace) trace {
	return trace{
		ID: t.ID, Date: stamp(&t.At), Type: t.Kind, Acteur: textNull(t.ActorID), Role: t.ActorRole, Certificateur: t.OC,
		Action: textNull(t.Action), Ressource: textNull(t.Resource), Methode: textNull(t.Method), Route: textNull(t.Route),
		Statut: zeroNull(t.Status), Code: textNull(t.Code), Requete: textNull(t.RequestID), Nombre: t.Times,
	}
}

const notedKey = "noted"

// noted says that the trail has been written in the transaction of the request.
func noted(c echo.Context) { c.Set(notedKey, true) }

// traced notes what the trail keeps of a request: that it was refused (S26), or
// that a supervisor read or administered something (domain.md §11.1). err is
// what it failed with.
func (s *Server) traced(c echo.Context, err error) {
	a := actor(c)
	t := service.Trace{Method: verb(c.Request().Method), Status: c.Response().Status, RequestID: requestID(c)}
	switch known := a.ID != ""; {
	case err != nil && t.Status == http.StatusNotFound && !known:
		return // of nothing that is hidden
	case err != nil && isRefusal(t.Status):
		f, _ := failure(err, c)
		t.Kind, t.Code = sillon.TraceRefusal, f.Code
	case t.Status >= http.StatusBadRequest || c.Get(notedKey) != nil || a.Roles&(sillon.RoleAgenceBio|sillon.RoleINAO) == 0:
		return
	case t.Method == http.MethodGet || t.Method == http.MethodHead:
		t.Kind = sillon.TraceRead
	default:
		t.Kind = sillon.TraceAdministration
	}
	if r, ok := s.described[t.Method+" "+c.Path()]; ok { // not the path of a request that matched nothing
		t.Route, t.Action = r.spec, r.action
	}
	t.Resource = resourceOf(c)
	s.service.Note(a, t)
}

// isRefusal reports whether a status tells the caller that it may not: a
// resource it may not know of is not there, for it.
func isRefusal(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
		return true
	}
	return false
}

// resourceOf names what a request is about, by the parameters of its path.
func resourceOf(c echo.Context) string {
	const most = 120 // of a farm number or an id: more is an attempt
	var parts []string
	for i, name := range c.ParamNames() {
		value := c.ParamValues()[i]
		if len(value) > most || !storable(value) {
			value = "?"
		}
		parts = append(parts, name+"="+value)
	}
	return strings.Join(parts, " ")
}

// verb is a method that routes have, or "autre": a client may invent others.
func verb(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "autre"
}
