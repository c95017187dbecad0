package territory

import (
	"math"
	"strconv"

	"github.com/paulmach/orb"
)

// A geometryFault says in French why a geometry is refused; empty is none.
type geometryFault string

const (
	faultNone     geometryFault = ""
	faultAbsent   geometryFault = "elle est absente"
	faultType     geometryFault = "un Polygon ou un MultiPolygon est attendu"
	faultSyntax   geometryFault = "les coordonnées sont illisibles"
	faultPosition geometryFault = "une position n'a pas deux ou trois nombres"
	faultRange    geometryFault = "une position n'est pas en degrés de longitude et de latitude"
	faultRing     geometryFault = "un anneau a moins de quatre positions ou n'est pas fermé"
	faultEmpty    geometryFault = "elle est vide"
)

// parseGeometry reads a Polygon or MultiPolygon and drops altitudes. kind is
// the JSON text of its type, empty when there is no geometry.
func parseGeometry(kind string, text []byte) (orb.Geometry, geometryFault) {
	c := coordinates{text: text}
	var g orb.Geometry
	switch kind {
	case "":
		return nil, faultAbsent
	case `"Polygon"`:
		g = c.polygon()
	case `"MultiPolygon"`:
		var m orb.MultiPolygon
		c.list(func() { m = append(m, c.polygon()) })
		if len(m) == 0 {
			c.fail(faultEmpty)
		}
		g = m
	default:
		return nil, faultType
	}
	if c.pos < len(text) {
		c.fail(faultSyntax)
	}
	return g, c.fault
}

// coordinates reads the text of coordinates. After a fault it reads nothing
// more.
type coordinates struct {
	text  []byte
	pos   int
	fault geometryFault
	ring  []orb.Point // of the ring being read, reused
}

func (c *coordinates) fail(f geometryFault) {
	if c.fault == faultNone {
		c.fault = f
	}
}

// next skips white space and returns the byte there, 0 at the end.
func (c *coordinates) next() byte {
	for ; c.pos < len(c.text); c.pos++ {
		switch b := c.text[c.pos]; b {
		case ' ', '\t', '\r', '\n':
		default:
			return b
		}
	}
	return 0
}

// list calls element before each element of an array.
func (c *coordinates) list(element func()) {
	if c.next() != '[' {
		c.fail(faultSyntax)
		return
	}
	c.pos++
	if c.next() == ']' {
		c.pos++
		return
	}
	for c.fault == faultNone {
		element()
		switch c.next() {
		case ',':
			c.pos++
		case ']':
			c.pos++
			return
		default:
			c.fail(faultSyntax)
		}
	}
}

func (c *coordinates) polygon() orb.Polygon {
	var p orb.Polygon
	c.list(func() {
		c.ring = c.ring[:0]
		c.list(c.position)
		if n := len(c.ring); n < 4 || c.ring[0] != c.ring[n-1] {
			c.fail(faultRing)
			return
		}
		p = append(p, append(make(orb.Ring, 0, len(c.ring)), c.ring...))
	})
	if len(p) == 0 {
		c.fail(faultEmpty)
	}
	return p
}

func (c *coordinates) position() {
	var v [3]float64
	n := 0
	c.list(func() {
		if n == len(v) {
			c.fail(faultPosition)
			return
		}
		v[n] = c.number()
		n++
	})
	switch {
	case n < 2:
		c.fail(faultPosition)
	case math.Abs(v[0]) > 180 || math.Abs(v[1]) > 90:
		c.fail(faultRange)
	}
	c.ring = append(c.ring, orb.Point{v[0], v[1]})
}

// number reads a number as strconv.ParseFloat does. Plain decimals of up to 15
// digits, which is all that outlines are made of, are exact as a quotient of
// two exact floats, and cost no allocation.
func (c *coordinates) number() float64 {
	c.next()
	start := c.pos
	var mantissa uint64
	digits, decimals, plain := 0, -1, true
	for ; c.pos < len(c.text); c.pos++ {
		switch b := c.text[c.pos]; {
		case b >= '0' && b <= '9':
			mantissa = 10*mantissa + uint64(b-'0')
			digits++
			if decimals >= 0 {
				decimals++
			}
			continue
		case b == '.' && decimals < 0:
			decimals = 0
			continue
		case b == '-' && c.pos == start:
			continue
		case b == 'e', b == 'E', b == '+', b == '-', b == '.':
			plain = false
			continue
		}
		break
	}
	token := c.text[start:c.pos]
	if plain && digits > 0 && digits <= 15 {
		v := float64(mantissa) / powers[max(decimals, 0)]
		if token[0] == '-' {
			return -v
		}
		return v
	}
	v, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		c.fail(faultPosition)
	}
	return v
}

// powers of ten, all exact.
var powers = [16]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
