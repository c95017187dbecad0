package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"sillon/api"
	"sillon/jobs"
	"sillon/service"
	"sillon/store"
	"sillon/store/cluster"
	"sillon/tiles"
)

// What a stop may take before the rest is cut off: the requests and the record
// at work, then the private server. Together they stay below 30 s.
const (
	draining = 15 * time.Second
	closing  = 10 * time.Second
)

type upCommand struct {
	Demo        bool `help:"Store invented farms when the database has none."`
	DemoParcels int  `help:"How many parcels they hold." default:"10000"`
}

func (c upCommand) check(f *faults) { f.checkNumber("demo-parcels", c.DemoParcels, 1, mostDemoParcels) }

func (upCommand) serves() {}

// Run runs everything until ctx ends.
func (c upCommand) Run(ctx context.Context, env *environment) error {
	return env.withDatabase(ctx, true, func(ctx context.Context, db *store.DB, private *cluster.Cluster) error {
		if c.Demo {
			svc, err := env.newService(db)
			if err != nil {
				return err
			}
			if err := env.demo(ctx, svc, 1, c.DemoParcels); err != nil && !errors.Is(err, service.ErrDemoThere) {
				return err
			}
		}
		return env.serve(ctx, db, private)
	})
}

type serveCommand struct{}

func (serveCommand) serves() {}

// Run serves until ctx ends.
func (serveCommand) Run(ctx context.Context, env *environment) error {
	return env.withDatabase(ctx, false, env.serve)
}

// serve runs the HTTP surface and the jobs until ctx ends, then drains.
func (e *environment) serve(ctx context.Context, db *store.DB, private *cluster.Cluster) error {
	log := e.logger()
	secret, err := e.secret()
	if err != nil {
		return err
	}
	following := tiles.FollowerOptions{Limit: e.tiles, Log: log}
	cache := tiles.NewCache(e.tilesCache)
	cache.Follow(&following)
	parcels := tiles.NewFollower(db, following)
	svc, err := e.newServiceWith(db, func(o *service.Options) {
		o.Secret, o.Tiles, o.TilesCache, o.Background = secret, parcels, cache, e.background
	})
	if err != nil {
		return err
	}
	runner, err := jobs.New(db, svc, e.Workers, log)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", e.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = listener.Close() }() // the server closes it first, once it has it
	address := e.address(listener)
	metrics := api.NewMetrics(svc, version)
	runner.Observe(metrics.JobDone)
	server := &http.Server{
		Handler: api.New(svc, api.Options{
			PublicURL: address, Version: version, Origins: []string{tiles.BackgroundOrigin(e.background)}, Log: log,
			Rates:          api.Rates{Token: e.RateToken, Address: e.RateAddress, Failures: e.RateFailures},
			TrustedProxies: e.proxies, Metrics: metrics, MetricsApart: e.MetricsListen != "",
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(svc.EndStreams)
	if private != nil {
		if err := private.Announce(address); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintf(e.stderr, "Sillon est prêt : %s/\n", address)

	g, ctx := errgroup.WithContext(ctx)
	drained, endTrail := context.WithCancel(context.WithoutCancel(ctx))
	defer endTrail()
	if e.MetricsListen != "" {
		g.Go(func() error { return e.serveMetrics(ctx, metrics) })
	}
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), draining)
		defer cancel()
		defer endTrail() // what the last requests were refused belongs to it
		if err := server.Shutdown(drain); err != nil {
			log.WarnContext(drain, "requests cut off", "err", err)
			return server.Close()
		}
		return nil
	})
	g.Go(func() error { return runner.Run(ctx) })
	// Until the last request: its tile is as fresh as any.
	g.Go(func() error { parcels.Run(drained); return nil })
	g.Go(func() error {
		tuneCollector(drained, func() (int64, bool) {
			s := parcels.Status()
			return s.Memory.Bytes, s.State == tiles.FollowerLoading
		})
		return nil
	})
	g.Go(func() error { return svc.KeepTrail(drained) })
	if private != nil {
		g.Go(func() error {
			select {
			case <-ctx.Done():
				return nil
			case <-private.Exited():
				return fmt.Errorf("the private database server ended: start again to recover (why is in %s)", private.Log())
			}
		})
	}
	return g.Wait()
}

// serveMetrics serves the metrics at an address of their own until ctx ends.
func (e *environment) serveMetrics(ctx context.Context, metrics http.Handler) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", e.MetricsListen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // a scrape is nothing to wait for
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
