package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// ChangeChannel is where the database tells that a change is there to be read.
const ChangeChannel = "sillon_change"

// A TileSnapshot is what a reader of the published parcels has seen: every
// transaction that had committed at one instant. The zero snapshot has seen
// nothing that can be gone on from.
type TileSnapshot struct {
	epoch    string // of change_epoch
	snapshot string // of pg_current_snapshot
}

// A TileRow is a published parcel with all that any tile tells of it. Its
// memory is used again for the next row, but for the strings.
type TileRow struct {
	Key            int64
	ID             int64 // random, of no other use
	CellX, CellY   int32
	EWKB           []byte
	Level          sillon.Level
	CPF            string // of the main crop
	SurfaceM2      float64
	Year           int // 0 is unknown
	Departement    string
	OC, Reader     sillon.OC // 0 is none
	Farm           sillon.NumeroBio
	Version        sillon.ParcellaireID
	State          sillon.State
	Parcel         string
	Label          string // îlot.parcelle, or the name (domain.md §16)
	GeometryStatus string
}

// tileRowQuery is followed by more conditions on p.
const tileRowQuery = `
	SELECT p.key, p.tile_id, p.cell_x, p.cell_y, p.geom, p.level, p.main_cpf, p.surface_m2, v.year,
		` + departementOf + `, p.oc, p.reader_oc, v.numero_bio, v.id, v.state, p.id,
		` + labelOf + `,
		p.geometry_status
	FROM parcel p
	JOIN parcellaire v ON v.id = p.parcellaire_id
	WHERE p.published AND p.deleted_at IS NULL`

// A tileRowReader reads the rows of tileRowQuery as they come over the wire:
// scanning a million of them by reflection takes twice the time. Neighbours
// share most of their texts.
type tileRowReader struct {
	row     TileRow
	uuid    [16]byte
	strings map[string]string
}

func (r *tileRowReader) read(rows pgx.Rows, f func(*TileRow) error) error {
	defer rows.Close()
	r.strings = map[string]string{}
	t := &r.row
	for rows.Next() {
		c := rows.RawValues()
		t.Key, t.ID = int64(binary.BigEndian.Uint64(c[0])), int64(binary.BigEndian.Uint64(c[1])) //nolint:gosec // as PostgreSQL sends a bigint
		t.CellX, t.CellY = integer(c[2]), integer(c[3])
		t.EWKB = append(t.EWKB[:0], c[4]...)
		t.Level, t.CPF = sillon.Level(r.text(c[5])), r.text(c[6])
		t.SurfaceM2 = math.Float64frombits(binary.BigEndian.Uint64(c[7]))
		t.Year, t.Departement = int(integer(c[8])), r.text(c[9])
		t.OC, t.Reader = sillon.OC(integer(c[10])), sillon.OC(integer(c[11]))
		if string(t.Farm) != string(c[12]) {
			t.Farm = sillon.NumeroBio(c[12])
		}
		if id := [16]byte(c[13]); id != r.uuid || t.Version == "" {
			r.uuid, t.Version = id, sillon.ParcellaireID(uuid.UUID(id).String())
		}
		t.State, t.Parcel, t.Label, t.GeometryStatus = sillon.State(r.text(c[14])), string(c[15]), string(c[16]), r.text(c[17])
		if err := f(t); err != nil {
			return err
		}
	}
	return rows.Err()
}

// text is a text of which there are few.
func (r *tileRowReader) text(b []byte) string {
	s, ok := r.strings[string(b)]
	if !ok {
		s = string(b)
		r.strings[s] = s
	}
	return s
}

// integer is an integer as PostgreSQL sends it, 0 for NULL.
func integer(b []byte) int32 {
	if len(b) != 4 {
		return 0
	}
	return int32(binary.BigEndian.Uint32(b)) //nolint:gosec // two's complement
}

// inSnapshot is InTx for what must be read of one instant, and writes nothing.
func (db *DB) inSnapshot(ctx context.Context, f func(*Tx) error) error {
	return db.begin(ctx, System, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "", f)
}

