package mvt

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// Extent is the side of a tile, in its own units.
	Extent = 4096
	// Buffer is how far past its tile a shape is kept, in units of the tile.
	Buffer = 64
	// MaxZoom is the deepest zoom whose units are still world coordinates.
	MaxZoom = 20

	low, high = -Buffer, Extent + Buffer // the box shapes are clipped to
)

// Field numbers and wire types of vector_tile.proto 2.1, as protobuf tags.
const (
	tagTileLayer = 3<<3 | 2

	tagLayerName    = 1<<3 | 2
	tagLayerFeature = 2<<3 | 2
	tagLayerKey     = 3<<3 | 2
	tagLayerValue   = 4<<3 | 2
	tagLayerExtent  = 5 << 3
	tagLayerVersion = 15 << 3

	tagFeatureID       = 1 << 3
	tagFeatureTags     = 2<<3 | 2
	tagFeatureType     = 3 << 3
	tagFeatureGeometry = 4<<3 | 2

	tagValueString = 1<<3 | 2
	tagValueDouble = 3<<3 | 1
	tagValueUint   = 5 << 3
	tagValueSint   = 6 << 3
	tagValueBool   = 7 << 3

	typePolygon = 3
)

// Detail is how much of the shapes a layer keeps: Fine, and for each step
// more, a grid and a tolerance twice as coarse.
type Detail uint8

// Fine snaps to the units of the tile, and lets no ring change by more than
// 1/2048 of its area after that. A coarser detail allows 1/64.
const Fine Detail = 0

// A Key is an attribute name of the layer that gave it, until its next Begin.
type Key uint32

// A Layer is a layer of a tile being written. It is made for reuse: Begin
// empties it and keeps its memory. The zero Layer is ready for Begin. It is
// not safe for concurrent use.
type Layer struct {
	name             string
	originX, originY int64 // world coordinates of the tile, less half a unit
	shift            uint  // from world coordinates to the grid
	detail           Detail
	keepsCollapsed   bool

	count    int
	features []byte // finished features
	keys     []byte
	keyCount uint32
	values   []byte
	strings  map[string]uint32 // value indices
	numbers  numbers
	next     uint32 // value index

	shape []byte // the geometry of the feature being written
	tags  []byte // and its attributes

	at   point // the last point of the shape
	work workspace
}

// Begin empties the layer and gives it a name and a tile. From zoom 10 on, a
// shape that collapses is kept as one square unit, so that no parcel
// disappears. It fails past MaxZoom, and outside the world.
func (l *Layer) Begin(name string, z, x, y uint32, detail Detail) error {
	if z > MaxZoom || x>>z != 0 || y>>z != 0 {
		return fmt.Errorf("tile %d/%d/%d: no such tile", z, x, y)
	}
	unit := uint(WorldBits - 12 - z)
	l.name = name
	l.detail = min(detail, 8)
	l.shift = unit + uint(l.detail)
	half := int64(1) << l.shift >> 1
	l.originX = int64(x)<<(WorldBits-z) - half
	l.originY = int64(y)<<(WorldBits-z) - half
	l.keepsCollapsed = z >= 10

	l.count, l.keyCount, l.next = 0, 0, 0
	l.features, l.keys, l.values = l.features[:0], l.keys[:0], l.values[:0]
	l.shape, l.tags = l.shape[:0], l.tags[:0]
	if l.strings == nil {
		l.strings = map[string]uint32{}
	}
	clear(l.strings)
	l.numbers.clear()
	return nil
}

// Forget drops the texts of the layer: they may be part of memory that is
// worth freeing.
func (l *Layer) Forget() { clear(l.strings) }

// Len returns the number of features added since Begin.
func (l *Layer) Len() int { return l.count }

// Key enters an attribute name into the layer. Each name is entered once.
func (l *Layer) Key(name string) Key {
	l.keys = appendString(l.keys, tagLayerKey, name)
	l.keyCount++
	return Key(l.keyCount - 1)
}

// String gives the feature being written an attribute.
func (l *Layer) String(k Key, v string) {
	i, ok := l.strings[v]
	if !ok {
		i = l.value()
		l.strings[v] = i
		l.values = binary.AppendUvarint(append(l.values, tagLayerValue), uint64(stringSize(v)))
		l.values = appendString(l.values, tagValueString, v)
	}
	l.tag(k, i)
}

// Double gives the feature being written an attribute.
func (l *Layer) Double(k Key, v float64) {
	bits := math.Float64bits(v)
	i, known := l.numbers.index(bits, tagValueDouble, l.next)
	if !known {
		l.value()
		l.values = append(l.values, tagLayerValue, 9, tagValueDouble)
		l.values = binary.LittleEndian.AppendUint64(l.values, bits)
	}
	l.tag(k, i)
}

// Uint gives the feature being written an attribute.
func (l *Layer) Uint(k Key, v uint64) { l.varint(k, tagValueUint, v) }

// Sint gives the feature being written an attribute.
func (l *Layer) Sint(k Key, v int64) {
	l.varint(k, tagValueSint, uint64(v)<<1^uint64(v>>63))
}

