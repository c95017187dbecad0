package service

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sillon/importers/registry"
	"sillon/sillon"
	"sillon/store"
)

// FarmsImported is what became of a file of the registry. Warnings did not
// refuse it.
type FarmsImported struct {
	Count    int
	Warnings []sillon.Issue
}

// ImportFarms reads a file of the registry and stores its farms and links, all
// or nothing: with an error anywhere it is sillon.ErrFarmsRefused, which
// holds every error by line. warnings do not refuse. It asks no permission: it
// is for the operator and for scheduled work.
func (s *Service) ImportFarms(ctx context.Context, r io.Reader) (n int, warnings []sillon.Issue, err error) {
	done, err := s.importFarms(ctx, r, func(tx *store.Tx, save func() (FarmsImported, error)) error {
		_, err := save()
		return err
	})
	return done.Count, done.Warnings, err
}

// importFarms is ImportFarms with something around the saving.
func (s *Service) importFarms(ctx context.Context, r io.Reader, around func(tx *store.Tx, save func() (FarmsImported, error)) error) (done FarmsImported, err error) {
	farms, issues, err := registry.Read(r)
	if err != nil {
		return done, err
	}
	var errs []sillon.Issue
	for _, issue := range issues {
		if issue.Severity == sillon.SeverityError {
			errs = append(errs, issue)
		} else {
			done.Warnings = append(done.Warnings, issue)
		}
	}
	if len(errs) > 0 {
		return done, sillon.ErrFarmsRefused.With(errs...)
	}
	done.Count = len(farms)
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		return around(tx, func() (FarmsImported, error) { return done, tx.SaveFarms(ctx, farms) })
	})
	if err == nil {
		s.caughtUp(ctx)
	}
	return done, err
}

// SendFarms is ImportFarms for an actor, by a request that the trail names.
func (s *Service) SendFarms(ctx context.Context, a sillon.Actor, r io.Reader, request string, once *Once[FarmsImported]) (done FarmsImported, err error) {
	if err := sillon.May(a, sillon.ActionEditRegistry, sillon.Resource{}); err != nil {
		return done, err
	}
	return s.importFarms(ctx, r, func(tx *store.Tx, save func() (FarmsImported, error)) error {
		_, err := once.do(ctx, tx, a, func() (FarmsImported, error) {
			done, err := save()
			if err != nil {
				return done, err
			}
			return done, s.administered(ctx, tx, a, "importFarms", "", request)
		})
		return err
	})
}

// agedAtOnce is how many farms one transaction of AgeLinks takes.
const agedAtOnce = 500

