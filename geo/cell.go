package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// CellZoom is the zoom whose Web-Mercator tiles are the finest cells that
// parcels are counted in.
const CellZoom = 15

// CellOf returns the cell of the middle of g's bounding box (lon/lat degrees):
// the column, from the west, and the row, from the north, of the Web-Mercator
// tile of CellZoom that holds it.
func CellOf(g orb.Geometry) (x, y int32) {
	const n = 1 << CellZoom
	c := boundOf(g).Center()
	lat := math.Max(-85.0511, math.Min(85.0511, c[1])) * math.Pi / 180
	fx := (c[0] + 180) / 360 * n
	fy := (1 - math.Asinh(math.Tan(lat))/math.Pi) / 2 * n
	return clampCell(fx), clampCell(fy)
}

func clampCell(v float64) int32 {
	return int32(math.Max(0, math.Min(v, 1<<CellZoom-1)))
}
