package demo

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// A field is a cell that the farm may hold.
type field struct {
	cell
	middle point
	score  float64
}

// layOut fills m.plots with about wish fields of a landscape around s, in one
// to four clusters.
func (m *maker) layOut(wish int, s slot, t *terroir) {
	rng := m.rng
	p := pattern{
		square: max(1.3*minField, t.hectares*1e4*math.Exp(0.35*rng.NormFloat64())),
		strips: t.strips * math.Exp(0.2*rng.NormFloat64()),
		axis:   math.Pi * rng.Float64(),
	}
	if most := 0.5 * farmSide * farmSide / float64(wish); p.square > most {
		p.square = max(1.3*minField, most)
	}
	filled := 0.35 + 0.25*rng.Float64()
	width := min(farmSide, math.Sqrt(float64(wish)*p.square/filled)+2*math.Sqrt(p.square))
	m.mosaic.grow(rng, width, p)

	// A slot keeps its farm away from the next one by more than the waves move.
	room := (slotSide - 160 - width) / 2
	f := frameAt(s.lon, s.lat)
	f.lon += room * (2*rng.Float64() - 1) / f.perLon
	f.lat += room * (2*rng.Float64() - 1) / f.perLat
	m.outline.lay(rng, &m.mosaic, f, t.vertices*(0.8+0.4*rng.Float64()), min(7, 0.05*math.Sqrt(p.square)))

	m.choose(wish, width)
	m.draw(wish)
}

// choose fills m.fields with the fields that the farm may hold, the nearest to
// the middle of a cluster first.
func (m *maker) choose(wish int, width float64) {
	rng := m.rng
	type cluster struct {
		middle point
		reach  float64
	}
	var clusters [4]cluster
	n := 1 + rng.IntN(min(4, 1+wish/7))
	for i := range clusters[:n] {
		clusters[i] = cluster{
			point{0.7 * width * (rng.Float64() - 0.5), 0.7 * width * (rng.Float64() - 0.5)},
			0.5 + rng.Float64(),
		}
	}
	m.fields = m.fields[:0]
	for _, c := range m.mosaic.cells {
		ring := m.mosaic.leaves(c)
		f := field{cell: c, score: math.Inf(1)}
		inside := true
		for _, s := range ring {
			a, _ := m.mosaic.ends(s)
			f.middle.x += a.x / float64(len(ring))
			f.middle.y += a.y / float64(len(ring))
			inside = inside && !m.mosaic.edges[s>>1].frame
		}
		const largest = 95e3 // m²: bending may add to it
		if !inside || m.mosaic.area(ring) > largest {
			continue
		}
		for _, k := range clusters[:n] {
			d := f.middle.minus(k.middle)
			f.score = min(f.score, math.Hypot(d.x, d.y)/k.reach)
		}
		f.score *= 0.85 + 0.3*rng.Float64()
		if rng.IntN(10) == 0 {
			f.score *= 3 // somebody else's
		}
		m.fields = append(m.fields, f)
	}
	slices.SortFunc(m.fields, func(a, b field) int { return cmp.Compare(a.score, b.score) })
}

// draw turns the first wish fields into plots, by blocks.
func (m *maker) draw(wish int) {
	rng := m.rng
	held := m.fields[:min(len(m.fields), wish+wish/40)]
	slices.SortFunc(held, func(a, b field) int { return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.start, b.start)) })
	m.plots = m.plots[:0]
	ilot, number, block := 0, 0, int32(-1)
	for i := range held {
		f := &held[i]
		if f.end == f.start {
			continue // the second part of an earlier plot
		}
		ring, ok := m.outline.ring(rng, m.mosaic.leaves(f.cell))
		if !ok {
			continue
		}
		if block != f.block {
			ilot, number, block = ilot+1, 0, f.block
		}
		number++
		p := plot{geometry: orb.Polygon{ring}, name: fieldName(rng), ilot: ilot, number: number}
		p.before = p.geometry
		switch rng.IntN(50) {
		case 0:
			if pond, ok := m.outline.pond(rng, m.mosaic.leaves(f.cell)); ok {
				p.geometry = orb.Polygon{ring, pond}
				if rng.IntN(2) == 0 {
					p.before = p.geometry
				}
			}
		case 1:
			if other := m.companion(held[i:]); other != nil {
				if second, ok := m.outline.ring(rng, m.mosaic.leaves(other.cell)); ok {
					p.geometry = orb.MultiPolygon{{ring}, {second}}
					p.before = p.geometry
				}
				other.end = other.start
			}
		}
		m.plots = append(m.plots, p)
	}
}

// companion finds a near field of held that does not touch the first one, to be
// one parcel with it; nil when there is none.
func (m *maker) companion(held []field) *field {
	const near = 400 // metres
	own := map[int32]bool{}
	for _, s := range m.mosaic.leaves(held[0].cell) {
		own[m.mosaic.start(s)] = true
	}
	for i := range held[1:] {
		f := &held[1+i]
		d := f.middle.minus(held[0].middle)
		if f.end == f.start || math.Hypot(d.x, d.y) > near {
			continue
		}
		touches := func(s side) bool { return own[m.mosaic.start(s)] }
		if !slices.ContainsFunc(m.mosaic.leaves(f.cell), touches) {
			return f
		}
	}
	return nil
}
