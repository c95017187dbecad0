package service

import (
	"context"
	"errors"

	"sillon/sillon"
	"sillon/store"
)

// Parcels reads the live parcels of a parcellaire: first is called once, before
// them, with the parcellaire, each with every parcel. Auditor notes are
// blanked for whoever did not write them (domain.md §3.3).
func (s *Service) Parcels(ctx context.Context, a sillon.Actor, id sillon.ParcellaireID,
	first func(*sillon.Parcellaire) error, each func(*sillon.ParcelView) error,
) error {
	return s.parcels(ctx, a, sillon.ActionRead, id, first, each)
}

// parcels is Parcels for an action that reads them.
func (s *Service) parcels(ctx context.Context, a sillon.Actor, act sillon.Action, id sillon.ParcellaireID,
	first func(*sillon.Parcellaire) error, each func(*sillon.ParcelView) error,
) error {
	if err := sillon.May(a, act, sillon.Resource{}); err != nil {
		return err
	}
	return s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		p, present, err := tx.Parcellaire(ctx, id)
		if err != nil {
			return err
		}
		if err := mayOn(a, act, p, present); err != nil {
			return err
		}
		if err := first(p); err != nil {
			return err
		}
		blank := !seesNotes(a, p.OC)
		return tx.StreamParcels(ctx, id, func(v *sillon.ParcelView) error {
			if blank {
				v.NotesAuditeur = ""
			}
			return each(v)
		})
	})
}

// Parcellaire returns a version without its parcels, or
// sillon.ErrNoParcellaire. The notes and the memo of another certifier are
// blanked (domain.md §3.3).
func (s *Service) Parcellaire(ctx context.Context, a sillon.Actor, id sillon.ParcellaireID) (p *sillon.Parcellaire, err error) {
	if err := sillon.May(a, sillon.ActionRead, sillon.Resource{}); err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		var present sillon.OC
		if p, present, err = tx.Parcellaire(ctx, id); err != nil {
			return err
		}
		if err := sillon.May(a, sillon.ActionRead, sillon.OnParcellaire(p, present)); err != nil {
			return err
		}
		if p.OC == 0 {
			return nil
		}
		c, err := tx.Certifier(ctx, p.OC)
		if err == nil {
			p.OCLabel = c.Name
		}
		return err
	})
	if err == nil && !seesNotes(a, p.OC) {
		p.AuditNotes, p.AuditDemandes = "", ""
	}
	return p, err
}

// A FarmVersions is a page of the versions of a farm asked for.
type FarmVersions struct {
	NumeroBio sillon.NumeroBio
	After     store.VersionPlace // zero is the first page
	Limit     int
}

// A VersionPlace is where a page of versions begins.
type VersionPlace = store.VersionPlace

// MostVersions is the largest page of versions.
const MostVersions = 200

// Parcellaires returns a page of the versions of a farm that a may read,
// without their parcels, the newest first (domain.md §4.1), or
// sillon.ErrNotFound. next is where the next page begins, nil on the last one.
// Notes are blanked as by Parcellaire.
func (s *Service) Parcellaires(ctx context.Context, a sillon.Actor, q FarmVersions) (list []sillon.Parcellaire, next *VersionPlace, err error) {
	if err := sillon.May(a, sillon.ActionRead, sillon.Resource{}); err != nil {
		return nil, nil, err
	}
	if !reachesFarms(a) {
		return nil, nil, sillon.ErrNotFound
	}
	var places []store.VersionPlace
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		there, err := tx.HasFarm(ctx, q.NumeroBio)
		if err != nil {
			return err
		}
		if !there {
			return sillon.ErrNotFound
		}
		list, places, err = tx.FarmParcellaires(ctx, q.NumeroBio, q.After, q.Limit+1)
		return err
	})
	if len(list) > q.Limit {
		list, next = list[:q.Limit], &places[q.Limit-1]
	}
	for i := range list {
		if !seesNotes(a, list[i].OC) {
			list[i].AuditNotes, list[i].AuditDemandes = "", ""
		}
	}
	return list, next, err
}

// seesNotes reports whether a may read what the auditors of owner wrote.
func seesNotes(a sillon.Actor, owner sillon.OC) bool {
	return a.Roles&(sillon.RoleAgenceBio|sillon.RoleINAO) != 0 || a.OC != 0 && a.OC == owner
}

// An ExchangeQuery selects the versions of the RFC 002 read API; zero values
// do not filter (certifier-exchange.md §9).
type ExchangeQuery struct {
	NumeroBio     sillon.NumeroBio
	AuditYear     int
	State         sillon.State
	ReferenceYear int
	After         string // farm number after which a page begins
	Skip          int
	Limit         int // 0 is no limit
}

// Exchange reads one version per farm for a certifier, in order of farm
// number: of one farm when NumeroBio is set, the newest the certifier may see;
// else of all farms it has a version of its own for.
func (s *Service) Exchange(ctx context.Context, a sillon.Actor, q ExchangeQuery,
	version func(*sillon.Parcellaire) error, parcel func(*sillon.ParcelView) error,
) error {
	if err := sillon.May(a, sillon.ActionExchange, sillon.Resource{}); err != nil {
		return err
	}
	sq := store.ExchangeQuery{
		NumeroBio: q.NumeroBio, AuditYear: q.AuditYear, State: q.State, ReferenceYear: q.ReferenceYear,
		After: q.After, Skip: q.Skip, Limit: q.Limit,
	}
	if q.NumeroBio == "" {
		sq.OC = a.OC
	}
	return s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		blank := false
		return tx.StreamExchange(ctx, sq, func(p *sillon.Parcellaire) error {
			if blank = !seesNotes(a, p.OC); blank {
				p.AuditNotes, p.AuditDemandes = "", ""
			}
			return version(p)
		}, func(v *sillon.ParcelView) error {
			if blank {
				v.NotesAuditeur = ""
			}
			return parcel(v)
		})
	})
}

// FarmQuery and FarmRow are a page of farms asked for, and a farm of it.
type (
	FarmQuery = store.FarmQuery
	FarmRow   = store.FarmRow
)

// MaxFarms is the largest page of farms (api.md).
const MaxFarms = 200

// Farms returns a page of the farms an actor may search, by farm number.
func (s *Service) Farms(ctx context.Context, a sillon.Actor, q FarmQuery) (rows []FarmRow, more bool, err error) {
	if err := sillon.May(a, sillon.ActionSearchFarms, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	limit := q.Limit
	q.Limit++
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		rows, err = tx.Farms(ctx, q)
		return err
	})
	if err == nil && len(rows) > limit {
		return rows[:limit], true, nil
	}
	return rows, false, err
}

// Authenticate returns the actor of a service token, or
// sillon.ErrBadCredentials for one that is unknown, expired or revoked.
func (s *Service) Authenticate(ctx context.Context, token string) (sillon.Actor, error) {
	hash, ok := tokenHash(token)
	if !ok {
		return sillon.Actor{}, sillon.ErrBadCredentials
	}
	a, ok, err := s.db.Authenticate(ctx, hash)
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		return sillon.Actor{}, sillon.ErrUnavailable.Because(err)
	case err != nil:
		return sillon.Actor{}, err
	case !ok:
		return sillon.Actor{}, sillon.ErrBadCredentials
	}
	return a, nil
}
