package api

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// tileType is the media type of a vector tile.
const tileType = "application/vnd.mapbox-vector-tile"

// tileCache lets caches keep a public tile, and makes them ask each time
// whether it still is the one: a write shows in the next tile read.
const tileCache = "public, no-cache"

// parcelTile handles GET /tiles/parcelles/{z}/{x}/{y}.mvt.
func (s *Server) parcelTile(c echo.Context) error { return s.tile(c, service.TilesParcelles) }

// departementTile handles GET /tiles/departements/{z}/{x}/{y}.mvt.
func (s *Server) departementTile(c echo.Context) error { return s.tile(c, service.TilesDepartements) }

func (s *Server) tile(c echo.Context, tileset string) error {
	y, suffixed := strings.CutSuffix(c.Param("y"), ".mvt")
	if !suffixed {
		return sillon.ErrNotFound
	}
	t, err := s.service.Tile(c.Request().Context(), tileset, c.Param("z"), c.Param("x"), y)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, tileCache)
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	h.Set(echo.HeaderAccessControlAllowOrigin, "*")
	etag, gzip := t.ETag(service.Identity), accepts(c, "gzip") && len(t.Bytes) > 0
	if gzip {
		etag = t.ETag(service.Gzip)
	}
	h.Set("ETag", etag)
	switch {
	case matches(c, etag):
		return c.NoContent(http.StatusNotModified)
	case len(t.Bytes) == 0:
		return c.NoContent(http.StatusNoContent)
	case gzip:
		h.Set(echo.HeaderContentEncoding, "gzip")
		return c.Blob(http.StatusOK, tileType, t.Body(service.Gzip))
	}
	return c.Blob(http.StatusOK, tileType, t.Bytes)
}

// parcelTileJSON handles GET /tiles/parcelles.json.
func (s *Server) parcelTileJSON(c echo.Context) error { return s.tileJSON(c, service.TilesParcelles) }

// departementTileJSON handles GET /tiles/departements.json.
func (s *Server) departementTileJSON(c echo.Context) error {
	return s.tileJSON(c, service.TilesDepartements)
}

func (s *Server) tileJSON(c echo.Context, tileset string) error {
	description, err := s.service.TileJSON(tileset, s.opts.PublicURL)
	if err != nil {
		return err
	}
	open(c)
	return c.JSON(http.StatusOK, description)
}

// mapStyle handles GET /tiles/style.json.
func (s *Server) mapStyle(c echo.Context) error {
	open(c)
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, s.opts.Style)
}

// mapPage handles the page and its files.
func (s *Server) mapPage(c echo.Context) error {
	s.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

// open lets any page read a public document, and caches keep it for a while.
func open(c echo.Context) {
	c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
	c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=300")
}
