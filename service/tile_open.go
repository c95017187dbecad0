package service

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"sillon/geo"
	"sillon/store"
	"sillon/tiles"
)

// openParcels is Parcels for what everybody may see.
func (p postgis) openParcels(ctx context.Context, q *tiles.Query, a tiles.Address, f func(*tiles.Feature) error) error {
	found := openTiles.Get().(*openTile)
	defer openTiles.Put(found)
	found.reset()
	var crops map[string]tiles.Crop
	if err := p.db.InQuickTx(ctx, p.scope, func(tx *store.Tx) (err error) { // planned once
		if crops, err = p.crops(ctx, tx); err != nil {
			return err
		}
		return tx.OpenTileParcels(ctx, storeQuery(q), a.Bound(), func(o *store.OpenParcel) error {
			found.add(o)
			return nil
		})
	}); err != nil {
		return err
	}
	return found.each(crops, f)
}

// An openTile holds the parcels of a tile until all are there, to put them in
// the order of tiles.Source.
type openTile struct {
	parcels []openParcel
	ewkb    []byte            // of all
	names   map[string]string // levels and codes, each once
}

type openParcel struct {
	order      uint32
	start, end int // of its EWKB
	id         int64
	level, cpf string
	surfaceM2  float64
}

var openTiles = sync.Pool{New: func() any { return &openTile{names: map[string]string{}} }}

// manyNames is more than there are codes: whatever is in the database, the map
// stays small.
const manyNames = 10_000

func (t *openTile) reset() {
	t.parcels, t.ewkb = t.parcels[:0], t.ewkb[:0]
	if len(t.names) > manyNames {
		clear(t.names)
	}
}

func (t *openTile) add(o *store.OpenParcel) {
	start := len(t.ewkb)
	t.ewkb = append(t.ewkb, o.EWKB...)
	t.parcels = append(t.parcels, openParcel{
		tiles.CellOrder(o.CellX, o.CellY, geo.CellZoom), start, len(t.ewkb), o.ID, t.name(o.Level), t.name(o.CPF), o.SurfaceM2,
	})
}

// name returns a text that is the same string each time.
func (t *openTile) name(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	s, ok := t.names[string(b)]
	if !ok {
		s = string(b)
		t.names[s] = s
	}
	return s
}

func (t *openTile) each(crops map[string]tiles.Crop, f func(*tiles.Feature) error) error {
	slices.SortFunc(t.parcels, func(a, b openParcel) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	var out tiles.Feature
	for i := range t.parcels {
		p := &t.parcels[i]
		crop := crops[p.cpf]
		out = tiles.Feature{
			ID: uint64(p.id), EWKB: t.ewkb[p.start:p.end], Level: p.level, CPF: p.cpf, Culture: crop.Label, Group: crop.Group, SurfaceM2: p.surfaceM2,
		}
		if err := f(&out); err != nil {
			return err
		}
	}
	return nil
}

// cropNames are the labels and groups of crops, and of which edition.
type cropNames struct {
	sync.Mutex
	epoch uint64
	known map[string]tiles.Crop
}

// cropNames returns the labels and groups of crops. They are read again when all
// tiles of parcels count as changed, which a change of theirs makes them; each
// time while nobody tells what changes.
func (s *Service) cropNames(ctx context.Context, tx *store.Tx) (map[string]tiles.Crop, error) {
	c := &s.tiles.crops
	fresh := s.tilesFresh()
	var epoch uint64
	if fresh {
		epoch = s.tiles.cache.Epoch(tiles.LayerParcelles) // before they are read
		c.Lock()
		known, at := c.known, c.epoch
		c.Unlock()
		if known != nil && at == epoch {
			return known, nil
		}
	}
	codes, err := tx.CropCodes(ctx)
	if err != nil {
		return nil, err
	}
	known := tiles.CropsOf(codes)
	if fresh {
		c.Lock()
		defer c.Unlock()
		if epoch >= c.epoch {
			c.known, c.epoch = known, epoch
		}
	}
	return known, nil
}
