package exchange

import (
	"errors"
	"math"
	"strings"

	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
)

// A shape says what a parcel sent as geom.
type shape struct {
	missing bool // nothing
	polygon bool // one polygon; else several
	raised  bool // with ordinates beyond longitude and latitude
}

// An outline holds the positions of one geometry, as sent. It is filled again
// for each parcel.
type outline struct {
	points []orb.Point
	rings  []int // where each ring ends in points
	parts  []int // where each polygon ends in rings

	limits Limits
	raised bool
	odd    bool // something there was passed over, not read
}

// read reads the member geom (§2.5).
func (o *outline) read(v value, limits Limits) (sh shape, fault sillon.GeomFault) {
	o.points, o.rings, o.parts = o.points[:0], o.rings[:0], o.parts[:0]
	o.limits, o.raised, o.odd = limits, false, false
	text, inString := string(v), v.isString()
	if inString {
		text = v.inner()
		if strings.IndexByte(text, '\\') >= 0 {
			text = unquote(text)
		}
		text = strings.Trim(text, " \t\r\n")
	}
	if text == "" || text == "null" {
		return shape{missing: true}, ""
	}
	if inString && text[0] == '[' {
		text = strings.TrimSuffix(text, "}") // one stray brace is tolerated
	}
	sh.polygon, fault = o.geometry(text)
	if inString && (fault != "" && fault != sillon.GeomTooLarge || o.odd) {
		// What is not JSON is said to be so, whatever else is wrong in it.
		if at, ok := syntax(text); !ok {
			return shape{}, sillon.GeomUnreadable(at)
		}
	}
	sh.raised = o.raised
	if fault == "" && len(o.rings) == 0 {
		fault = sillon.GeomEmpty
	}
	return sh, fault
}

// syntax checks the grammar of one JSON value, and returns the byte where it
// goes wrong.
func syntax(text string) (at int, ok bool) {
	s := newScanner(Options{NDJSON: true}, nil)
	err := s.feed([]byte(text))
	if err == nil {
		err = s.finish()
	}
	if fault, bad := errors.AsType[*SyntaxError](err); bad {
		return int(fault.Position), false
	}
	return 0, s.line.seen
}

// geometry reads coordinates, or a GeoJSON geometry.
func (o *outline) geometry(text string) (polygon bool, fault sillon.GeomFault) {
	switch text[0] {
	case '[':
		return o.coordinates(text, levels(text))
	case '{':
	default:
		return false, sillon.GeomUnsupported
	}
	var kind, coordinates value
	c := walk(value(text))
	for n := 0; c.more('}', n); n++ {
		switch key, v := c.key(), c.value(); key {
		case "type":
			kind = v
		case "coordinates":
			coordinates = v
		}
	}
	o.odd = true // the other members
	if c.bad || !coordinates.isArray() || !kind.isString() {
		return false, sillon.GeomUnsupported
	}
	switch unquote(kind.inner()) {
	case "Polygon":
		return o.coordinates(string(coordinates), levelPolygon)
	case "MultiPolygon":
		return o.coordinates(string(coordinates), levelMultiPolygon)
	}
	return false, sillon.GeomUnsupported
}

// levels tells a Polygon from a MultiPolygon by the brackets that its
// coordinates begin with. Coordinates that hold nothing are those of a Polygon.
func levels(text string) int {
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '[':
			n++
		case isSpace(c):
		case c == ']' && n < levelPolygon:
			return levelPolygon
		default:
			return n
		}
	}
	return n
}

// The levels of brackets of GeoJSON coordinates.
const (
	levelPosition = iota + 1
	levelRing
	levelPolygon
	levelMultiPolygon
)

// coordinates reads the coordinates of a Polygon or of a MultiPolygon, to the
// end of text.
func (o *outline) coordinates(text string, level int) (polygon bool, fault sillon.GeomFault) {
	if level != levelPolygon && level != levelMultiPolygon {
		return false, sillon.GeomUnsupported
	}
	c := cursor{s: text}
	fault = o.list(&c, level)
	if c.space(); fault == "" && c.i < len(text) {
		fault = sillon.GeomUnsupported // trailing text, which is not JSON
	}
	return level == levelPolygon, fault
}

// list reads the array at c, whose brackets are of this level.
func (o *outline) list(c *cursor, level int) (fault sillon.GeomFault) {
	if level == levelPosition {
		return o.position(c)
	}
	if c.space(); c.peek() != '[' {
		return sillon.GeomUnsupported
	}
	if level == levelRing && len(o.rings) == o.limits.Rings {
		return sillon.GeomTooLarge
	}
	before := len(o.rings)
	c.i++
	for n := 0; c.more(']', n); n++ {
		if fault = o.list(c, level-1); fault != "" {
			return fault
		}
	}
	if c.bad {
		return sillon.GeomUnsupported
	}
	switch {
	case level == levelRing:
		o.rings = append(o.rings, len(o.points))
	case level == levelPolygon && len(o.rings) > before:
		o.parts = append(o.parts, len(o.rings))
	}
	return ""
}

