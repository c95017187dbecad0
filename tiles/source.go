package tiles

import (
	"context"
	"math"

	"sillon/geo"
	"sillon/geo/mvt"
	"sillon/sillon"
)

// A ScopeKind is a manner of looking at the parcels.
type ScopeKind uint8

// The kinds of scopes. The zero kind sees nothing.
const (
	ScopeNone      ScopeKind = iota
	ScopePublic              // the published parcels, without what tells a farm
	ScopeCertifier           // those of the published ones that a certifier may read
	ScopeFarm                // those of one farm
	ScopeAll                 // all the published ones, with what tells a farm
	ScopeVersion             // the parcels of one parcellaire, published or not
)

// A Scope names who looks at a tile. It is part of what a finished tile is
// known by, and only a Source knows what it lets see. The zero Scope sees
// nothing.
type Scope struct {
	Kind    ScopeKind
	OC      sillon.OC            // of ScopeCertifier
	Farm    sillon.NumeroBio     // of ScopeFarm
	Version sillon.ParcellaireID // of ScopeVersion
}

// Public is the scope of everybody.
var Public = Scope{Kind: ScopePublic}

// Private says whether the tiles of the scope tell farms, and so must not be
// shared between those who look.
func (s Scope) Private() bool { return s.Kind != ScopePublic }

// A Filter narrows a scope. An empty list lets everything pass; otherwise one
// of its members must match.
type Filter struct {
	Levels       []string // niveauConversion
	Crops        []string // CPF codes, each with what lies below it in the nomenclature
	Years        []int    // of the parcellaire
	Departements []string // codes
}

// A Query says what a tile shows: what a scope lets see, and a filter lets
// pass.
type Query struct {
	Scope  Scope
	Filter Filter
}

// A Source yields what tiles are made of. It hands each thing to f in turn,
// stops at the first failure of f and returns it, and may use the memory of
// the thing again after f. Sources of the same parcels yield the same things
// in the same order, so that a tile has the same bytes whoever makes it.
type Source interface {
	// Parcels yields the parcels of a query whose box meets what a tile draws,
	// in the order of CellOrder at geo.CellZoom, then of their ids.
	Parcels(ctx context.Context, q *Query, a Address, f func(*Feature) error) error
	// Cells yields the cells of a tile that hold parcels of a query, in the
	// order of CellOrder.
	Cells(ctx context.Context, q *Query, a Address, f func(*Cell) error) error
}

// A Feature is a parcel. It has its shape in one of two forms.
type Feature struct {
	ID        uint64    // stable, below 2⁵³, says nothing of the farm
	EWKB      []byte    // polygon or multipolygon, WGS 84; nil if Shape has it
	Shape     mvt.Shape // the same in world coordinates
	Kind      uint32    // not 0: parcels of this kind have the same level, crop and group
	Level     string    // niveauConversion, empty if unknown
	CPF       string    // code of the main crop, or empty
	Culture   string    // its French name, or empty
	Group     string    // French name of its group, or empty
	SurfaceM2 float64

	// What tells the farm: only of the parcels of a private scope.
	Farm           string // numeroBio
	Version        string // id of the parcellaire
	State          string // of the parcellaire
	Parcel         string // id in the parcellaire
	Label          string // îlot.parcelle, or the name
	GeometryStatus string
	Certifier      string // name, for ScopeAll
}

// A Cell is a square of the map: there are CellsPerTile a side in a tile of
// zoom z, and X and Y count them from the north-west of the world.
type Cell struct {
	X, Y     uint32
	Count    int
	Surfaces Surfaces
}

// CellBits is how many zooms cells are deeper than their tile.
const (
	CellBits     = 6
	CellsPerTile = 1 << CellBits
)

// CellOrder is the place of a cell of a zoom on the Hilbert curve that all
// cells of that zoom lie on. The cells of a square that is one cell at a
// smaller zoom follow each other, and its own place is theirs without the last
// two bits for each zoom between.
func CellOrder(x, y, zoom uint32) uint32 {
	var d uint32
	for s := int(zoom) - 1; s >= 0; s-- {
		right, low := x>>s&1, y>>s&1
		d = d<<2 | 3*right ^ low
		if low == 0 {
			if right == 1 {
				x, y = ^x, ^y
			}
			x, y = y, x
		}
	}
	return d
}

// cellAt is the cell of a zoom at a place of CellOrder.
func cellAt(d, zoom uint32) (x, y uint32) {
	for s := range zoom {
		right := d >> 1 & 1
		low := (d ^ right) & 1
		if low == 0 {
			if right == 1 {
				x, y = 1<<s-1-x, 1<<s-1-y
			}
			x, y = y, x
		}
		x, y = x|right<<s, y|low<<s
		d >>= 2
	}
	return x, y
}

// parcelOrder is the place of a parcel in a tile, before its id.
func parcelOrder(cellX, cellY uint32) uint32 { return CellOrder(cellX, cellY, geo.CellZoom) }

// Surfaces are square decimetres by level: whole, so that their sum does not
// depend on its order. Other is engaged and unknown land.
type Surfaces struct{ AB, C1, C2, C3, CONV, Other int64 }

// maxSurface is what the surface of one parcel is taken for at the most, in
// square metres: a million square kilometres.
const maxSurface = 1e12

// SquareDecimetres rounds a surface in square metres, half to even, as
// PostgreSQL rounds it.
func SquareDecimetres(m2 float64) int64 { return int64(math.RoundToEven(min(m2, maxSurface) * 100)) }

// Add adds square decimetres of a level.
func (s *Surfaces) Add(l sillon.Level, dm2 int64) {
	switch l {
	case sillon.LevelAB:
		s.AB += dm2
	case sillon.LevelC1:
		s.C1 += dm2
	case sillon.LevelC2:
		s.C2 += dm2
	case sillon.LevelC3:
		s.C3 += dm2
	case sillon.LevelCONV:
		s.CONV += dm2
	case sillon.LevelEngaged, sillon.LevelUnknown:
		s.Other += dm2
	}
}

// Total returns the sum of the surfaces, in square decimetres.
func (s *Surfaces) Total() int64 { return s.AB + s.C1 + s.C2 + s.C3 + s.CONV + s.Other }

// level returns the level that holds most of the surfaces, empty if that is no
// level. Of equals, the one nearest to organic.
func (s *Surfaces) level() string {
	level, most := "AB", s.AB
	for _, l := range []struct {
		name string
		dm2  int64
	}{{"C3", s.C3}, {"C2", s.C2}, {"C1", s.C1}, {"CONV", s.CONV}, {"", s.Other}} {
		if l.dm2 > most {
			level, most = l.name, l.dm2
		}
	}
	return level
}
