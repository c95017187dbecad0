package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
)

// A recordAt is a record of a job on its way to a parcellaire.
type recordAt struct {
	store.ImportRecord
	verdict store.Verdict
	raw     []byte
}

// A group is records of a job, of a farm each, that are stored together: a
// statement for all of them costs little more than for one.
type group struct {
	job     *store.ImportJob
	holder  string // of the certifier's lane
	ground  ground
	records []recordAt
}

func (s *Service) readingEnv(g ground, v store.Verdict, rank int) exchange.Env {
	return exchange.Env{IsCPF: s.opts.IsCPF, Land: g.land, Home: v.Home, Index: rank, Limits: s.opts.Limits}
}

// storeGroup applies the records of a group. A failing record changes nothing
// and stops no other: when a group cannot be stored as a whole, each of its
// records is stored alone, and the one that cannot be even so is refused. A
// failure that may go away is returned, and what is left to do stays so.
func (s *Service) storeGroup(ctx context.Context, g group) error {
	err := guarded(func() error { return s.storeTogether(ctx, g) })()
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, store.ErrLaneLost):
		return err
	case len(g.records) > 1:
		s.opts.Log.Warn("records to be stored one by one", "job", g.job.ID, "records", len(g.records), "err", err)
		var first error
		for _, r := range g.records {
			alone := g
			alone.records = []recordAt{r}
			if err := s.storeGroup(ctx, alone); first == nil {
				first = err
			}
		}
		return first
	case !errors.Is(err, sillon.ErrInternal) && store.IsTransient(err): // a panic would come again
		return err
	}
	r := g.records[0]
	reference := uuid.NewString()
	s.opts.Log.Error("record not stored", "reference", reference, "job", g.job.ID, "rank", r.Rank, "err", err)
	return s.refuse(ctx, g, store.Settled{Rank: r.Rank, Issues: []sillon.Issue{sillon.IssueUnexpected(string(r.NumeroBio), reference)}})
}

// refuse notes of a record alone why it is not stored.
func (s *Service) refuse(ctx context.Context, g group, r store.Settled) error {
	var todo []int
	err := s.db.InQuickTx(ctx, store.Tenant(g.job.OC), func(tx *store.Tx) (err error) {
		if todo, err = tx.Claim(ctx, g.claim()); err != nil || len(todo) == 0 {
			return err
		}
		return tx.Settle(ctx, g.job.ID, g.job.OC, r)
	})
	if err == nil && len(todo) > 0 {
		s.work.settled(false, 0, r.Issues)
	}
	return err
}

func (g *group) claim() store.Claim {
	c := store.Claim{Job: g.job.ID, OC: g.job.OC, Holder: g.holder, Ranks: make([]int, len(g.records))}
	for i, r := range g.records {
		c.Ranks[i] = r.Rank
	}
	return c
}

// mostParcelsTogether bounds the stored parcels that the versions of a group
// may hold, so that many small records for large versions do not fill the memory.
const mostParcelsTogether = 10_000

var errTooManyParcels = errors.New("the versions of a group hold too many parcels")

// An application is a record that was read, and the version that it is for.
type application struct {
	rank   int
	record *sillon.PushRecord // nil when it is refused
	issues []sillon.Issue
	target store.PushTarget
}

