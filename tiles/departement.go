package tiles

// Departements sums the parcels by the code of their département; those that
// have none are left out.
func (s *Snapshot) Departements() map[string]Sums {
	sums := map[int]*sum{}
	at := func(code int) *sum {
		if sums[code] == nil {
			sums[code] = &sum{}
		}
		return sums[code]
	}
	for i := range s.segments {
		r, dead := s.segments[i].run, &s.segments[i].dead
		for code, all := range r.byDepartement() {
			at(code).add(&all)
		}
		dead.each(0, uint32(r.len()), func(i uint32) {
			c := at(r.meta[i].departement())
			c.count--
			c.dm2[r.meta[i].level()] -= SquareDecimetres(r.surface[i])
		})
	}
	out := make(map[string]Sums, len(sums))
	for code, c := range sums {
		if code != 0 && c.count > 0 {
			cell := c.cell()
			out[unpackDepartement(code)] = Sums{Count: cell.Count, Surfaces: cell.Surfaces}
		}
	}
	return out
}

// byDepartement sums all the rows of the run, once.
func (r *run) byDepartement() map[int]sum {
	r.summed.Do(func() {
		sums := map[int]*sum{}
		for i, m := range r.meta {
			c := sums[m.departement()]
			if c == nil {
				c = &sum{}
				sums[m.departement()] = c
			}
			c.count++
			c.dm2[m.level()] += SquareDecimetres(r.surface[i])
		}
		r.departements = make(map[int]sum, len(sums))
		for code, c := range sums {
			r.departements[code] = *c
		}
	})
	return r.departements
}

// unpackDepartement is the code that packDepartement made a number.
func unpackDepartement(n int) string {
	var b []byte
	for shift := 16; shift >= 0; shift -= 8 {
		if c := byte(n >> shift); c != 0 {
			b = append(b, c)
		}
	}
	return string(b)
}
