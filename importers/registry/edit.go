package registry

import (
	"time"

	"sillon/sillon"
)

// A FarmEdit is what a request changes of a farm. Clear empties; a farm without
// activities is one of production (domain.md §3.1).
type FarmEdit struct {
	Name, TradeName, Siret       sillon.Patch[string]
	Address, PostalCode, Commune sillon.Patch[string]
	Pacages                      sillon.Patch[[]string]
	Production                   sillon.Patch[bool]
}

// On returns what becomes of f, and everything that is wrong with the edit, by
// member of the request.
func (e FarmEdit) On(f sillon.Farm) (sillon.Farm, []sillon.Issue) {
	r := refusals{numeroBio: f.NumeroBio}
	r.text("nom", e.Name, &f.Name)
	r.text("denomination", e.TradeName, &f.TradeName)
	r.text("adresse", e.Address, &f.Address)
	r.text("codePostal", e.PostalCode, &f.PostalCode)
	value(&r, "siret", sillon.RegistrySiret, siret, e.Siret, &f.Siret)
	value(&r, "commune", sillon.RegistryCommune, commune, e.Commune, &f.Commune)
	if e.Pacages.Op != sillon.Keep {
		f.Pacages = nil
		for _, sent := range e.Pacages.Value {
			numbers, wrong := pacages(sent)
			if wrong != "" {
				r.refuse("numerosPacage", sillon.RegistryPacage, excerpt(wrong))
			}
			f.Pacages = union(f.Pacages, numbers)
		}
	}
	if f.Production = e.Production.On(f.Production); e.Production.Op == sillon.Clear {
		f.Production = true
	}
	return f, r.issues
}

// IsNumeroBio reports whether a text may be the number of a farm.
func IsNumeroBio(s string) bool { return numeroBioForm.MatchString(s) }

// A LinkEdit is what a request changes of a link. Its start tells which one.
type LinkEdit struct {
	NumeroClient, State, Start, Stop, ChangedAt sillon.Patch[string]
}

// Day is the start that the request names; ok is false for one that is no day.
func (e LinkEdit) Day() (day sillon.Date, ok bool) { return date(e.Start.Value) }

// On returns what becomes of l at an instant, and everything that is wrong
// with the edit, by member of the request. Without a day of change, one is
// that of the request when the state is another.
func (e LinkEdit) On(l sillon.Link, numero sillon.NumeroBio, now time.Time) (sillon.Link, []sillon.Issue) {
	r := refusals{numeroBio: numero}
	former := l.State
	r.text("numeroClient", e.NumeroClient, &l.NumeroClient)
	state := func(s string) (sillon.LinkState, bool) { return state(clean(s)) }
	if e.State.Op != sillon.Keep || former == "" {
		value(&r, "etat", sillon.RegistryState, state, sillon.To(e.State.Value), &l.State)
	}
	value(&r, "dateDemarrage", sillon.RegistryDate, date, e.Start, &l.Start)
	value(&r, "dateArret", sillon.RegistryDate, date, e.Stop, &l.Stop)
	value(&r, "changementDate", sillon.RegistryDate, instant, e.ChangedAt, &l.ChangedAt)
	if l.ChangedAt.IsZero() || e.ChangedAt.Op != sillon.Set && l.State != former {
		l.ChangedAt = now
	}
	if !l.Start.IsZero() && !l.Stop.IsZero() && l.Stop.Before(l.Start) {
		r.refuse("dateArret", sillon.RegistryPeriod, l.Stop.French(), l.Start.French())
	}
	return l, r.issues
}

// refusals collects what is wrong with an edit.
type refusals struct {
	numeroBio sillon.NumeroBio
	issues    []sillon.Issue
}

func (r *refusals) refuse(path string, code sillon.RegistryCode, args ...any) {
	r.issues = append(r.issues, sillon.RegistryIssue(sillon.SeverityError, code, r.numeroBio, path, args...))
}

// text applies a patch to a text of at most 500 characters.
func (r *refusals) text(path string, p sillon.Patch[string], to *string) {
	v, ok := text(p.Value)
	if !ok {
		r.refuse(path, sillon.RegistryTooLong, path, maxText)
	}
	p.Value = v
	*to = p.On(*to)
}

// value applies a patch whose text read understands.
func value[T any](r *refusals, path string, code sillon.RegistryCode, read func(string) (T, bool), p sillon.Patch[string], to *T) {
	patch := sillon.Patch[T]{Op: p.Op}
	if p.Op == sillon.Set {
		var ok bool
		if patch.Value, ok = read(p.Value); !ok {
			r.refuse(path, code, excerpt(p.Value))
			return
		}
	}
	*to = patch.On(*to)
}

// instant reads an instant, or a day as its midnight in UTC.
func instant(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, clean(s)); err == nil {
		return t, true
	}
	d, ok := date(s)
	return latest(d), ok
}
