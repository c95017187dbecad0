package service

import (
	"context"
	"errors"

	"github.com/paulmach/orb"

	"sillon/sillon"
	"sillon/store"
	"sillon/tiles"
)

// The tilesets.
const (
	TilesParcelles    = string(tiles.LayerParcelles)
	TilesDepartements = string(tiles.LayerDepartements)
)

// The codings of a tile.
const (
	Identity = tiles.Identity
	Gzip     = tiles.Gzip
	Zstd     = tiles.Zstd
)

// Tile makes a tile of what the public may see, from PostGIS: what is
// committed is in the next tile read (domain.md §16). The address is zoom,
// column and row as a path has them. Outside the tileset it is
// sillon.ErrNotFound.
func (s *Service) Tile(ctx context.Context, tileset, z, x, y string) (*tiles.Tile, error) {
	if err := sillon.May(sillon.Public, sillon.ActionReadOpen, sillon.Resource{}); err != nil {
		return nil, err
	}
	a, ok := tiles.ParseAddress(z, x, y)
	if !ok {
		return nil, sillon.ErrNotFound
	}
	t, err := tiles.Encode(ctx, postgis{s.db}, tiles.Layer(tileset), &tiles.Query{Scope: tiles.Public}, a)
	if errors.Is(err, tiles.ErrNoTile) {
		return nil, sillon.ErrNotFound
	}
	return t, err
}

// TileJSON describes a tileset, or is sillon.ErrNotFound. publicURL is where
// users reach the service.
func (s *Service) TileJSON(tileset, publicURL string) (tiles.Description, error) {
	d, ok := tiles.TileJSON(tiles.Layer(tileset), publicURL)
	if !ok {
		return d, sillon.ErrNotFound
	}
	return d, nil
}

// postgis is the source of tiles that reads the database.
type postgis struct{ db *store.DB }

var _ tiles.Source = postgis{}

func (p postgis) Parcels(ctx context.Context, _ *tiles.Query, box orb.Bound, f func(*tiles.Feature) error) error {
	return p.db.InTx(ctx, store.Open, func(tx *store.Tx) error {
		var out tiles.Feature
		return tx.TileParcels(ctx, box, func(t *store.TileParcel) error {
			out = tiles.Feature{
				ID: uint64(t.ID), EWKB: t.EWKB, Level: string(t.Level), CPF: t.CPF, Culture: t.Label, Group: t.Group, SurfaceM2: t.SurfaceM2,
			}
			return f(&out)
		})
	})
}

func (p postgis) Cells(ctx context.Context, _ *tiles.Query, a tiles.Address, f func(*tiles.Cell) error) error {
	x0, y0 := a.X<<tiles.CellBits, a.Y<<tiles.CellBits
	cells := map[[2]uint32]*tiles.Cell{}
	var order [][2]uint32
	err := p.db.InTx(ctx, store.Open, func(tx *store.Tx) error {
		return tx.TileCells(ctx, int(a.Z)+tiles.CellBits, x0, y0, x0+tiles.CellsPerTile, y0+tiles.CellsPerTile, a.Bound(), func(c *store.TileCell) error {
			key := [2]uint32{c.X, c.Y}
			cell := cells[key]
			if cell == nil {
				cell = &tiles.Cell{X: c.X, Y: c.Y}
				cells[key], order = cell, append(order, key)
			}
			cell.Count += c.Count
			addSurface(&cell.Surfaces, c.Level, c.SurfaceM2)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, key := range order {
		if err := f(cells[key]); err != nil {
			return err
		}
	}
	return nil
}

func addSurface(s *tiles.Surfaces, l sillon.Level, m2 float64) {
	switch l {
	case sillon.LevelAB:
		s.AB += m2
	case sillon.LevelC1:
		s.C1 += m2
	case sillon.LevelC2:
		s.C2 += m2
	case sillon.LevelC3:
		s.C3 += m2
	case sillon.LevelCONV:
		s.CONV += m2
	case sillon.LevelEngaged, sillon.LevelUnknown:
		s.Other += m2
	}
}

func (p postgis) Departements(ctx context.Context, a tiles.Address, f func(*tiles.Area) error) error {
	return p.db.InTx(ctx, store.Open, func(tx *store.Tx) error {
		var out tiles.Area
		return tx.TileDepartements(ctx, a.Bound(), func(code, name string, ewkb []byte) error {
			out = tiles.Area{Code: code, Name: name, EWKB: ewkb}
			return f(&out)
		})
	})
}
