package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sillon/geo"
	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
)

const (
	// laneLease is how long a worker that says nothing keeps its certifier.
	laneLease = 20 * time.Second
	// A slice reads so many records, or so many bytes of payload, at once.
	sliceRecords = 100
	sliceBytes   = 4 << 20
)

// ErrLaneBusy says that another worker is at this certifier's pushes.
var ErrLaneBusy = errors.New("another worker is at this certifier's pushes")

// WorkImports stores waiting pushes of a certifier, in order of reception, one
// transaction per record, until none is left or ctx or budget ends. more says
// that some are left. holder is the worker; of two only one works for a
// certifier at a time, and a record is settled once whatever happens
// (certifier-exchange.md §6.4). A failure that may go away is returned, and the
// work can be taken up again where it stopped.
func (s *Service) WorkImports(ctx context.Context, oc sillon.OC, holder string, budget time.Duration) (more bool, err error) {
	scope := store.Tenant(oc)
	var mine bool
	if err := s.db.InTx(ctx, scope, func(tx *store.Tx) (err error) {
		mine, err = tx.TakeLane(ctx, oc, holder, laneLease)
		return err
	}); err != nil {
		return true, err
	}
	if !mine {
		return true, ErrLaneBusy
	}
	defer func() {
		// Even when ctx has ended: the next worker need not wait for the lease.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, s.db.InTx(ctx, scope, func(tx *store.Tx) error { return tx.LeaveLane(ctx, oc, holder) }))
	}()
	for end := time.Now().Add(budget); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		done, err := s.workSlice(ctx, oc, holder, end)
		if err != nil || done {
			return !done, err
		}
	}
	return true, nil
}

// A slice is what a worker reads of a job at once.
type slice struct {
	job      *store.ImportJob
	records  []store.ImportRecord
	verdicts []store.Verdict
	payload  []byte
}

// workSlice deals with the next records of the oldest unfinished job, and ends
// the job after its last record. done says that no job is left.
func (s *Service) workSlice(ctx context.Context, oc sillon.OC, holder string, end time.Time) (done bool, err error) {
	var sl slice
	err = s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) error {
		job, ok, err := tx.NextImport(ctx, oc)
		if err != nil || !ok {
			done = !ok
			return err
		}
		sl.job = job
		if sl.records, err = tx.TodoRecords(ctx, job.ID, sliceRecords, sliceBytes); err != nil {
			return err
		}
		if len(sl.records) == 0 {
			return tx.FinishImport(ctx, job.ID, "")
		}
		numeros := make([]string, len(sl.records))
		for i, r := range sl.records {
			numeros[i] = string(r.NumeroBio)
		}
		if sl.verdicts, err = tx.Verdicts(ctx, numeros, make([]string, len(numeros))); err != nil {
			return err
		}
		last := sl.records[len(sl.records)-1]
		sl.payload, err = tx.Payload(ctx, job.ID, sl.records[0].Start, last.Start+int64(last.Length))
		return err
	})
	if err != nil || done || len(sl.records) == 0 {
		return done, err
	}
	land, err := s.landNow(ctx)
	if err != nil {
		return false, err
	}
	for i, r := range sl.records {
		if ctx.Err() != nil || time.Now().After(end) {
			return false, ctx.Err()
		}
		from := r.Start - sl.records[0].Start
		if from+int64(r.Length) > int64(len(sl.payload)) {
			return false, fmt.Errorf("payload of import %d ends before record %d", sl.job.ID, r.Rank)
		}
		raw := sl.payload[from : from+int64(r.Length)]
		if err := s.finishRecord(ctx, sl.job, holder, r, raw, s.readingEnv(land, sl.verdicts[i], r.Rank)); err != nil {
			return false, err
		}
	}
	return false, nil
}

// finishRecord is storeRecord for a node that may be told to stop: the record
// at hand is finished all the same.
func (s *Service) finishRecord(ctx context.Context, job *store.ImportJob, holder string, r store.ImportRecord, raw []byte, env exchange.Env) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), laneLease)
	defer cancel()
	return s.storeRecord(ctx, job, holder, r, raw, env)
}

func (s *Service) readingEnv(land *geo.Land, v store.Verdict, rank int) exchange.Env {
	return exchange.Env{IsCPF: s.opts.IsCPF, Land: land, Home: v.Home, Index: rank, Limits: s.opts.Limits}
}

