package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	openapi "sillon"
	"sillon/service"
)

// healthz handles GET /healthz: the process answers.
func (s *Server) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"statut": "ok"})
}

// readiness says what the service is missing.
type readiness struct {
	Statut   string    `json:"statut"`
	Manquant []string  `json:"manquant"` // reference data not loaded: communes, departements, regions
	Tuiles   *tileFeed `json:"tuiles,omitempty"`
}

// tileFeed says where the tiles of parcels come from, and what they lack.
type tileFeed struct {
	Source            string  `json:"source"`
	Etat              string  `json:"etat"`
	Ecoute            bool    `json:"ecoute"`
	RetardChangements int64   `json:"retardChangements"`
	RetardSecondes    float64 `json:"retardSecondes"`
}

// tileStates says the states of a feed; only in the last do tiles come from memory.
var tileStates = map[service.TileState]string{
	service.TilesOff: "sans_memoire", service.TilesLoading: "chargement", service.TilesBehind: "en_retard", service.TilesReady: "a_jour",
}

func tileFeedJSON(f *service.TileFeed) *tileFeed {
	if f == nil {
		return nil
	}
	source := "postgis"
	if f.State == service.TilesReady {
		source = "memoire"
	}
	return &tileFeed{source, tileStates[f.State], f.Listening, f.Changes, f.Lag.Seconds()}
}

// readyz handles GET /readyz: the database answers. Missing reference data is
// told, and does not keep the service from working (domain.md §7); nor do tiles
// that are behind in memory, which come from the database then.
func (s *Server) readyz(c echo.Context) error {
	r, err := s.service.Ready(c.Request().Context())
	if err != nil {
		return err
	}
	if r.Missing == nil {
		r.Missing = []string{}
	}
	return c.JSON(http.StatusOK, readiness{"ok", r.Missing, tileFeedJSON(r.Tiles)})
}

// version handles GET /api/version.
func (s *Server) version(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"version": s.opts.Version})
}

// test handles GET /api/v2/test, by which certifiers try their token.
func (s *Server) test(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"test": "OK"})
}

// description handles GET /openapi.yaml.
func (s *Server) description(c echo.Context) error {
	return open(c, "application/yaml", openapi.YAML)
}
