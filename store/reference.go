package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
)

// A Territory is a commune, département or région to be loaded.
type Territory struct {
	Code      string
	Name      string
	Geometry  orb.Geometry // Polygon or MultiPolygon, WGS84
	Inactive  bool         // a commune merged into Successor
	Successor string
}

// A Load says where reference data came from.
type Load struct {
	Kind     string // communes, departements, regions, cpf
	Source   string
	SHA256   string
	Count    int
	LoadedAt time.Time
}

// ReplaceTerritories replaces all rows of kind (communes, departements,
// regions). next returns the territories one by one, and false at the end.
// Geometries that are not valid are mended by PostGIS: they are a reference to
// intersect with, not somebody's field.
func (tx *Tx) ReplaceTerritories(ctx context.Context, kind string, next func() (Territory, bool, error)) (int, error) {
	if _, err := tx.Exec(ctx, `
		CREATE TEMPORARY TABLE incoming (code text, name text, inactive bool, successor text, geom geometry) ON COMMIT DROP`); err != nil {
		return 0, fmt.Errorf("stage %s: %w", kind, err)
	}
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"incoming"}, []string{"code", "name", "inactive", "successor", "geom"},
		pgx.CopyFromFunc(func() ([]any, error) {
			t, ok, err := next()
			if err != nil || !ok {
				return nil, err
			}
			return []any{t.Code, t.Name, t.Inactive, t.Successor, t.Geometry}, nil
		}))
	if err != nil {
		return 0, fmt.Errorf("copy %s: %w", kind, err)
	}
	const mended = `
		CASE WHEN ST_IsValid(geom) THEN geom
		ELSE ST_CollectionExtract(ST_MakeValid(geom), 3) END`
	batch := &pgx.Batch{}
	switch kind {
	case "communes":
		batch.Queue(`DELETE FROM commune`)
		batch.Queue(`
			INSERT INTO commune (code, name, active, successor, geom, center)
			SELECT code, name, NOT inactive, nullif(successor, ''), g, ST_PointOnSurface(g)
			FROM (SELECT *, ` + mended + ` AS g FROM incoming) i`)
		batch.Queue(`
			INSERT INTO commune_part (code, geom)
			SELECT code, ST_Subdivide(geom, 48) FROM commune WHERE active`)
	case "departements":
		batch.Queue(`DELETE FROM departement`)
		batch.Queue(`INSERT INTO departement (code, name, geom) SELECT code, name, ` + mended + ` FROM incoming`)
	case "regions":
		batch.Queue(`DELETE FROM region`)
		batch.Queue(`INSERT INTO region (code, name, geom) SELECT code, name, ` + mended + ` FROM incoming`)
	default:
		return 0, fmt.Errorf("reference %q: no such kind", kind)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return 0, fmt.Errorf("replace %s: %w", kind, err)
	}
	return int(n), nil
}

// SaveLoad records a load and returns its number.
func (tx *Tx) SaveLoad(ctx context.Context, l Load) (int64, error) {
	var id int64
	if err := tx.QueryRow(ctx, `
		INSERT INTO reference_load (kind, source, sha256, count)
		VALUES ($1, $2, $3, $4) RETURNING id`, l.Kind, l.Source, l.SHA256, l.Count).Scan(&id); err != nil {
		return 0, fmt.Errorf("record load of %s: %w", l.Kind, err)
	}
	return id, nil
}

// Loads returns the newest load of each kind.
func (tx *Tx) Loads(ctx context.Context) ([]Load, error) {
	return all[Load](ctx, tx, `
		SELECT DISTINCT ON (kind) kind, source, sha256, count, loaded_at
		FROM reference_load
		ORDER BY kind, id DESC`, nil)
}

