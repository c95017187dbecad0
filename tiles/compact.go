package tiles

import "slices"

// A part is rows of a segment: those from one to another, excluded, that are
// not out of date.
type part struct {
	run      *run
	dead     deadSet
	from, to uint32
}

// mergeParts makes a run of parts.
func mergeParts(parts []part) *run {
	var rows, points, text int
	for i := range parts {
		p := &parts[i]
		for k := p.from; k < p.to; k++ {
			if !p.dead.has(k) {
				rows, points, text = rows+1, points+len(p.run.shape(k).Points)/2, text+len(p.run.textOf(k))
			}
		}
	}
	out := newPacker(rows, points, text)
	owners := make([][]uint32, len(parts)) // new index of each, plus one
	keys := make([][]int64, len(parts))
	for i := range parts {
		owners[i] = make([]uint32, len(parts[i].run.owners))
		keys[i] = parts[i].run.rowKeys()
	}
	for {
		next := -1
		for i := range parts {
			p := &parts[i]
			for p.from < p.to && p.dead.has(p.from) {
				p.from++
			}
			if p.from < p.to && (next < 0 || p.run.before(p.from, parts[next].run, parts[next].from)) {
				next = i
			}
		}
		if next < 0 {
			return out.finish()
		}
		p := &parts[next]
		r, k := p.run, p.from
		p.from++
		o := &owners[next][r.owner[k]]
		if *o == 0 {
			*o = out.ownerOf(&r.owners[r.owner[k]]) + 1
		}
		shape := r.shape(k)
		var ends *shapeEnds
		if r.meta[k]&metaComplex != 0 {
			ends = &shapeEnds{shape.Rings, shape.Parts}
		}
		out.text = append(out.text, r.textOf(k)...)
		out.add(&packed{
			key: keys[next][k], id: r.ids[k], surface: r.surface[k], box: r.tree.boxes[k], order: r.order[k], meta: r.meta[k], crop: r.crop[k],
		}, shape.Points, ends, *o-1)
	}
}

// before reports whether row i comes before row k of another run.
func (r *run) before(i uint32, s *run, k uint32) bool {
	return r.order[i] < s.order[k] || r.order[i] == s.order[k] && r.ids[i] < s.ids[k]
}

// whole is all of a segment.
func (s *segment) whole() part { return part{s.run, s.dead, 0, uint32(s.run.len())} }

// mergeLast merges the last segment with those before it as long as these are
// not much larger, so that there are few, and each row is moved few times.
func (m *Memory) mergeLast(segments []segment) []segment {
	n := len(segments)
	free := func(s *segment) bool { return !s.inBase() && !m.compacting.reads(s.run) }
	if n == 0 || !free(&segments[n-1]) {
		return segments
	}
	first, live := n-1, segments[n-1].live()
	for first > 0 {
		s := &segments[first-1]
		if !free(s) || s.live() > 2*live || s.live()+live > m.sizes.merge {
			break
		}
		first, live = first-1, live+s.live()
	}
	if first == n-1 {
		return segments
	}
	var parts []part
	for i := first; i < n; i++ {
		parts = append(parts, segments[i].whole())
	}
	return append(segments[:first], segment{run: mergeParts(parts)})
}

// A compaction merges edits in the background, while others come.
type compaction struct {
	edits  []*run // those that it reads all along
	base   *run   // that of the base that it reads now
	into   bool   // puts all edits into the base
	killed []int64
}

// reads reports whether the compaction, nil or not, needs a run to stay.
func (c *compaction) reads(r *run) bool {
	return c != nil && (c.base == r || slices.Contains(c.edits, r))
}

// note remembers a key that goes out of date in what the compaction reads.
func (c *compaction) note(r *run, key int64) {
	if c.reads(r) {
		c.killed = append(c.killed, key)
	}
}

// compactIfDue starts a compaction when edits have become many. The lock is
// held.
func (m *Memory) compactIfDue(segments []segment) {
	if m.compacting != nil {
		return
	}
	c := &compaction{}
	var base, edits int
	worn := false
	for i := range segments {
		s := &segments[i]
		if s.inBase() {
			base += s.live()
			worn = worn || m.worn(s)
		} else {
			edits += s.live()
			c.edits = append(c.edits, s.run)
		}
	}
	c.into = edits > m.sizes.merge && edits > base/m.sizes.share
	if !c.into && !worn && len(c.edits) <= m.sizes.segments {
		return
	}
	m.compacting = c
	m.background.Go(func() {
		if c.into || worn {
			m.compactBase(c)
		} else {
			m.compactEdits(c)
		}
	})
}

// worn reports whether too much of a segment is out of date.
func (m *Memory) worn(s *segment) bool { return s.dead.count > s.run.len()/m.sizes.share }

