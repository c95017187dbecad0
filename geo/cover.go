package geo

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// A Cover knows which named piece of ground a geometry lies in, where there is
// no doubt. It is made of pieces that do not overlap, such as communes, and
// holds some tens of bytes per position. It is not changed once it is in use.
type Cover struct {
	pieces []piece
	names  map[string]bool
	cells  map[coverCell][]int32 // pieces whose box meets a cell
}

// piece is polygons in units of coverUnit, their shells anticlockwise and their
// holes clockwise; box is theirs.
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
	coverShare = 1e-3  // of its area: less than this decides nothing
)

type coverCell struct{ x, y int32 }

// NewCover returns a cover without pieces.
func NewCover() *Cover { return &Cover{names: map[string]bool{}, cells: map[coverCell][]int32{}} }

// Add adds a piece, Polygon or MultiPolygon in degrees.
func (c *Cover) Add(name string, g orb.Geometry) {
	b := boundOf(g)
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
	c.names[name] = true
}

func (p *piece) addPolygon(polygon orb.Polygon) {
	for i, ring := range polygon {
		points := make([][2]int32, len(ring))
		for i, at := range ring {
			points[i] = [2]int32{int32(math.Round(at[0] / coverUnit)), int32(math.Round(at[1] / coverUnit))}
		}
		if hole := i > 0; (signedArea(ring) < 0) != hole {
			slices.Reverse(points)
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

// Locate returns the name of the piece that holds most of g, by area in the
// plane of degrees, or given when g has land in it: the first rules of domain.md
// §7 for communes. ok is false when the pieces near g leave a doubt, or none
// holds land of it: then the geometries themselves have to be intersected. A
// nil cover has no pieces.
func (c *Cover) Locate(g orb.Geometry, given string) (name string, ok bool) {
	if c == nil {
		return "", false
	}
	b := boundOf(g)
	e := extent{b.Min[0] - coverDoubt, b.Min[1] - coverDoubt, b.Max[0] + coverDoubt, b.Max[1] + coverDoubt}
	if !((e.maxX-e.minX)*(e.maxY-e.minY)*coverCells*coverCells < coverMost) {
		return "", false
	}
	var few [8]int32
	near := few[:0] // with a border within e
	found := int32(-1)
	eachCell(e, func(cell coverCell) {
		for _, i := range c.cells[cell] {
			p := &c.pieces[i]
			if i == found || p.box.maxX < e.minX || p.box.minX > e.maxX || p.box.maxY < e.minY || p.box.minY > e.maxY || slices.Contains(near, i) {
				continue
			}
			switch inside, borders := p.holds(e); {
			case borders:
				near = append(near, i)
			case inside:
				found = i
			}
		}
	})
	if len(near) == 0 {
		if found < 0 {
			return "", false
		}
		return c.pieces[found].name, true
	}
	if found >= 0 { // pieces that overlap after all
		near = append(near, found)
	}
	return c.most(g, near, given)
}

// most is Locate among pieces.
func (c *Cover) most(g orb.Geometry, among []int32, given string) (name string, ok bool) {
	s := newSharer(g)
	b := boundOf(g)
	var first, second float64
	best := int32(-1)
	for _, i := range among {
		p := &c.pieces[i]
		share := s.of(p, b.Min[0]/coverUnit, b.Min[1]/coverUnit)
		if p.name == given {
			if share < coverShare*s.area {
				return "", false
			}
			return given, true
		}
		if share > first {
			best, first, second = i, share, first
		} else {
			second = max(second, share)
		}
	}
	// What is given and unknown may be the former name of one of them.
	if given != "" && !c.names[given] || best < 0 || first-second < coverShare*s.area {
		return "", false
	}
	return c.pieces[best].name, true
}

// holds reports whether e is inside p, or near one of its borders.
func (p *piece) holds(e extent) (inside, near bool) {
	minX, minY := int32(math.Floor(e.minX/coverUnit)), int32(math.Floor(e.minY/coverUnit))
	maxX, maxY := int32(math.Ceil(e.maxX/coverUnit)), int32(math.Ceil(e.maxY/coverUnit))
	x, y := minX+(maxX-minX)/2, minY+(maxY-minY)/2
	for _, ring := range p.rings {
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			if a[1] < minY && b[1] < minY || a[1] > maxY && b[1] > maxY {
				continue
			}
			beside := a[0] < minX && b[0] < minX || a[0] > maxX && b[0] > maxX
			if !beside && e.meets(degreesOf(a), degreesOf(b)) {
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