// storeRecord applies one record in one transaction, or notes why it cannot
// be: a failing record changes nothing and stops no other.
func (s *Service) storeRecord(ctx context.Context, job *store.ImportJob, holder string, r store.ImportRecord, raw []byte, env exchange.Env) error {
	record, issues := exchange.Read(raw, env)
	var err error
	if record != nil {
		err = s.db.InQuickTx(ctx, store.Tenant(job.OC), func(tx *store.Tx) error {
			if err := tx.Claim(ctx, job.ID, r.Rank, job.OC, holder, laneLease); err != nil {
				return err
			}
			p, err := s.apply(ctx, tx, job, record)
			if err != nil {
				return err
			}
			return tx.Settle(ctx, job.ID, r.Rank, job.OC, p.ID, p.ParcelCount, issues)
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
		return nil
	}
	err = s.db.InQuickTx(ctx, store.Tenant(job.OC), func(tx *store.Tx) error {
		if err := tx.Claim(ctx, job.ID, r.Rank, job.OC, holder, laneLease); err != nil {
			return err
		}
		return tx.Settle(ctx, job.ID, r.Rank, job.OC, "", 0, issues)
	})
	if errors.Is(err, store.ErrRecordTaken) {
		return nil
	}
	return err
}

// A refusal is a record that cannot be stored as the database stands
// (certifier-exchange.md §5.2).
type refusal struct{ issues []sillon.Issue }

func (r *refusal) Error() string { return "record refused: " + r.issues[0].Code }

// apply writes a record to the version it is for (certifier-exchange.md §7).
func (s *Service) apply(ctx context.Context, tx *store.Tx, job *store.ImportJob, r *sillon.PushRecord) (*sillon.Parcellaire, error) {
	target, err := tx.PushTarget(ctx, r.NumeroBio, job.OC, r.AuditDate)
	if err != nil {
		return nil, err
	}
	now := s.opts.Now().In(s.paris)
	version := r.MergeInto(target.Parcellaire, r.NumeroBio, job.OC, now)
	saving := store.Saving{Parcellaire: &version, New: target.Parcellaire == nil}
	if saving.New {
		version.ID = sillon.ParcellaireID(uuid.NewString())
	} else {
		saving.TakenOver = target.Parcellaire.OC == 0
	}
	if version.CertifiedFrom.IsZero() || version.CertifiedUntil.IsZero() {
		return nil, &refusal{[]sillon.Issue{sillon.IssueNoCertificationDates(string(r.NumeroBio))}}
	}
	merged, err := s.mergeParcels(ctx, tx, job.OC, r, target.Parcels)
	if err != nil {
		return nil, err
	}
	version.Total(merged.live)
	saving.Written, saving.Moved, saving.Removed = merged.written, merged.moved, merged.removed
	before, after, changed, err := diffVersion(target.Parcellaire, &version, merged)
	if err != nil {
		return nil, err
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
		return &version, nil // the same again: nothing to write
	}
	return &version, tx.Save(ctx, saving)
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
func (s *Service) mergeParcels(ctx context.Context, tx *store.Tx, oc sillon.OC, r *sillon.PushRecord, stored []sillon.Parcel) (*mergedParcels, error) {
	byID := make(map[string]*sillon.Parcel, len(stored))
	for i := range stored {
		byID[stored[i].ID] = &stored[i]
	}
	known, err := s.knownGeometries(ctx, tx, oc, r, byID)
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

// AbandonImport ends the oldest unfinished job of a certifier in error: it
// was tried often enough. What it stored stays.
func (s *Service) AbandonImport(ctx context.Context, oc sillon.OC, cause error) error {
	s.opts.Log.Error("import abandoned", "oc", oc, "err", cause)
	return s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) error {
		job, ok, err := tx.NextImport(ctx, oc)
		if err != nil || !ok {
			return err
		}
		return tx.FinishImport(ctx, job.ID, "Le traitement a échoué après plusieurs essais, renvoyez cet envoi.")
	})
}

// SweepImports puts a job in the queue for each certifier whose pushes wait
// with nobody working for it, as after a node was killed.
func (s *Service) SweepImports(ctx context.Context) error {
	return s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		ocs, err := tx.WaitingCertifiers(ctx)
		if err != nil {
			return err
		}
		for _, oc := range ocs {
			if err := tx.Enqueue(ctx, store.PushJob{OC: oc}); err != nil {
				return err
			}
		}
		return nil
	})
}

// An ImportView is a job as its certifier and the supervisors read it.
type ImportView struct {
	store.ImportJob
	Records []store.StoredRecord // dealt with, in order; only once the job has ended
	Issues  []store.LoggedIssue
}

// Import returns a job with its result, or sillon.ErrNoJob to whoever may not
// know of it (certifier-exchange.md §6.3).
func (s *Service) Import(ctx context.Context, a sillon.Actor, id int64) (*ImportView, error) {
	if err := sillon.May(a, sillon.ActionReadJob, sillon.Resource{}); err != nil {
		return nil, err
	}
	var v ImportView
	err := s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		job, err := tx.ImportJob(ctx, id)
		if err != nil {
			return err
		}
		if err := sillon.May(a, sillon.ActionReadJob, sillon.OnJob(job.OC)); err != nil {
			return sillon.ErrNoJob
		}
		v.ImportJob = *job
		if job.EndedAt == nil {
			return nil
		}
		v.Records, v.Issues, err = tx.ImportResult(ctx, id)
		return err
	})
	return &v, err
}
