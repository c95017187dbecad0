package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"sillon/api"
	"sillon/service"
	"sillon/store/storetest"
	"sillon/tiles"
)

// BenchmarkKeptTile serves a tile of some 50 KB that is kept, with the
// middleware of production and a log, and the same bytes from bare net/http:
// what is between is ours.
func BenchmarkKeptTile(b *testing.B) {
	cache := tiles.NewCache(64 << 20)
	following := tiles.FollowerOptions{Limit: 1 << 30}
	cache.Follow(&following)
	db, address := storetest.Open(b, 4)
	storetest.Farm(b, db, "1001", 1)
	// Fields of many corners, all in one tile of zoom 12.
	storetest.Exec(b, address, `
		INSERT INTO parcellaire (id, numero_bio, oc, name, state, audit_date, certified_from, certified_until, published)
		VALUES (gen_random_uuid(), '1001', 1, '', 'CERTIFIED', '2025-03-01', '2025-03-15', '2027-03-31', true)`, `
		INSERT INTO parcel (parcellaire_id, id, oc, published, tile_id, cell_x, cell_y, geom, geometry_status, level, origine, surface_m2)
		SELECT v.id, k, 1, true, (random() * 1e15)::bigint + 1, 16572, 11511,
			ST_Buffer(ST_MakePoint(2.06 + 0.001 * (k % 40), 47.105 + 0.0007 * (k / 40)), 0.0005, 'quad_segs=6')::geometry(Geometry, 4326), 'valide',
			(ARRAY['AB', 'C1', 'C2', 'CONV'])[1 + k % 4], 'api', 1e4 * random() + 1
		FROM parcellaire v, generate_series(0, 1900) AS k, LATERAL (SELECT ST_SetSRID(ST_MakePoint(0, 0), 4326)) s`)
	follower := tiles.NewFollower(db, following)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); follower.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-ended })
	for follower.Status().State != tiles.FollowerReady {
		if err := follower.CatchUp(ctx); err != nil {
			b.Fatal(err)
		}
	}
	svc, err := service.New(db, service.Options{Tiles: follower, TilesCache: cache, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	ours := httptest.NewServer(api.New(svc, api.Options{
		PublicURL: publicURL, Version: apiVersion, Log: slog.New(slog.NewJSONHandler(file, nil)), Rates: api.Rates{Address: 100_000_000},
	}))
	b.Cleanup(ours.Close)
	path := tilePath(2.08, 47.12, 12)
	body := fetch(b, ours.URL+path)
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.mapbox-vector-tile")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}))
	b.Cleanup(bare.Close)
	b.Run("handler alone", func(b *testing.B) {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		b.ReportAllocs()
		for b.Loop() {
			ours.Config.Handler.ServeHTTP(nowhere{http.Header{}}, r)
		}
	})
	for name, server := range map[string]*httptest.Server{"ours": ours, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			b.ReportMetric(float64(len(body)), "bytes")
			b.ReportAllocs()
			request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: sillon.example\r\nAccept-Encoding: gzip\r\n\r\n", path)
			b.RunParallel(func(pb *testing.PB) {
				// A client that costs little: a plain connection and a known length.
				var d net.Dialer
				c, err := d.DialContext(b.Context(), "tcp", server.Listener.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				defer func() { _ = c.Close() }()
				r := bufio.NewReaderSize(c, 1<<16)
				for pb.Next() {
					if _, err := c.Write(request); err != nil {
						b.Error(err)
						return
					}
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							b.Error(err)
							return
						}
						if len(line) == 2 {
							break
						}
					}
					if _, err := r.Discard(len(body)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// nowhere is where replies are written to, to see what making them costs.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

func fetch(b *testing.B, address string) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "gzip" {
		b.Fatalf("%d, %v", res.StatusCode, err)
	}
	return body
}
