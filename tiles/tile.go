package tiles

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"

	"sillon/geo/mvt"
)

// A Layer is a tileset, by its name in paths.
type Layer string

// The tilesets.
const (
	LayerParcelles    Layer = "parcelles"
	LayerCommunes     Layer = "communes"
	LayerDepartements Layer = "departements"
)

const (
	maxZoomCells        = 9
	maxZoomParcels      = 16
	maxZoomDepartements = 12
	minZoomCommunes     = 8
	maxZoomCommunes     = 14
	minZoomCrops        = 12 // where parcels tell their crop and surface

	// budget is what a tile may weigh, compressed.
	budget = 500_000
	// coarsest is the last detail tried to meet the budget.
	coarsest mvt.Detail = 3
)

// ErrNoTile is the failure of an address that a tileset does not have.
var ErrNoTile = errors.New("no such tile")

// Zooms returns the first and the deepest zoom of the tileset; ok is false if
// there is no such tileset.
func (l Layer) Zooms() (first, deepest uint32, ok bool) {
	switch l {
	case LayerParcelles:
		return 0, maxZoomParcels, true
	case LayerCommunes:
		return minZoomCommunes, maxZoomCommunes, true
	case LayerDepartements:
		return 0, maxZoomDepartements, true
	}
	return 0, 0, false
}

// Has reports whether the tileset has a tile at the address.
func (l Layer) Has(a Address) bool {
	first, deepest, ok := l.Zooms()
	return ok && a.Z >= first && a.Z <= deepest && a.valid()
}

// layerCount is the number of tilesets, and index their order.
const layerCount = 3

func (l Layer) index() int {
	switch l {
	case LayerCommunes:
		return 1
	case LayerDepartements:
		return 2
	case LayerParcelles:
	}
	return 0
}

// A Tile is a finished tile. It is not changed any more, and may be shared.
type Tile struct {
	Bytes []byte // MVT 2.1; none if nothing is there

	tag   string // what its ETags are made of; empty until it is asked for
	once  [3]sync.Once
	etags [3]string
	coded [3][]byte
	grew  func(n int) // told of bytes made later; may be nil
}

// newTile makes a tile of bytes, and of what gzip makes of them, nil if that is
// not made yet.
func newTile(b, packed []byte) *Tile {
	t := &Tile{Bytes: b}
	if packed != nil {
		t.once[Gzip].Do(func() { t.coded[Gzip] = packed })
	}
	return t
}

// ETag is strong and quoted, and differs between codings.
func (t *Tile) ETag(c Coding) string {
	t.once[Identity].Do(func() {
		if t.tag == "" {
			sum := sha256.Sum256(t.Bytes)
			t.tag = hex.EncodeToString(sum[:16])
		}
		for c := range t.etags {
			t.etags[c] = Coding(c).tag(t.tag)
		}
	})
	return t.etags[c]
}

// Body returns the bytes in a coding. The first call does the work.
func (t *Tile) Body(c Coding) []byte {
	if c == Identity {
		return t.Bytes
	}
	made := false
	t.once[c].Do(func() {
		compress := compressGzip
		if c == Zstd {
			compress = compressZstd
		}
		t.coded[c] = compress(t.Bytes)
		made = true
	})
	if made && t.grew != nil {
		t.grew(len(t.coded[c]))
	}
	return t.coded[c]
}

// size is what the tile weighs while nobody makes more of it.
func (t *Tile) size() int64 { return int64(len(t.Bytes) + len(t.coded[Gzip]) + len(t.coded[Zstd])) }

// Encode makes a tile of LayerParcelles. It fails with ErrNoTile outside the
// tileset, with mvt.ErrEWKB on a shape that cannot be read, and with what src
// fails with.
func Encode(ctx context.Context, src Source, q *Query, a Address) (*Tile, error) {
	return finish(LayerParcelles, a, func(e *encoder) error {
		if a.Z <= maxZoomCells {
			return e.cells(ctx, src, q, a)
		}
		return e.parcels(ctx, src, q, a)
	})
}

