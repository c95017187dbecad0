package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
)

// A TileParcel is a published parcel as a tile needs it.
type TileParcel struct {
	ID        int64 // random, of no other use
	CellX     uint32
	CellY     uint32
	EWKB      []byte
	Level     sillon.Level
	CPF       string
	Label     string // of the main crop
	Group     string
	SurfaceM2 float64
}

// TileParcels reads the parcels in scope that touch box (lon/lat), in no
// order. What f is given is overwritten by the next row. Uses parcel_geom_idx.
func (tx *Tx) TileParcels(ctx context.Context, box orb.Bound, f func(*TileParcel) error) error {
	rows, _ := tx.Query(ctx, `
		SELECT p.tile_id, p.cell_x, p.cell_y, p.geom, p.level, coalesce(p.main_cpf, ''), coalesce(c.label, ''), coalesce(c.crop_group, ''), p.surface_m2
		FROM parcel p
		LEFT JOIN cpf c ON c.code = p.main_cpf
		WHERE p.geom && ST_MakeEnvelope($1, $2, $3, $4, 4326) AND p.published AND p.deleted_at IS NULL`,
		box.Min[0], box.Min[1], box.Max[0], box.Max[1])
	var p TileParcel
	if _, err := pgx.ForEachRow(rows, []any{&p.ID, &p.CellX, &p.CellY, &p.EWKB, &p.Level, &p.CPF, &p.Label, &p.Group, &p.SurfaceM2},
		func() error { return f(&p) }); err != nil {
		return fmt.Errorf("parcels of a tile: %w", err)
	}
	return nil
}

// A TileCell counts the published parcels whose middle falls in a cell.
type TileCell struct {
	X, Y       uint32 // at the zoom asked for
	Level      sillon.Level
	Count      int
	SurfaceDM2 int64 // sum of whole square decimetres, each at most 10¹⁴
}

// TileCells counts parcels in scope by level in the Web-Mercator cells of
// cellZoom (at most geo.CellZoom) from column and row x0, y0 included to x1, y1
// excluded; box is their extent in lon/lat.
func (tx *Tx) TileCells(ctx context.Context, cellZoom int, x0, y0, x1, y1 uint32, box orb.Bound, f func(*TileCell) error) error {
	shift := geo.CellZoom - cellZoom
	rows, _ := tx.Query(ctx, `
		SELECT p.cell_x >> $1, p.cell_y >> $1, p.level, count(*), sum(round(least(p.surface_m2, 1e12) * 100)::bigint)::bigint
		FROM parcel p
		WHERE p.geom && ST_MakeEnvelope($2, $3, $4, $5, 4326) AND p.published AND p.deleted_at IS NULL
			AND p.cell_x >= $6 AND p.cell_x < $7 AND p.cell_y >= $8 AND p.cell_y < $9
		GROUP BY 1, 2, 3`,
		shift, box.Min[0], box.Min[1], box.Max[0], box.Max[1],
		int64(x0)<<shift, int64(x1)<<shift, int64(y0)<<shift, int64(y1)<<shift)
	var c TileCell
	if _, err := pgx.ForEachRow(rows, []any{&c.X, &c.Y, &c.Level, &c.Count, &c.SurfaceDM2}, func() error { return f(&c) }); err != nil {
		return fmt.Errorf("cells of a tile: %w", err)
	}
	return nil
}

// TileDepartements reads the départements that touch box (lon/lat).
func (tx *Tx) TileDepartements(ctx context.Context, box orb.Bound, f func(code, name string, ewkb []byte) error) error {
	rows, _ := tx.Query(ctx, `
		SELECT code, name, geom FROM departement
		WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 4326)
		ORDER BY code`, box.Min[0], box.Min[1], box.Max[0], box.Max[1])
	var code, name string
	var ewkb []byte
	if _, err := pgx.ForEachRow(rows, []any{&code, &name, &ewkb}, func() error { return f(code, name, ewkb) }); err != nil {
		return fmt.Errorf("départements of a tile: %w", err)
	}
	return nil
}
