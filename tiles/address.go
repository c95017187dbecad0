package tiles

import (
	"fmt"
	"math"
	"strconv"

	"github.com/paulmach/orb"

	"sillon/geo/mvt"
)

// maxAddressZoom bounds what can be an address at all, whatever its layer.
const maxAddressZoom = 22

// An Address is the place of a tile in the pyramid of Web-Mercator: zoom,
// column from the west, row from the north.
type Address struct{ Z, X, Y uint32 }

// ParseAddress reads an address as a path has it. ok is false unless the
// numbers are plain decimals, the zoom at most 22 and the tile in the world.
func ParseAddress(z, x, y string) (a Address, ok bool) {
	for _, n := range []struct {
		text string
		to   *uint32
	}{{z, &a.Z}, {x, &a.X}, {y, &a.Y}} {
		v, err := strconv.ParseUint(n.text, 10, 32)
		// One spelling for each tile: caches know it by its path.
		if err != nil || strconv.FormatUint(v, 10) != n.text {
			return Address{}, false
		}
		*n.to = uint32(v)
	}
	if !a.valid() {
		return Address{}, false
	}
	return a, true
}

func (a Address) valid() bool {
	return a.Z <= maxAddressZoom && a.X>>a.Z == 0 && a.Y>>a.Z == 0
}

// String returns the address as a path has it: z/x/y.
func (a Address) String() string { return fmt.Sprintf("%d/%d/%d", a.Z, a.X, a.Y) }

// margin is how far past its tile a shape may be and still be drawn, in units
// of the tile: the buffer, a step of the coarsest grid, and more than
// projections differ by.
const margin = mvt.Buffer + 1<<coarsest

// Bound returns a box, in degrees, that holds what a tile draws: the tile, and
// the buffer around it. It may be some units of the tile larger.
func (a Address) Bound() orb.Bound {
	const buffer = float64(margin) / mvt.Extent
	x, y := float64(a.X), float64(a.Y)
	return orb.Bound{
		Min: orb.Point{a.longitude(x - buffer), a.latitude(y + 1 + buffer)},
		Max: orb.Point{a.longitude(x + 1 + buffer), a.latitude(y - buffer)},
	}
}

func (a Address) longitude(x float64) float64 {
	return min(max(math.Ldexp(x, -int(a.Z))*360-180, -180), 180)
}

func (a Address) latitude(y float64) float64 {
	return math.Atan(math.Sinh(math.Pi*(1-2*math.Ldexp(y, -int(a.Z))))) * 180 / math.Pi
}

// Box is Bound in world coordinates.
func (a Address) Box() Box {
	side := int64(1) << (mvt.WorldBits - a.Z)
	around := side * margin / mvt.Extent
	x, y := int64(a.X)*side, int64(a.Y)*side
	return Box{clampWorld(x - around), clampWorld(y - around), clampWorld(x + side - 1 + around), clampWorld(y + side - 1 + around)}
}

func clampWorld(v int64) uint32 { return uint32(min(max(v, 0), 1<<mvt.WorldBits-1)) }

// A Box is a box in the world coordinates of mvt.World, its borders included.
type Box struct{ MinX, MinY, MaxX, MaxY uint32 }

// Meets reports whether the boxes have a point in common.
func (b Box) Meets(c Box) bool {
	return b.MinX <= c.MaxX && c.MinX <= b.MaxX && b.MinY <= c.MaxY && c.MinY <= b.MaxY
}

// Tiles returns the tiles of a zoom that may draw something of a shape with
// this box: columns and rows from first to last, both included.
func (b Box) Tiles(z uint32) (first, last Address) {
	around := int64(1) << (mvt.WorldBits - z) * margin / mvt.Extent
	shift := mvt.WorldBits - z
	return Address{z, clampWorld(int64(b.MinX)-around) >> shift, clampWorld(int64(b.MinY)-around) >> shift},
		Address{z, clampWorld(int64(b.MaxX)+around) >> shift, clampWorld(int64(b.MaxY)+around) >> shift}
}
