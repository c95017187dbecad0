package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// export handles GET /api/v3/parcellaires/{id}/export.
func (s *Server) export(c echo.Context) error {
	q, err := query(c, "format", "modele")
	if err != nil {
		return err
	}
	asked := service.ExportQuery{ID: parcellaireID(c), Model: q.Get("modele")}
	switch q.Get("format") {
	case "geojson":
		return s.exportParcels(c)
	case "gpkg", "shp", "kml", "fgb", "parquet": // of api.md
		return sillon.ErrExportFormat
	}
	if err := asked.Format.UnmarshalText([]byte(q.Get("format"))); err != nil {
		return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("format")).Because(err)
	}
	e, err := s.service.Export(c.Request().Context(), actor(c), asked, func(etag string) error {
		c.Response().Header().Set("ETag", etag)
		if matches(c, etag) {
			return errNotModified
		}
		return nil
	})
	if err == errNotModified { //nolint:errorlint // ours, unwrapped
		return c.NoContent(http.StatusNotModified)
	}
	if err != nil {
		return err
	}
	download(c, e.Name)
	c.Response().Header().Set(echo.HeaderContentType, e.MediaType)
	return e.Write(c.Response())
}

// exportParcels writes the parcels so that they can be imported unchanged.
func (s *Server) exportParcels(c echo.Context) error {
	return writeParcels(c, 9, func(first func(*sillon.Parcellaire) error, each func(*sillon.ParcelView) error) error {
		return s.service.ExportParcels(c.Request().Context(), actor(c), parcellaireID(c), func(p *sillon.Parcellaire, name string) error {
			download(c, name)
			return first(p)
		}, each)
	})
}

// download has the reply saved as a file, whose name needs no quoting, and never
// shown as a page.
func download(c echo.Context, name string) {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	c.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
}
