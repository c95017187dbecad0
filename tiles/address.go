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

// Bound returns the box, in degrees, of what a tile draws: the tile, and the
// buffer around it.
func (a Address) Bound() orb.Bound {
	const buffer = float64(mvt.Buffer) / mvt.Extent
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
