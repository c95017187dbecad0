package geo

import (
	"slices"

	"github.com/paulmach/orb"
)

// A shape says what the rings of a geometry cover, from how often each of them
// turns around a position.
type shape struct {
	part  []int  // of each ring
	shell []bool // of each ring: else it is a hole
	wound []bool // of each ring: it covers all that it turns around
	parts int
}

// repair makes parts valid (domain.md §8). Each ring covers what it turns
// around an odd number of times or, when that is nothing (a ring drawn twice),
// whatever it turns around. A part is its shell less what an odd number of its
// holes cover, so that a hole never adds land, and the parts are united. Parts
// and holes that the repair has made are dropped under smallest; smaller ones
// that were written so are kept. The result is sorted and starts each ring at
// its lowest position: it does not depend on how the rings were written.
// ok is false when the work ran out.
func repair(parts orb.MultiPolygon, w *work) (repaired orb.MultiPolygon, ok bool) {
	var strands []strand
	sh := shape{parts: len(parts)}
	for i, p := range parts {
		for j, r := range p {
			for k := 1; k < len(r); k++ {
				strands = append(strands, newStrand(toGrid(r[k-1]), toGrid(r[k]), len(sh.part), 1))
			}
			sh.part = append(sh.part, i)
			sh.shell = append(sh.shell, j == 0)
		}
	}
	strands, ok = node(strands, w)
	if !ok {
		return nil, false
	}
	if len(strands) == 0 {
		return nil, true
	}
	sh.wound = make([]bool, len(sh.part))
	for i := range sh.wound {
		sh.wound[i] = true
	}
	for _, s := range strands {
		if s.turns%2 != 0 {
			sh.wound[s.ring] = false
		}
	}
	a := newArrangement(strands)
	if !a.label(&sh, w) {
		return nil, false
	}
	return assemble(a.outline(len(sh.part)), w)
}

// smallest is the area of the least part or hole that a repair may make.
const smallest = 1.0

// A loop is a ring of the result, still on the grid.
type loop struct {
	ring    orb.Ring
	extent  extent
	written bool // a whole ring of the input
	area    float64
	holes   []loop // of a shell
}

func (l loop) isSmall() bool { return l.area < smallest && !l.written }

// assemble puts holes into their shells, and drops what is too small.
func assemble(loops []loop, w *work) (out orb.MultiPolygon, ok bool) {
	var shells, holes []loop
	for _, l := range loops {
		l.area = GeodesicArea(toDegrees(l.ring))
		if isAnticlockwise(l.ring) {
			shells = append(shells, l)
		} else {
			holes = append(holes, l)
		}
	}
	byRing := func(s, t loop) int { return slices.CompareFunc(s.ring, t.ring, compare) }
	slices.SortFunc(shells, byRing)
	slices.SortFunc(holes, byRing)
	var filled []loop
	for _, h := range holes {
		home := -1
		for i := range shells {
			if (home < 0 || shells[i].area < shells[home].area) && h.liesIn(shells[i], true, w) {
				home = i
			}
		}
		if !w.spend(len(shells)) {
			return nil, false
		}
		switch {
		case home < 0: // its shell has collapsed
		case h.isSmall():
			filled = append(filled, h)
		default:
			shells[home].holes = append(shells[home].holes, h)
		}
	}
	for _, s := range shells {
		// What stands in a hole that is filled has become part of the land.
		if s.isSmall() || slices.ContainsFunc(filled, func(f loop) bool { return s.liesIn(f, false, w) }) {
			continue
		}
		p := orb.Polygon{toDegrees(s.ring)}
		for _, h := range s.holes {
			p = append(p, toDegrees(h.ring))
		}
		out = append(out, p)
		if !w.spend(len(filled)) {
			return nil, false
		}
	}
	return out, true
}

// liesIn reports whether l is inside o, which turns anticlockwise or not.
func (l loop) liesIn(o loop, anticlockwise bool, w *work) bool {
	if l.extent.union(o.extent) != o.extent || !w.spend(len(o.ring)) {
		return false
	}
	return ringInside(l.ring, o.ring, anticlockwise)
}

func toDegrees(r orb.Ring) orb.Ring {
	out := make(orb.Ring, len(r))
	for i, p := range r {
		out[i] = orb.Point{p[0] / perDegree, p[1] / perDegree}
	}
	return out
}

// canonical closes r and starts it at its lowest position.
func canonical(r orb.Ring) orb.Ring {
	low := 0
	for i := range r {
		if before(r[i], r[low]) {
			low = i
		}
	}
	out := append(make(orb.Ring, 0, len(r)+1), r[low:]...)
	out = append(out, r[:low]...)
	return append(out, out[0])
}
