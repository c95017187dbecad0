package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sillon/importers/internal/stream"
	"sillon/sillon"
)

// An entry is a farm of the open directory. Members that are not listed, among
// them those about people, are not read.
type entry struct {
	NumeroBio scalar
	Name      scalar `json:"raisonSociale"`
	TradeName scalar `json:"denominationcourante"`
	Siret     scalar
	Addresses []struct {
		Street     scalar   `json:"lieu"`
		PostalCode scalar   `json:"codePostal"`
		Commune    scalar   `json:"codeCommune"`
		Active     scalar   `json:"active"`
		Kinds      []scalar `json:"typeAdresseOperateurs"`
	} `json:"adressesOperateurs"`
	Activities []struct {
		ID scalar `json:"id"`
	} `json:"activites"`
	Certificates []certificate `json:"certificats"`
}

type certificate struct {
	Certifier scalar `json:"organisme"`
	State     scalar `json:"etatCertification"`
	Suspended scalar `json:"dateSuspension"`
	Stopped   scalar `json:"dateArret"`
	Engaged   scalar `json:"dateEngagement"`
	Notified  scalar `json:"dateNotification"`
}

const (
	production scalar = "1" // the id of the activity Production
	active     scalar = "true"
)

// A scalar is a JSON string, or the text of a number or boolean; anything else
// is empty.
type scalar string

// UnmarshalJSON never fails: what is not a scalar says nothing.
func (s *scalar) UnmarshalJSON(b []byte) error {
	*s = ""
	switch b[0] {
	case '"':
		var v string
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		*s = scalar(clean(v))
	case '{', '[', 'n':
	default:
		*s = scalar(b)
	}
	return nil
}

// readDirectory collects the farms of the open directory: one of its pages,
// an array of farms, or farms and pages one after the other.
func (c *collection) readDirectory(r io.Reader) error {
	j := stream.NewJSON(r)
	rank := 0
	farm := func() error {
		if _, err := j.Peek(); err != nil {
			return err
		}
		rank++
		at := place{path: fmt.Sprintf("exploitation %d (octet %d)", rank, j.Offset())}
		raw, err := j.Value(maxLine)
		if err != nil {
			return err
		}
		return c.entry(at, raw)
	}
	for {
		first, err := j.Peek()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil: // told below
		case first == '[':
			err = j.Elements(farm)
		case first == '{':
			err = c.page(j, &rank, farm)
		default:
			err = &stream.JSONError{Offset: j.Offset(), Err: stream.ErrSyntax}
		}
		if fault, ok := errors.AsType[*stream.JSONError](err); ok {
			return c.stop(place{path: fmt.Sprintf("octet %d", fault.Offset)}, sillon.RegistryUnreadable, faultText(fault.Err))
		}
		if errors.Is(err, io.EOF) {
			return c.stop(place{path: fmt.Sprintf("octet %d", j.Offset())}, sillon.RegistryUnreadable, faultText(io.ErrUnexpectedEOF))
		}
		if err != nil {
			return err
		}
	}
}

// page reads an object: a page of farms when it has a member items, else a
// farm itself.
func (c *collection) page(j *stream.JSON, rank *int, farm func() error) error {
	start, isPage := j.Offset(), false
	own := []byte{'{'}
	err := j.Members(func(key string) error {
		if key == "items" {
			isPage = true
			return j.Elements(farm)
		}
		at := j.Offset()
		raw, err := j.Value(maxLine)
		if err != nil {
			return err
		}
		name, err := json.Marshal(key)
		if err != nil {
			return err
		}
		if len(own) > 1 {
			own = append(own, ',')
		}
		own = append(append(append(own, name...), ':'), raw...)
		if len(own) > maxLine {
			return &stream.JSONError{Offset: at, Err: stream.ErrTooLarge}
		}
		return nil
	})
	if err != nil || isPage {
		return err
	}
	*rank++
	return c.entry(place{path: fmt.Sprintf("exploitation %d (octet %d)", *rank, start)}, append(own, '}'))
}

func faultText(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "le fichier JSON est incomplet"
	case errors.Is(err, stream.ErrTooLarge):
		return "une valeur JSON dépasse 1 Mio"
	case errors.Is(err, stream.ErrTooDeep):
		return "le fichier JSON a trop de niveaux"
	}
	return "le fichier JSON est invalide"
}

