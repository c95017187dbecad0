package service

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"sillon/geo"
	"sillon/sillon"
	"sillon/store"
	"sillon/tiles"
)

// The tilesets.
const (
	TilesParcelles    = string(tiles.LayerParcelles)
	TilesDepartements = string(tiles.LayerDepartements)
)

// Tile makes a tile of what the public may see: what is committed is in the
// next tile read (domain.md §16). The address is zoom,
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
	t, err := tiles.Encode(ctx, s.sourceOf(tiles.Layer(tileset)), tiles.Layer(tileset), &tiles.Query{Scope: tiles.Public}, a)
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

func (p postgis) Parcels(ctx context.Context, _ *tiles.Query, a tiles.Address, f func(*tiles.Feature) error) error {
	var found parcelsOfTile
	if err := p.db.InTx(ctx, store.Open, func(tx *store.Tx) error {
		return tx.TileParcels(ctx, a.Bound(), func(t *store.TileParcel) error {
			found.add(t)
			return nil
		})
	}); err != nil {
		return err
	}
	return found.each(f)
}

// parcelsOfTile holds the parcels of a tile until all are there, to put them
// in the order of tiles.Source.
type parcelsOfTile struct {
	parcels []store.TileParcel
	ewkb    []byte // of all
	places  []placeInTile
}

type placeInTile struct {
	order  uint32
	id     int64
	parcel int
	end    int // of its EWKB
}

func (p *parcelsOfTile) add(t *store.TileParcel) {
	p.ewkb = append(p.ewkb, t.EWKB...)
	p.places = append(p.places, placeInTile{tiles.CellOrder(t.CellX, t.CellY, geo.CellZoom), t.ID, len(p.parcels), len(p.ewkb)})
	p.parcels = append(p.parcels, *t)
	p.parcels[len(p.parcels)-1].EWKB = nil
}

func (p *parcelsOfTile) each(f func(*tiles.Feature) error) error {
	start := 0
	for i, at := range p.places {
		p.parcels[i].EWKB = p.ewkb[start:at.end]
		start = at.end
	}
	slices.SortFunc(p.places, func(a, b placeInTile) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	var out tiles.Feature
	for _, at := range p.places {
		t := &p.parcels[at.parcel]
		out = tiles.Feature{
			ID: uint64(t.ID), EWKB: t.EWKB, Level: string(t.Level), CPF: t.CPF, Culture: t.Label, Group: t.Group, SurfaceM2: t.SurfaceM2,
		}
		if err := f(&out); err != nil {
			return err
		}
	}
	return nil
}

func (p postgis) Cells(ctx context.Context, _ *tiles.Query, a tiles.Address, f func(*tiles.Cell) error) error {
	zoom := a.Z + tiles.CellBits
	x0, y0 := a.X<<tiles.CellBits, a.Y<<tiles.CellBits
	cells := map[uint32]*tiles.Cell{} // by tiles.CellOrder
	err := p.db.InTx(ctx, store.Open, func(tx *store.Tx) error {
		return tx.TileCells(ctx, int(zoom), x0, y0, x0+tiles.CellsPerTile, y0+tiles.CellsPerTile, a.Bound(), func(c *store.TileCell) error {
			order := tiles.CellOrder(c.X, c.Y, zoom)
			cell := cells[order]
			if cell == nil {
				cell = &tiles.Cell{X: c.X, Y: c.Y}
				cells[order] = cell
			}
			cell.Count += c.Count
			cell.Surfaces.Add(c.Level, c.SurfaceDM2)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, order := range slices.Sorted(maps.Keys(cells)) {
		if err := f(cells[order]); err != nil {
			return err
		}
	}
	return nil
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