// position reads one position: longitude, latitude, and what is dropped.
func (o *outline) position(c *cursor) sillon.GeomFault {
	if c.peek() != '[' {
		return sillon.GeomUnsupported
	}
	c.i++
	var pt orb.Point
	for axis := range pt {
		if !c.more(']', axis) {
			return sillon.GeomNotFinite
		}
		f, end, ok := number(c.s, c.i)
		switch next := c.peek(); {
		case ok && !math.IsInf(f, 0):
		case next == '[' || next == '{':
			return sillon.GeomUnsupported
		default:
			return sillon.GeomNotFinite
		}
		pt[axis], c.i = f, end
	}
	if len(o.points) == o.limits.Positions {
		return sillon.GeomTooLarge
	}
	o.points = append(o.points, pt)
	for n := len(pt); c.more(']', n); n++ {
		o.raised = true
		if _, end, ok := number(c.s, c.i); ok {
			c.i = end
			continue
		}
		if next := c.peek(); next == '[' || next == '{' {
			return sillon.GeomUnsupported
		}
		o.odd = true
		c.value()
	}
	if c.bad {
		return sillon.GeomUnsupported
	}
	return ""
}

// fault tests the rings in the order of the contract: latitude, longitude,
// number of positions, closure. Positions that are no degrees are left to
// geo.Place, unless a ring is wrong anyway.
func (o *outline) fault() sillon.GeomFault {
	var rings sillon.GeomFault
	from := 0
	for _, end := range o.rings {
		switch {
		case end-from < 4:
			rings = sillon.GeomShortRing
		case o.points[from] != o.points[end-1]:
			rings = sillon.GeomOpenRing
		default:
			from = end
			continue
		}
		break
	}
	if rings == "" {
		return ""
	}
	for _, pt := range o.points {
		if math.Abs(pt.Lat()) > 90 {
			return sillon.GeomLatitude
		}
		if math.Abs(pt.Lon()) > 180 {
			return sillon.GeomLongitude
		}
	}
	return rings
}

// build makes an orb geometry of o, which shares nothing with it.
func (o *outline) build(polygon bool) orb.Geometry {
	points := make([]orb.Point, len(o.points))
	copy(points, o.points)
	rings := make([]orb.Ring, len(o.rings))
	from := 0
	for i, end := range o.rings {
		rings[i] = points[from:end:end]
		from = end
	}
	if polygon {
		return orb.Polygon(rings)
	}
	parts := make(orb.MultiPolygon, len(o.parts))
	from = 0
	for i, end := range o.parts {
		parts[i] = rings[from:end:end]
		from = end
	}
	return parts
}

// geometry places and repairs the geometry of p (checks g to i).
func (r *reader) geometry(p *sillon.PushParcel, sh shape, fault sillon.GeomFault) {
	if sh.missing {
		r.report(sillon.IssueMissingGeom(r.bio, strings.Clone(p.ID)))
		return
	}
	if fault == "" {
		fault = r.outline.fault()
	}
	var place geo.Placement
	if fault == "" {
		var err error
		place, err = geo.Place(r.outline.build(sh.polygon), r.Land, r.Home)
		if err != nil {
			fault = placeFault(err)
		}
	}
	var normal geo.Normalised
	if fault == "" {
		var err error
		normal, err = geo.Normalise(place.Geometry)
		if err != nil {
			fault = normaliseFault(err)
		}
	}
	id := p.ID
	if fault != "" {
		r.report(sillon.IssueInvalidGeom(r.bio, strings.Clone(id), fault))
		return
	}
	if sh.raised {
		r.report(sillon.IssueGeomZDropped(r.bio, strings.Clone(id)))
	}
	if place.Moved {
		r.report(sillon.IssueGeomReprojected(r.bio, strings.Clone(id), epsgOf(place)))
	}
	if place.OutOfBounds {
		r.report(sillon.IssueGeomOutOfBounds(r.bio, strings.Clone(id)))
	}
	p.Geometry = normal.Geometry
	switch normal.Verdict {
	case geo.VerdictValid:
		p.GeometryStatus = sillon.GeometryValid
	case geo.VerdictCorrected:
		p.GeometryStatus = sillon.GeometryCorrected
		r.corrected = append(r.corrected, id)
	case geo.VerdictToCheck:
		p.GeometryStatus = sillon.GeometryToCheck
		p.Declared = normal.Declared
		r.toCheck = append(r.toCheck, id)
	}
}

// epsgOf is the system that the coordinates were converted from, or 0 for
// degrees in the wrong order.
func epsgOf(p geo.Placement) int {
	if p.From == geo.WGS84 {
		return 0
	}
	return int(p.From)
}

// placeFault is the fault of coordinates that could not be placed.
func placeFault(err error) sillon.GeomFault {
	at, ok := errors.AsType[*geo.PositionError](err)
	switch {
	case !ok:
		return sillon.GeomNotFinite
	case at.Latitude:
		return sillon.GeomLatitude
	}
	return sillon.GeomLongitude
}

// normaliseFault is the fault of a geometry that could not be repaired.
func normaliseFault(err error) sillon.GeomFault {
	switch {
	case errors.Is(err, geo.ErrNotPolygonal):
		return sillon.GeomUnsupported
	case errors.Is(err, geo.ErrNotFinite):
		return sillon.GeomNotFinite
	case errors.Is(err, geo.ErrAtPole):
		return sillon.GeomLatitude
	case errors.Is(err, geo.ErrTooComplex):
		return sillon.GeomTooLarge
	}
	return sillon.GeomEmpty
}
