package tiles

import (
	"context"

	"github.com/paulmach/orb"
)

// A Scope names who looks at a tile. It is part of what a finished tile is
// known by, and only a Source knows what it lets see. The zero Scope sees
// nothing.
type Scope string

// ScopePublic sees what anybody may.
const ScopePublic Scope = "public"

// A Source yields what tiles are made of. It hands each thing to f in turn,
// stops at the first failure of f and returns it, and may use the memory of
// the thing again after f.
type Source interface {
	// Parcels yields the parcels of a scope whose box meets a box in degrees.
	Parcels(ctx context.Context, scope Scope, box orb.Bound, f func(*Feature) error) error
	// Cells yields the cells of a tile that hold parcels of a scope.
	Cells(ctx context.Context, scope Scope, a Address, f func(*Cell) error) error
	// Departements yields the départements whose box meets that of a tile,
	// by a.Bound.
	Departements(ctx context.Context, a Address, f func(*Area) error) error
}

// A Feature is a parcel.
type Feature struct {
	ID        uint64 // stable, below 2⁵³, says nothing of the farm
	EWKB      []byte // polygon or multipolygon, WGS 84
	Level     string // niveauConversion, empty if unknown
	CPF       string // code of the main crop, or empty
	Culture   string // its French name, or empty
	Group     string // French name of its group, or empty
	SurfaceM2 float64
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

// Surfaces are square metres by level. Other is engaged and unknown land.
type Surfaces struct{ AB, C1, C2, C3, CONV, Other float64 }

// Total returns the sum of the surfaces, in square metres.
func (s *Surfaces) Total() float64 { return s.AB + s.C1 + s.C2 + s.C3 + s.CONV + s.Other }

// level returns the level that holds most of the surfaces, empty if that is no
// level. Of equals, the one nearest to organic.
func (s *Surfaces) level() string {
	level, most := "AB", s.AB
	for _, l := range []struct {
		name string
		m2   float64
	}{{"C3", s.C3}, {"C2", s.C2}, {"C1", s.C1}, {"CONV", s.CONV}, {"", s.Other}} {
		if l.m2 > most {
			level, most = l.name, l.m2
		}
	}
	return level
}

// An Area is a département.
type Area struct {
	Code, Name string
	EWKB       []byte // polygon or multipolygon, WGS 84
}
