package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// farmList is a page of farms (api.md, "Lists").
type farmList struct {
	Data  []farm    `json:"data"`
	Links nextLinks `json:"_links"`
}

type farm struct {
	NumeroBio     sillon.NumeroBio `json:"numeroBio"`
	Nom           string           `json:"nom"`
	Denomination  string           `json:"denomination"`
	Siret         *string          `json:"siret"`
	Commune       *string          `json:"commune"`
	Departement   *string          `json:"departement"`
	Certificateur *farmCertifier   `json:"certificateur"`
	Parcellaire   *farmParcellaire `json:"parcellaire"`
}

type farmCertifier struct {
	ID   sillon.OC `json:"id"`
	Nom  string    `json:"nom"`
	Etat string    `json:"etat"`
}

type farmParcellaire struct {
	ID          string       `json:"id"`
	Statut      sillon.State `json:"statut"`
	DateAudit   *string      `json:"dateAudit"`
	Surface     float64      `json:"surface"`
	NbParcelles int          `json:"nbParcelles"`
}

// farms handles GET /api/v3/exploitations.
func (s *Server) farms(c echo.Context) error {
	q, err := query(c, "recherche", "departement", "limite", "curseur")
	if err != nil {
		return err
	}
	limit, err := number(q, "limite", 1, service.MaxFarms, 50)
	if err != nil {
		return err
	}
	after, err := cursor(q, "curseur")
	if err != nil {
		return err
	}
	rows, more, err := s.service.Farms(c.Request().Context(), actor(c), service.FarmQuery{
		Search: q.Get("recherche"), Departement: q.Get("departement"), After: after, Limit: limit,
	})
	if err != nil {
		return err
	}
	list := farmList{Data: make([]farm, len(rows))}
	for i := range rows {
		list.Data[i] = farmJSON(&rows[i])
	}
	if more {
		list.Links = s.nextPage("/api/v3/exploitations", q, limit, string(rows[len(rows)-1].NumeroBio))
	}
	return c.JSON(http.StatusOK, list)
}

func farmJSON(r *service.FarmRow) farm {
	f := farm{
		NumeroBio: r.NumeroBio, Nom: r.Name, Denomination: r.TradeName, Siret: textNull(r.Siret), Commune: textNull(r.Commune),
		Departement: textNull(r.Departement),
	}
	if r.OC != nil {
		f.Certificateur = &farmCertifier{ID: *r.OC, Nom: *r.OCLabel, Etat: *r.LinkState}
	}
	if r.ParcellaireID != nil {
		f.Parcellaire = &farmParcellaire{
			ID: *r.ParcellaireID, Statut: *r.State, DateAudit: day(r.AuditDate), Surface: hectares(*r.SurfaceM2), NbParcelles: *r.ParcelCount,
		}
	}
	return f
}
