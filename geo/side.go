package geo

import (
	"math"
	"math/big"

	"github.com/paulmach/orb"
)

// side is 1 when c lies to the left of the line from a to b, -1 when to the
// right and 0 when on it. It is exact for all positions that geo handles, so
// that every question about a geometry gets one answer, that of GEOS.
func side(a, b, c orb.Point) int {
	left := float64((a[0] - c[0]) * (b[1] - c[1])) // float64 forbids a fused product
	right := float64((a[1] - c[1]) * (b[0] - c[0]))
	det := left - right
	// Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997, bound A.
	if bound := 3.34e-16 * (math.Abs(left) + math.Abs(right)); det > bound {
		return 1
	} else if det < -bound {
		return -1
	}
	return sideExact(a, b, c)
}

func sideExact(a, b, c orb.Point) int {
	ax, e1 := difference(a[0], c[0])
	by, e2 := difference(b[1], c[1])
	ay, e3 := difference(a[1], c[1])
	bx, e4 := difference(b[0], c[0])
	if e1 == 0 && e2 == 0 && e3 == 0 && e4 == 0 {
		return compareProducts(ax, by, ay, bx)
	}
	// Positions rounded to 1e-9 degree have no bit below 2⁻⁸³, so 256 bits hold
	// any product of two differences.
	sub := func(x, y float64) *big.Float {
		f := new(big.Float).SetPrec(256).SetFloat64(x)
		return f.Sub(f, new(big.Float).SetFloat64(y))
	}
	left := sub(a[0], c[0])
	right := sub(a[1], c[1])
	return left.Mul(left, sub(b[1], c[1])).Cmp(right.Mul(right, sub(b[0], c[0])))
}

// difference returns x−y rounded, and what the rounding took away.
func difference(x, y float64) (d, lost float64) {
	d = x - y
	v := x - d
	return d, (x - (d + v)) + (v - y)
}

// compareProducts compares p·q with r·s exactly. Rounding keeps the order of
// two products, so their rounding errors only count when they round alike.
func compareProducts(p, q, r, s float64) int {
	x, y := float64(p*q), float64(r*s)
	if x == y {
		x, y = math.FMA(p, q, -x), math.FMA(r, s, -y)
	}
	switch {
	case x > y:
		return 1
	case x < y:
		return -1
	default:
		return 0
	}
}

// before orders positions by the first coordinate, then by the second.
func before(a, b orb.Point) bool { return a[0] < b[0] || a[0] == b[0] && a[1] < b[1] }

// compare is before as a comparison.
func compare(a, b orb.Point) int {
	switch {
	case a == b:
		return 0
	case before(a, b):
		return -1
	default:
		return 1
	}
}

// inSector reports whether the direction from p to q lies strictly in the
// sector swept anticlockwise from the direction of a to that of b. q is in
// neither of these directions.
func inSector(p, a, b, q orb.Point) bool {
	switch side(p, a, b) {
	case 1:
		return side(p, a, q) > 0 && side(p, q, b) > 0
	case -1:
		return side(p, b, q) <= 0 || side(p, q, a) <= 0
	default: // a half turn
		return side(p, a, q) > 0
	}
}

// The places of a position with regard to a ring.
const (
	outside = iota
	onBoundary
	inside
)

// locate tells where p is with regard to a closed ring.
func locate(p orb.Point, r orb.Ring) int {
	odd := false
	for i := 1; i < len(r); i++ {
		a, b := r[i-1], r[i]
		if a[0] < p[0] && b[0] < p[0] || a[1] < p[1] && b[1] < p[1] || a[1] > p[1] && b[1] > p[1] {
			continue // the ray towards the east does not meet this edge
		}
		if a == p || b == p {
			return onBoundary
		}
		if a[1] == b[1] {
			if a[0] <= p[0] || b[0] <= p[0] {
				return onBoundary
			}
			continue
		}
		s := side(a, b, p)
		if s == 0 {
			return onBoundary
		}
		if (a[1] > p[1]) != (b[1] > p[1]) && (s > 0) == (b[1] > a[1]) {
			odd = !odd
		}
	}
	if odd {
		return inside
	}
	return outside
}

// isAnticlockwise tells the direction of a simple closed ring, exactly: by the
// turn at its lowest position.
func isAnticlockwise(r orb.Ring) bool {
	n := len(r) - 1
	low := 0
	for i := 1; i < n; i++ {
		if before(r[i], r[low]) {
			low = i
		}
	}
	return side(r[(low+n-1)%n], r[low], r[low+1]) > 0
}

// ringInside reports whether r lies inside target, two simple closed rings
// that do not cross nor share a piece of edge. anticlockwise is the direction
// of target.
func ringInside(r, target orb.Ring, anticlockwise bool) bool {
	where := locate(r[0], target)
	if where != onBoundary {
		return where == inside
	}
	from, to := neighbours(r[0], target)
	if !anticlockwise {
		from, to = to, from
	}
	return inSector(r[0], to, from, r[1])
}

// neighbours returns the positions before and after p on a closed ring that
// passes through it once.
func neighbours(p orb.Point, r orb.Ring) (from, to orb.Point) {
	n := len(r) - 1
	for i := range n {
		a, b := r[i], r[i+1]
		if a == p {
			return r[(i+n-1)%n], b
		}
		if b != p && extentOf(a, b).holds(p) && side(a, b, p) == 0 {
			return a, b
		}
	}
	return p, p // p is not on r
}
