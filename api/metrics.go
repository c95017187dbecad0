package api

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sillon/service"
)

// Metrics are what a Prometheus server scrapes of one node (O9). It is an
// http.Handler, for a listener of its own.
type Metrics struct {
	http.Handler
	requests *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	jobs     *prometheus.HistogramVec
}

// NewMetrics returns the metrics of a service. What the database and the
// service know by themselves is asked at each scrape.
func NewMetrics(svc *service.Service, version string) *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		Handler: promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sillon_http_request_duration_seconds", Help: "Time to answer, by route and status; its count is the number of requests.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sillon_http_refusals_total", Help: "Requests that failed, by the code of the failure.",
		}, []string{"code", "status"}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sillon_job_duration_seconds", Help: "Time of a run of a job, by its kind and how it ended.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 10, 60},
		}, []string{"kind", "outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sillon_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	r.MustRegister(m.requests, m.refusals, m.jobs, build, newGauges(svc),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// JobDone notes a run of a job: outcome is ok, again or error.
func (m *Metrics) JobDone(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(took.Seconds())
}

// observed measures a request that has been answered. A request that matched
// no route counts as one route, or a client could make up any number.
func (s *Server) observed(c echo.Context, err error, took time.Duration) {
	route := "autre"
	if r, ok := s.described[verb(c.Request().Method)+" "+c.Path()]; ok {
		route = r.spec
	}
	status := c.Response().Status
	s.metrics.requests.WithLabelValues(verb(c.Request().Method), route, strconv.Itoa(status)).Observe(took.Seconds())
	if err != nil && status >= http.StatusBadRequest {
		f, _ := failure(err, c)
		s.metrics.refusals.WithLabelValues(f.Code, strconv.Itoa(status)).Inc()
	}
}

// scrape handles GET /metrics. Metrics tell how much each certifier's work
// slows down the next, so they are for this machine only: a request that came
// through a proxy is not from here. Any other place needs a listener of its own.
func (s *Server) scrape(c echo.Context) error {
	peer, err := netip.ParseAddrPort(c.Request().RemoteAddr)
	h := c.Request().Header
	forwarded := h.Get(echo.HeaderXForwardedFor) != "" || h.Get("Forwarded") != "" || h.Get("Via") != ""
	if s.opts.MetricsApart || err != nil || !peer.Addr().Unmap().IsLoopback() || forwarded {
		return echo.ErrNotFound
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// gauges are the metrics that are read when they are asked for.
type gauges struct {
	service *service.Service

	up, connections, waits, waited      *prometheus.Desc
	queue, queueAge, imports, importAge *prometheus.Desc
	records, parcels, recordIssues      *prometheus.Desc
	retentionAge, retentionRemoved      *prometheus.Desc
	tilesReady, tilesListening          *prometheus.Desc
	tilesLagChanges, tilesLag           *prometheus.Desc
	tilesParcels, tilesBytes            *prometheus.Desc
	tilesReloads                        *prometheus.Desc
	tilesKept, tilesKeptBytes, tilesBy  *prometheus.Desc
}

func newGauges(svc *service.Service) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sillon_"+name, help, labels, nil)
	}
	return &gauges{
		service:          svc,
		up:               desc("database_up", "Whether the database answered this scrape."),
		connections:      desc("database_connections", "Connections of the pool; max is its size.", "state"),
		waits:            desc("database_connection_waits_total", "Times that a connection was waited for."),
		waited:           desc("database_connection_wait_seconds_total", "Time that connections were waited for."),
		queue:            desc("queue_jobs", "Jobs in the queue of all nodes.", "kind", "state"),
		queueAge:         desc("queue_oldest_seconds", "How long the oldest job that could be worked has waited."),
		imports:          desc("imports_open", "Pushes that are not stored yet."),
		importAge:        desc("imports_oldest_seconds", "Age of the oldest push that is not stored yet."),
		records:          desc("import_records_total", "Records of pushes settled by this node.", "outcome"),
		parcels:          desc("import_parcels_total", "Parcels of the records stored by this node."),
		recordIssues:     desc("import_issues_total", "What was wrong in the records pushed to this node, by code.", "code"),
		retentionAge:     desc("retention_age_seconds", "How long ago a kind of data was last looked through for what was kept long enough.", "kind"),
		retentionRemoved: desc("retention_removed", "How much of a kind of data the last run of retention removed.", "kind"),
		tilesReady:       desc("tiles_ready", "Whether tiles of parcels come from memory; else from PostGIS."),
		tilesListening:   desc("tiles_listening", "Whether the node is told of changes; else it looks for them every second."),
		tilesLagChanges:  desc("tiles_lag_changes", "Changes of parcels that are committed and not in memory."),
		tilesLag:         desc("tiles_lag_seconds", "Time since the first change that is not in memory began; 0 without one."),
		tilesParcels:     desc("tiles_parcels", "Parcels in memory."),
		tilesBytes:       desc("tiles_bytes", "Memory that they take."),
		tilesReloads:     desc("tiles_loads_total", "Times that all parcels were read into memory."),
		tilesKept:        desc("tiles_kept", "Finished tiles that are kept."),
		tilesKeptBytes:   desc("tiles_kept_bytes", "Memory that they take."),
		tilesBy:          desc("tiles_total", "Tiles asked for: kept, being made for another, made, made and changed meanwhile.", "outcome"),
	}
}

// Describe sends the descriptions of the metrics.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.up, g.connections, g.waits, g.waited, g.queue, g.queueAge, g.imports, g.importAge, g.records, g.parcels, g.recordIssues,
		g.retentionAge, g.retentionRemoved,
		g.tilesReady, g.tilesListening, g.tilesLagChanges, g.tilesLag, g.tilesParcels, g.tilesBytes, g.tilesReloads,
		g.tilesKept, g.tilesKeptBytes, g.tilesBy,
	} {
		ch <- d
	}
}

