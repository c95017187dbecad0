// Package geojson writes GeoJSON geometries (RFC 7946) at the speed of the
// network: it appends to a buffer and allocates nothing else. It can start from
// the EWKB that PostGIS sends, without a geometry value in between.
//
// Only what Sillon stores can be written: Polygon, MultiPolygon, and null for
// no geometry.
package geojson

import (
	"math"
	"strconv"

	"github.com/paulmach/orb"
)

// AppendGeometry appends g as a GeoJSON geometry object to buf. Ordinates are
// finite and get at most decimals digits (15 or less) after the point, without
// exponent nor useless zeros. A nil geometry, and one that is neither a Polygon
// nor a MultiPolygon, is written null.
func AppendGeometry(buf []byte, g orb.Geometry, decimals int) []byte {
	w := writer{buf: buf, scale: math.Pow10(decimals), decimals: decimals}
	switch g := g.(type) {
	case orb.Polygon:
		w.text(`{"type":"Polygon","coordinates":`)
		w.polygon(g)
		w.text(`}`)
	case orb.MultiPolygon:
		w.text(`{"type":"MultiPolygon","coordinates":[`)
		for i, p := range g {
			w.comma(i)
			w.polygon(p)
		}
		w.text(`]}`)
	default:
		w.text(`null`)
	}
	return w.buf
}

type writer struct {
	buf      []byte
	scale    float64 // 10 to the power of decimals
	decimals int
}

func (w *writer) text(s string) { w.buf = append(w.buf, s...) }

// comma separates the item i of a list from the one before.
func (w *writer) comma(i int) {
	if i > 0 {
		w.buf = append(w.buf, ',')
	}
}

func (w *writer) polygon(p orb.Polygon) {
	w.buf = append(w.buf, '[')
	for i, r := range p {
		w.comma(i)
		w.buf = append(w.buf, '[')
		for j, q := range r {
			w.comma(j)
			w.position(q[0], q[1])
		}
		w.buf = append(w.buf, ']')
	}
	w.buf = append(w.buf, ']')
}

func (w *writer) position(x, y float64) {
	w.buf = append(w.buf, '[')
	w.ordinate(x)
	w.buf = append(w.buf, ',')
	w.ordinate(y)
	w.buf = append(w.buf, ']')
}

// maxUnits is up to where a float64 holds every whole number.
const maxUnits = 1 << 53

// ordinate writes x as a whole number of units of the last decimal, with the
// point put in its place.
func (w *writer) ordinate(x float64) {
	units := math.Round(x * w.scale)
	if !(math.Abs(units) < maxUnits) { // no degree is so large
		if math.IsNaN(x) || math.IsInf(x, 0) {
			w.text(`null`) // at least it is JSON
			return
		}
		w.buf = strconv.AppendFloat(w.buf, x, 'f', -1, 64)
		return
	}
	n := uint64(math.Abs(units))
	if units < 0 {
		w.buf = append(w.buf, '-')
	}
	decimals := w.decimals
	for decimals > 0 && n%10 == 0 {
		n /= 10
		decimals--
	}
	var digits [24]byte
	i := len(digits)
	for ; n > 0 || i > len(digits)-decimals-1; n /= 10 {
		i--
		digits[i] = byte('0' + n%10)
	}
	point := len(digits) - decimals
	w.buf = append(w.buf, digits[i:point]...)
	if decimals > 0 {
		w.buf = append(w.buf, '.')
		w.buf = append(w.buf, digits[point:]...)
	}
}
