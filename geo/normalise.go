package geo

import (
	"errors"
	"math"

	"github.com/paulmach/orb"
)

// The ways in which a geometry cannot become a parcel.
var (
	ErrEmpty        = errors.New("geometry without surface")
	ErrNotPolygonal = errors.New("geometry without polygon")
	ErrNotFinite    = errors.New("position that is not a longitude and a latitude")
	ErrAtPole       = errors.New("position at a pole, where no projection shows a surface")
	ErrTooComplex   = errors.New("geometry that crosses itself too often")
)

// A Verdict is what the geometry policy says of a geometry.
type Verdict uint8

// The verdicts. The zero Verdict is that of a valid geometry.
const (
	VerdictValid     Verdict = iota
	VerdictCorrected         // repaired, with nearly the same surface
	VerdictToCheck           // repaired, but the surface as drawn was another
)

// A Normalised geometry is valid, not empty, a Polygon or a MultiPolygon of
// several parts, and has nine decimals and the ring directions of RFC 7946.
type Normalised struct {
	Geometry orb.Geometry
	Verdict  Verdict
	Declared orb.Geometry // as written, with nine decimals; nil unless VerdictToCheck
}

// allowance is how many steps a geometry may take: one second for one hundred
// thousand positions, twice what such a ring needs that crosses itself here
// and there.
func allowance(parts orb.MultiPolygon) *work {
	w := work(5_000_000)
	for _, p := range parts {
		for _, r := range p {
			w += work(600 * len(r))
		}
	}
	return &w
}

// Normalise applies the geometry policy of domain.md §8 to a Polygon, a
// MultiPolygon, a Ring or the polygons of a Collection, in degrees. A valid
// geometry keeps its positions and their order. It fails with ErrEmpty,
// ErrNotPolygonal, ErrNotFinite (also for a position that is not a longitude
// and a latitude), ErrAtPole or ErrTooComplex.
func Normalise(g orb.Geometry) (Normalised, error) {
	in := reading{same: true}
	if err := in.read(g); err != nil {
		return Normalised{}, err
	}
	if !in.polygonal {
		return Normalised{}, ErrNotPolygonal
	}
	w := allowance(in.parts)
	valid, ok := isValid(in.parts, w)
	if !ok {
		return Normalised{}, ErrTooComplex
	}
	if valid {
		if areLines(in.parts) {
			return Normalised{}, ErrEmpty
		}
		direct(in.parts)
		n := Normalised{Geometry: simplest(in.parts)}
		if !in.same {
			n.Verdict = VerdictCorrected
		}
		return n, nil
	}
	parts, ok := repair(in.parts, w)
	if !ok {
		return Normalised{}, ErrTooComplex
	}
	if areLines(parts) {
		return Normalised{}, ErrEmpty
	}
	n := Normalised{Geometry: simplest(parts), Verdict: VerdictCorrected}
	if differs(drawnArea(in.parts), GeodesicArea(parts)) {
		n.Verdict, n.Declared = VerdictToCheck, rounded(g)
	}
	return n, nil
}

// differs is the rule of domain.md §8 on the surface as drawn and the result.
func differs(drawn, result float64) bool {
	d := math.Abs(result - drawn)
	return d >= 10_000 || d >= result/100
}

// drawnArea is the surface of rings as they were drawn, where lobes of opposite
// directions cancel.
func drawnArea(parts orb.MultiPolygon) (sum float64) {
	for _, p := range parts {
		for i, r := range p {
			if a := math.Abs(geodesicRing(r)); i == 0 {
				sum += a
			} else {
				sum -= a
			}
		}
	}
	return sum
}

// A reading gathers the polygons of a geometry, on the grid and without
// repeated positions.
type reading struct {
	parts     orb.MultiPolygon
	polygonal bool // a polygon was met, be it empty
	same      bool // no position was merged, no ring closed nor left out
}

