package api

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// farmList is a page of farms (api.md, "Lists").
type farmList struct {
	Data  []farm    `json:"data"`
	Links nextLinks `json:"_links"`
}

type nextLinks struct {
	Next *string `json:"next"`
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
		next := s.farmsAfter(q, limit, string(rows[len(rows)-1].NumeroBio))
		list.Links.Next = &next
	}
	return c.JSON(http.StatusOK, list)
}

func (s *Server) farmsAfter(q url.Values, limit int, numero string) string {
	v := url.Values{"limite": {strconv.Itoa(limit)}, "curseur": {cursorTo(numero)}}
	for _, name := range []string{"recherche", "departement"} {
		if text := q.Get(name); text != "" {
			v.Set(name, text)
		}
	}
	return s.opts.PublicURL + "/api/v3/exploitations?" + v.Encode()
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
