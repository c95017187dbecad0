package service

import (
	"context"
	"fmt"
	"sync"

	"sillon/store"
	"sillon/tiles"
)

// tileState is what the service keeps for tiles.
type tileState struct {
	cache *tiles.Cache
	crops cropNames

	mu           sync.Mutex
	departements []departement // replaced, never changed
	load         int64         // that they are of

	summing sync.Mutex
	summed  string // edition that sums are of, or empty
	sums    map[string]tiles.Sums
}

// A departement is drawn in tiles.
type departement struct {
	tiles.Area
	box tiles.Box
}

// areas is the source of tiles of areas.
type areas struct{ *Service }

var _ tiles.AreaSource = areas{}

// Areas implements tiles.AreaSource. Départements tell the sums of their parcels.
func (s areas) Areas(ctx context.Context, layer tiles.Layer, a tiles.Address, f func(*tiles.Area) error) error {
	if layer == tiles.LayerCommunes {
		return s.db.InTx(ctx, store.Open, func(tx *store.Tx) error {
			return tx.TileCommunes(ctx, a.Bound(), func(code, name string, ewkb []byte) error {
				return f(&tiles.Area{Code: code, Name: name, EWKB: ewkb})
			})
		})
	}
	list, err := s.departementsNow(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	sums, err := s.departementSums(ctx)
	if err != nil {
		return err
	}
	box := a.Box()
	for i := range list {
		if list[i].box.Meets(box) {
			area := list[i].Area
			area.Sums = sums[area.Code]
			if err := f(&area); err != nil {
				return err
			}
		}
	}
	return nil
}

// departementsNow returns the départements there are, as tiles draw them:
// reading their borders takes longer than drawing them.
func (s *Service) departementsNow(ctx context.Context) ([]departement, error) {
	t := &s.tiles
	t.mu.Lock()
	list, load := t.departements, t.load
	t.mu.Unlock()
	var next []departement
	var last int64
	if err := s.db.InTx(ctx, store.Open, func(tx *store.Tx) (err error) {
		last, err = tx.TileDepartements(ctx, load, func(code, name string, ewkb []byte) error {
			d := departement{Area: tiles.Area{Code: code, Name: name}}
			if err := d.Shape.AppendEWKB(ewkb); err != nil {
				return fmt.Errorf("departement %s: %w", code, err)
			}
			d.box = d.Box()
			next = append(next, d)
			return nil
		})
		return err
	}); err != nil || last == load {
		return list, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last > t.load {
		t.departements, t.load = next, last
	}
	return next, nil
}

// departementSums sums the published parcels by département: in memory in no
// time, in the database by reading them all, once for each change.
func (s *Service) departementSums(ctx context.Context) (map[string]tiles.Sums, error) {
	if s.opts.Tiles != nil {
		if src, ok := s.opts.Tiles.Source(); ok {
			return src.Departements(), nil
		}
	}
	t := &s.tiles
	t.summing.Lock()
	defer t.summing.Unlock()
	edition := "" // nobody tells what changes
	if s.tilesFresh() {
		if edition = t.cache.LayerVersion(tiles.LayerDepartements); edition == t.summed && t.sums != nil {
			return t.sums, nil
		}
	}
	sums := map[string]tiles.Sums{}
	if err := s.db.InTx(ctx, store.National, func(tx *store.Tx) error {
		rows, err := tx.TileSums(ctx)
		for _, r := range rows {
			sum := sums[r.Departement]
			sum.Count += r.Count
			sum.Surfaces.Add(r.Level, r.SurfaceDM2)
			sums[r.Departement] = sum
		}
		return err
	}); err != nil {
		return nil, err
	}
	t.summed, t.sums = edition, sums
	return sums, nil
}
