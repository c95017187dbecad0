package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// A CRS is a coordinate reference system, named by its EPSG code. In all of
// them the easting or longitude comes first.
type CRS int

// The reference systems in which French parcels come.
const (
	WGS84       CRS = 4326
	Lambert93   CRS = 2154
	CC42        CRS = 3942
	CC43        CRS = 3943
	CC44        CRS = 3944
	CC45        CRS = 3945
	CC46        CRS = 3946
	CC47        CRS = 3947
	CC48        CRS = 3948
	CC49        CRS = 3949
	CC50        CRS = 3950
	UTM20N      CRS = 5490 // Guadeloupe, Martinique, Saint-Martin, Saint-Barthélemy
	UTM21N      CRS = 4467 // Saint-Pierre-et-Miquelon
	UTM22N      CRS = 2972 // Guyane
	UTM40S      CRS = 2975 // Réunion
	UTM38S      CRS = 4471 // Mayotte
	WebMercator CRS = 3857
)

// Known reports whether c can be converted.
func (c CRS) Known() bool {
	_, ok := projections[c]
	return ok
}

// ToWGS84 converts a position of c to degrees. It is NaN when c is unknown.
func (c CRS) ToWGS84(p orb.Point) orb.Point {
	if pr, ok := projections[c]; ok {
		return pr.inverse(p)
	}
	return orb.Point{math.NaN(), math.NaN()}
}

// FromWGS84 converts degrees to a position of c. It is NaN when c is unknown.
func (c CRS) FromWGS84(p orb.Point) orb.Point {
	if pr, ok := projections[c]; ok {
		return pr.forward(p)
	}
	return orb.Point{math.NaN(), math.NaN()}
}

// A projection turns degrees into the metres of a map, and back.
type projection interface {
	forward(orb.Point) orb.Point
	inverse(orb.Point) orb.Point
}

var projections = map[CRS]projection{
	WGS84:       degrees{},
	Lambert93:   newLambert(46.5, 44, 49, 700_000, 6_600_000),
	CC42:        newConicZone(42),
	CC43:        newConicZone(43),
	CC44:        newConicZone(44),
	CC45:        newConicZone(45),
	CC46:        newConicZone(46),
	CC47:        newConicZone(47),
	CC48:        newConicZone(48),
	CC49:        newConicZone(49),
	CC50:        newConicZone(50),
	UTM20N:      newUTM(20, 0),
	UTM21N:      newUTM(21, 0),
	UTM22N:      newUTM(22, 0),
	UTM40S:      newUTM(40, 10_000_000),
	UTM38S:      newUTM(38, 10_000_000),
	WebMercator: mercator{},
}

// The GRS80 ellipsoid. That of WGS84 is a tenth of a millimetre flatter.
const (
	semiMajor  = 6_378_137.0
	flattening = 1 / 298.257222101
	radian     = math.Pi / 180
)

var eccentricity = math.Sqrt(flattening * (2 - flattening))

type degrees struct{}

func (degrees) forward(p orb.Point) orb.Point { return p }
func (degrees) inverse(p orb.Point) orb.Point { return p }

// mercator is the Mercator of the Web: WGS84 degrees on a sphere.
type mercator struct{}

func (mercator) forward(p orb.Point) orb.Point {
	return orb.Point{semiMajor * p[0] * radian, semiMajor * math.Asinh(math.Tan(p[1]*radian))}
}

func (mercator) inverse(p orb.Point) orb.Point {
	return orb.Point{p[0] / semiMajor / radian, math.Atan(math.Sinh(p[1]/semiMajor)) / radian}
}

// lambert is the conformal conic with two standard parallels and the meridian
// of 3° east, as all French ones have.
type lambert struct {
	n, scale, apex float64 // of the cone: exponent, radius at the equator, radius at the origin
	x0, y0         float64
}

const lambertMeridian = 3

func newLambert(lat0, lat1, lat2, x0, y0 float64) lambert {
	// m is the radius of a parallel, on an ellipsoid of unit size.
	m := func(lat float64) float64 {
		sin, cos := math.Sincos(lat * radian)
		return cos / math.Sqrt(1-eccentricity*eccentricity*sin*sin)
	}
	q1, q2 := isometric(lat1), isometric(lat2)
	n := math.Log(m(lat1)/m(lat2)) / (q2 - q1)
	scale := semiMajor * m(lat1) * math.Exp(n*q1) / n
	return lambert{n: n, scale: scale, apex: scale * math.Exp(-n*isometric(lat0)), x0: x0, y0: y0}
}

// newConicZone is the conic of nine zones: CC42 is that of latitude 42°.
func newConicZone(lat float64) lambert {
	return newLambert(lat, lat-0.75, lat+0.75, 1_700_000, (lat-41)*1_000_000+200_000)
}

func (l lambert) forward(p orb.Point) orb.Point {
	r := l.scale * math.Exp(-l.n*isometric(p[1]))
	sin, cos := math.Sincos(l.n * (p[0] - lambertMeridian) * radian)
	return orb.Point{l.x0 + r*sin, l.y0 + l.apex - r*cos}
}

func (l lambert) inverse(p orb.Point) orb.Point {
	x, y := p[0]-l.x0, l.apex-(p[1]-l.y0)
	lat := math.Atan(geodeticTan(math.Sinh(math.Log(l.scale/math.Hypot(x, y)) / l.n)))
	return orb.Point{lambertMeridian + math.Atan2(x, y)/l.n/radian, lat / radian}
}