// begin starts a step of the compaction, which takes what it needs of the
// segments. It is false when the compaction is void.
func (m *Memory) begin(c *compaction, step func(segments []segment)) bool {
	m.write.Lock()
	defer m.write.Unlock()
	if m.compacting != c {
		return false
	}
	c.killed = c.killed[:0]
	step(m.now.Load().segments)
	return true
}

// end shows the outcome of a step, runs with the keys killed meanwhile out of
// date, unless the compaction is void. The lock is not held.
func (m *Memory) end(c *compaction, made []segment, step func(segments, made []segment) []segment) bool {
	m.write.Lock()
	defer m.write.Unlock()
	if m.compacting != c {
		return false
	}
	for i := range made {
		s := &made[i]
		var rows []uint32
		for _, key := range c.killed {
			if at, ok := s.run.find(key); ok {
				rows = append(rows, at)
			}
		}
		if len(rows) > 0 {
			s.dead = s.dead.with(s.run.len(), rows)
		}
	}
	c.killed = c.killed[:0]
	m.publish(step(slices.Clone(m.now.Load().segments), made))
	return true
}

// done ends a compaction, and starts the next if it is due.
func (m *Memory) done(c *compaction) {
	m.write.Lock()
	defer m.write.Unlock()
	if m.compacting != c {
		return
	}
	m.compacting = nil
	m.compactions.Add(1)
	m.compactIfDue(m.now.Load().segments)
}

// compactEdits makes one segment of the edits.
func (m *Memory) compactEdits(c *compaction) {
	defer m.done(c)
	var parts []part
	if !m.begin(c, func(segments []segment) {
		for i := range segments {
			if c.reads(segments[i].run) {
				parts = append(parts, segments[i].whole())
			}
		}
	}) {
		return
	}
	made := []segment{{run: mergeParts(parts)}}
	m.end(c, made, func(segments, made []segment) []segment {
		at := slices.IndexFunc(segments, func(s segment) bool { return !s.inBase() })
		out := segments[:0]
		for i, s := range segments {
			if i == at {
				out = append(out, made...) // replaces at least this one, or goes before what came meanwhile
			}
			if !c.reads(s.run) {
				out = append(out, s)
			}
		}
		return out
	})
}

// compactBase puts the edits into the base, one segment of the base after the
// other, so that the memory for it is that of one. Unless all edits are to go
// there, it makes again those segments alone that are worn.
func (m *Memory) compactBase(c *compaction) {
	defer m.done(c)
	for next := uint32(0); next < endOfOrder; {
		var parts []part
		var old segment
		if !m.begin(c, func(segments []segment) {
			i := slices.IndexFunc(segments, func(s segment) bool { return s.inBase() && s.lo == next })
			old = segments[i]
			c.base = old.run
			parts = append(parts, old.whole())
			for k := range segments {
				s := &segments[k]
				if from, to := s.run.between(old.lo, old.hi); !s.inBase() && c.reads(s.run) && from < to {
					parts = append(parts, part{s.run, s.dead, from, to})
				}
			}
		}) {
			return
		}
		next = old.hi
		if !m.worn(&old) && (!c.into || len(parts) == 1) {
			continue
		}
		if !m.end(c, m.split(parts, old.lo, old.hi), func(segments, made []segment) []segment {
			return replace(c, segments, old, made)
		}) {
			return
		}
	}
}

// replace puts made in the place of old in the base, and takes what is now
// there out of the edits that the compaction read.
func replace(c *compaction, segments []segment, old segment, made []segment) []segment {
	out := make([]segment, 0, len(segments)+len(made))
	for _, s := range segments {
		switch {
		case s.run == old.run:
			out = append(out, made...)
			continue
		case !s.inBase() && c.reads(s.run):
			var rows []uint32
			for from, to := s.run.between(old.lo, old.hi); from < to; from++ {
				rows = append(rows, from)
			}
			if s.dead = s.dead.with(s.run.len(), rows); s.live() == 0 {
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// split merges parts of the base into segments that are not too large.
func (m *Memory) split(parts []part, lo, hi uint32) []segment {
	r := mergeParts(parts)
	if r.len() <= 2*m.sizes.base {
		return []segment{{run: r, lo: lo, hi: hi}}
	}
	var made []segment
	for from := 0; from < r.len(); {
		to := min(from+m.sizes.base, r.len())
		// Rows of one place stay together.
		for to < r.len() && r.order[to] == r.order[to-1] {
			to++
		}
		if r.len()-to < m.sizes.base/2 {
			to = r.len()
		}
		made = append(made, segment{run: mergeParts([]part{{run: r, from: uint32(from), to: uint32(to)}})})
		from = to
	}
	share(made)
	made[0].lo, made[len(made)-1].hi = lo, hi
	return made
}
