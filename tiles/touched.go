package tiles

import "sillon/geo/mvt"

// tiles calls f, if any, with each tile of LayerParcelles that the change may
// touch, and returns how many there are. Up to the zoom of cells that is where
// the box lies, deeper down also next to it.
func (c *Change) tiles(f func(Address)) (n int) {
	for z := uint32(0); z <= maxZoomParcels; z++ {
		var before, after span
		if c.WasThere {
			before = c.Before.span(z)
			n += before.each(z, span{}, f)
		}
		if c.IsThere {
			after = c.After.span(z)
			n += after.each(z, before, f)
		}
	}
	return n
}

// A span is a range of tiles, its ends excluded. The zero span is empty.
type span struct{ x0, y0, x1, y1 uint32 }

// span returns the tiles of a zoom that a shape in the box may show in. A cell
// shows in the tile that the middle of its parcels is in.
func (b Box) span(z uint32) span {
	if z > maxZoomCells {
		first, last := b.Tiles(z)
		return span{first.X, first.Y, last.X + 1, last.Y + 1}
	}
	shift := mvt.WorldBits - z
	return span{b.MinX >> shift, b.MinY >> shift, b.MaxX>>shift + 1, b.MaxY>>shift + 1}
}

// each calls f, if any, with the tiles of the span that are not in but, and
// returns how many there are.
func (s span) each(z uint32, but span, f func(Address)) (n int) {
	if f == nil {
		w, h := uint64(s.x1-s.x0), uint64(s.y1-s.y0)
		iw := overlap(s.x0, s.x1, but.x0, but.x1)
		ih := overlap(s.y0, s.y1, but.y0, but.y1)
		return int(min(w*h-iw*ih, 1<<30))
	}
	for x := s.x0; x < s.x1; x++ {
		for y := s.y0; y < s.y1; y++ {
			if x >= but.x0 && x < but.x1 && y >= but.y0 && y < but.y1 {
				continue
			}
			f(Address{z, x, y})
			n++
		}
	}
	return n
}

func overlap(a0, a1, b0, b1 uint32) uint64 {
	lo, hi := max(a0, b0), min(a1, b1)
	if hi <= lo {
		return 0
	}
	return uint64(hi - lo)
}
