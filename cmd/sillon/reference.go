package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sillon/service"
)

type referenceCommand struct {
	Load referenceLoad `cmd:"" help:"Load communes, départements and régions; without a flag, all three from their official source."`
}

type referenceLoad struct {
	Communes     string `help:"GeoJSON file or address, gzipped or not." placeholder:"FILE|URL"`
	Departements string `help:"The same for départements." placeholder:"FILE|URL"`
	Regions      string `help:"The same for régions." placeholder:"FILE|URL"`
}

// The official contours of the year, from IGN's Admin Express, simplified to
// 100 m (france.md, "API Géo / COG").
const (
	officialCommunes     = "https://etalab-datasets.geo.data.gouv.fr/contours-administratifs/latest/geojson/communes-100m.geojson.gz"
	officialDepartements = "https://etalab-datasets.geo.data.gouv.fr/contours-administratifs/latest/geojson/departements-100m.geojson.gz"
	officialRegions      = "https://etalab-datasets.geo.data.gouv.fr/contours-administratifs/latest/geojson/regions-100m.geojson.gz"
)

// Run loads what was named, or all. An official source that cannot be reached
// is told and does not stop the others.
func (c referenceLoad) Run(ctx context.Context, env *environment) error {
	official := c.Communes == "" && c.Departements == "" && c.Regions == ""
	sources := []struct{ kind, source, official string }{
		{"regions", c.Regions, officialRegions},
		{"departements", c.Departements, officialDepartements},
		{"communes", c.Communes, officialCommunes},
	}
	return env.withService(ctx, func(svc *service.Service) error {
		for _, s := range sources {
			if official {
				s.source = s.official
			}
			if s.source == "" {
				continue
			}
			err := env.load(ctx, svc, s.kind, s.source)
			if _, ok := errors.AsType[*unreachableError](err); ok && official {
				_, _ = fmt.Fprintf(env.stderr, "%v ; donnez un fichier avec --%s\n", err, s.kind)
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// loaded is what each kind says once it is.
var loaded = map[string]string{
	"regions": "%d régions chargées", "departements": "%d départements chargés", "communes": "%d communes chargées",
}

func (e *environment) load(ctx context.Context, svc *service.Service, kind, source string) error {
	body, err := openSource(ctx, source)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	bar := e.progress(-1, kind)
	n, err := svc.LoadReference(ctx, service.ReferenceLoad{Kind: kind, Source: source, Body: body, Seen: bar.set})
	bar.done()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.stdout, loaded[kind]+"\n", n); err != nil || kind != "communes" {
		return err
	}
	bar = e.progress(-1, "parcelles")
	n, err = svc.LocateParcels(ctx, bar.set)
	bar.done()
	if err == nil && n > 0 {
		_, err = fmt.Fprintf(e.stdout, "%d parcelles situées\n", n)
	}
	return err
}

// An unreachableError is a source that gave nothing.
type unreachableError struct {
	source string
	cause  error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("%s est inaccessible (%v)", e.source, e.cause)
}

func (e *unreachableError) Unwrap() error { return e.cause }

// openSource opens a file or an http address.
func openSource(ctx context.Context, source string) (io.ReadCloser, error) {
	if !strings.HasPrefix(source, "https://") && !strings.HasPrefix(source, "http://") {
		return openFile(source)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 10 * time.Minute}
	response, err := client.Do(request)
	if err != nil {
		return nil, &unreachableError{source, errors.Unwrap(err)}
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(&unreachableError{source, errors.New(response.Status)}, response.Body.Close())
	}
	return response.Body, nil
}
