// Package api is the HTTP surface: it decodes requests, calls one use case,
// and encodes its answer or its failure. It decides nothing.
package api

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/web"
)

// Options are what the surface needs to know of the world.
type Options struct {
	PublicURL string // scheme and host under which users reach the service, without a final slash
	Version   string
	Origins   []string // outside origins that the style fetches from
	Log       *slog.Logger

	Rates          Rates          // zero limits nothing
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Metrics        *Metrics       // nil makes some
	MetricsApart   bool           // they have a listener of their own
}

// A Server is the HTTP surface of one service.
type Server struct {
	service *service.Service
	opts    Options
	page    http.Handler
	metrics *Metrics

	described                     map[string]operation // by method and path of Echo
	addresses, failures, perToken *limiter
}

// New returns the handler of all routes.
func New(svc *service.Service, opts Options) http.Handler {
	s := &Server{
		service: svc, opts: opts, page: web.Handler(web.Options{Origins: opts.Origins}), metrics: opts.Metrics,
		addresses: newLimiter("adresse", opts.Rates.Address), failures: newLimiter("echecs", opts.Rates.Failures),
		perToken: newLimiter("jeton", opts.Rates.Token),
	}
	if s.metrics == nil {
		s.metrics = NewMetrics(svc, opts.Version)
	}
	s.described = describe(s.routes())
	e := echo.New()
	e.HTTPErrorHandler = s.fail
	e.JSONSerializer = plainJSON{}
	e.Use(s.identify, s.logged, s.recovered, s.limited)
	for _, r := range s.routes() {
		e.Add(r.method, r.path, r.handler, r.middleware...)
	}
	return e
}