// SaveLand stores the raster of French land made from the communes of a load.
func (tx *Tx) SaveLand(ctx context.Context, load int64, land *geo.Land) error {
	raster, err := land.MarshalBinary()
	if err != nil {
		return fmt.Errorf("encode land: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO land (loaded, raster) VALUES ($1, $2)
		ON CONFLICT (only_row) DO UPDATE SET loaded = excluded.loaded, raster = excluded.raster`, load, raster); err != nil {
		return fmt.Errorf("save land: %w", err)
	}
	return nil
}

// Land returns the raster of French land and the load it was made from, or
// nil and known's own value when it has not changed since the load known.
// Both are zero while no communes are loaded.
func (tx *Tx) Land(ctx context.Context, known int64) (*geo.Land, int64, error) {
	var load int64
	var raster []byte
	err := tx.QueryRow(ctx, `
		SELECT loaded, CASE WHEN loaded <> $1 THEN raster END FROM land`, known).Scan(&load, &raster)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil || raster == nil {
		return nil, load, err
	}
	land := geo.NewLand()
	if err := land.UnmarshalBinary(raster); err != nil {
		return nil, 0, fmt.Errorf("decode land: %w", err)
	}
	return land, load, nil
}

// ActiveCommunes reads the communes that are not merged into another.
func (tx *Tx) ActiveCommunes(ctx context.Context, f func(code string, g orb.Geometry)) error {
	rows, _ := tx.Query(ctx, `SELECT code, geom FROM commune WHERE active`)
	var code string
	var g orb.Geometry
	if _, err := pgx.ForEachRow(rows, []any{&code, &g}, func() error { f(code, g); return nil }); err != nil {
		return fmt.Errorf("active communes: %w", err)
	}
	return nil
}

// SaveNomenclature makes the nomenclature of crops that of codes.
func (tx *Tx) SaveNomenclature(ctx context.Context, codes []sillon.CropCode) error {
	n := len(codes)
	code, label, group := make([]string, n), make([]string, n), make([]string, n)
	for i, c := range codes {
		code[i], label[i], group[i] = c.Code, c.Label, c.Group
	}
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM cpf WHERE NOT code = ANY($1)`, code)
	batch.Queue(`
		INSERT INTO cpf (code, label, crop_group) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
		ON CONFLICT (code) DO UPDATE SET label = excluded.label, crop_group = excluded.crop_group
		WHERE (cpf.label, cpf.crop_group) IS DISTINCT FROM (excluded.label, excluded.crop_group)`, code, label, group)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save nomenclature: %w", err)
	}
	return nil
}

// LocateParcels gives their commune to at most limit live parcels that have
// none decided yet, after the communes were loaded. It returns how many it
// looked at and the last key, to go on from. The bounds of the key are for the
// planner: without them it reads the whole table for each batch.
func (tx *Tx) LocateParcels(ctx context.Context, after int64, limit int) (n int, last int64, err error) {
	err = tx.QueryRow(ctx, `
		WITH batch AS (
			SELECT key, geom FROM parcel WHERE key > $1 AND deleted_at IS NULL ORDER BY key LIMIT $2
		), located AS (
			UPDATE parcel p SET commune = l.commune, etranger = l.etranger
			FROM batch s CROSS JOIN LATERAL (`+locate("true", "s.geom", "NULL::text")+`) l
			WHERE p.key = s.key AND p.key > $1 AND p.key <= (SELECT max(key) FROM batch)
				AND (p.commune, p.etranger) IS DISTINCT FROM (l.commune, l.etranger)
		)
		SELECT count(*), coalesce(max(key), 0) FROM batch`, after, limit).Scan(&n, &last)
	if err != nil {
		return 0, 0, fmt.Errorf("locate parcels after %d: %w", after, err)
	}
	return n, last, nil
}

// locate is domain.md §7 as a lateral subquery: the commune of a geometry, and
// whether it is abroad. While no territories layer is loaded a parcel that
// touches no commune gets the nearest within 25 km, and is not said to be
// abroad or not. Uses commune_part_geom_idx; one piece found needs no area.
func locate(when, geom, given string) string {
	return `
		SELECT coalesce(touching.code, nearest_commune(` + geom + `)) AS commune, -- evaluated only when nothing touches
			CASE WHEN touching.code IS NOT NULL THEN false END AS etranger
		FROM (SELECT 1 WHERE ` + when + `) AS once
		LEFT JOIN LATERAL (
			SELECT piece.code
			FROM (
				SELECT part.code, CASE WHEN count(*) OVER () = 1 THEN 0
					ELSE ST_Area(ST_Intersection(part.geom, ` + geom + `)) END AS area
				FROM commune_part part
				WHERE part.geom && ` + geom + ` AND ST_Intersects(part.geom, ` + geom + `)
			) piece
			GROUP BY piece.code
			ORDER BY piece.code = coalesce((SELECT coalesce(successor, code) FROM commune WHERE code = ` + given + `), '') DESC,
				sum(piece.area) DESC, piece.code
			LIMIT 1
		) touching ON true`
}
