package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// tileType is the media type of a vector tile.
const tileType = "application/vnd.mapbox-vector-tile"

// How long a reply may be kept. A tile that everybody may see is kept by caches
// that ask each time whether it still is the one, for a write shows in the next
// tile read; under an address that names its edition it is kept for good. What
// an actor sees is nobody else's.
const (
	revalidated = "public, no-cache"
	immutable   = "public, max-age=31536000, immutable"
	kept        = "public, max-age=300"
	unshared    = "private, no-store"
)

// whoAndHow are the headers that a reply about tiles depends on.
const whoAndHow = "Accept-Encoding, Authorization"

// parcelTile handles GET /tiles/parcelles/{z}/{x}/{y}.mvt.
func (s *Server) parcelTile(c echo.Context) error { return s.tile(c, service.TilesParcelles) }

// communeTile handles GET /tiles/communes/{z}/{x}/{y}.mvt.
func (s *Server) communeTile(c echo.Context) error { return s.tile(c, service.TilesCommunes) }

// departementTile handles GET /tiles/departements/{z}/{x}/{y}.mvt.
func (s *Server) departementTile(c echo.Context) error { return s.tile(c, service.TilesDepartements) }

func (s *Server) tile(c echo.Context, tileset string) error {
	q, edition, err := tileQuery(c, tileset)
	if err != nil {
		return err
	}
	y, suffixed := strings.CutSuffix(c.Param("y"), ".mvt")
	if !suffixed {
		return sillon.ErrNotFound
	}
	ctx := c.Request().Context()
	found, err := s.service.FindTile(ctx, s.asker(c), &service.TileRequest{
		TileQuery: q, Z: c.Param("z"), X: c.Param("x"), Y: y, Edition: edition,
	})
	if err != nil {
		return err
	}
	coding := codingFor(c.Request().Header.Get(echo.HeaderAcceptEncoding))
	etag := s.service.TileETag(&found, coding)
	if etag != "" && matches(c, etag) {
		s.aboutTile(c, &found, etag)
		return c.NoContent(http.StatusNotModified)
	}
	t, err := s.service.Tile(ctx, &found)
	if err != nil {
		return err
	}
	etag = t.ETag(coding)
	s.aboutTile(c, &found, etag)
	switch {
	case matches(c, etag):
		return c.NoContent(http.StatusNotModified)
	case len(t.Bytes) == 0:
		return c.NoContent(http.StatusNoContent)
	}
	h := c.Response().Header()
	switch coding {
	case service.Gzip:
		h[echo.HeaderContentEncoding] = gzipCoded
	case service.Zstd:
		h[echo.HeaderContentEncoding] = zstdCoded
	case service.Identity:
	}
	body := t.Body(coding)
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	return c.Blob(http.StatusOK, tileType, body)
}

// Values of headers that are the same for each tile.
var (
	gzipCoded = []string{"gzip"}
	zstdCoded = []string{"zstd"}
	varying   = []string{whoAndHow}
	anybody   = []string{"*"}
)

// aboutTile writes the headers that a tile has, and what says that it has not
// changed.
func (s *Server) aboutTile(c echo.Context, found *service.FoundTile, etag string) {
	h := c.Response().Header()
	h[echo.HeaderVary] = varying
	h["Etag"] = []string{etag}
	switch {
	case asked(c) || found.Private:
		h.Set(echo.HeaderCacheControl, unshared)
		return
	case found.Fixed:
		h.Set(echo.HeaderCacheControl, immutable)
	default:
		h.Set(echo.HeaderCacheControl, revalidated)
	}
	h[echo.HeaderAccessControlAllowOrigin] = anybody
}

// asked reports whether the request says who it is from: its reply then is for
// nobody else, even if it is the same.
func asked(c echo.Context) bool { return c.Request().Header.Get(echo.HeaderAuthorization) != "" }

// asker is the actor, or everybody.
func (s *Server) asker(c echo.Context) sillon.Actor {
	if a, ok := c.Get(actorKey).(sillon.Actor); ok {
		return a
	}
	return sillon.Public
}

