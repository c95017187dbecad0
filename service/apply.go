package service

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
)

// A recordAt is a record of a job on its way to a parcellaire.
type recordAt struct {
	job     *store.ImportJob
	holder  string // of the certifier's lane
	record  store.ImportRecord
	ground  ground
	verdict store.Verdict
}

func (s *Service) readingEnv(g ground, v store.Verdict, rank int) exchange.Env {
	return exchange.Env{IsCPF: s.opts.IsCPF, Land: g.land, Home: v.Home, Index: rank, Limits: s.opts.Limits}
}

// storeRecord applies one record in one transaction, or notes why it cannot
// be: a failing record changes nothing and stops no other.
func (s *Service) storeRecord(ctx context.Context, at recordAt, raw []byte) error {
	job, r := at.job, at.record
	var record *sillon.PushRecord
	var issues []sillon.Issue
	parcels := 0
	err := guarded(func() error {
		if record, issues = exchange.Read(raw, s.readingEnv(at.ground, at.verdict, r.Rank)); record == nil {
			return nil
		}
		return s.db.InQuickTx(ctx, store.Tenant(job.OC), func(tx *store.Tx) error {
			target, err := tx.ClaimTarget(ctx, job.ID, r.Rank, job.OC, at.holder, record.NumeroBio, record.AuditDate)
			if err != nil {
				return err
			}
			p, saving, err := s.apply(ctx, tx, at, record, target)
			if err != nil {
				return err
			}
			parcels = p.ParcelCount
			return tx.SaveSettled(ctx, saving, job.ID, r.Rank, job.OC, p, issues)
		})
	})()
	if errors.Is(err, store.ErrRecordTaken) {
		return nil
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		issues = append(issues, refused.issues...)
	} else if err != nil {
		panicked := errors.Is(err, sillon.ErrInternal) // it would again
		if !panicked && (store.IsTransient(err) || errors.Is(err, store.ErrLaneLost)) || ctx.Err() != nil {
			return err
		}
		reference := uuid.NewString()
		s.opts.Log.Error("record not stored", "reference", reference, "job", job.ID, "rank", r.Rank, "err", err)
		issues = append(issues, sillon.IssueUnexpected(string(r.NumeroBio), reference))
	} else if record != nil {
		s.work.settled(true, parcels, issues)
		return nil
	}
	err = s.db.InQuickTx(ctx, store.Tenant(job.OC), func(tx *store.Tx) error {
		if err := tx.Claim(ctx, job.ID, r.Rank, job.OC, at.holder); err != nil {
			return err
		}
		return tx.Settle(ctx, job.ID, r.Rank, job.OC, nil, issues)
	})
	if errors.Is(err, store.ErrRecordTaken) {
		return nil
	}
	if err == nil {
		s.work.settled(false, 0, issues)
	}
	return err
}

// apply returns what becomes of the version that a record is for, and what is
// to be written of it, nil when nothing changed (certifier-exchange.md §7).
func (s *Service) apply(ctx context.Context, tx *store.Tx, at recordAt, r *sillon.PushRecord, target store.PushTarget) (*sillon.Parcellaire, *store.Saving, error) {
	job := at.job
	var known map[store.FarmParcel]store.KnownParcel
	if missing := withoutGeometry(r, target.Parcels); len(missing) > 0 {
		var err error
		if known, err = tx.KnownGeometries(ctx, job.OC, missing, nil); err != nil {
			return nil, nil, err
		}
	}
	now := s.opts.Now().In(s.paris)
	m, err := mergeRecord(r, mergeInto{target, job.OC, at.ground.cover, known, now})
	if err != nil {
		return nil, nil, err
	}
	before, after, changed, err := diffVersion(target.Parcellaire, &m.version, m)
	if err != nil {
		return nil, nil, err
	}
	saving := store.Saving{
		Parcellaire: &m.version, New: target.Parcellaire == nil, TakenOver: target.Parcellaire != nil && target.Parcellaire.OC == 0,
		Written: m.written, Moved: m.moved, Removed: m.removed,
	}
	if changed {
		m.version.Revision++
		m.version.Metadata.SourceLastUpdate = now.Format(time.RFC3339)
		saving.Event = &sillon.Event{
			Type:  sillon.EventUpdate,
			Actor: sillon.Actor{ID: job.ActorID, Roles: sillon.RoleOCService, OC: job.OC},
			State: m.version.State, FeatureIDs: m.changedIDs(), Before: before, After: after, RequestID: job.RequestID,
		}
	} else if target.Parcellaire != nil {
		return &m.version, nil, nil // the same again: nothing to write
	}
	return &m.version, &saving, nil
}
