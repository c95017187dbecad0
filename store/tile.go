package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
)

// A TileQuery says which parcels a tile shows. Without a Version those are the
// published ones; an empty filter lets everything pass. The scope of the
// transaction narrows it further.
type TileQuery struct {
	Private bool // reads what tells the farm, too
	OC      sillon.OC
	Farm    sillon.NumeroBio
	Version sillon.ParcellaireID

	Levels       []string
	Crops        []string // CPF codes, each with those that make it more precise
	Years        []int
	Departements []string
}

// departementOf is the code of the département of a commune (domain.md §3.1).
const departementOf = `left(p.commune, CASE WHEN p.commune ~ '^9[78]' THEN 3 ELSE 2 END)`

// labelOf is îlot.parcelle, or the name (domain.md §16).
const labelOf = `CASE WHEN p.numero_ilot <> '' AND p.numero_parcelle <> '' THEN p.numero_ilot || '.' || p.numero_parcelle ELSE p.name END`

// where is the condition on p, and on v for Years, with its arguments. Each
// part is written only when it is asked for: a plan that fits all arguments
// would use no index.
func (q *TileQuery) where(box orb.Bound) (string, pgx.NamedArgs) {
	args := pgx.NamedArgs{"west": box.Min[0], "south": box.Min[1], "east": box.Max[0], "north": box.Max[1]}
	parts := []string{`p.geom && ST_MakeEnvelope(@west, @south, @east, @north, 4326) AND p.deleted_at IS NULL`}
	add := func(condition, name string, value any) {
		parts = append(parts, condition)
		args[name] = value
	}
	if q.Version == "" {
		parts = append(parts, `p.published`)
	} else {
		add(`p.parcellaire_id = @version`, "version", string(q.Version))
	}
	if q.OC != 0 {
		add(`(p.oc = @oc OR p.reader_oc = @oc)`, "oc", q.OC)
	}
	if q.Farm != "" {
		add(`v.numero_bio = @farm`, "farm", string(q.Farm))
	}
	if len(q.Levels) > 0 {
		add(`p.level = ANY (@levels)`, "levels", q.Levels)
	}
	if len(q.Crops) > 0 {
		add(`p.main_cpf LIKE ANY (@crops)`, "crops", CropPatterns(q.Crops))
	}
	if len(q.Years) > 0 {
		add(`v.year = ANY (@years)`, "years", q.Years)
	}
	if len(q.Departements) > 0 {
		add(departementOf+` = ANY (@departements)`, "departements", q.Departements)
	}
	return strings.Join(parts, ` AND `), args
}

// CropPatterns are the patterns of LIKE of codes and of those that make them
// more precise, as sillon.CPFUnder tells them.
func CropPatterns(codes []string) []string {
	var patterns []string
	for _, code := range codes {
		below := code + ".%"
		if sillon.CPFUnder(code+"0", code) {
			below = code + "%"
		}
		patterns = append(patterns, code, below)
	}
	return patterns
}

// from joins what the columns or the conditions need.
func (q *TileQuery) from() string {
	if q.Private || len(q.Years) > 0 || q.Farm != "" {
		return `parcel p JOIN parcellaire v ON v.id = p.parcellaire_id`
	}
	return `parcel p`
}

// A TileParcel is a parcel as a tile that tells farms needs it.
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

	Farm           sillon.NumeroBio
	Version        sillon.ParcellaireID
	State          sillon.State
	Parcel         string
	Name           string // îlot.parcelle, or the name (domain.md §16)
	GeometryStatus sillon.GeometryStatus
	Certifier      string
}

// TileParcels reads the parcels of a Private query that touch box (lon/lat), in
// no order. What f is given is overwritten by the next row. Uses
// parcel_geom_idx, or for a certifier parcel_oc_geom_idx and
// parcel_reader_geom_idx.
func (tx *Tx) TileParcels(ctx context.Context, q *TileQuery, box orb.Bound, f func(*TileParcel) error) error {
	var p TileParcel
	where, args := q.where(box)
	rows, _ := tx.Query(ctx, `
		SELECT p.tile_id, p.cell_x, p.cell_y, p.geom, p.level, coalesce(p.main_cpf, ''), coalesce(c.label, ''), coalesce(c.crop_group, ''), p.surface_m2,
			v.numero_bio, v.id, v.state, p.id,
			`+labelOf+`,
			p.geometry_status, coalesce(o.name, '')
		FROM `+q.from()+` LEFT JOIN cpf c ON c.code = p.main_cpf LEFT JOIN certifier o ON o.id = p.oc
		WHERE `+where, args)
	if _, err := pgx.ForEachRow(rows, []any{
		&p.ID, &p.CellX, &p.CellY, &p.EWKB, &p.Level, &p.CPF, &p.Label, &p.Group, &p.SurfaceM2,
		&p.Farm, &p.Version, &p.State, &p.Parcel, &p.Name, &p.GeometryStatus, &p.Certifier,
	}, func() error { return f(&p) }); err != nil {
		return fmt.Errorf("parcels of a tile: %w", err)
	}
	return nil
}

// An OpenParcel is a parcel as a tile that everybody may see needs it. Its bytes
// are overwritten by the next.
type OpenParcel struct {
	ID           int64 // random, of no other use
	CellX, CellY uint32
	EWKB         []byte
	Level, CPF   []byte
	SurfaceM2    float64
}