// Collect reads the metrics. A database that does not answer in time leaves
// out what it alone knows.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	load, err := g.service.Load(ctx)
	pool := load.Pool
	gauge(g.connections, float64(pool.Max), "max")
	gauge(g.connections, float64(pool.Used), "used")
	gauge(g.connections, float64(pool.Idle), "idle")
	counter(g.waits, float64(pool.Waits))
	counter(g.waited, pool.Waited.Seconds())
	counter(g.records, float64(load.Stored), "stored")
	counter(g.records, float64(load.Refused), "refused")
	counter(g.parcels, float64(load.Parcels))
	for code, n := range load.Issues {
		counter(g.recordIssues, float64(n), code)
	}
	gauge(g.tilesKept, float64(load.Kept.Tiles))
	gauge(g.tilesKeptBytes, float64(load.Kept.Bytes))
	for outcome, n := range map[string]uint64{"kept": load.Kept.Hits, "joined": load.Kept.Joins, "made": load.Kept.Misses, "changed": load.Kept.Drops} {
		counter(g.tilesBy, float64(n), outcome)
	}
	if err != nil {
		gauge(g.up, 0)
		return
	}
	gauge(g.up, 1)
	for _, q := range load.Jobs {
		gauge(g.queue, float64(q.Count), q.Kind, q.State)
	}
	gauge(g.queueAge, load.OldestJob.Seconds())
	gauge(g.imports, float64(load.OpenImports))
	gauge(g.importAge, load.OldestImport.Seconds())
	for _, r := range load.Retention {
		gauge(g.retentionAge, r.Age, r.Kind)
		gauge(g.retentionRemoved, float64(r.Removed), r.Kind)
	}
	if t := load.Tiles; t != nil {
		gauge(g.tilesReady, truth(t.State == service.TilesReady))
		gauge(g.tilesListening, truth(t.Listening))
		gauge(g.tilesLagChanges, float64(t.Changes))
		gauge(g.tilesLag, t.Lag.Seconds())
		gauge(g.tilesParcels, float64(t.Parcels))
		gauge(g.tilesBytes, float64(t.Bytes))
		counter(g.tilesReloads, float64(t.Reloads))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
