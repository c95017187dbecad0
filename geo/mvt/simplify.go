package mvt

// simplify drops points of the snapped ring: those in line with their
// neighbours, and those less than half a step of the grid off the line, as
// long as the signed area of all that is dropped stays a sliver of the ring's
// own. So the steps that snapping cuts into a straight border go, and a round
// parcel does not shrink. Neighbours that share a border drift apart by half a
// step at the most, less than can be seen.
//
// One pass: the points kept so far are a stack, and each new point may make
// the top of the stack superfluous. acc[i] is twice the signed area between
// the points dropped before raw[i] and the line that replaced them; it bounds
// how far a line may leave a long, slow curve.
func (w *workspace) simplify(detail Detail, ringArea2 int64) {
	pts := w.raw
	if len(pts) < 4 {
		return
	}
	if cap(w.acc) < len(pts) {
		w.acc = make([]int64, cap(pts))
	}
	acc := w.acc[:len(pts)]
	s := slack{step: int64(1) << detail, budget: abs(ringArea2) >> 11}
	if detail > Fine {
		s.budget = abs(ringArea2) >> 6
	}

	top := 0
	acc[0] = 0
	for _, p := range pts[1:] {
		var lost int64 // between the top of the stack and p
		for top > 0 && pts[top] != p {
			cross := side2(pts[top-1], pts[top], p)
			if !s.allows(cross) || !s.drops(pts[top-1], pts[top], p, cross, acc[top]+lost) {
				break
			}
			lost += acc[top] + cross
			top--
		}
		if pts[top] == p {
			acc[top] += lost
			continue // there and back again
		}
		top++
		pts[top], acc[top] = p, lost
	}
	closes := func(a, b, c int) bool {
		cross := side2(pts[a], pts[b], pts[c])
		return s.allows(cross) && s.drops(pts[a], pts[b], pts[c], cross, acc[b])
	}
	for top > 2 && closes(top-1, top, 0) {
		top--
	}
	w.raw = pts[:top+1]
	if top > 2 && closes(top, 0, 1) {
		w.raw = w.raw[:copy(w.raw, w.raw[1:])]
	}
}

// A slack is what a ring has left to lose.
type slack struct {
	step   int64 // of the grid
	budget int64 // twice the area that dropping may add up to
	spent  int64
}

// allows reports whether the budget suffers one more triangle of area cross/2.
func (s *slack) allows(cross int64) bool { return cross == 0 || abs(s.spent+cross) <= s.budget }

// drops reports whether b can go from between a and c, of which it is off by
// cross, acc being already lost between them, and if so accounts for it.
func (s *slack) drops(a, b, c point, cross, acc int64) bool {
	if cross == 0 {
		return true
	}
	// In between, and off the line by less than half a step.
	bx, by := int64(b.x-a.x), int64(b.y-a.y)
	cx, cy := int64(c.x-a.x), int64(c.y-a.y)
	dot, chord2 := bx*cx+by*cy, cx*cx+cy*cy
	lost := float64(acc + cross)
	if dot < 0 || dot > chord2 || 4*lost*lost > float64(s.step*s.step)*float64(chord2) {
		return false
	}
	s.spent += cross
	return true
}

func abs(v int64) int64 { return max(v, -v) }
