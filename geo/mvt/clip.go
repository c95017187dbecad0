package mvt

import "math"

// A side is one side of the box: what is on its wrong side is clipped away.
type side struct {
	vertical bool
	at       int32
	sign     int32 // 1 keeps what is below at, -1 what is above
}

func (s side) of(p point) int32 {
	if s.vertical {
		return p.x
	}
	return p.y
}

func (s side) keeps(p point) bool { return s.sign*(s.of(p)-s.at) <= 0 }

// meet is where the line from a to b meets the side, on the grid. It is the
// same for the line from b to a.
func (s side) meet(a, b point) point {
	if s.of(a) > s.of(b) {
		a, b = b, a
	}
	t := float64(s.at-s.of(a)) / float64(s.of(b)-s.of(a))
	if s.vertical {
		return point{s.at, a.y + int32(math.Round(t*float64(b.y-a.y)))}
	}
	return point{a.x + int32(math.Round(t*float64(b.x-a.x))), s.at}
}

// clip cuts the ring to the box (Sutherland and Hodgman). What it joins along
// the sides of the box is for mend to part.
func (w *workspace) clip(s *snapped) {
	sides := [4]side{{true, low, -1}, {true, high, 1}, {false, low, -1}, {false, high, 1}}
	crossed := [4]bool{s.minX < low, s.maxX > high, s.minY < low, s.maxY > high}
	for i, side := range sides {
		if crossed[i] && len(w.raw) > 0 {
			w.spare = cut(w.spare[:0], w.raw, side)
			w.raw, w.spare = w.spare, w.raw
		}
	}
}

// cut appends to out what side keeps of a ring, without repeated points.
func cut(out, in []point, s side) []point {
	put := func(p point) {
		if len(out) == 0 || out[len(out)-1] != p {
			out = append(out, p)
		}
	}
	a := in[len(in)-1]
	kept := s.keeps(a)
	for _, b := range in {
		keeps := s.keeps(b)
		if keeps != kept {
			put(s.meet(a, b))
		}
		if keeps {
			put(b)
		}
		a, kept = b, keeps
	}
	for len(out) > 1 && out[len(out)-1] == out[0] {
		out = out[:len(out)-1]
	}
	return out
}