// Bool gives the feature being written an attribute.
func (l *Layer) Bool(k Key, v bool) {
	var n uint64
	if v {
		n = 1
	}
	l.varint(k, tagValueBool, n)
}

func (l *Layer) varint(k Key, tag byte, v uint64) {
	i, known := l.numbers.index(v, tag, l.next)
	if !known {
		l.value()
		l.values = append(l.values, tagLayerValue, byte(1+varintSize(v)), tag)
		l.values = binary.AppendUvarint(l.values, v)
	}
	l.tag(k, i)
}

func (l *Layer) value() uint32 {
	l.next++
	return l.next - 1
}

func (l *Layer) tag(k Key, value uint32) {
	l.tags = appendVarint(l.tags, uint32(k))
	l.tags = appendVarint(l.tags, value)
}

// Tags returns the attributes given since the Add before, for Repeat. They are
// overwritten by the next attribute.
func (l *Layer) Tags() []byte { return l.tags }

// Repeat gives the feature being written the attributes that Tags returned for
// another one since the last Begin.
func (l *Layer) Repeat(tags []byte) { l.tags = append(l.tags, tags...) }

// Add finishes the feature being written: the last shape, and the attributes
// given since the Add before. Ids are unique in a layer; MapLibre reads them
// as doubles, so they stay below 2⁵³. A feature with no shape is left out.
func (l *Layer) Add(id uint64) {
	if len(l.shape) > 0 {
		size := 1 + varintSize(id) + 2 + 1 + varintSize(uint64(len(l.shape))) + len(l.shape)
		if len(l.tags) > 0 {
			size += 1 + varintSize(uint64(len(l.tags))) + len(l.tags)
		}
		b := append(l.features, tagLayerFeature)
		b = binary.AppendUvarint(b, uint64(size))
		b = binary.AppendUvarint(append(b, tagFeatureID), id)
		if len(l.tags) > 0 {
			b = binary.AppendUvarint(append(b, tagFeatureTags), uint64(len(l.tags)))
			b = append(b, l.tags...)
		}
		b = append(b, tagFeatureType, typePolygon, tagFeatureGeometry)
		b = binary.AppendUvarint(b, uint64(len(l.shape)))
		l.features = append(b, l.shape...)
		l.count++
	}
	l.shape, l.tags = l.shape[:0], l.tags[:0]
}

// Append appends the layer to a tile, and returns the longer tile. A layer
// without features adds nothing: an empty tile has no byte.
func (l *Layer) Append(tile []byte) []byte {
	if l.count == 0 {
		return tile
	}
	size := 2 + stringSize(l.name) + len(l.features) + len(l.keys) + len(l.values) + 1 + varintSize(Extent)
	tile = binary.AppendUvarint(append(tile, tagTileLayer), uint64(size))
	tile = append(tile, tagLayerVersion, 2)
	tile = appendString(tile, tagLayerName, l.name)
	tile = append(tile, l.features...)
	tile = append(tile, l.keys...)
	tile = append(tile, l.values...)
	return binary.AppendUvarint(append(tile, tagLayerExtent), Extent)
}

func appendString(b []byte, tag byte, s string) []byte {
	b = binary.AppendUvarint(append(b, tag), uint64(len(s)))
	return append(b, s...)
}

// stringSize is what appendString appends, in bytes.
func stringSize(s string) int { return 1 + varintSize(uint64(len(s))) + len(s) }

func varintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// appendVarint is binary.AppendUvarint with the short case inlined.
func appendVarint(b []byte, v uint32) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, uint64(v))
}

// numbers finds the value index of a number: open addressing, and emptied in
// no time by a change of generation. Surfaces are nearly all different, which
// a Go map would pay dearly.
type numbers struct {
	slots      []number
	used       int
	generation uint32
}

type number struct {
	bits       uint64
	value      uint32
	generation uint32
	tag        byte
}

func (n *numbers) clear() {
	n.used = 0
	if n.generation++; n.generation == 0 {
		clear(n.slots)
		n.generation = 1
	}
}

// index returns the value index of a number, which is next if it is unknown.
func (n *numbers) index(bits uint64, tag byte, next uint32) (value uint32, known bool) {
	if 2*n.used >= len(n.slots) {
		n.grow()
	}
	s := n.slot(bits, tag)
	if s.generation == n.generation {
		return s.value, true
	}
	*s = number{bits, next, n.generation, tag}
	n.used++
	return next, false
}

func (n *numbers) slot(bits uint64, tag byte) *number {
	mask := uint64(len(n.slots) - 1)
	h := (bits ^ uint64(tag)) * 0x9e3779b97f4a7c15
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		s := &n.slots[i]
		if s.generation != n.generation || s.bits == bits && s.tag == tag {
			return s
		}
	}
}

func (n *numbers) grow() {
	old := n.slots
	n.slots = make([]number, max(256, 2*len(old)))
	for _, s := range old {
		if s.generation == n.generation {
			*n.slot(s.bits, s.tag) = s
		}
	}
}
