package tiles

import (
	"slices"
	"strconv"
	"strings"
)

// Normalize puts a filter in its one form: lists in order, nothing twice.
func (f *Filter) Normalize() {
	f.Levels = normal(f.Levels)
	f.Crops = normal(f.Crops)
	f.Years = normal(f.Years)
	f.Departements = normal(f.Departements)
}

func normal[T string | int](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}

// Empty reports whether the filter lets everything pass.
func (f *Filter) Empty() bool {
	return len(f.Levels) == 0 && len(f.Crops) == 0 && len(f.Years) == 0 && len(f.Departements) == 0
}

// Key names what a query shows: two queries whose filters are normal show the
// same if, and but for parcels that happen to be the same only if, their keys
// are equal. That of everything public is empty. Codes hold none of its
// punctuation.
func (q *Query) Key() string {
	if q.Scope == Public && q.Filter.Empty() {
		return ""
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(int(q.Scope.Kind)))
	switch q.Scope.Kind {
	case ScopeCertifier:
		b.WriteString(":" + strconv.Itoa(int(q.Scope.OC)))
	case ScopeFarm:
		b.WriteString(":" + strconv.Quote(string(q.Scope.Farm)))
	case ScopeVersion:
		b.WriteString(":" + strconv.Quote(string(q.Scope.Version)))
	case ScopeNone, ScopePublic, ScopeAll:
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			b.WriteString(";" + name + "=" + strings.Join(values, ","))
		}
	}
	list("niveau", q.Filter.Levels)
	list("culture", q.Filter.Crops)
	years := make([]string, len(q.Filter.Years))
	for i, y := range q.Filter.Years {
		years[i] = strconv.Itoa(y)
	}
	list("annee", years)
	list("departement", q.Filter.Departements)
	return b.String()
}