// entry collects a farm of the directory and its links. The directory cannot
// be mended by who loads it: only what would bind a farm wrongly is an error,
// the rest is left out with a warning.
func (c *collection) entry(at place, raw []byte) error {
	if err := c.next(at); err != nil {
		return err
	}
	var e entry
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		return c.fail(at, sillon.RegistryUnreadable, "un objet est attendu")
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return c.fail(at, sillon.RegistryUnreadable, unmarshalText(err))
	}
	f := sillon.Farm{NumeroBio: sillon.NumeroBio(e.NumeroBio), Production: len(e.Activities) == 0}
	switch {
	case f.NumeroBio == "":
		return c.fail(at, sillon.RegistryNoNumeroBio)
	case !numeroBioForm.MatchString(string(f.NumeroBio)):
		return c.fail(at, sillon.RegistryNumeroBio, excerpt(string(f.NumeroBio)))
	}
	at.numeroBio = f.NumeroBio
	for _, a := range e.Activities {
		f.Production = f.Production || a.ID == production
	}
	f.Name, f.TradeName = c.text(at, "raisonSociale", e.Name), c.text(at, "denominationcourante", e.TradeName)
	var ok bool
	if f.Siret, ok = siret(string(e.Siret)); !ok {
		c.warn(at, sillon.RegistrySiret, excerpt(string(e.Siret)))
		f.Siret = ""
	}
	if a := e.address(); a >= 0 {
		f.Address = c.text(at, "lieu", e.Addresses[a].Street)
		f.PostalCode = c.text(at, "codePostal", e.Addresses[a].PostalCode)
		if f.Commune, ok = commune(string(e.Addresses[a].Commune)); !ok {
			c.warn(at, sillon.RegistryCommune, excerpt(string(e.Addresses[a].Commune)))
			f.Commune = ""
		}
	}
	kept := c.farm(at, f)
	for i := range e.Certificates {
		if err := c.certificate(at, kept, &e.Certificates[i]); err != nil {
			return err
		}
	}
	return nil
}

// text returns a text of the directory, cut when it is too long.
func (c *collection) text(at place, name string, s scalar) string {
	v, ok := text(string(s))
	if !ok {
		c.warn(at, sillon.RegistryTooLong, name, maxText)
		v = string([]rune(v)[:maxText])
	}
	return v
}

// address returns the index of the address that stands for the farm, or -1:
// its seat, else the first in use, else the first.
func (e *entry) address() int {
	best := -1
	for i, a := range e.Addresses {
		for _, kind := range a.Kinds {
			if strings.HasPrefix(fold(string(kind)), "siege") {
				return i
			}
		}
		if best < 0 || a.Active == active && e.Addresses[best].Active != active {
			best = i
		}
	}
	return best
}

// certificate collects a link of f.
func (c *collection) certificate(at place, f *sillon.Farm, e *certificate) error {
	l := sillon.Link{Certifier: sillon.Certifier{Name: c.text(at, "organisme", e.Certifier)}}
	if l.Certifier.Name == "" {
		c.warn(at, sillon.RegistryNoCertifier)
		return nil
	}
	if e.State == "" {
		c.warn(at, sillon.RegistryState, "")
		return nil
	}
	var ok bool
	if l.State, ok = state(string(e.State)); !ok {
		return c.fail(at, sillon.RegistryState, excerpt(string(e.State)))
	}
	var changes [2]sillon.Date
	for _, d := range []struct {
		sent scalar
		to   *sillon.Date
	}{{e.Engaged, &l.Start}, {e.Stopped, &l.Stop}, {e.Notified, &changes[0]}, {e.Suspended, &changes[1]}} {
		if *d.to, ok = date(string(d.sent)); !ok {
			return c.fail(at, sillon.RegistryDate, excerpt(string(d.sent)))
		}
	}
	if !l.Start.IsZero() && !l.Stop.IsZero() && l.Stop.Before(l.Start) {
		c.warn(at, sillon.RegistryPeriod, l.Stop.French(), l.Start.French())
		if l.State == sillon.LinkStopped || l.State == sillon.LinkWithdrawn {
			l.Start = sillon.Date{}
		} else {
			l.Stop = sillon.Date{} // of an earlier engagement
		}
	}
	l.ChangedAt = latest(l.Stop, changes[0], changes[1])
	if !c.link(at, f, l) {
		c.warn(at, sillon.RegistryDuplicate)
	}
	return nil
}

// latest is the midnight, in UTC, that begins the last of the days.
func latest(days ...sillon.Date) time.Time {
	var last sillon.Date
	for _, d := range days {
		if last.Before(d) {
			last = d
		}
	}
	if last.IsZero() {
		return time.Time{}
	}
	return time.Date(last.Year, last.Month, last.Day, 0, 0, 0, 0, time.UTC)
}

// unmarshalText says in French which member has the wrong type.
func unmarshalText(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("le champ %s n'a pas le type attendu", excerpt(wrong.Field))
	}
	return "l'objet JSON est invalide"
}
