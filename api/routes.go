package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// A route is one operation of openapi.yaml.
type route struct {
	method     string
	path       string // as Echo writes it
	spec       string // as openapi.yaml writes it
	handler    echo.HandlerFunc
	middleware []echo.MiddlewareFunc
}

// routes lists every route, in the order of openapi.yaml. Middleware goes on
// routes: on a group it would turn a 405 into a 404.
func (s *Server) routes() []route {
	get := func(path, spec string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) route {
		return route{http.MethodGet, path, spec, h, m}
	}
	post := func(path, spec string, h echo.HandlerFunc) route {
		return route{http.MethodPost, path, spec, h, []echo.MiddlewareFunc{s.authenticated}}
	}
	put := func(path, spec string, h echo.HandlerFunc) route {
		return route{http.MethodPut, path, spec, h, []echo.MiddlewareFunc{s.authenticated}}
	}
	head := func(path, spec string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) route {
		return route{http.MethodHead, path, spec, h, m}
	}
	return []route{
		{http.MethodPost, "/api/v2/certification/parcelles", "/api/v2/certification/parcelles", s.push, []echo.MiddlewareFunc{s.authenticated}},
		get("/api/v3/import/jobs/:id", "/api/v3/import/jobs/{id}", s.importJob, s.authenticated),
		get("/api/v3/import/parcellaire-imports", "/api/v3/import/parcellaire-imports", s.imports, s.authenticated),
		get("/api/v3/import/parcellaire-imports/:id", "/api/v3/import/parcellaire-imports/{id}", s.importDetail, s.authenticated),
		get("/api/v3/import/parcellaire-imports/:id/logs", "/api/v3/import/parcellaire-imports/{id}/logs", s.importLogs, s.authenticated),
		get("/api/v3/import/parcellaire-imports/:id/payload", "/api/v3/import/parcellaire-imports/{id}/payload", s.importPayload, s.authenticated),
		get("/api/v2/certification/parcellaire/:numeroBio", "/api/v2/certification/parcellaire/{numeroBio}", s.exchangeOne, s.authenticated),
		get("/api/v2/certification/parcellaires", "/api/v2/certification/parcellaires", s.exchangeAll, s.authenticated),
		get("/api/v3/exploitations", "/api/v3/exploitations", s.farms, s.authenticated),
		post("/api/v3/exploitations/imports", "/api/v3/exploitations/imports", s.importFarms),
		get("/api/v3/exploitations/:numeroBio", "/api/v3/exploitations/{numeroBio}", s.farm, s.authenticated),
		put("/api/v3/exploitations/:numeroBio", "/api/v3/exploitations/{numeroBio}", s.putFarm),
		put("/api/v3/exploitations/:numeroBio/liens/:certificateurId", "/api/v3/exploitations/{numeroBio}/liens/{certificateurId}", s.putLink),
		get("/api/v3/exploitations/:numeroBio/parcellaires", "/api/v3/exploitations/{numeroBio}/parcellaires", s.parcellaires, s.authenticated),
		get("/api/v3/parcellaires/:id", "/api/v3/parcellaires/{id}", s.parcellaire, s.authenticated),
		{http.MethodDelete, "/api/v3/parcellaires/:id", "/api/v3/parcellaires/{id}", s.deleteParcellaire, []echo.MiddlewareFunc{s.authenticated}},
		post("/api/v3/parcellaires/:id/restauration", "/api/v3/parcellaires/{id}/restauration", s.restoreParcellaire),
		get("/api/v3/parcellaires/:id/historique", "/api/v3/parcellaires/{id}/historique", s.history, s.authenticated),
		get("/api/v3/parcellaires/:id/parcelles", "/api/v3/parcellaires/{id}/parcelles", s.parcels, s.authenticated),
		get("/api/v3/parcellaires/:id/export", "/api/v3/parcellaires/{id}/export", s.export, s.authenticated),
		get("/api/v3/imports/:jobId/evenements", "/api/v3/imports/{jobId}/evenements", s.importEvents, s.authenticated),
		get("/api/v3/webhooks", "/api/v3/webhooks", s.webhooks, s.authenticated),
		post("/api/v3/webhooks", "/api/v3/webhooks", s.createWebhook),
		get("/api/v3/webhooks/:id", "/api/v3/webhooks/{id}", s.webhook, s.authenticated),
		{http.MethodPatch, "/api/v3/webhooks/:id", "/api/v3/webhooks/{id}", s.editWebhook, []echo.MiddlewareFunc{s.authenticated}},
		{http.MethodDelete, "/api/v3/webhooks/:id", "/api/v3/webhooks/{id}", s.deleteWebhook, []echo.MiddlewareFunc{s.authenticated}},
		post("/api/v3/webhooks/:id/rotation", "/api/v3/webhooks/{id}/rotation", s.rotateWebhook),
		post("/api/v3/webhooks/:id/essai", "/api/v3/webhooks/{id}/essai", s.tryWebhook),
		get("/api/v3/webhooks/:id/livraisons", "/api/v3/webhooks/{id}/livraisons", s.deliveries, s.authenticated),
		post("/api/v3/webhooks/:id/livraisons/:livraisonId/renvoi", "/api/v3/webhooks/{id}/livraisons/{livraisonId}/renvoi", s.resendDelivery),
		get("/api/v3/jetons", "/api/v3/jetons", s.tokens, s.authenticated),
		{http.MethodPost, "/api/v3/jetons", "/api/v3/jetons", s.createToken, []echo.MiddlewareFunc{s.authenticated}},
		{http.MethodDelete, "/api/v3/jetons/:id", "/api/v3/jetons/{id}", s.revokeToken, []echo.MiddlewareFunc{s.authenticated}},
		{http.MethodPost, "/api/v3/jetons/:id/rotation", "/api/v3/jetons/{id}/rotation", s.rotateToken, []echo.MiddlewareFunc{s.authenticated}},
		get("/api/v3/supervision/journal", "/api/v3/supervision/journal", s.trail, s.authenticated),
		get("/tiles/parcelles/:z/:x/:y", "/tiles/parcelles/{z}/{x}/{y}.mvt", s.parcelTile, s.perhapsKnown),
		head("/tiles/parcelles/:z/:x/:y", "/tiles/parcelles/{z}/{x}/{y}.mvt", s.parcelTile, s.perhapsKnown),
		get("/tiles/communes/:z/:x/:y", "/tiles/communes/{z}/{x}/{y}.mvt", s.communeTile, s.perhapsKnown),
		head("/tiles/communes/:z/:x/:y", "/tiles/communes/{z}/{x}/{y}.mvt", s.communeTile, s.perhapsKnown),
		get("/tiles/departements/:z/:x/:y", "/tiles/departements/{z}/{x}/{y}.mvt", s.departementTile, s.perhapsKnown),
		head("/tiles/departements/:z/:x/:y", "/tiles/departements/{z}/{x}/{y}.mvt", s.departementTile, s.perhapsKnown),
		get("/tiles/parcelles.json", "/tiles/parcelles.json", s.parcelTileJSON, s.perhapsKnown),
		get("/tiles/communes.json", "/tiles/communes.json", s.communeTileJSON, s.perhapsKnown),
		get("/tiles/departements.json", "/tiles/departements.json", s.departementTileJSON, s.perhapsKnown),
		get("/tiles/style.json", "/tiles/style.json", s.mapStyle, s.perhapsKnown),
		get("/api/version", "/api/version", s.version),
		get("/api/v2/test", "/api/v2/test", s.test, s.authenticated),
		get("/healthz", "/healthz", s.healthz),
		get("/readyz", "/readyz", s.readyz),
		get("/metrics", "/metrics", s.scrape),
		get("/openapi.yaml", "/openapi.yaml", s.description),
		get("/docs", "/docs", s.docs),
		head("/docs", "/docs", s.docs),
		get(problemsPath, "/problemes", s.problems),
		head(problemsPath, "/problemes", s.problems),
		get(problemsPath+"/:code", "/problemes/{code}", s.problems),
		head(problemsPath+"/:code", "/problemes/{code}", s.problems),
		get("/", "/", s.mapPage),
		head("/", "/", s.mapPage),
		get("/assets/:file", "/assets/{file}", s.mapPage),
		head("/assets/:file", "/assets/{file}", s.mapPage),
	}
}
