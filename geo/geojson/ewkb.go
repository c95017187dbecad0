package geojson

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrEWKB is the failure of bytes that are not the EWKB of a Polygon or of a
// MultiPolygon.
var ErrEWKB = errors.New("malformed EWKB")

// AppendEWKB appends the geometry in ewkb to buf, as AppendGeometry does. It
// reads EWKB and ISO WKB in both byte orders, and drops the SRID, Z and M. No
// bytes at all are NULL, written null. On a failure, an ErrEWKB, it returns buf
// as it was.
func AppendEWKB(buf, ewkb []byte, decimals int) ([]byte, error) {
	w := writer{buf: buf, scale: math.Pow10(decimals), decimals: decimals}
	if len(ewkb) == 0 {
		w.text(`null`)
		return w.buf, nil
	}
	r := reader{rest: ewkb}
	switch r.header() {
	case wkbPolygon:
		w.text(`{"type":"Polygon","coordinates":`)
		r.polygon(&w)
		w.text(`}`)
	case wkbMultiPolygon:
		w.text(`{"type":"MultiPolygon","coordinates":[`)
		const least = 9 // bytes of an empty polygon
		for i := range r.count(least) {
			w.comma(i)
			if r.header() != wkbPolygon {
				r.fail("part that is not a polygon")
			}
			r.polygon(&w)
		}
		w.text(`]}`)
	default:
		r.fail("type")
	}
	if len(r.rest) > 0 {
		r.fail("trailing bytes")
	}
	if r.err != nil {
		return buf, r.err
	}
	return w.buf, nil
}

const (
	wkbPolygon      = 3
	wkbMultiPolygon = 6

	flagZ    = 0x80000000
	flagM    = 0x40000000
	flagSRID = 0x20000000
)

// A reader takes EWKB apart. After a failure it has no bytes left and reads
// zeros.
type reader struct {
	rest []byte
	big  bool // the order of the bytes
	size int  // bytes of a position
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrEWKB, what)
	}
	r.rest = nil
}

// header reads the byte order and the type of a geometry, which it returns
// without flags. It skips an SRID.
func (r *reader) header() uint32 {
	if len(r.rest) < 5 {
		r.fail("header")
		return 0
	}
	if r.rest[0] > 1 {
		r.fail("byte order")
		return 0
	}
	r.big = r.rest[0] == 0
	r.rest = r.rest[1:]
	t := r.uint32()
	if t&flagSRID != 0 {
		if len(r.rest) < 4 {
			r.fail("SRID")
			return 0
		}
		r.rest = r.rest[4:]
	}
	r.size = 16
	if t&flagZ != 0 {
		r.size += 8
	}
	if t&flagM != 0 {
		r.size += 8
	}
	t &^= flagZ | flagM | flagSRID
	switch dimensions := t / 1000; dimensions { // of ISO WKB: Z, M, both
	case 1, 2:
		r.size, t = 24, t%1000
	case 3:
		r.size, t = 32, t%1000
	}
	return t
}

func (r *reader) uint32() (n uint32) {
	if r.big {
		n = binary.BigEndian.Uint32(r.rest)
	} else {
		n = binary.LittleEndian.Uint32(r.rest)
	}
	r.rest = r.rest[4:]
	return n
}

func (r *reader) float64(b []byte) float64 {
	if r.big {
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// count reads how many items follow, each of least bytes or more.
func (r *reader) count(least int) int {
	if len(r.rest) < 4 {
		r.fail("count")
		return 0
	}
	n := int64(r.uint32())
	if n*int64(least) > int64(len(r.rest)) {
		r.fail("count larger than the bytes left")
		return 0
	}
	return int(n)
}

func (r *reader) polygon(w *writer) {
	w.buf = append(w.buf, '[')
	for i := range r.count(4) {
		w.comma(i)
		w.buf = append(w.buf, '[')
		for j := range r.count(r.size) {
			w.comma(j)
			w.position(r.float64(r.rest), r.float64(r.rest[8:]))
			r.rest = r.rest[r.size:]
		}
		w.buf = append(w.buf, ']')
	}
	w.buf = append(w.buf, ']')
}
