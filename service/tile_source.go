package service

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"sillon/geo"
	"sillon/store"
	"sillon/tiles"
)

// postgis is the source of tiles that reads the database, as a scope sees it.
type postgis struct {
	db    *store.DB
	scope store.Scope
	crops func(context.Context, *store.Tx) (map[string]tiles.Crop, error)
}

var _ tiles.Source = postgis{}

// storeQuery is a query as the store takes it.
func storeQuery(q *tiles.Query) *store.TileQuery {
	out := &store.TileQuery{
		Private: q.Scope.Private(), Levels: q.Filter.Levels, Years: q.Filter.Years, Departements: q.Filter.Departements,
	}
	switch q.Scope.Kind {
	case tiles.ScopeCertifier:
		out.OC = q.Scope.OC
	case tiles.ScopeFarm:
		out.Farm = q.Scope.Farm
	case tiles.ScopeVersion:
		out.Version = q.Scope.Version
	case tiles.ScopeNone, tiles.ScopePublic, tiles.ScopeAll:
	}
	out.Crops = q.Filter.Crops
	return out
}

func (p postgis) Parcels(ctx context.Context, q *tiles.Query, a tiles.Address, f func(*tiles.Feature) error) error {
	if q.Scope.Kind == tiles.ScopeNone {
		return nil
	}
	if !q.Scope.Private() {
		return p.openParcels(ctx, q, a, f)
	}
	var found parcelsOfTile
	if err := p.db.InTx(ctx, p.scope, func(tx *store.Tx) error {
		return tx.TileParcels(ctx, storeQuery(q), a.Bound(), func(t *store.TileParcel) error {
			found.add(t)
			return nil
		})
	}); err != nil {
		return err
	}
	return found.each(q.Scope.Kind == tiles.ScopeAll, f)
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

// each yields the parcels in order; with the name of their certifier if all
// certifiers' are there.
func (p *parcelsOfTile) each(named bool, f func(*tiles.Feature) error) error {
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
			Farm: string(t.Farm), Version: string(t.Version), State: string(t.State), Parcel: t.Parcel, Label: t.Name,
			GeometryStatus: string(t.GeometryStatus),
		}
		if named {
			out.Certifier = t.Certifier
		}
		if err := f(&out); err != nil {
			return err
		}
	}
	return nil
}

func (p postgis) Cells(ctx context.Context, q *tiles.Query, a tiles.Address, f func(*tiles.Cell) error) error {
	if q.Scope.Kind == tiles.ScopeNone {
		return nil
	}
	zoom := a.Z + tiles.CellBits
	x0, y0 := a.X<<tiles.CellBits, a.Y<<tiles.CellBits
	cells := map[uint32]*tiles.Cell{} // by tiles.CellOrder
	err := p.db.InTx(ctx, p.scope, func(tx *store.Tx) error {
		return tx.TileCells(ctx, storeQuery(q), int(zoom), x0, y0, x0+tiles.CellsPerTile, y0+tiles.CellsPerTile, a.Bound(), func(c *store.TileCell) error {
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