// AgeLinks finds the current links of farms again where one may have got stale
// with time alone (domain.md §3.2). It can be stopped and begun again.
func (s *Service) AgeLinks(ctx context.Context) error {
	for after, more := "", true; more; more = after != "" {
		if err := s.db.InTx(ctx, store.System, func(tx *store.Tx) (err error) {
			after, err = tx.AgeLinks(ctx, after, agedAtOnce)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// A FarmSheet is what the registry knows of a farm.
type FarmSheet = store.FarmSheet

// Farm returns the sheet of a farm, or sillon.ErrNotFound. Whoever reads all
// farms reads the history of the links; a former certifier does not read who
// has the farm now (domain.md §3.3).
func (s *Service) Farm(ctx context.Context, a sillon.Actor, numero sillon.NumeroBio) (sheet *FarmSheet, err error) {
	if err := sillon.May(a, sillon.ActionSearchFarms, sillon.Resource{}); err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		sheet, err = tx.FarmSheet(ctx, numero, readsAll(a))
		return err
	})
	if err == nil && !readsAll(a) && sheet.Current != nil && sheet.Current.Certifier.ID != a.OC {
		sheet.Current = nil
	}
	return sheet, err
}

func readsAll(a sillon.Actor) bool { return a.Roles&(sillon.RoleAgenceBio|sillon.RoleINAO) != 0 }

// A FarmEdit is what a request changes of a farm.
type FarmEdit struct {
	registry.FarmEdit
	NumeroBio sillon.NumeroBio
	If        sillon.Precondition
	Request   string // that the trail names
}

// PutFarm makes or changes a farm. It returns the farm as it is then, and
// whether it is new. The failures are those of IsNumeroBio,
// sillon.ErrFarmInvalid with every wrong member, and sillon.ErrStale.
func (s *Service) PutFarm(ctx context.Context, a sillon.Actor, e FarmEdit) (sheet *FarmSheet, created bool, err error) {
	if err := sillon.May(a, sillon.ActionEditRegistry, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	if !registry.IsNumeroBio(string(e.NumeroBio)) {
		return nil, false, sillon.ErrFarmInvalid.With(
			sillon.RegistryIssue(sillon.SeverityError, sillon.RegistryNumeroBio, "", "numeroBio", string(e.NumeroBio)))
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		there, err := tx.LockFarm(ctx, e.NumeroBio)
		if err != nil {
			return err
		}
		if err := e.If.Check(there.Revision, there.UpdatedAt); err != nil {
			return err
		}
		if created = there.Revision == 0; created {
			there.Farm = sillon.Farm{NumeroBio: e.NumeroBio, Production: true}
		}
		f, issues := e.On(there.Farm)
		if len(issues) > 0 {
			return sillon.ErrFarmInvalid.With(issues...)
		}
		if err := tx.PutFarm(ctx, f); err != nil {
			return err
		}
		if err := s.administered(ctx, tx, a, "putFarm", "numeroBio="+string(e.NumeroBio), e.Request); err != nil {
			return err
		}
		sheet, err = tx.FarmSheet(ctx, e.NumeroBio, true)
		return err
	})
	if err == nil {
		s.caughtUp(ctx)
	}
	return sheet, created, err
}

// A LinkEdit is what a request changes of the link between a farm and a
// certifier. Its start tells which one, when there were several; without one it
// is the newest.
type LinkEdit struct {
	registry.LinkEdit
	NumeroBio sillon.NumeroBio
	Certifier sillon.OC
	If        sillon.Precondition // of the farm
	Request   string              // that the trail names
}

// PutLink makes or changes a link, then gives the versions of the farm to its
// present certifier to read (domain.md §3.3). It returns the farm as it is
// then, and whether the link is new. The failures are sillon.ErrNotFound for the
// farm, sillon.ErrNoCertifier, sillon.ErrFarmInvalid with every wrong member,
// sillon.ErrLinkOverlap, and sillon.ErrStale.
func (s *Service) PutLink(ctx context.Context, a sillon.Actor, e LinkEdit) (sheet *FarmSheet, created bool, err error) {
	if err := sillon.May(a, sillon.ActionEditRegistry, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		there, err := tx.LockFarm(ctx, e.NumeroBio)
		if err != nil {
			return err
		}
		if there.Revision == 0 {
			return sillon.ErrNotFound
		}
		if err := e.If.Check(there.Revision, there.UpdatedAt); err != nil {
			return err
		}
		certifier, err := tx.Certifier(ctx, e.Certifier)
		if errors.Is(err, sillon.ErrNotFound) {
			return sillon.ErrNoCertifier
		}
		if err != nil {
			return err
		}
		at := e.among(there.Farm.Links)
		old := sillon.Link{Certifier: *certifier}
		if created = at < 0; !created {
			old = there.Farm.Links[at]
		}
		link, issues := e.On(old, e.NumeroBio, s.opts.Now())
		if len(issues) > 0 {
			return sillon.ErrFarmInvalid.With(issues...)
		}
		for i, other := range there.Farm.Links {
			if i != at && link.IsCurrent() && other.IsCurrent() && link.Overlaps(other) {
				return sillon.ErrLinkOverlap.Saying(sillon.LinkOverlap(other))
			}
		}
		if err := tx.PutLink(ctx, e.NumeroBio, link); err != nil {
			return err
		}
		resource := fmt.Sprintf("numeroBio=%s certificateurId=%d", e.NumeroBio, e.Certifier)
		if err := s.administered(ctx, tx, a, "putLink", resource, e.Request); err != nil {
			return err
		}
		sheet, err = tx.FarmSheet(ctx, e.NumeroBio, true)
		return err
	})
	if err == nil {
		s.caughtUp(ctx)
	}
	return sheet, created, err
}

// among returns the rank of the link that is meant, -1 when it is not there.
// A start that is no day is refused later.
func (e LinkEdit) among(links []sillon.Link) int {
	day, _ := e.Day()
	for i, l := range links { // the newest first
		if l.Certifier.ID == e.Certifier && (e.Start.Op == sillon.Keep || l.Start == day) {
			return i
		}
	}
	return -1
}
