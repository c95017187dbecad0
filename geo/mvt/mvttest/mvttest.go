// Package mvttest reads vector tiles for tests, and refuses what a lenient
// reader forgives: a zero move, an open ring, a wrong winding, a value written
// twice.
package mvttest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/paulmach/orb"
)

// A Layer is a layer of polygons.
type Layer struct {
	Name     string
	Extent   int
	Features []Feature
}

// A Feature is a polygon of one part or more, in units of the tile, y
// southwards. Its rings are closed. Attributes are string, float64, uint64,
// int64 or bool.
type Feature struct {
	ID         uint64
	Attributes map[string]any
	Geometry   orb.MultiPolygon
}

// Area is the area of the feature, in square units of the tile.
func (f *Feature) Area() float64 {
	var sum float64
	for _, p := range f.Geometry {
		for _, r := range p {
			sum += RingArea(r)
		}
	}
	return sum
}

// RingArea is the signed area of a closed ring in square units of the tile:
// positive if clockwise on the screen.
func RingArea(r orb.Ring) float64 {
	var sum float64
	for i := 1; i < len(r); i++ {
		sum += r[i-1][0]*r[i][1] - r[i][0]*r[i-1][1]
	}
	return sum / 2
}

// Simple reports whether a closed ring of whole coordinates neither touches
// nor crosses itself.
func Simple(r orb.Ring) bool {
	n := len(r) - 1
	for i := range n {
		for j := i + 1; j < n; j++ {
			a, b, c, d := r[i], r[i+1], r[j], r[j+1]
			switch {
			case j == i+1 || i == 0 && j == n-1:
				if j != i+1 {
					a, b, d = c, d, b
				}
				if n > 2 && side(a, b, d) == 0 && (b[0]-a[0])*(d[0]-b[0])+(b[1]-a[1])*(d[1]-b[1]) < 0 {
					return false
				}
			case meet(a, b, c, d):
				return false
			}
		}
	}
	return true
}

func meet(a, b, c, d orb.Point) bool {
	if max(a[0], b[0]) < min(c[0], d[0]) || max(c[0], d[0]) < min(a[0], b[0]) ||
		max(a[1], b[1]) < min(c[1], d[1]) || max(c[1], d[1]) < min(a[1], b[1]) {
		return false
	}
	return side(a, b, c)*side(a, b, d) <= 0 && side(c, d, a)*side(c, d, b) <= 0
}

func side(a, b, p orb.Point) float64 {
	return (b[0]-a[0])*(p[1]-a[1]) - (p[0]-a[0])*(b[1]-a[1])
}

// Decode reads a tile, and fails on the first thing that MVT 2.1 or we forbid.
func Decode(tile []byte) ([]Layer, error) {
	var layers []Layer
	names := map[string]bool{}
	err := fields(tile, func(f field) error {
		if f.number != 3 {
			return fmt.Errorf("tile field %d", f.number)
		}
		l, err := decodeLayer(f.bytes)
		if err != nil {
			return fmt.Errorf("layer %q: %w", l.Name, err)
		}
		if names[l.Name] {
			return fmt.Errorf("layer %q twice", l.Name)
		}
		names[l.Name] = true
		layers = append(layers, l)
		return nil
	})
	return layers, err
}

func decodeLayer(b []byte) (Layer, error) {
	var (
		l        Layer
		version  uint64
		keys     []string
		values   []any
		features [][]byte
	)
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			l.Name = string(f.bytes)
		case 2:
			features = append(features, f.bytes)
		case 3:
			keys = append(keys, string(f.bytes))
		case 4:
			v, err := decodeValue(f.bytes)
			if err != nil {
				return err
			}
			values = append(values, v)
		case 5:
			l.Extent = int(f.varint)
		case 15:
			version = f.varint
		default:
			return fmt.Errorf("layer field %d", f.number)
		}
		return nil
	})
	switch {
	case err != nil:
		return l, err
	case version != 2:
		return l, fmt.Errorf("version %d", version)
	case l.Extent == 0 || l.Name == "" || len(features) == 0:
		return l, errors.New("no extent, name or feature")
	case repeated(keys):
		return l, errors.New("a key twice")
	case repeated(values):
		return l, errors.New("a value twice")
	}
	ids := map[uint64]bool{}
	for _, b := range features {
		f, err := decodeFeature(b, keys, values)
		if err != nil {
			return l, fmt.Errorf("feature %d: %w", f.ID, err)
		}
		if ids[f.ID] {
			return l, fmt.Errorf("feature %d twice", f.ID)
		}
		ids[f.ID] = true
		l.Features = append(l.Features, f)
	}
	return l, nil
}

func repeated[T comparable](list []T) bool {
	seen := map[T]bool{}
	for _, v := range list {
		if seen[v] {
			return true
		}
		seen[v] = true
	}
	return false
}

