package api

import (
	"crypto/sha256"
	"encoding/hex"
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
	etag, gzip := t.ETag, accepts(c, "gzip") && len(t.Bytes) > 0
	if gzip {
		etag = t.GzipETag
	}
	h.Set("ETag", etag)
	switch {
	case matches(c, etag):
		return c.NoContent(http.StatusNotModified)
	case len(t.Bytes) == 0:
		return c.NoContent(http.StatusNoContent)
	case gzip:
		h.Set(echo.HeaderContentEncoding, "gzip")
		return c.Blob(http.StatusOK, tileType, t.Gzip())
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
	b, err := marshal(description)
	if err != nil {
		return err
	}
	return open(c, echo.MIMEApplicationJSON, b)
}

// mapStyle handles GET /tiles/style.json.
func (s *Server) mapStyle(c echo.Context) error {
	return open(c, echo.MIMEApplicationJSON, s.opts.Style)
}

// mapPage handles the page and its files.
func (s *Server) mapPage(c echo.Context) error {
	s.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

// open answers with a public document, which any page may read, and caches keep
// for a while.
func open(c echo.Context, media string, body []byte) error {
	h := c.Response().Header()
	h.Set(echo.HeaderAccessControlAllowOrigin, "*")
	h.Set(echo.HeaderCacheControl, "public, max-age=300")
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h.Set("ETag", etag)
	if matches(c, etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, media, body)
}
