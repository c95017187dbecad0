package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// A Placement is a geometry in degrees, and what was done to put it there.
type Placement struct {
	Geometry    orb.Geometry
	Moved       bool // swapped or converted: not the positions as sent
	From        CRS  // what the positions were taken for
	Swapped     bool // the northing or latitude came first
	OutOfBounds bool // in degrees, but in no box of certifier-exchange.md §3
}

// A PositionError says that positions are not degrees, nor metres of a French
// projection. Latitude tells which ordinate of the first such position is
// worse: a latitude beyond 90°, else a longitude beyond 180°.
type PositionError struct{ Latitude bool }

func (e *PositionError) Error() string {
	if e.Latitude {
		return "latitude out of range"
	}
	return "longitude out of range"
}

// nearHome is how far from the commune of its farm, in metres, a parcel may be
// when several projections would fit.
const nearHome = 100_000

// Place finds out in which system the positions of g are and converts them to
// degrees (certifier-exchange.md §2.5, rules 1 to 4). land decides which
// projections fit; nil means that it is not loaded, and boxes decide. home is
// the commune of the farm, nil when unknown. It fails with a *PositionError.
func Place(g orb.Geometry, land *Land, home *orb.Point) (Placement, error) {
	if isEmpty(g) {
		return Placement{Geometry: g, From: WGS84, OutOfBounds: true}, nil
	}
	b := boundOf(g)
	if offender, ok := firstOffender(g); ok {
		return placeMetres(g, b, offender, land, home)
	}
	if InRegions(g) {
		return Placement{Geometry: g, From: WGS84}, nil
	}
	if inOneRegion(swapBound(b)) {
		return Placement{Geometry: convert(g, swap), Moved: true, From: WGS84, Swapped: true}, nil
	}
	return Placement{Geometry: g, From: WGS84, OutOfBounds: true}, nil
}

// A candidate is a projection that positions may be in, with the values that
// they have in France (file-formats.md §1.6).
type candidate struct {
	crs       CRS
	plausible orb.Bound
}

// candidates are those of certifier-exchange.md §2.5, rule 4.
var candidates = []candidate{
	{Lambert93, bounds(99_000, 6_046_000, 1_243_000, 7_111_000)},
	conicZone(CC42), conicZone(CC43), conicZone(CC44), conicZone(CC45), conicZone(CC46),
	conicZone(CC47), conicZone(CC48), conicZone(CC49), conicZone(CC50),
	{UTM20N, bounds(480_000, 1_590_000, 740_000, 2_010_000)},
	{UTM22N, bounds(90_000, 230_000, 440_000, 640_000)},
	{UTM40S, bounds(310_000, 7_630_000, 382_000, 7_694_000)},
	{UTM38S, bounds(500_000, 8_560_000, 535_000, 8_605_000)},
	{WebMercator, bounds(-7_040_000, -2_440_000, 6_220_000, 6_640_000)},
}

// conicZone reaches 150 km to the north and to the south: a zone covers a degree
// each way, and a parallel climbs by 26 km from its meridian to Brittany.
func conicZone(c CRS) candidate {
	y := float64(c-CC42+1)*1_000_000 + 200_000
	return candidate{c, bounds(1_100_000, y-150_000, 2_300_000, y+150_000)}
}

// placeMetres is rule 4: one projection that puts g on French land or, when
// several do, the only one that puts it near home.
func placeMetres(g orb.Geometry, b orb.Bound, offender orb.Point, land *Land, home *orb.Point) (Placement, error) {
	var fit, near []Placement
	for _, c := range candidates {
		for _, swapped := range []bool{false, true} {
			sent := b
			if swapped {
				sent = swapBound(b)
			}
			if !within(sent, c.plausible) {
				continue
			}
			p := Placement{Moved: true, From: c.crs, Swapped: swapped}
			p.Geometry = convert(g, func(q orb.Point) orb.Point {
				if swapped {
					q = swap(q)
				}
				return c.crs.ToWGS84(q)
			})
			if land != nil && !land.Touches(p.Geometry) || land == nil && !inOneRegion(boundOf(p.Geometry)) {
				continue
			}
			fit = append(fit, p)
			if home != nil && distance(p.Geometry, *home) < nearHome {
				near = append(near, p)
			}
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(near) == 1:
		return near[0], nil
	default:
		return Placement{}, &PositionError{Latitude: !(math.Abs(offender[1]) <= 90)}
	}
}

func inOneRegion(b orb.Bound) bool {
	for _, r := range regions {
		if within(b, r.box) {
			return true
		}
	}
	return false
}

func swap(p orb.Point) orb.Point { return orb.Point{p[1], p[0]} }

func swapBound(b orb.Bound) orb.Bound { return orb.Bound{Min: swap(b.Min), Max: swap(b.Max)} }

// firstOffender returns the first position of g that is not a longitude and a
// latitude.
func firstOffender(g orb.Geometry) (offender orb.Point, found bool) {
	eachPoint(g, func(p orb.Point) bool {
		if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) { // so written, it finds NaN
			offender, found = p, true
		}
		return !found
	})
	return offender, found
}

// distance is how far, in metres, the nearest position of g is from p.
func distance(g orb.Geometry, p orb.Point) float64 {
	least := math.Inf(1)
	eachPoint(g, func(q orb.Point) bool {
		least = math.Min(least, haversine(p, q))
		return true
	})
	return least
}

// haversine is the distance of two positions in metres, on a sphere.
func haversine(p, q orb.Point) float64 {
	const radius = 6_371_008.8
	dLat, dLon := math.Sin((p[1]-q[1])*radian/2), math.Sin((p[0]-q[0])*radian/2)
	h := dLat*dLat + math.Cos(p[1]*radian)*math.Cos(q[1]*radian)*dLon*dLon
	return 2 * radius * math.Asin(math.Sqrt(math.Min(1, h)))
}

// eachPoint calls f for the positions of the polygons of g until f returns
// false. It reports whether f never did.
func eachPoint(g orb.Geometry, f func(orb.Point) bool) bool {
	switch g := g.(type) {
	case orb.Ring:
		for _, p := range g {
			if !f(p) {
				return false
			}
		}
	case orb.Polygon:
		for _, r := range g {
			if !eachPoint(r, f) {
				return false
			}
		}
	case orb.MultiPolygon:
		for _, p := range g {
			if !eachPoint(p, f) {
				return false
			}
		}
	case orb.Collection:
		for _, m := range g {
			if !eachPoint(m, f) {
				return false
			}
		}
	}
	return true
}

// convert returns the polygons of g with each position changed by f.
func convert(g orb.Geometry, f func(orb.Point) orb.Point) orb.Geometry {
	switch g := g.(type) {
	case orb.Ring:
		out := make(orb.Ring, len(g))
		for i, p := range g {
			out[i] = f(p)
		}
		return out
	case orb.Polygon:
		out := make(orb.Polygon, len(g))
		for i, r := range g {
			out[i] = convert(r, f).(orb.Ring)
		}
		return out
	case orb.MultiPolygon:
		out := make(orb.MultiPolygon, len(g))
		for i, p := range g {
			out[i] = convert(p, f).(orb.Polygon)
		}
		return out
	case orb.Collection:
		out := make(orb.Collection, len(g))
		for i, m := range g {
			out[i] = convert(m, f)
		}
		return out
	default:
		return g
	}
}