func decodeValue(b []byte) (v any, err error) {
	err = fields(b, func(f field) error {
		switch f.number {
		case 1:
			v = string(f.bytes)
		case 3:
			v = math.Float64frombits(f.varint)
		case 5:
			v = f.varint
		case 6:
			v = int64(f.varint>>1) ^ -int64(f.varint&1)
		case 7:
			v = f.varint != 0
		default:
			return fmt.Errorf("value field %d", f.number)
		}
		return nil
	})
	if err == nil && v == nil {
		err = errors.New("value of nothing")
	}
	return v, err
}

func decodeFeature(b []byte, keys []string, values []any) (Feature, error) {
	f := Feature{Attributes: map[string]any{}}
	var tags, commands []uint32
	var kind uint64
	err := fields(b, func(d field) (err error) {
		switch d.number {
		case 1:
			f.ID = d.varint
		case 2:
			tags, err = packed(d.bytes)
		case 3:
			kind = d.varint
		case 4:
			commands, err = packed(d.bytes)
		default:
			err = fmt.Errorf("feature field %d", d.number)
		}
		return err
	})
	switch {
	case err != nil:
		return f, err
	case kind != 3:
		return f, fmt.Errorf("type %d", kind)
	case len(tags)%2 != 0:
		return f, errors.New("a key without value")
	}
	for i := 0; i < len(tags); i += 2 {
		k, v := int(tags[i]), int(tags[i+1])
		if k >= len(keys) || v >= len(values) {
			return f, fmt.Errorf("attribute %d %d of nothing", k, v)
		}
		if _, ok := f.Attributes[keys[k]]; ok {
			return f, fmt.Errorf("attribute %q twice", keys[k])
		}
		f.Attributes[keys[k]] = values[v]
	}
	f.Geometry, err = decodePolygons(commands)
	return f, err
}

func decodePolygons(c []uint32) (orb.MultiPolygon, error) {
	var mp orb.MultiPolygon
	var x, y float64
	next := func() (orb.Point, bool) {
		dx, dy := unzigzag(c[0]), unzigzag(c[1])
		c = c[2:]
		x, y = x+dx, y+dy
		return orb.Point{x, y}, dx != 0 || dy != 0
	}
	for len(c) > 0 {
		if len(c) < 4 || c[0] != 1<<3|1 {
			return nil, errors.New("no MoveTo of one point")
		}
		c = c[1:]
		p, _ := next()
		r := orb.Ring{p}
		n := int(c[0] >> 3)
		if c[0]&7 != 2 || n < 2 || len(c) < 2*n+2 {
			return nil, errors.New("no LineTo of two points or more")
		}
		c = c[1:]
		for range n {
			p, moved := next()
			if !moved {
				return nil, errors.New("a LineTo that does not move")
			}
			r = append(r, p)
		}
		if r[0] == r[len(r)-1] {
			return nil, errors.New("a ring closed by a LineTo")
		}
		if c[0] != 1<<3|7 {
			return nil, errors.New("no ClosePath of one")
		}
		c = c[1:]
		r = append(r, r[0])
		switch area := RingArea(r); {
		case area > 0:
			mp = append(mp, orb.Polygon{r})
		case area < 0 && len(mp) > 0:
			mp[len(mp)-1] = append(mp[len(mp)-1], r)
		case area < 0:
			return nil, errors.New("a hole before any shell")
		default:
			return nil, errors.New("a ring without area")
		}
	}
	if len(mp) == 0 {
		return nil, errors.New("no geometry")
	}
	return mp, nil
}

func unzigzag(v uint32) float64 { return float64(int32(v>>1) ^ -int32(v&1)) }

func packed(b []byte) ([]uint32, error) {
	var out []uint32
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > math.MaxUint32 {
			return nil, errors.New("a varint out of range")
		}
		out, b = append(out, uint32(v)), b[n:]
	}
	return out, nil
}

// A field of a protobuf message; varint also holds 64-bit numbers.
type field struct {
	number int
	varint uint64
	bytes  []byte
}

func fields(b []byte, each func(field) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errors.New("no field tag")
		}
		b = b[n:]
		f := field{number: int(tag >> 3)}
		switch tag & 7 {
		case 0, 2:
			if f.varint, n = binary.Uvarint(b); n <= 0 {
				return errors.New("no varint")
			}
			b = b[n:]
			if tag&7 == 0 {
				break
			}
			if f.varint > uint64(len(b)) {
				return errors.New("a field past the end")
			}
			f.bytes, b = b[:f.varint], b[f.varint:]
		case 1:
			if len(b) < 8 {
				return errors.New("a number past the end")
			}
			f.varint, b = binary.LittleEndian.Uint64(b), b[8:]
		default:
			return fmt.Errorf("wire type %d", tag&7)
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}