// storeTogether applies the records of a group in one transaction.
func (s *Service) storeTogether(ctx context.Context, g group) error {
	// Farms in order: of two groups at the same farms neither waits for the other.
	slices.SortFunc(g.records, func(a, b recordAt) int { return strings.Compare(string(a.NumeroBio), string(b.NumeroBio)) })
	read := make([]*application, len(g.records))
	audits := make([]store.FarmAudit, len(g.records))
	for i, r := range g.records {
		d := &application{rank: r.Rank}
		if d.record, d.issues = exchange.Read(r.raw, s.readingEnv(g.ground, r.verdict, r.Rank)); d.record != nil {
			audits[i] = store.FarmAudit{NumeroBio: d.record.NumeroBio, Audit: d.record.AuditDate}
		}
		read[i] = d
	}
	var settled []store.Settled
	err := s.db.InQuickTx(ctx, store.Tenant(g.job.OC), func(tx *store.Tx) error {
		todo, targets, err := tx.ClaimTargets(ctx, g.claim(), audits)
		if err != nil {
			return err
		}
		for i, d := range read {
			d.target = targets[i]
		}
		read = slices.DeleteFunc(read, func(d *application) bool { return !slices.Contains(todo, d.rank) })
		known, err := s.findParcels(ctx, tx, g.job.OC, read)
		if err != nil {
			return err
		}
		var savings []store.Saving
		settled = make([]store.Settled, len(read))
		for i, d := range read {
			version, saving, err := s.apply(g, d, known)
			if err != nil {
				return err
			}
			if saving != nil {
				savings = append(savings, *saving)
			}
			settled[i] = store.Settled{Rank: d.rank, Parcellaire: version, Issues: d.issues}
		}
		if len(settled) == 0 {
			return nil
		}
		return tx.SaveSettled(ctx, savings, g.job.ID, g.job.OC, settled)
	})
	if err != nil {
		return err
	}
	for _, r := range settled {
		parcels := 0
		if r.Parcellaire != nil {
			parcels = r.Parcellaire.ParcelCount
		}
		s.work.settled(r.Parcellaire != nil, parcels, r.Issues)
	}
	return nil
}

// findParcels reads the parcels of the versions that records are for, and
// returns what is known of those that came without geometry and are not there.
func (s *Service) findParcels(ctx context.Context, tx *store.Tx, oc sillon.OC, read []*application) (map[store.FarmParcel]store.KnownParcel, error) {
	var ids []string
	held := 0
	for _, d := range read {
		if v := d.target.Parcellaire; v != nil {
			ids, held = append(ids, string(v.ID)), held+v.ParcelCount
		}
	}
	if held > mostParcelsTogether && len(read) > 1 {
		return nil, errTooManyParcels
	}
	if len(ids) > 0 {
		parcels, err := tx.ParcelsOf(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, d := range read {
			if v := d.target.Parcellaire; v != nil {
				d.target.Parcels = parcels[v.ID]
			}
		}
	}
	var missing []store.FarmParcel
	for _, d := range read {
		if d.record != nil {
			missing = append(missing, withoutGeometry(d.record, d.target.Parcels)...)
		}
	}
	if len(missing) == 0 {
		return nil, nil //nolint:nilnil // nothing is to be known
	}
	return tx.KnownGeometries(ctx, oc, missing, nil)
}

// apply returns what becomes of the version that a record is for, nil when the
// record is refused, and what is to be written of it, nil when nothing changed
// (certifier-exchange.md §7).
func (s *Service) apply(g group, d *application, known map[store.FarmParcel]store.KnownParcel) (*sillon.Parcellaire, *store.Saving, error) {
	if d.record == nil {
		return nil, nil, nil
	}
	job, old := g.job, d.target.Parcellaire
	now := s.opts.Now().In(s.paris)
	m, err := mergeRecord(d.record, mergeInto{d.target, job.OC, g.ground.cover, known, now})
	if refused, ok := errors.AsType[*refusal](err); ok {
		d.issues = append(d.issues, refused.issues...)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	before, after, changed := diffVersion(old, &m.version, m)
	if !changed {
		return &m.version, nil, nil // the same again: nothing to write
	}
	m.version.Revision++
	m.version.Metadata.SourceLastUpdate = now.Format(time.RFC3339)
	return &m.version, &store.Saving{
		Parcellaire: &m.version, New: old == nil, TakenOver: old != nil && old.OC == 0,
		Written: m.written, Moved: m.moved, Removed: m.removed,
		Event: &sillon.Event{
			Type:  sillon.EventUpdate,
			Actor: sillon.Actor{ID: job.ActorID, Roles: sillon.RoleOCService, OC: job.OC},
			State: m.version.State, FeatureIDs: m.changedIDs(), Before: before, After: after, RequestID: job.RequestID,
		},
	}, nil
}