// EncodeAreas makes a tile of a tileset of areas. It fails as Encode does.
func EncodeAreas(ctx context.Context, src AreaSource, layer Layer, a Address) (*Tile, error) {
	return finish(layer, a, func(e *encoder) error { return e.areas(ctx, src, layer, a) })
}

// finish makes a tile of what encode writes to the layer of an encoder.
func finish(layer Layer, a Address, encode func(*encoder) error) (*Tile, error) {
	if !layer.Has(a) {
		return nil, fmt.Errorf("tile %s/%s: %w", layer, a, ErrNoTile)
	}
	e := encoders.Get().(*encoder)
	defer e.free()
	for e.detail, e.bare = startOf(layer, a.Z), false; ; {
		if err := encode(e); err != nil {
			return nil, fmt.Errorf("tile %s/%s: %w", layer, a, err)
		}
		e.out = e.layer.Append(e.out[:0])
		if len(e.out) <= budget {
			return newTile(bytes.Clone(e.out), nil), nil
		}
		// A dense tile loses detail, then attributes, and never a feature.
		packed := compressGzip(e.out)
		if len(packed) <= budget || !e.lighten(layer, a.Z) {
			return newTile(bytes.Clone(e.out), packed), nil
		}
	}
}

// lighten makes the next try of a tile weigh less; false when it cannot.
func (e *encoder) lighten(layer Layer, z uint32) bool {
	switch {
	case e.detail < coarsest:
		e.detail++
	case layer == LayerParcelles && z < minZoomCrops && !e.bare:
		e.bare = true
	default:
		return false
	}
	return true
}

// startOf is the detail to try first: the borders of areas are far finer than
// a small scale shows.
func startOf(layer Layer, z uint32) mvt.Detail {
	switch {
	case layer == LayerParcelles:
		return mvt.Fine
	case z <= 6:
		return mvt.Fine + 2
	default:
		return mvt.Fine + 1
	}
}

// An encoder is what one Encode works with.
type encoder struct {
	layer  mvt.Layer
	detail mvt.Detail
	bare   bool // of parcels, tells the level only
	out    []byte
	keys   parcelKeys
	kinds  kinds
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// free gives the encoder back, without what it knows of the last tile.
func (e *encoder) free() {
	e.layer.Forget()
	encoders.Put(e)
}

func (e *encoder) cells(ctx context.Context, src Source, q *Query, a Address) error {
	const side = mvt.Extent / CellsPerTile
	l := &e.layer
	if err := l.Begin(vectorMailles, a.Z, a.X, a.Y, mvt.Fine); err != nil {
		return err
	}
	count, total, level := l.Key("nombre"), l.Key("ha"), l.Key("niveau")
	var levels [len(hectareKeys)]mvt.Key
	for i, name := range hectareKeys {
		levels[i] = l.Key(name)
	}
	return src.Cells(ctx, q, a, func(c *Cell) error {
		if c.X>>CellBits != a.X || c.Y>>CellBits != a.Y {
			return fmt.Errorf("cell %d/%d is not in the tile", c.X, c.Y)
		}
		x, y := int32(c.X-a.X<<CellBits)*side, int32(c.Y-a.Y<<CellBits)*side
		l.Rect(x, y, x+side, y+side)
		l.Sint(count, int64(c.Count))
		s := &c.Surfaces
		l.Double(total, hectares(s.Total()))
		if name := s.level(); name != "" {
			l.String(level, name)
		}
		for i, dm2 := range s.list() {
			if ha := hectares(dm2); ha > 0 {
				l.Double(levels[i], ha)
			}
		}
		l.Add(uint64(c.Y)<<(a.Z+CellBits) | uint64(c.X))
		return nil
	})
}

// hectares rounds to a tenth, and to the hectare from ten on: a map shows no
// more, and cells share their values.
func hectares(dm2 int64) float64 {
	if dm2 >= 1e7 {
		return math.Round(float64(dm2) / 1e6)
	}
	return math.Round(float64(dm2)/1e5) / 10
}
