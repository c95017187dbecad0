package geo

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Land is a raster of French land, made from the communes: fine enough to tell
// a projection that puts a parcel in the sea from one that puts it in a field.
// A nil Land is one that is not loaded: nothing touches it.
type Land struct{ grids []grid }

// perCell is how many cells of the raster make a degree: a cell is 870 m high.
const perCell = 128

// A grid is the raster of a territory. Bit x + y·width tells whether the cell
// at x columns east and y rows north of its corner has land.
type grid struct {
	west, south   int // of the corner, in cells from 0°, 0°
	width, height int
	cells         []uint64
}

// NewLand returns a raster without land.
func NewLand() *Land {
	l := &Land{}
	for _, r := range slices.Concat(regions, islands) {
		const margin = 2 // cells: the boxes are tight
		g := grid{west: cell(r.box.Min[0]) - margin, south: cell(r.box.Min[1]) - margin}
		g.width = cell(r.box.Max[0]) + margin + 1 - g.west
		g.height = cell(r.box.Max[1]) + margin + 1 - g.south
		g.cells = make([]uint64, (g.width*g.height+63)/64)
		l.grids = append(l.grids, g)
	}
	return l
}

func cell(degrees float64) int { return int(math.Floor(degrees * perCell)) }

// Add makes land of the cells that the polygons of g touch. Positions are
// degrees; what is far from France is left out.
func (l *Land) Add(g orb.Geometry) {
	switch g := g.(type) {
	case orb.Ring:
		l.Add(orb.Polygon{g})
	case orb.Polygon:
		for i := range l.grids {
			l.grids[i].add(g)
		}
	case orb.MultiPolygon:
		for _, p := range g {
			l.Add(p)
		}
	case orb.Collection:
		for _, m := range g {
			l.Add(m)
		}
	}
}

// Touches reports whether each position of the polygons of g is in a cell with
// land, or beside one.
func (l *Land) Touches(g orb.Geometry) bool {
	if l == nil || isEmpty(g) {
		return false
	}
	return eachPoint(g, l.near)
}

func (l *Land) near(p orb.Point) bool {
	for i := range l.grids {
		g := &l.grids[i]
		x, y := int(math.Floor(p[0]*perCell))-g.west, int(math.Floor(p[1]*perCell))-g.south
		if x < 0 || y < 0 || x >= g.width || y >= g.height {
			continue
		}
		if g.has(x, y) {
			return true
		}
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				if g.has(x+dx, y+dy) {
					return true
				}
			}
		}
	}
	return false
}

func (g *grid) has(x, y int) bool {
	if x < 0 || y < 0 || x >= g.width || y >= g.height {
		return false
	}
	i := x + y*g.width
	return g.cells[i/64]&(1<<(i%64)) != 0
}

// fill makes land of the cells of a row from one column to another.
func (g *grid) fill(from, to, y int) {
	if y < 0 || y >= g.height {
		return
	}
	for x := max(from, 0); x <= min(to, g.width-1); x++ {
		i := x + y*g.width
		g.cells[i/64] |= 1 << (i % 64)
	}
}

// add fills the cells that the edges of p cross, row by row, and those whose
// centre is inside.
func (g *grid) add(p orb.Polygon) {
	if len(p) == 0 || len(p[0]) == 0 {
		return
	}
	b := p.Bound()
	low, high := max(0, cell(b.Min[1])-g.south), min(g.height-1, cell(b.Max[1])-g.south)
	if low > high || cell(b.Max[0]) < g.west || cell(b.Min[0]) >= g.west+g.width {
		return
	}
	hits := make([][]float64, high-low+1) // where the edges cross the middle of each row
	for _, r := range p {
		for i := 1; i < len(r); i++ {
			x0, y0 := r[i-1][0]*perCell-float64(g.west), r[i-1][1]*perCell-float64(g.south)
			x1, y1 := r[i][0]*perCell-float64(g.west), r[i][1]*perCell-float64(g.south)
			if y0 > y1 {
				x0, y0, x1, y1 = x1, y1, x0, y0
			}
			at := func(y float64) float64 { // where the edge is at a height within it
				if y1 == y0 {
					return x0
				}
				return x0 + (x1-x0)*(y-y0)/(y1-y0)
			}
			for row := max(low, int(math.Floor(y0))); row <= min(high, int(math.Floor(y1))); row++ {
				a, b := at(math.Max(y0, float64(row))), at(math.Min(y1, float64(row+1)))
				if y0 == y1 {
					b = x1
				}
				g.fill(int(math.Floor(math.Min(a, b))), int(math.Floor(math.Max(a, b))), row)
				if middle := float64(row) + 0.5; y0 <= middle && middle < y1 {
					hits[row-low] = append(hits[row-low], at(middle))
				}
			}
		}
	}
	for i, h := range hits {
		row := low + i
		slices.Sort(h)
		for j := 1; j < len(h); j += 2 {
			g.fill(int(math.Ceil(h[j-1]-0.5)), int(math.Floor(h[j]-0.5)), row)
		}
	}
}

// landVersion changes with the grids and their order.
const landVersion = 1

// MarshalBinary writes a byte of version and the words of each grid.
func (l *Land) MarshalBinary() ([]byte, error) {
	b := []byte{landVersion}
	for _, g := range l.grids {
		for _, w := range g.cells {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	return b, nil
}

var errLand = errors.New("land raster of another version or length")

// UnmarshalBinary reads what MarshalBinary wrote.
func (l *Land) UnmarshalBinary(b []byte) error {
	blank := NewLand()
	words := 0
	for _, g := range blank.grids {
		words += len(g.cells)
	}
	if len(b) != 1+8*words || b[0] != landVersion {
		return errLand
	}
	b = b[1:]
	for _, g := range blank.grids {
		for i := range g.cells {
			g.cells[i] = binary.LittleEndian.Uint64(b)
			b = b[8:]
		}
	}
	*l = *blank
	return nil
}
