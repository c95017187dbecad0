package service_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/service"
	"sillon/tiles"
)

// inMemory loads a store of tiles with what is published in the database.
func inMemory(t *testing.T, c *pgx.Conn) *tiles.Memory {
	t.Helper()
	crops := map[string]tiles.Crop{}
	rows, _ := c.Query(t.Context(), `SELECT code, label, crop_group FROM cpf`)
	var code string
	var crop tiles.Crop
	if _, err := pgx.ForEachRow(rows, []any{&code, &crop.Label, &crop.Group}, func() error {
		crops[code] = crop
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
	if err := m.Load(t.Context(), func(add func(*tiles.Row) error) error {
		rows, _ := c.Query(t.Context(), `
			SELECT key, tile_id, cell_x, cell_y, ST_AsEWKB(geom), level, coalesce(main_cpf, ''), surface_m2
			FROM parcel
			WHERE published AND deleted_at IS NULL`)
		var r tiles.Row
		_, err := pgx.ForEachRow(rows, []any{&r.Key, &r.ID, &r.CellX, &r.CellY, &r.EWKB, &r.Level, &r.CPF, &r.SurfaceM2}, func() error { return add(&r) })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTilesOfBothSourcesAreTheSame finds the same bytes whether a tile is made
// from the database or from memory, at each zoom.
func TestTilesOfBothSourcesAreTheSame(t *testing.T) {
	t.Parallel()
	svc, c := withDemo(t)
	m := inMemory(t, c)
	for z := range 17 {
		found := tilesOf(t, c, z)
		step := len(found)/150 + 1
		for i := 0; i < len(found); i += step {
			a := tiles.Address{Z: uint32(z), X: uint32(found[i][0]), Y: uint32(found[i][1])}
			want, err := svc.Tile(t.Context(), service.TilesParcelles, strconv.Itoa(z), fmt.Sprint(a.X), fmt.Sprint(a.Y))
			if err != nil {
				t.Fatal(err)
			}
			got, err := tiles.Encode(t.Context(), m, tiles.LayerParcelles, &tiles.Query{Scope: tiles.Public}, a)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes, want.Bytes) {
				t.Errorf("tile %s: %d bytes from memory, %d from the database", a, len(got.Bytes), len(want.Bytes))
			}
		}
	}
}
