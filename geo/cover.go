package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// A Cover knows which named piece of ground a geometry lies in, where there is
// no doubt. It is made of pieces that do not overlap, such as communes, and
// holds some tens of bytes per position. It is not changed once it is in use.
type Cover struct {
	pieces []piece
	cells  map[coverCell][]int32 // pieces whose box meets a cell
}

// piece is polygons in units of coverUnit; box is theirs.
type piece struct {
	name  string
	box   extent
	rings [][][2]int32
}

const (
	coverUnit  = 1e-7  // degrees: a centimetre
	coverCells = 16    // a degree
	coverDoubt = 2e-6  // degrees: nearer than this to a border is doubt
	coverMost  = 1_000 // cells a geometry may meet before nothing is said of it
)

type coverCell struct{ x, y int32 }

// NewCover returns a cover without pieces.
func NewCover() *Cover { return &Cover{cells: map[coverCell][]int32{}} }

// Add adds a piece, Polygon or MultiPolygon in degrees.
func (c *Cover) Add(name string, g orb.Geometry) {
	b := g.Bound()
	p := piece{name: name, box: extent{b.Min[0], b.Min[1], b.Max[0], b.Max[1]}}
	switch g := g.(type) {
	case orb.Polygon:
		p.addPolygon(g)
	case orb.MultiPolygon:
		for _, polygon := range g {
			p.addPolygon(polygon)
		}
	}
	eachCell(p.box, func(cell coverCell) { c.cells[cell] = append(c.cells[cell], int32(len(c.pieces))) }) //nolint:gosec // pieces are counted
	c.pieces = append(c.pieces, p)
}

func (p *piece) addPolygon(polygon orb.Polygon) {
	for _, ring := range polygon {
		points := make([][2]int32, len(ring))
		for i, at := range ring {
			points[i] = [2]int32{int32(math.Round(at[0] / coverUnit)), int32(math.Round(at[1] / coverUnit))}
		}
		p.rings = append(p.rings, points)
	}
}

func eachCell(e extent, f func(coverCell)) {
	x0, x1 := int32(math.Floor(e.minX*coverCells)), int32(math.Floor(e.maxX*coverCells))
	y0, y1 := int32(math.Floor(e.minY*coverCells)), int32(math.Floor(e.maxY*coverCells))
	for x := x0; x <= x1; x++ {
		for y := y0; y <= y1; y++ {
			f(coverCell{x, y})
		}
	}
}

// Locate returns the name of the one piece that holds the whole bounding box
// of g. ok is false when a border comes near that box, or when no piece holds
// it: then the geometries themselves have to be intersected. A nil cover has
// no pieces.
func (c *Cover) Locate(g orb.Geometry) (name string, ok bool) {
	if c == nil {
		return "", false
	}
	b := g.Bound()
	e := extent{b.Min[0] - coverDoubt, b.Min[1] - coverDoubt, b.Max[0] + coverDoubt, b.Max[1] + coverDoubt}
	if !((e.maxX-e.minX)*(e.maxY-e.minY)*coverCells*coverCells < coverMost) {
		return "", false
	}
	found := int32(-1)
	doubt := false
	eachCell(e, func(cell coverCell) {
		for _, i := range c.cells[cell] {
			p := &c.pieces[i]
			if i == found || p.box.maxX < e.minX || p.box.minX > e.maxX || p.box.maxY < e.minY || p.box.minY > e.maxY {
				continue
			}
			inside, near := p.holds(e)
			doubt = doubt || near || inside && found >= 0
			if inside {
				found = i
			}
		}
	})
	if doubt || found < 0 {
		return "", false
	}
	return c.pieces[found].name, true
}

// holds reports whether e is inside p, or near one of its borders.
func (p *piece) holds(e extent) (inside, near bool) {
	x, y := int32(math.Round((e.minX+e.maxX)/2/coverUnit)), int32(math.Round((e.minY+e.maxY)/2/coverUnit))
	for _, ring := range p.rings {
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			if e.meets(degreesOf(a), degreesOf(b)) {
				return false, true
			}
			if (a[1] > y) != (b[1] > y) {
				// Where the segment crosses the row of the middle of e.
				at := float64(a[0]) + float64(y-a[1])*float64(b[0]-a[0])/float64(b[1]-a[1])
				if float64(x) < at {
					inside = !inside
				}
			}
		}
	}
	return inside, false
}

func degreesOf(p [2]int32) orb.Point {
	return orb.Point{float64(p[0]) * coverUnit, float64(p[1]) * coverUnit}
}
