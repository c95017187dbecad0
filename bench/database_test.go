package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/store/cluster"
	"sillon/tiles"
)

// A database is a private PostGIS that holds demo parcels, with the views that
// the peers read.
type database struct {
	dir        string
	cluster    *cluster.Cluster
	conn       *pgx.Conn // superuser
	postmaster int       // process, 0 if unknown
	published  int       // parcels that tiles show
}

// openDatabase fills a database with so many demo parcels, or takes the one
// that an earlier run left under base.
func openDatabase(b *testing.B, bin, base string, parcels int) *database {
	b.Helper()
	d := &database{dir: filepath.Join(base, fmt.Sprintf("parcels-%d", parcels))}
	filled := d.dir + ".filled"
	if _, err := os.Stat(filled); errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(d.dir); err != nil { // half of one
			b.Fatal(err)
		}
		begin := time.Now()
		command(b, bin, "demo", "--data-dir", d.dir, "--parcels", fmt.Sprint(parcels))
		b.Logf("filled with %d parcels in %.0f s", parcels, time.Since(begin).Seconds())
		defer func() {
			if !b.Failed() {
				_ = os.WriteFile(filled, nil, 0o600) // without it the next run fills again
			}
		}()
	}
	d.open(b)
	d.exec(b, `DROP SCHEMA IF EXISTS peers CASCADE`)
	command(b, bin, "migrate", "--data-dir", d.dir)
	d.exec(b, views)
	d.exec(b, `VACUUM ANALYZE`)
	d.exec(b, `CHECKPOINT`)
	d.scan(b, `SELECT count(*) FROM peers.parcelles`, &d.published)
	return d
}

func (d *database) open(b *testing.B) {
	b.Helper()
	ctx := b.Context()
	var err error
	if d.cluster, err = cluster.Open(ctx, cluster.Options{Dir: d.dir}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := d.cluster.Close(stop); err != nil {
			b.Error(err)
		}
	})
	if d.conn, err = pgx.Connect(ctx, d.cluster.URL(cluster.Database, cluster.Superuser)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.conn.Close(context.WithoutCancel(ctx)) })
	var backend int
	d.scan(b, `SELECT pg_backend_pid()`, &backend)
	d.postmaster, _ = statOf(fmt.Sprintf("/proc/%d/stat", backend))
}

func (d *database) exec(b *testing.B, sql string, args ...any) {
	b.Helper()
	if _, err := d.conn.Exec(b.Context(), sql, args...); err != nil {
		b.Fatalf("%.60s: %v", sql, err)
	}
}

func (d *database) scan(b *testing.B, sql string, to ...any) {
	b.Helper()
	if err := d.conn.QueryRow(b.Context(), sql).Scan(to...); err != nil {
		b.Fatalf("%.60s: %v", sql, err)
	}
}

// views are the parcels that our tiles show, with the attributes that they
// have: from zoom 12 on, and before. Owned by the superuser, so that row-level
// security costs the peers nothing.
const views = `
	CREATE SCHEMA peers;
	CREATE VIEW peers.parcelles AS
		SELECT p.tile_id AS id, p.level AS niveau, coalesce(c.crop_group, '') AS groupe, coalesce(p.main_cpf, '') AS cpf,
			coalesce(c.label, '') AS culture, round(p.surface_m2 / 100) / 100 AS surface, p.geom
		FROM parcel p
		LEFT JOIN cpf c ON c.code = p.main_cpf
		WHERE p.published AND p.deleted_at IS NULL;
	CREATE VIEW peers.larges AS SELECT id, niveau, groupe, geom FROM peers.parcelles;
	GRANT USAGE ON SCHEMA peers TO sillon_api;
	GRANT SELECT ON peers.parcelles, peers.larges TO sillon_api`

// deepest is the deepest zoom that is measured.
const deepest = 14

// census counts the parcels of the tiles of the deepest zoom, by the cells of
// zoom 15 that the parcels keep.
func (d *database) census(b *testing.B) census {
	b.Helper()
	rows, _ := d.conn.Query(b.Context(), `
		SELECT cell_x >> 1, cell_y >> 1, count(*)
		FROM parcel
		WHERE published AND deleted_at IS NULL
		GROUP BY 1, 2`)
	c := census{}
	var x, y uint32
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&x, &y, &n}, func() error {
		c[tiles.Address{Z: deepest, X: x, Y: y}] = n
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return c
}
