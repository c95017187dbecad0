package mvt

import "math"

// WorldBits is the number of bits of a world coordinate.
const WorldBits = 32

const (
	worldSize = 1 << WorldBits
	// Where the square of Web-Mercator ends in the east and the north, less
	// what keeps an error of rounding or projection inside the square.
	maxLon = 180 - 1e-7
	maxLat = 85.05112877980659 - 1e-7

	// The projection of a latitude is read from one cubic for each eighth of
	// a degree: below 10⁻³ of a unit off at 51°, below one at maxLat.
	arcsPerDegree = 8
	arcOrigin     = 86
)

// An arc gives y in world units for a latitude t arcs past its start.
type arc [4]float64

var arcs = newArcs()

func newArcs() *[2 * arcOrigin * arcsPerDegree]arc {
	var table [2 * arcOrigin * arcsPerDegree]arc
	for i := range table {
		// The cubic through the four Chebyshev nodes of the arc, by divided
		// differences.
		var t, d [4]float64
		for k := range t {
			t[k] = 0.5 + 0.5*math.Cos(float64(2*k+1)*math.Pi/8)
			d[k] = mercatorY((float64(i)+t[k])/arcsPerDegree - arcOrigin)
		}
		for n := 1; n < 4; n++ {
			for k := 3; k >= n; k-- {
				d[k] = (d[k] - d[k-1]) / (t[k] - t[k-n])
			}
		}
		// From the form of Newton to powers of t.
		a := arc{d[3]}
		for k := 2; k >= 0; k-- {
			for j := 3; j > 0; j-- {
				a[j] = a[j-1] - t[k]*a[j]
			}
			a[0] = d[k] - t[k]*a[0]
		}
		table[i] = a
	}
	return &table
}

// mercatorY is the exact y of a latitude in degrees, in world units.
func mercatorY(lat float64) float64 {
	return worldSize * (0.5 - math.Asinh(math.Tan(lat*math.Pi/180))/(2*math.Pi))
}

// World returns the Web-Mercator coordinates of a longitude and a latitude in
// degrees, from 0 to 2³²-1, x eastwards and y southwards. What lies outside
// the square of Web-Mercator is moved to its edge; a NaN is taken as 0.
func World(lon, lat float64) (x, y uint32) {
	if !(lon >= -180 && lon < maxLon && lat > -maxLat && lat < maxLat) {
		lon, lat = ontoSquare(lon, lat)
	}
	s := (lat + arcOrigin) * arcsPerDegree
	i := int(s)
	t := s - float64(i)
	a := &arcs[i]
	return uint32(int64((lon + 180) * (worldSize / 360.0))),
		uint32(int64(a[0] + t*(a[1]+t*(a[2]+t*a[3]))))
}

func ontoSquare(lon, lat float64) (float64, float64) {
	if math.IsNaN(lon) {
		lon = 0
	}
	if math.IsNaN(lat) {
		lat = 0
	}
	return min(max(lon, -180), maxLon), min(max(lat, -maxLat), maxLat)
}