// isometric is the isometric latitude of a latitude in degrees.
func isometric(lat float64) float64 {
	sin := math.Sin(lat * radian)
	return math.Atanh(sin) - eccentricity*math.Atanh(eccentricity*sin)
}

// conformalTan turns the tangent of a geodetic latitude into that of the
// conformal one (Karney, Transverse Mercator with an accuracy of a few
// nanometers, 2011, equations 7 to 9).
func conformalTan(tan float64) float64 {
	sec := math.Sqrt(1 + tan*tan)
	s := math.Sinh(eccentricity * math.Atanh(eccentricity*tan/sec))
	return tan*math.Sqrt(1+s*s) - s*sec
}

// geodeticTan is the inverse of conformalTan, by Newton's method (equations 19
// to 21): two steps reach the last digit.
func geodeticTan(conformal float64) float64 {
	const e2 = flattening * (2 - flattening)
	tan := conformal / (1 - e2)
	for range 5 {
		c := conformalTan(tan)
		d := (conformal - c) / math.Sqrt(1+c*c) * (1 + (1-e2)*tan*tan) / ((1 - e2) * math.Sqrt(1+tan*tan))
		tan += d
		if !(math.Abs(d) > 1e-15*math.Max(1, math.Abs(tan))) {
			break
		}
	}
	return tan
}

// utm is a zone of the Universal Transverse Mercator, by the series of Krüger
// to the sixth power of the third flattening.
type utm struct {
	meridian, y0 float64
}

func newUTM(zone int, falseNorthing float64) utm {
	return utm{meridian: float64(6*zone - 183), y0: falseNorthing}
}

const (
	utmScale  = 0.9996
	utmOrigin = 500_000
)

// The series of Karney 2011, equations 14, 35 and 36.
var (
	thirdFlattening  = flattening / (2 - flattening)
	rectifyingRadius = semiMajor / (1 + thirdFlattening) * polynomial(thirdFlattening*thirdFlattening, 1, 1./4, 1./64, 1./256)
	toRectifying     = series(
		[]float64{1. / 2, -2. / 3, 5. / 16, 41. / 180, -127. / 288, 7891. / 37800},
		[]float64{13. / 48, -3. / 5, 557. / 1440, 281. / 630, -1983433. / 1935360},
		[]float64{61. / 240, -103. / 140, 15061. / 26880, 167603. / 181440},
		[]float64{49561. / 161280, -179. / 168, 6601661. / 7257600},
		[]float64{34729. / 80640, -3418889. / 1995840},
		[]float64{212378941. / 319334400},
	)
	fromRectifying = series(
		[]float64{-1. / 2, 2. / 3, -37. / 96, 1. / 360, 81. / 512, -96199. / 604800},
		[]float64{-1. / 48, -1. / 15, 437. / 1440, -46. / 105, 1118711. / 3870720},
		[]float64{-17. / 480, 37. / 840, 209. / 4480, -5569. / 90720},
		[]float64{-4397. / 161280, 11. / 504, 830251. / 7257600},
		[]float64{-4583. / 161280, 108847. / 3991680},
		[]float64{-20648693. / 638668800},
	)
)

// series evaluates the six coefficients of Krüger: the first row begins with
// the first power of the third flattening, the second with the second…
func series(rows ...[]float64) (c [6]float64) {
	for i, row := range rows {
		c[i] = polynomial(thirdFlattening, row...) * math.Pow(thirdFlattening, float64(i+1))
	}
	return c
}

func polynomial(x float64, c ...float64) (y float64) {
	for i := len(c) - 1; i >= 0; i-- {
		y = y*x + c[i]
	}
	return y
}

// add returns (xi, eta) plus the sum of c[j-1]·sin(2j(xi+i·eta)), by the
// recurrence of Clenshaw on complex numbers.
func add(c *[6]float64, xi, eta float64) (float64, float64) {
	sin, cos := math.Sincos(2 * xi)
	exp := math.Exp(2 * eta)
	sinh, cosh := (exp-1/exp)/2, (exp+1/exp)/2
	turn := complex(2*cos*cosh, -2*sin*sinh) // 2·cos(2ζ)
	var y1, y2 complex128
	for j := len(c) - 1; j >= 0; j-- {
		y1, y2 = complex(c[j], 0)+turn*y1-y2, y1
	}
	sum := y1 * complex(sin*cosh, cos*sinh) // y1·sin(2ζ)
	return xi + real(sum), eta + imag(sum)
}

func (u utm) forward(p orb.Point) orb.Point {
	tan := conformalTan(math.Tan(p[1] * radian))
	sin, cos := math.Sincos((p[0] - u.meridian) * radian)
	xi, eta := add(&toRectifying, math.Atan2(tan, cos), math.Asinh(sin/math.Hypot(tan, cos)))
	return orb.Point{utmOrigin + utmScale*rectifyingRadius*eta, u.y0 + utmScale*rectifyingRadius*xi}
}

func (u utm) inverse(p orb.Point) orb.Point {
	xi, eta := add(&fromRectifying, (p[1]-u.y0)/(utmScale*rectifyingRadius), (p[0]-utmOrigin)/(utmScale*rectifyingRadius))
	sin, cos := math.Sincos(xi)
	sinh := math.Sinh(eta)
	lat := math.Atan(geodeticTan(sin / math.Hypot(sinh, cos)))
	return orb.Point{u.meridian + math.Atan2(sinh, cos)/radian, lat / radian}
}