// TileSnapshot returns the present instant, to follow changes from.
func (db *DB) TileSnapshot(ctx context.Context) (s TileSnapshot, err error) {
	// Two statements: the epoch is older than the snapshot that goes with it.
	err = db.InTx(ctx, System, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO change_epoch DEFAULT VALUES ON CONFLICT DO NOTHING`); err != nil {
			return err
		}
		s, err = tx.tileSnapshot(ctx)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("snapshot for tiles: %w", err)
	}
	return s, nil
}

func (tx *Tx) tileSnapshot(ctx context.Context) (s TileSnapshot, err error) {
	err = tx.QueryRow(ctx, `SELECT (SELECT id::text FROM change_epoch), pg_current_snapshot()::text`).Scan(&s.epoch, &s.snapshot)
	return s, err
}

// LoadTiles reads every published parcel of one instant, in no order, and
// returns that instant.
func (db *DB) LoadTiles(ctx context.Context, f func(*TileRow) error) (s TileSnapshot, err error) {
	if _, err := db.TileSnapshot(ctx); err != nil { // sees to it that there is an epoch
		return s, err
	}
	err = db.inSnapshot(ctx, func(tx *Tx) error {
		if s, err = tx.tileSnapshot(ctx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, tileRowQuery, pgx.QueryResultFormats{pgx.BinaryFormatCode})
		if err != nil {
			return err
		}
		return new(tileRowReader).read(rows, f)
	})
	if err != nil {
		return TileSnapshot{}, fmt.Errorf("load tiles: %w", err)
	}
	return s, nil
}

// TileChanges is what has changed of the published parcels.
type TileChanges struct {
	Next   TileSnapshot // to ask from next time
	Rows   []TileRow    // parcels as they are now
	Gone   []int64      // keys of those that are not published any more
	Tables []string     // others that tiles are made of, and that changed: certifier, cpf, commune, departement, region
	Reset  bool         // what changed is not known: load again. Rows and Gone are empty
}

// unseen are the rows of change that are committed and that the snapshot $1 has
// not seen: transactions under way then, and those begun since. It waits for
// nobody, and skips nobody: a transaction that commits late is under way in
// each snapshot until it is seen (speed.md). A dump brings numbers of another
// server, which are none of ours. Uses change_xid_idx.
const unseen = `
	FROM change
	WHERE (xid >= pg_snapshot_xmax($1::text::pg_snapshot) OR xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))))
		AND xid < pg_snapshot_xmax(pg_current_snapshot())`

// TileChanges returns what has changed since an instant, at another one. More
// than limit parcels are a Reset, as are changes that were removed from the log,
// a restart of the database after a crash, and the zero snapshot.
func (db *DB) TileChanges(ctx context.Context, since TileSnapshot, limit int) (c TileChanges, err error) {
	if since == (TileSnapshot{}) {
		c.Reset = true
		c.Next, err = db.TileSnapshot(ctx)
		return c, err
	}
	err = db.inSnapshot(ctx, func(tx *Tx) error {
		var keys []int64
		if err := tx.QueryRow(ctx, `
			WITH unseen AS MATERIALIZED (SELECT kind, parcels, pruned `+unseen+`),
			size AS (SELECT coalesce(sum(cardinality(parcels)), 0) <= $2 AS fits FROM unseen)
			SELECT coalesce(e.id::text, ''), pg_current_snapshot()::text,
				e.id::text IS DISTINCT FROM $3 OR pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())
					OR NOT size.fits OR EXISTS (
						SELECT FROM unseen WHERE kind = 'parcel' OR kind = 'change' AND pruned >= pg_snapshot_xmin($1::text::pg_snapshot)),
				ARRAY(SELECT DISTINCT kind FROM unseen WHERE kind NOT IN ('parcels', 'parcel', 'change') ORDER BY 1),
				ARRAY(SELECT DISTINCT unnest(parcels) FROM unseen WHERE size.fits)
			FROM size LEFT JOIN change_epoch e ON true`, since.snapshot, limit, since.epoch).
			Scan(&c.Next.epoch, &c.Next.snapshot, &c.Reset, &c.Tables, &keys); err != nil {
			return err
		}
		if c.Reset || len(keys) == 0 {
			return nil
		}
		rows, err := tx.Query(ctx, tileRowQuery+` AND p.key = ANY ($1)`, pgx.QueryResultFormats{pgx.BinaryFormatCode}, keys)
		if err != nil {
			return err
		}
		there := make(map[int64]bool, len(keys))
		if err := new(tileRowReader).read(rows, func(t *TileRow) error {
			row := *t
			row.EWKB = append([]byte(nil), t.EWKB...)
			c.Rows = append(c.Rows, row)
			there[t.Key] = true
			return nil
		}); err != nil {
			return err
		}
		for _, key := range keys {
			if !there[key] {
				c.Gone = append(c.Gone, key)
			}
		}
		return nil
	})
	if err != nil {
		return TileChanges{}, fmt.Errorf("changes of tiles: %w", err)
	}
	if c.Next.epoch == "" { // the next one must find one
		c.Next, err = db.TileSnapshot(ctx)
	}
	return c, err
}

// TileLag returns how many changes, of parcels or of tables, were committed
// after an instant, and how long ago the first of them began.
func (tx *Tx) TileLag(ctx context.Context, since TileSnapshot) (changes int64, age time.Duration, err error) {
	if since == (TileSnapshot{}) {
		return 0, 0, nil
	}
	var seconds float64
	if err := tx.QueryRow(ctx, `
		SELECT coalesce(sum(greatest(cardinality(parcels), 1)), 0), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)`+unseen,
		since.snapshot).Scan(&changes, &seconds); err != nil {
		return 0, 0, fmt.Errorf("lag of tiles: %w", err)
	}
	return changes, fromSeconds(seconds), nil
}

// Certifiers returns the names of all of them.
func (tx *Tx) Certifiers(ctx context.Context) (map[sillon.OC]string, error) {
	list, err := all[sillon.Certifier](ctx, tx, `SELECT id, name FROM certifier`, nil)
	if err != nil {
		return nil, fmt.Errorf("certifiers: %w", err)
	}
	names := make(map[sillon.OC]string, len(list))
	for _, c := range list {
		names[c.ID] = c.Name
	}
	return names, nil
}

// CropCodes returns the nomenclature of crops, by code.
func (tx *Tx) CropCodes(ctx context.Context) ([]sillon.CropCode, error) {
	codes, err := all[sillon.CropCode](ctx, tx, `SELECT code, label, crop_group AS "group" FROM cpf ORDER BY code`, nil)
	if err != nil {
		return nil, fmt.Errorf("nomenclature: %w", err)
	}
	return codes, nil
}
