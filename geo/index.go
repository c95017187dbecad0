package geo

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// An extent is a rectangle, its sides included.
type extent struct{ minX, minY, maxX, maxY float64 }

func extentOf(a, b orb.Point) extent {
	return extent{min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])}
}

func (e extent) holds(p orb.Point) bool {
	return e.minX <= p[0] && p[0] <= e.maxX && e.minY <= p[1] && p[1] <= e.maxY
}

// misses reports whether the segment ab stays on one side of e, of the four.
func (e extent) misses(a, b orb.Point) bool {
	return a[0] < e.minX && b[0] < e.minX || a[0] > e.maxX && b[0] > e.maxX ||
		a[1] < e.minY && b[1] < e.minY || a[1] > e.maxY && b[1] > e.maxY
}

func (e extent) union(o extent) extent {
	return extent{min(e.minX, o.minX), min(e.minY, o.minY), max(e.maxX, o.maxX), max(e.maxY, o.maxY)}
}

// meets reports whether the segment ab touches e. Rounding may make it say yes
// for a near miss, never no for a hit.
func (e extent) meets(a, b orb.Point) bool {
	if e.misses(a, b) {
		return false
	}
	dx, dy := b[0]-a[0], b[1]-a[1]
	u := dx * ((e.minY+e.maxY)/2 - a[1])
	v := dy * ((e.minX+e.maxX)/2 - a[0])
	reach := math.Abs(dx)*(e.maxY-e.minY)/2 + math.Abs(dy)*(e.maxX-e.minX)/2
	size := math.Abs(e.minX) + math.Abs(e.maxX) + math.Abs(e.minY) + math.Abs(e.maxY) + math.Abs(a[0]) + math.Abs(a[1])
	return math.Abs(u-v) <= reach+1e-15*size*(math.Abs(dx)+math.Abs(dy))
}

// work bounds what a hostile geometry may cost: it counts down the steps left.
type work int

// spend takes n steps, and reports whether there were that many.
func (w *work) spend(n int) bool {
	*w -= work(n)
	return *w >= 0
}

// fan is how many children a node of an index has.
const fan = 8

// An index finds extents that a segment meets. It is a packed tree in the
// order of Sort-Tile-Recursive: vertical strips, each sorted upwards.
type index struct {
	order  []int32    // of the items
	levels [][]extent // levels[0] are the items in order, each next its groups of fan
}

func newIndex(items []extent) *index {
	x := &index{order: make([]int32, len(items))}
	for i := range x.order {
		x.order[i] = int32(i)
	}
	byAxis := func(lo, hi func(extent) float64) func(i, j int32) int {
		return func(i, j int32) int {
			a, b := items[i], items[j]
			return cmp.Compare(lo(a)+hi(a), lo(b)+hi(b))
		}
	}
	if len(items) > fan {
		slices.SortFunc(x.order, byAxis(func(e extent) float64 { return e.minX }, func(e extent) float64 { return e.maxX }))
		strip := fan * int(math.Ceil(math.Sqrt(float64(len(items))/fan)))
		for s := range slices.Chunk(x.order, strip) {
			slices.SortFunc(s, byAxis(func(e extent) float64 { return e.minY }, func(e extent) float64 { return e.maxY }))
		}
	}
	level := make([]extent, len(items))
	for i, item := range x.order {
		level[i] = items[item]
	}
	x.levels = append(x.levels, level)
	for len(level) > fan {
		var up []extent
		for group := range slices.Chunk(level, fan) {
			e := group[0]
			for _, o := range group[1:] {
				e = e.union(o)
			}
			up = append(up, e)
		}
		x.levels = append(x.levels, up)
		level = up
	}
	return x
}

// visit calls f for the items that the segment ab may meet, until f returns
// false or the work is spent.
func (x *index) visit(a, b orb.Point, w *work, f func(item int) bool) {
	top := len(x.levels) - 1
	x.descend(top, 0, len(x.levels[top]), a, b, w, f)
}

func (x *index) descend(level, from, to int, a, b orb.Point, w *work, f func(item int) bool) bool {
	if !w.spend(to - from) {
		return false
	}
	for i := from; i < to; i++ {
		if !x.levels[level][i].meets(a, b) {
			continue
		}
		if level == 0 {
			if !f(int(x.order[i])) {
				return false
			}
			continue
		}
		if !x.descend(level-1, i*fan, min((i+1)*fan, len(x.levels[level-1])), a, b, w, f) {
			return false
		}
	}
	return true
}
