package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// pastEvent is an entry of the history of a version on the wire.
type pastEvent struct {
	ID              int64            `json:"id"`
	Type            sillon.EventType `json:"type"`
	Date            string           `json:"date"`
	Acteur          *string          `json:"acteur"` // null for whoever may not know
	Role            string           `json:"role"`
	CertificateurID *sillon.OC       `json:"certificateurId"`
	Statut          sillon.State     `json:"statut"`
	Parcelles       []string         `json:"parcelles"`
	Avant           json.RawMessage  `json:"avant"`
	Apres           json.RawMessage  `json:"apres"`
	Motif           *eventReason     `json:"motif"`
}

type eventReason struct {
	Code        *string `json:"code"`
	Commentaire *string `json:"commentaire"`
}

type eventList struct {
	Data  []pastEvent `json:"data"`
	Links nextLinks   `json:"_links"`
}

// history handles GET /api/v3/parcellaires/{id}/historique.
func (s *Server) history(c echo.Context) error {
	q, err := query(c, "limite", "curseur")
	if err != nil {
		return err
	}
	limit, err := number(q, "limite", 1, service.MostEvents, 20)
	if err != nil {
		return err
	}
	before, err := cursorID(q, "curseur")
	if err != nil {
		return err
	}
	id := parcellaireID(c)
	events, more, err := s.service.History(c.Request().Context(), actor(c), id, before, limit)
	if err != nil {
		return err
	}
	list := eventList{Data: make([]pastEvent, len(events))}
	for i := range events {
		list.Data[i] = eventJSON(&events[i])
	}
	if more {
		list.Links = s.nextPage("/api/v3/parcellaires/"+string(id)+"/historique", q, limit, strconv.FormatInt(events[len(events)-1].ID, 10))
	}
	return c.JSON(http.StatusOK, list)
}

func eventJSON(e *service.PastEvent) pastEvent {
	p := pastEvent{
		ID: e.ID, Type: e.Type, Date: stamp(&e.At), Acteur: textNull(e.ActorID), Role: e.ActorRole, CertificateurID: e.ActorOC,
		Statut: e.State, Parcelles: listed(e.FeatureIDs), Avant: e.Before, Apres: e.After,
	}
	if e.Reason != "" {
		p.Motif = &eventReason{Commentaire: &e.Reason}
		if r, ok := sillon.ParseDeletionReason(e.Reason); ok {
			p.Motif = &eventReason{textNull(string(r.Code)), textNull(r.Reason)}
		}
	}
	return p
}
