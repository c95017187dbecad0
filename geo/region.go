package geo

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// A region is a box of certifier-exchange.md §3 and the projection in which
// the parcels inside are measured by law.
type region struct {
	box   orb.Bound
	legal CRS
}

// regions are the boxes that make a parcel "in bounds", in the order in which
// they are tested.
var regions = []region{
	{bounds(-5.1412, 41.334, 9.5597, 51.0888), Lambert93},
	{bounds(-61.8098, 14.3947, -60.8106, 16.511), UTM20N},
	{bounds(-54.6023, 2.1111, -51.619, 5.7487), UTM22N},
	{bounds(55.2166, -21.3891, 55.8366, -20.8721), UTM40S},
	{bounds(45.0185, -13.0001, 45.298, -12.6366), UTM38S},
}

// islands have a legal projection but no box: their parcels keep the warning.
var islands = []region{
	{bounds(-63.2, 17.8, -62.7, 18.2), UTM20N},  // Saint-Martin, Saint-Barthélemy
	{bounds(-56.6, 46.7, -56.05, 47.2), UTM21N}, // Saint-Pierre-et-Miquelon
}

func bounds(minLon, minLat, maxLon, maxLat float64) orb.Bound {
	return orb.Bound{Min: orb.Point{minLon, minLat}, Max: orb.Point{maxLon, maxLat}}
}

// InRegions reports whether g intersects one of the boxes of
// certifier-exchange.md §3.
func InRegions(g orb.Geometry) bool {
	if isEmpty(g) {
		return false
	}
	b := boundOf(g)
	for _, r := range regions {
		if b.Intersects(r.box) && intersects(g, r.box) {
			return true
		}
	}
	return false
}

// LegalCRS returns the projection in which the law measures g: that of the box
// holding most of it, and Lambert-93 when there is none.
func LegalCRS(g orb.Geometry) CRS {
	if isEmpty(g) {
		return Lambert93
	}
	b := boundOf(g)
	crs, most := Lambert93, -1.0
	for _, list := range [][]region{regions, islands} {
		for _, r := range list {
			if !b.Intersects(r.box) {
				continue
			}
			if within(b, r.box) {
				return r.legal
			}
			if a := areaInside(g, r.box); a > most && intersects(g, r.box) {
				crs, most = r.legal, a
			}
		}
	}
	return crs
}

func within(inner, outer orb.Bound) bool {
	return outer.Contains(inner.Min) && outer.Contains(inner.Max)
}

// isEmpty reports whether g has no position at all.
func isEmpty(g orb.Geometry) bool {
	switch g := g.(type) {
	case nil:
		return true
	case orb.Ring:
		return len(g) == 0
	case orb.Polygon:
		return len(g) == 0 || len(g[0]) == 0
	case orb.MultiPolygon:
		for _, p := range g {
			if !isEmpty(p) {
				return false
			}
		}
		return true
	case orb.Collection:
		for _, m := range g {
			if !isEmpty(m) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// intersects reports whether g, whose bound meets b, has a point in b.
func intersects(g orb.Geometry, b orb.Bound) bool {
	switch g := g.(type) {
	case orb.Ring:
		return intersects(orb.Polygon{g}, b)
	case orb.Polygon:
		for _, r := range g {
			for i := 1; i < len(r); i++ {
				if extentOf(b.Min, b.Max).meets(r[i-1], r[i]) {
					return true
				}
			}
		}
		return len(g) > 0 && planar.PolygonContains(g, b.Min) // no edge meets the box: it is all in or all out
	case orb.MultiPolygon:
		for _, p := range g {
			if intersects(p, b) {
				return true
			}
		}
		return false
	case orb.Collection:
		for _, m := range g {
			if intersects(m, b) {
				return true
			}
		}
		return false
	default:
		return g != nil && g.Bound().Intersects(b)
	}
}

// areaInside is the area of the part of g inside b, in square degrees: good
// enough to compare boxes.
func areaInside(g orb.Geometry, b orb.Bound) (area float64) {
	switch g := g.(type) {
	case orb.Ring:
		return math.Abs(planar.Area(clip(g, b)))
	case orb.Polygon:
		for i, r := range g {
			if a := areaInside(r, b); i == 0 {
				area = a
			} else {
				area -= a
			}
		}
	case orb.MultiPolygon:
		for _, p := range g {
			area += areaInside(p, b)
		}
	case orb.Collection:
		for _, m := range g {
			area += areaInside(m, b)
		}
	}
	return area
}

// clip cuts r by each side of b in turn (Sutherland and Hodgman). The result
// may run along the box, which adds no area.
func clip(r orb.Ring, b orb.Bound) orb.Ring {
	for axis := range 2 {
		r = cut(r, axis, b.Min[axis], 1)
		r = cut(r, axis, b.Max[axis], -1)
	}
	return r
}

// cut keeps what of r has sign·(coordinate − limit) ≥ 0 on an axis.
func cut(r orb.Ring, axis int, limit, sign float64) orb.Ring {
	var out orb.Ring
	for i, p := range r {
		prev := r[(i+len(r)-1)%len(r)]
		d, e := sign*(prev[axis]-limit), sign*(p[axis]-limit)
		if (d < 0) != (e < 0) {
			t := d / (d - e)
			out = append(out, orb.Point{prev[0] + t*(p[0]-prev[0]), prev[1] + t*(p[1]-prev[1])})
		}
		if e >= 0 {
			out = append(out, p)
		}
	}
	return out
}
