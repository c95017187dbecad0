package api

import (
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// deleteParcellaire handles DELETE /api/v3/parcellaires/{id}.
func (s *Server) deleteParcellaire(c echo.Context) error {
	q, err := query(c, "motif", "commentaire")
	if err != nil {
		return err
	}
	d := service.Deletion{ID: parcellaireID(c), If: precondition(c), Request: requestID(c)}
	d.Reason = sillon.DeletionReason{Code: sillon.DeletionOther, Reason: q.Get("commentaire")}
	if q.Has("motif") {
		if err := d.Reason.Code.UnmarshalText([]byte(q.Get("motif"))); err != nil {
			return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("motif"))
		}
	}
	if utf8.RuneCountInString(d.Reason.Reason) > sillon.MostReason {
		return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("commentaire"))
	}
	if err := s.service.Delete(c.Request().Context(), actor(c), d); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// restoreParcellaire handles POST /api/v3/parcellaires/{id}/restauration.
func (s *Server) restoreParcellaire(c echo.Context) error {
	if err := members(c, nil); err != nil {
		return err
	}
	p, err := s.service.Restore(c.Request().Context(), actor(c), service.Deletion{
		ID: parcellaireID(c), If: precondition(c), Request: requestID(c),
	})
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", revisionTag(p.Revision))
	return c.JSON(http.StatusOK, s.parcellaireJSON(p))
}
