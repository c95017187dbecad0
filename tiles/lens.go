package tiles

import (
	"slices"

	"sillon/sillon"
)

// A lens is a query, ready to be asked about each row.
type lens struct {
	all          bool // shows every row
	none         bool // shows none
	levels       uint8
	crops        []bool // by crop; nil is all
	departements []int  // nil is all
	years        []int  // nil is all
	scope        Scope
	owners       bool // asks owners too
}

func newLens(q *Query, crops []crop) lens {
	l := lens{scope: q.Scope, levels: 0xff, owners: len(q.Filter.Years) > 0, years: q.Filter.Years}
	switch q.Scope.Kind {
	case ScopePublic, ScopeAll:
	case ScopeCertifier, ScopeFarm:
		l.owners = true
	case ScopeNone, ScopeVersion:
		l.none = true
	}
	f := &q.Filter
	if len(f.Levels) > 0 {
		l.levels = 0
		for i, level := range levelCodes[:7] {
			if slices.Contains(f.Levels, string(level)) {
				l.levels |= 1 << i
			}
		}
	}
	if len(f.Crops) > 0 {
		l.crops = make([]bool, len(crops))
		for i := range crops {
			l.crops[i] = slices.ContainsFunc(f.Crops, func(above string) bool { return sillon.CPFUnder(crops[i].cpf, above) })
		}
	}
	for _, code := range f.Departements {
		if n := packDepartement(code); n != 0 {
			l.departements = append(l.departements, n)
		}
	}
	l.none = l.none || len(f.Departements) > 0 && l.departements == nil
	l.all = !l.none && !l.owners && l.levels == 0xff && l.crops == nil && l.departements == nil
	return l
}

func (l *lens) shows(r *run, i uint32) bool {
	m := r.meta[i]
	if l.levels>>m.level()&1 == 0 || l.crops != nil && !l.crops[r.crop[i]] ||
		l.departements != nil && !slices.Contains(l.departements, m.departement()) {
		return false
	}
	if !l.owners {
		return true
	}
	o := &r.owners[r.owner[i]]
	switch l.scope.Kind {
	case ScopeCertifier:
		if o.oc != l.scope.OC && o.reader != l.scope.OC {
			return false
		}
	case ScopeFarm:
		if o.farm != l.scope.Farm {
			return false
		}
	case ScopePublic, ScopeAll, ScopeNone, ScopeVersion:
	}
	return len(l.years) == 0 || slices.Contains(l.years, int(o.year))
}
