package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	openapi "sillon"
)

// healthz handles GET /healthz: the process answers.
func (s *Server) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"statut": "ok"})
}

// readiness says what the service is missing.
type readiness struct {
	Statut   string   `json:"statut"`
	Manquant []string `json:"manquant"` // reference data not loaded: communes, departements, regions
}

// readyz handles GET /readyz: the database answers. Missing reference data is
// told, and does not keep the service from working (domain.md §7).
func (s *Server) readyz(c echo.Context) error {
	missing, err := s.service.Ready(c.Request().Context())
	if err != nil {
		return err
	}
	if missing == nil {
		missing = []string{}
	}
	return c.JSON(http.StatusOK, readiness{Statut: "ok", Manquant: missing})
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