func (in *reading) read(g orb.Geometry) error {
	switch g := g.(type) {
	case orb.Ring:
		return in.polygon(orb.Polygon{g})
	case orb.Polygon:
		return in.polygon(g)
	case orb.MultiPolygon:
		in.polygonal = true
		for _, p := range g {
			if err := in.polygon(p); err != nil {
				return err
			}
		}
	case orb.Collection:
		for _, m := range g {
			if err := in.read(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *reading) polygon(p orb.Polygon) error {
	in.polygonal = true
	out := make(orb.Polygon, 0, len(p))
	for i, r := range p {
		c, err := in.ring(r)
		if err != nil {
			return err
		}
		switch {
		case len(c) > 0:
			out = append(out, c)
		case i == 0: // without a shell the holes are holes in nothing
			in.same = false
			return nil
		default:
			in.same = false
		}
	}
	if len(out) > 0 {
		in.parts = append(in.parts, out)
	}
	return nil
}

func (in *reading) ring(r orb.Ring) (orb.Ring, error) {
	out := make(orb.Ring, 0, len(r)+1)
	for _, p := range r {
		q := round(p)
		if !(math.Abs(q[0]) <= 180 && math.Abs(q[1]) < 90) { // so written, it refuses NaN
			if math.Abs(q[1]) == 90 {
				return nil, ErrAtPole
			}
			return nil, ErrNotFinite
		}
		if n := len(out); n > 0 && out[n-1] == q {
			in.same = false
			continue
		}
		out = append(out, q)
	}
	if n := len(out); n > 0 && out[0] != out[n-1] {
		in.same = false
		out = append(out, out[0])
	}
	return out, nil
}

// round gives p nine decimals.
func round(p orb.Point) orb.Point {
	q := toGrid(p)
	return orb.Point{q[0] / perDegree, q[1] / perDegree}
}

// toGrid returns p in whole grid units.
func toGrid(p orb.Point) orb.Point {
	return orb.Point{math.Round(p[0]*perDegree) + 0, math.Round(p[1]*perDegree) + 0} // +0 turns −0 into 0
}

// rounded copies the polygons of g with nine decimals, and changes nothing
// else.
func rounded(g orb.Geometry) orb.Geometry {
	switch g := g.(type) {
	case orb.Ring:
		return rounded(orb.Polygon{g})
	case orb.Polygon:
		out := make(orb.Polygon, len(g))
		for i, r := range g {
			out[i] = make(orb.Ring, len(r))
			for j, p := range r {
				out[i][j] = round(p)
			}
		}
		return out
	case orb.MultiPolygon:
		out := make(orb.MultiPolygon, len(g))
		for i, p := range g {
			out[i] = rounded(p).(orb.Polygon)
		}
		return out
	case orb.Collection:
		var out orb.MultiPolygon
		for _, m := range g {
			switch m := rounded(m).(type) {
			case orb.Polygon:
				out = append(out, m)
			case orb.MultiPolygon:
				out = append(out, m...)
			}
		}
		return simplest(out)
	default:
		return nil
	}
}

func simplest(parts orb.MultiPolygon) orb.Geometry {
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

// direct turns shells anticlockwise and holes clockwise (RFC 7946 §3.1.6). The
// first position of a ring stays.
func direct(parts orb.MultiPolygon) {
	for _, p := range parts {
		for i, r := range p {
			if isAnticlockwise(r) != (i == 0) {
				r.Reverse()
			}
		}
	}
}

// areLines reports whether all shells are narrower than the grid, like those
// made of positions on one line: nine decimals leave them a surface by chance.
func areLines(parts orb.MultiPolygon) bool {
	for _, p := range parts {
		if !isLine(p[0]) {
			return false
		}
	}
	return true
}

func isLine(r orb.Ring) bool {
	e := extentOfRing(r)
	origin := toGrid(r[0])
	var prev orb.Point
	var area float64 // doubled, in square grid units
	for _, p := range r[1:] {
		q := toGrid(p)
		q[0] -= origin[0]
		q[1] -= origin[1]
		area += prev[0]*q[1] - prev[1]*q[0]
		prev = q
	}
	return math.Abs(area) < perDegree*max(e.maxX-e.minX, e.maxY-e.minY)-0.5
}
