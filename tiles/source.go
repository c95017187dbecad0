package tiles

import (
	"context"

	"github.com/paulmach/orb"

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
// the thing again after f.
type Source interface {
	// Parcels yields the parcels of a query whose box meets a box in degrees.
	Parcels(ctx context.Context, q *Query, box orb.Bound, f func(*Feature) error) error
	// Cells yields the cells of a tile that hold parcels of a query.
	Cells(ctx context.Context, q *Query, a Address, f func(*Cell) error) error
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
