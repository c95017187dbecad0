package geo

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/tidwall/geodesic"
)

// Area is the surface of g in the legal projection of its territory, as the
// law counts it (domain.md §6): shells less their holes. A geometry without
// surface has none.
func Area(g orb.Geometry) float64 {
	pr := projections[LegalCRS(g)]
	return surface(g, func(r orb.Ring) float64 {
		if len(r) == 0 {
			return 0
		}
		origin := pr.forward(r[0]) // keeps the products small, and so exact
		var sum float64
		var prev orb.Point
		for _, p := range r[1:open(r)] {
			q := pr.forward(p)
			q[0] -= origin[0]
			q[1] -= origin[1]
			sum += prev[0]*q[1] - prev[1]*q[0]
			prev = q
		}
		return sum / 2
	})
}

// open is the length of r without the position that closes it.
func open(r orb.Ring) int {
	if n := len(r); n > 1 && r[0] == r[n-1] {
		return n - 1
	}
	return len(r)
}

// GeodesicArea is the surface of g on the WGS84 ellipsoid: shells less their
// holes, edges being geodesics.
func GeodesicArea(g orb.Geometry) float64 { return surface(g, geodesicRing) }

// surface adds up g by a function that gives the signed area of a ring.
func surface(g orb.Geometry, ring func(orb.Ring) float64) (sum float64) {
	switch g := g.(type) {
	case orb.Ring:
		return math.Abs(ring(g))
	case orb.Polygon:
		for i, r := range g {
			if i == 0 {
				sum = math.Abs(ring(r))
			} else {
				sum -= math.Abs(ring(r))
			}
		}
	case orb.MultiPolygon:
		for _, p := range g {
			sum += surface(p, ring)
		}
	case orb.Collection:
		for _, m := range g {
			sum += surface(m, ring)
		}
	}
	return sum
}

// longEdge, in degrees, is where the great circle of the authalic sphere
// leaves the geodesic by more than a millionth of the surface.
const longEdge = 0.1

// authalic holds the sphere that has the surface of the ellipsoid.
var authalic = struct{ e, pole, radius2 float64 }{
	e:       eccentricity84,
	pole:    authalicSine(1),
	radius2: semiMajor * semiMajor * authalicSine(1) / 2,
}

const flattening84 = 1 / 298.257223563

var eccentricity84 = math.Sqrt(flattening84 * (2 - flattening84))

// authalicSine is q of Snyder (Map Projections, 1987, equation 3-12): the sine
// of the authalic latitude, times that of the pole.
func authalicSine(sin float64) float64 {
	e := eccentricity84
	return (1 - e*e) * (sin/(1-e*e*sin*sin) + math.Atanh(e*sin)/e)
}

// geodesicRing is the signed area of a ring, positive when anticlockwise.
//
// The area between a short edge and the equator is taken under a great circle
// of the authalic sphere: exact to 1e-7 for a parcel, and with less rounding
// than the series for geodesics, whose tenth of a square metre per vertex would
// drown a small part. Rings with a long edge take those series.
func geodesicRing(r orb.Ring) float64 {
	if len(r) < 3 {
		return 0
	}
	var excess float64
	prev, prevTan := r[len(r)-1], halfAuthalicTan(r[len(r)-1][1])
	for _, p := range r {
		if math.Abs(p[0]-prev[0]) > longEdge || math.Abs(p[1]-prev[1]) > longEdge {
			return longRing(r)
		}
		tan := halfAuthalicTan(p[1])
		excess += math.Atan(math.Tan((prev[0]-p[0])*radian/2) * (prevTan + tan) / (1 + prevTan*tan))
		prev, prevTan = p, tan
	}
	return 2 * excess * authalic.radius2
}

// halfAuthalicTan is the tangent of half the authalic latitude.
func halfAuthalicTan(lat float64) float64 {
	sin := authalicSine(math.Sin(lat*radian)) / authalic.pole
	return sin / (1 + math.Sqrt(math.Max(0, 1-sin*sin)))
}

func longRing(r orb.Ring) (area float64) {
	p := geodesic.WGS84.PolygonInit(false)
	for _, v := range r {
		p.AddPoint(v[1], v[0])
	}
	p.Compute(false, true, &area, nil)
	return area
}
