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

	"github.com/klauspost/compress/gzip"

	"sillon/geo/mvt"
)

// A Layer is a tileset, by its name in paths.
type Layer string

// The tilesets.
const (
	LayerParcelles    Layer = "parcelles"
	LayerDepartements Layer = "departements"
)

const (
	maxZoomCells        = 9
	maxZoomParcels      = 16
	maxZoomDepartements = 12
	minZoomCrops        = 12 // where parcels tell their crop and surface

	// budget is what a tile may weigh, compressed.
	budget = 500_000
	// coarsest is the last detail tried to meet the budget.
	coarsest mvt.Detail = 3
)

// ErrNoTile is the failure of an address that a tileset does not have.
var ErrNoTile = errors.New("no such tile")

// MaxZoom returns the deepest zoom of the tileset; ok is false if there is no
// such tileset.
func (l Layer) MaxZoom() (z uint32, ok bool) {
	switch l {
	case LayerParcelles:
		return maxZoomParcels, true
	case LayerDepartements:
		return maxZoomDepartements, true
	}
	return 0, false
}

// A Tile is a finished tile. It is not changed any more, and may be shared.
type Tile struct {
	Bytes    []byte // MVT 2.1; none if nothing is there
	ETag     string // strong and quoted, of Bytes
	GzipETag string // the same of Gzip: another coding is another representation

	gzip func() []byte
}

// Gzip returns the bytes compressed. The first call does the work.
func (t *Tile) Gzip() []byte { return t.gzip() }

// newTile makes a tile of bytes, and of what they are compressed, nil if they
// are not yet.
func newTile(b, packed []byte) *Tile {
	sum := sha256.Sum256(b)
	tag := hex.EncodeToString(sum[:16])
	return &Tile{
		Bytes: b, ETag: `"` + tag + `"`, GzipETag: `"` + tag + `-gz"`,
		gzip: sync.OnceValue(func() []byte {
			if packed == nil {
				packed = compress(b)
			}
			return packed
		}),
	}
}

// ContentType is that of a tile.
const ContentType = "application/vnd.mapbox-vector-tile"

// Encode makes a tile. It fails with ErrNoTile outside the tileset, with
// mvt.ErrEWKB on a shape that cannot be read, and with what src fails with.
func Encode(ctx context.Context, src Source, layer Layer, q *Query, a Address) (*Tile, error) {
	deepest, ok := layer.MaxZoom()
	if !ok || a.Z > deepest || !a.valid() {
		return nil, fmt.Errorf("tile %s/%s: %w", layer, a, ErrNoTile)
	}
	e := encoders.Get().(*encoder)
	defer e.free()
	for e.detail, e.bare = startOf(layer, a.Z), false; ; {
		if err := e.encode(ctx, src, layer, q, a); err != nil {
			return nil, fmt.Errorf("tile %s/%s: %w", layer, a, err)
		}
		if len(e.out) <= budget {
			return newTile(bytes.Clone(e.out), nil), nil
		}
		// A dense tile loses detail, then attributes, and never a feature.
		packed := compress(e.out)
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

// startOf is the detail to try first: the borders of départements are far
// finer than a small scale shows.
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

// encode writes the tile to e.out.
func (e *encoder) encode(ctx context.Context, src Source, layer Layer, q *Query, a Address) error {
	var err error
	switch {
	case layer == LayerDepartements:
		err = e.departements(ctx, src, a)
	case a.Z <= maxZoomCells:
		err = e.cells(ctx, src, q, a)
	default:
		err = e.parcels(ctx, src, q, a)
	}
	e.out = e.layer.Append(e.out[:0])
	return err
}

func (e *encoder) cells(ctx context.Context, src Source, q *Query, a Address) error {
	const side = mvt.Extent / CellsPerTile
	l := &e.layer
	if err := l.Begin(vectorMailles, a.Z, a.X, a.Y, mvt.Fine); err != nil {
		return err
	}
	count, total, level := l.Key("nombre"), l.Key("ha"), l.Key("niveau")
	levels := [...]mvt.Key{
		l.Key("ha_AB"), l.Key("ha_C1"), l.Key("ha_C2"), l.Key("ha_C3"), l.Key("ha_CONV"), l.Key("ha_autre"),
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
		for i, dm2 := range [...]int64{s.AB, s.C1, s.C2, s.C3, s.CONV, s.Other} {
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

func (e *encoder) departements(ctx context.Context, src Source, a Address) error {
	l := &e.layer
	if err := l.Begin(vectorDepartements, a.Z, a.X, a.Y, e.detail); err != nil {
		return err
	}
	code, name := l.Key("code"), l.Key("nom")
	return src.Departements(ctx, a, func(d *Area) error {
		ok, err := l.Polygons(d.EWKB)
		if err != nil {
			return fmt.Errorf("departement %s: %w", d.Code, err)
		}
		if !ok {
			return nil
		}
		l.String(code, d.Code)
		l.String(name, d.Name)
		l.Add(departementID(d.Code))
		return nil
	})
}

// departementID makes a code, "26", "2A" or "974", a number of its own.
func departementID(code string) uint64 {
	var id uint64
	for _, c := range []byte(code) {
		id = id<<8 | uint64(c)
	}
	return id
}

var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // BestSpeed is a level
	return w
}}

func compress(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b)/2 + 64)
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&out)
	// A bytes.Buffer takes all it is given.
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}