// tileQuery reads what is asked of a tileset, and the edition that the address
// names.
func tileQuery(c echo.Context, tileset string) (q service.TileQuery, edition string, err error) {
	q.Tileset = tileset
	if c.Request().URL.RawQuery == "" {
		return q, "", nil
	}
	known := []string{"v"}
	if tileset == service.TilesParcelles {
		known = append(known, "parcellaire", "niveau", "culture", "annee", "departement")
	}
	values, err := query(c, known...)
	if err != nil {
		return q, "", err
	}
	if values.Has("parcellaire") {
		id, err := uuid.Parse(values.Get("parcellaire"))
		if err != nil {
			return q, "", sillon.ErrNoParcellaire
		}
		q.Version = sillon.ParcellaireID(id.String())
	}
	q.Filter, err = tileFilter(values)
	return q, values.Get("v"), err
}

// tileFilter reads the filters: each may be there several times, and hold
// several values with commas between.
func tileFilter(values url.Values) (f service.TileFilter, err error) {
	list := func(name string, add func(string) error) {
		for _, text := range values[name] {
			for value := range strings.SplitSeq(text, ",") {
				if err == nil && add(value) != nil {
					err = sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
				}
			}
		}
	}
	list("niveau", func(v string) error {
		var l sillon.Level
		f.Levels = append(f.Levels, l)
		return f.Levels[len(f.Levels)-1].UnmarshalText([]byte(v))
	})
	list("annee", func(v string) error {
		year, err := strconv.Atoi(v)
		f.Years = append(f.Years, year)
		return err
	})
	list("culture", func(v string) error { f.Crops = append(f.Crops, v); return nil })
	list("departement", func(v string) error { f.Departements = append(f.Departements, v); return nil })
	return f, err
}

// parcelTileJSON handles GET /tiles/parcelles.json.
func (s *Server) parcelTileJSON(c echo.Context) error { return s.tileJSON(c, service.TilesParcelles) }

// communeTileJSON handles GET /tiles/communes.json.
func (s *Server) communeTileJSON(c echo.Context) error { return s.tileJSON(c, service.TilesCommunes) }

// departementTileJSON handles GET /tiles/departements.json.
func (s *Server) departementTileJSON(c echo.Context) error {
	return s.tileJSON(c, service.TilesDepartements)
}

// tileJSON describes a tileset. The addresses of its tiles ask for the same as
// the address of the description.
func (s *Server) tileJSON(c echo.Context, tileset string) error {
	q, _, err := tileQuery(c, tileset)
	if err != nil {
		return err
	}
	same := c.QueryParams()
	same.Del("v")
	d, private, err := s.service.TileJSON(s.asker(c), &q, s.opts.PublicURL, same.Encode())
	if err != nil {
		return err
	}
	b, err := marshal(d)
	if err != nil {
		return err
	}
	return s.aboutMap(c, b, private, revalidated)
}

// aboutMap answers with a document about tiles. cache is for one that everybody
// may see.
func (s *Server) aboutMap(c echo.Context, body []byte, private bool, cache string) error {
	h := c.Response().Header()
	h.Set(echo.HeaderVary, echo.HeaderAuthorization)
	if private || asked(c) {
		h.Set(echo.HeaderCacheControl, unshared)
	} else {
		h.Set(echo.HeaderCacheControl, cache)
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
	}
	return document(c, echo.MIMEApplicationJSON, body)
}

// mapStyle handles GET /tiles/style.json.
func (s *Server) mapStyle(c echo.Context) error {
	q, err := query(c, "theme", "fond")
	if err != nil {
		return err
	}
	b, private, err := s.service.MapStyle(c.Request().Context(), s.asker(c), service.StyleQuery{Theme: q.Get("theme"), Background: q.Get("fond")}, s.opts.PublicURL)
	if err != nil {
		return err
	}
	return s.aboutMap(c, b, private, kept)
}

// mapPage handles the page and its files.
func (s *Server) mapPage(c echo.Context) error {
	s.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

// open answers with a public document, which any page may read, and caches keep
// for a while.
func open(c echo.Context, media string, body []byte) error {
	c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
	c.Response().Header().Set(echo.HeaderCacheControl, kept)
	return document(c, media, body)
}

// document answers with a document known by its bytes.
func document(c echo.Context, media string, body []byte) error {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	c.Response().Header().Set("ETag", etag)
	if matches(c, etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, media, body)
}
