package main

import (
	"context"
	"fmt"

	"sillon/reference"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/cluster"
	"sillon/upstream"
)

// withService runs f on the service of the configured database: the private
// one, started for the time of f when it is not running and brought to the
// present schema, or the one at the database URL.
func (e *environment) withService(ctx context.Context, f func(*service.Service) error) error {
	return e.withDatabase(ctx, false, func(ctx context.Context, db *store.DB, _ *cluster.Cluster) error {
		svc, err := e.newService(db)
		if err != nil {
			return err
		}
		return f(svc)
	})
}

// withDatabase runs f on the configured database. The cluster is nil when
// another server is used.
func (e *environment) withDatabase(ctx context.Context, exclusive bool, f func(context.Context, *store.DB, *cluster.Cluster) error) (err error) {
	url, admin := e.DatabaseURL, e.AdminDatabaseURL
	var private *cluster.Cluster
	if url == "" {
		private, err = cluster.Open(ctx, cluster.Options{Dir: e.DataDir, Bindir: e.Bindir, Log: e.logger(), Exclusive: exclusive})
		if err != nil {
			return err
		}
		defer func() {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
			defer cancel()
			if left := private.Close(stop); err == nil {
				err = left
			}
		}()
		url, admin = private.URL(cluster.Database, cluster.APIRole), private.URL(cluster.Database, cluster.Superuser)
	}
	if private != nil || exclusive {
		if err := e.migrate(ctx, admin); err != nil {
			return err
		}
	}
	db, err := store.Connect(ctx, url, e.Connections)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.CheckSecurity(ctx); err != nil {
		return err
	}
	return f(ctx, db, private)
}

// migrate brings the schema and the nomenclature to those of this program.
func (e *environment) migrate(ctx context.Context, admin string) error {
	if err := store.Migrate(ctx, admin); err != nil {
		return err
	}
	db, err := store.Connect(ctx, admin, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	svc, err := e.newService(db)
	if err != nil {
		return err
	}
	codes, err := cropCodes()
	if err != nil {
		return err
	}
	return svc.LoadNomenclature(ctx, codes)
}

func (e *environment) newService(db *store.DB) (*service.Service, error) {
	return e.newServiceWith(db, func(*service.Options) {})
}

// newServiceWith is newService with what one that serves has besides.
func (e *environment) newServiceWith(db *store.DB, more func(*service.Options)) (*service.Service, error) {
	nomenclature, err := reference.Load()
	if err != nil {
		return nil, fmt.Errorf("nomenclature: %w", err)
	}
	opts := service.Options{
		IsCPF: nomenclature.IsCPF, Crop: nomenclature.Crop, Log: e.logger(), DirectoryEvery: e.DirectoryEvery,
		Poster: upstream.NewPoster(upstream.Options{
			Guard: upstream.Guard{AllowHTTP: e.WebhooksAllowHTTP, AllowPrivate: e.WebhooksAllowPrivate}, UserAgent: "Sillon/" + version,
		}),
	}
	if e.DirectoryURL != "" {
		if opts.Directory, err = upstream.NewDirectory(e.DirectoryURL, 0); err != nil {
			return nil, err
		}
	}
	more(&opts)
	return service.New(db, opts)
}

func cropCodes() ([]sillon.CropCode, error) {
	nomenclature, err := reference.Load()
	if err != nil {
		return nil, fmt.Errorf("nomenclature: %w", err)
	}
	cpfs := nomenclature.CPFs()
	codes := make([]sillon.CropCode, len(cpfs))
	for i, c := range cpfs {
		codes[i] = sillon.CropCode{Code: c.Code, Label: c.Label, Group: c.Group}
	}
	return codes, nil
}

type migrateCommand struct{}

// Run brings the database to the present schema.
func (migrateCommand) Run(ctx context.Context, env *environment) error {
	if env.DatabaseURL != "" {
		return env.migrate(ctx, env.AdminDatabaseURL)
	}
	return env.withDatabase(ctx, false, func(context.Context, *store.DB, *cluster.Cluster) error { return nil })
}