// OpenTileParcels reads the parcels of a query that is not Private and that
// touch box (lon/lat), in no order. It breaks the pattern, because the tiles
// without memory are as fast as this is: the values are taken as they are sent
// (make bench-tiles). Uses parcel_geom_idx.
func (tx *Tx) OpenTileParcels(ctx context.Context, q *TileQuery, box orb.Bound, f func(*OpenParcel) error) error {
	where, args := q.where(box)
	rows, err := tx.Query(ctx, `
		SELECT p.tile_id, p.cell_x, p.cell_y, p.geom, p.level, p.main_cpf, p.surface_m2
		FROM `+q.from()+`
		WHERE `+where, pgx.QueryResultFormats{pgx.BinaryFormatCode}, args)
	if err != nil {
		return fmt.Errorf("parcels of a tile: %w", err)
	}
	defer rows.Close()
	var p OpenParcel
	be := binary.BigEndian
	for rows.Next() {
		v := rows.RawValues()
		p = OpenParcel{
			ID: int64(be.Uint64(v[0])), CellX: be.Uint32(v[1]), CellY: be.Uint32(v[2]), EWKB: v[3], Level: v[4], CPF: v[5], //nolint:gosec // a bigint
			SurfaceM2: math.Float64frombits(be.Uint64(v[6])),
		}
		if err := f(&p); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("parcels of a tile: %w", err)
	}
	return nil
}

// A TileCell counts the parcels whose middle falls in a cell.
type TileCell struct {
	X, Y       uint32 // at the zoom asked for
	Level      sillon.Level
	Count      int
	SurfaceDM2 int64 // sum of whole square decimetres, each at most 10¹⁴
}

// TileCells counts the parcels of a query by level in the Web-Mercator cells
// of cellZoom (at most geo.CellZoom) from column and row x0, y0 included to x1,
// y1 excluded; box is their extent in lon/lat.
func (tx *Tx) TileCells(ctx context.Context, q *TileQuery, cellZoom int, x0, y0, x1, y1 uint32, box orb.Bound, f func(*TileCell) error) error {
	shift := geo.CellZoom - cellZoom
	where, args := q.where(box)
	args["shift"] = shift
	args["x0"], args["x1"] = int64(x0)<<shift, int64(x1)<<shift
	args["y0"], args["y1"] = int64(y0)<<shift, int64(y1)<<shift
	rows, _ := tx.Query(ctx, `
		SELECT p.cell_x >> @shift, p.cell_y >> @shift, p.level, count(*), sum(round(least(p.surface_m2, 1e12) * 100)::bigint)::bigint
		FROM `+q.from()+`
		WHERE `+where+` AND p.cell_x >= @x0 AND p.cell_x < @x1 AND p.cell_y >= @y0 AND p.cell_y < @y1
		GROUP BY 1, 2, 3`, args)
	var c TileCell
	if _, err := pgx.ForEachRow(rows, []any{&c.X, &c.Y, &c.Level, &c.Count, &c.SurfaceDM2}, func() error { return f(&c) }); err != nil {
		return fmt.Errorf("cells of a tile: %w", err)
	}
	return nil
}

// A TileSum is the published land of a département and a level.
type TileSum struct {
	Departement string
	Level       sillon.Level
	Count       int
	SurfaceDM2  int64 // sum of whole square decimetres, each at most 10¹⁴
}

// TileSums sums the published parcels that have a commune. It reads them all.
func (tx *Tx) TileSums(ctx context.Context) ([]TileSum, error) {
	sums, err := all[TileSum](ctx, tx, `
		SELECT `+departementOf+` AS departement, p.level, count(*) AS count,
			sum(round(least(p.surface_m2, 1e12) * 100)::bigint)::bigint AS surface_dm2
		FROM parcel p
		WHERE p.published AND p.deleted_at IS NULL AND p.commune IS NOT NULL
		GROUP BY 1, 2`, nil)
	if err != nil {
		return nil, fmt.Errorf("sums of tiles: %w", err)
	}
	return sums, nil
}

// TileCommunes reads the active communes that touch box (lon/lat), in order of
// code. EWKB is used again for the next one. Uses commune_geom_idx.
func (tx *Tx) TileCommunes(ctx context.Context, box orb.Bound, f func(code, name string, ewkb []byte) error) error {
	rows, _ := tx.Query(ctx, `
		SELECT code, name, geom FROM commune
		WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 4326) AND active
		ORDER BY code`, box.Min[0], box.Min[1], box.Max[0], box.Max[1])
	if err := eachArea(rows, f); err != nil {
		return fmt.Errorf("communes of a tile: %w", err)
	}
	return nil
}

// TileDepartements reads all départements, in order of code, unless load is
// the number of their last loading, which it returns; 0 is none. EWKB is used
// again for the next one.
func (tx *Tx) TileDepartements(ctx context.Context, load int64, f func(code, name string, ewkb []byte) error) (int64, error) {
	var last int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM reference_load WHERE kind = 'departements'`).Scan(&last); err != nil {
		return 0, fmt.Errorf("load of départements: %w", err)
	}
	if last == load {
		return last, nil
	}
	rows, _ := tx.Query(ctx, `SELECT code, name, geom FROM departement ORDER BY code`)
	if err := eachArea(rows, f); err != nil {
		return 0, fmt.Errorf("départements of tiles: %w", err)
	}
	return last, nil
}

func eachArea(rows pgx.Rows, f func(code, name string, ewkb []byte) error) error {
	var code, name string
	var ewkb []byte
	_, err := pgx.ForEachRow(rows, []any{&code, &name, &ewkb}, func() error { return f(code, name, ewkb) })
	return err
}
