package service

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"sillon/geo"
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
	record, issues := exchange.Read(raw, s.readingEnv(at.ground, at.verdict, r.Rank))
	var err error
	parcels := 0
	if record != nil {
		err = s.db.InQuickTx(ctx, store.Tenant(job.OC), func(tx *store.Tx) error {
			target, err := tx.ClaimTarget(ctx, job.ID, r.Rank, job.OC, at.holder, record.NumeroBio, record.AuditDate)
			if err != nil {
				return err
			}
			p, saving, err := s.apply(ctx, tx, at, record, target)
			if err != nil {
				return err
			}
			parcels = p.ParcelCount
			return tx.SaveSettled(ctx, saving, job.ID, r.Rank, job.OC, p.ID, p.ParcelCount, issues)
		})
	}
	if errors.Is(err, store.ErrRecordTaken) {
		return nil
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		issues = append(issues, refused.issues...)
	} else if err != nil {
		if store.IsTransient(err) || errors.Is(err, store.ErrLaneLost) || ctx.Err() != nil {
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
		return tx.Settle(ctx, job.ID, r.Rank, job.OC, "", 0, issues)
	})
	if errors.Is(err, store.ErrRecordTaken) {
		return nil
	}
	if err == nil {
		s.work.settled(false, 0, issues)
	}
	return err
}

// A refusal is a record that cannot be stored as the database stands
// (certifier-exchange.md §5.2).
type refusal struct{ issues []sillon.Issue }

func (r *refusal) Error() string { return "record refused: " + r.issues[0].Code }

// apply returns what becomes of the version that a record is for, and what is
// to be written of it, nil when nothing changed (certifier-exchange.md §7).
func (s *Service) apply(ctx context.Context, tx *store.Tx, at recordAt, r *sillon.PushRecord, target store.PushTarget) (*sillon.Parcellaire, *store.Saving, error) {
	job := at.job
	now := s.opts.Now().In(s.paris)
	version := r.MergeInto(target.Parcellaire, r.NumeroBio, job.OC, now)
	saving := store.Saving{Parcellaire: &version, New: target.Parcellaire == nil}
	if saving.New {
		version.ID = sillon.ParcellaireID(uuid.NewString())
	} else {
		saving.TakenOver = target.Parcellaire.OC == 0
	}
	if version.CertifiedFrom.IsZero() || version.CertifiedUntil.IsZero() {
		return nil, nil, &refusal{[]sillon.Issue{sillon.IssueNoCertificationDates(string(r.NumeroBio))}}
	}
	merged, err := s.mergeParcels(ctx, tx, at, r, target.Parcels)
	if err != nil {
		return nil, nil, err
	}
	version.Total(merged.live)
	saving.Written, saving.Moved, saving.Removed = merged.written, merged.moved, merged.removed
	before, after, changed, err := diffVersion(target.Parcellaire, &version, merged)
	if err != nil {
		return nil, nil, err
	}
	if changed {
		version.Revision++
		version.Metadata.SourceLastUpdate = now.Format(time.RFC3339)
		saving.Event = &sillon.Event{
			Type:  sillon.EventUpdate,
			Actor: sillon.Actor{ID: job.ActorID, Roles: sillon.RoleOCService, OC: job.OC},
			State: version.State, FeatureIDs: merged.changedIDs(), Before: before, After: after, RequestID: job.RequestID,
		}
	} else if target.Parcellaire != nil {
		return &version, nil, nil // the same again: nothing to write
	}
	return &version, &saving, nil
}

// mergedParcels is what a record makes of the parcels of a version.
type mergedParcels struct {
	live    []sillon.Parcel  // all that remain
	written []sillon.Parcel  // of these, new or changed
	moved   []bool           // by rank of written
	former  []*sillon.Parcel // by rank of written; nil when new
	removed []string
	gone    []*sillon.Parcel // by rank of removed
}

// mergeParcels matches the parcels of a record with those of the version, by
// id, and finds elsewhere the geometry of those sent without.
func (s *Service) mergeParcels(ctx context.Context, tx *store.Tx, at recordAt, r *sillon.PushRecord, stored []sillon.Parcel) (*mergedParcels, error) {
	byID := make(map[string]*sillon.Parcel, len(stored))
	for i := range stored {
		byID[stored[i].ID] = &stored[i]
	}
	known, err := s.knownGeometries(ctx, tx, at.job.OC, r, byID)
	if err != nil {
		return nil, err
	}
	m := &mergedParcels{live: make([]sillon.Parcel, 0, len(r.Parcels))}
	sent := make(map[string]bool, len(r.Parcels))
	var refused []sillon.Issue
	for i := range r.Parcels {
		p := &r.Parcels[i]
		sent[p.ID] = true
		old := byID[p.ID]
		parcel, moved := p.MergeInto(old, r.NumeroPacage)
		if parcel.Geometry == nil {
			k, ok := known[p.ID]
			if !ok {
				refused = append(refused, sillon.IssueCreationWithoutGeometry(string(r.NumeroBio), p.ID))
				continue
			}
			parcel.Geometry, parcel.GeometryStatus, parcel.Declared, moved = k.Geometry, k.GeometryStatus, k.Declared, true
		}
		if moved || old == nil {
			parcel.SurfaceM2 = geo.Area(parcel.Geometry)
		}
		if old == nil || old.DeletedAt != nil || !old.SameAs(&parcel) {
			for c := range parcel.Crops {
				if parcel.Crops[c].ID == "" {
					parcel.Crops[c].ID = uuid.NewString()
				}
			}
			parcel.Revision++
			if moved {
				moved = !inOneCommune(at.ground.cover, &parcel)
			}
			m.written, m.moved, m.former = append(m.written, parcel), append(m.moved, moved), append(m.former, old)
		}
		m.live = append(m.live, parcel)
	}
	if len(refused) > 0 {
		return nil, &refusal{refused}
	}
	for i := range stored {
		if p := &stored[i]; p.DeletedAt == nil && !sent[p.ID] {
			m.removed, m.gone = append(m.removed, p.ID), append(m.gone, p)
		}
	}
	return m, nil
}

// inOneCommune gives its commune to a parcel that lies well inside one,
// whatever code came with it, and reports whether it did. All others are for
// the database, which intersects them.
func inOneCommune(cover *geo.Cover, p *sillon.Parcel) bool {
	code, ok := cover.Locate(p.Geometry)
	if ok {
		abroad := false
		p.Commune, p.Etranger = code, &abroad
	}
	return ok
}

// knownGeometries looks for parcels sent without geometry, which the version
// does not hold, in the newest version of the certifier that does.
func (s *Service) knownGeometries(ctx context.Context, tx *store.Tx, oc sillon.OC, r *sillon.PushRecord, byID map[string]*sillon.Parcel) (map[string]sillon.Parcel, error) {
	var missing []string
	for i := range r.Parcels {
		if p := &r.Parcels[i]; p.Geometry == nil && byID[p.ID] == nil {
			missing = append(missing, p.ID)
		}
	}
	if len(missing) == 0 {
		return nil, nil //nolint:nilnil // a nil map knows nothing
	}
	return tx.KnownGeometries(ctx, r.NumeroBio, oc, missing)
}

func (m *mergedParcels) changedIDs() []string {
	ids := make([]string, 0, len(m.written)+len(m.removed))
	for i := range m.written {
		ids = append(ids, m.written[i].ID)
	}
	return append(ids, m.removed...)
}
