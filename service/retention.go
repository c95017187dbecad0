package service

import (
	"context"
	"errors"
	"time"

	"sillon/store"
)

const (
	// A batch of retention is one transaction.
	retentionBatch = 500
	// lateRetention is how long a kind of data may go unlooked at.
	lateRetention = 48 * time.Hour
	// stuckImport is how long a push may give no sign of life.
	stuckImport = 15 * time.Minute
)

// A Retained is a kind of data and how much of it went away, or is due to.
type Retained struct {
	Kind  string
	Count int64
}

// Retain removes what was kept long enough (documents.md §7), in batches, until
// nothing is left or budget is over: more says that some is. It can be stopped
// and begun again at any time, on several nodes at once. A kind that fails
// stops no other.
func (s *Service) Retain(ctx context.Context, budget time.Duration) (done []Retained, more bool, err error) {
	now, end := s.opts.Now(), time.Now().Add(budget)
	for _, r := range store.Retentions {
		kind := Retained{Kind: r.Kind}
		left, failure := s.retain(ctx, r, now, end, &kind.Count)
		more = more || left
		done = append(done, kind)
		if failure != nil {
			err = errors.Join(err, failure)
			continue
		}
		s.opts.Log.InfoContext(ctx, "retention", "kind", r.Kind, "removed", kind.Count, "more", left)
	}
	return done, more, err
}

// retain removes batches of one kind.
func (s *Service) retain(ctx context.Context, r store.Retention, now, end time.Time, count *int64) (more bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		if time.Now().After(end) {
			return true, nil
		}
		var n int64
		err := s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
			if n, err = tx.Purge(ctx, r, now, retentionBatch); err != nil || n == retentionBatch {
				return err
			}
			return tx.NoteRetention(ctx, r.Kind, *count+n)
		})
		if err != nil {
			return true, err
		}
		if *count += n; n < retentionBatch {
			return false, nil
		}
	}
}

// RetentionDue counts what Retain would remove.
func (s *Service) RetentionDue(ctx context.Context) (due []Retained, err error) {
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		due = nil
		for _, r := range store.Retentions {
			n, err := tx.CountDue(ctx, r, s.opts.Now())
			if err != nil {
				return err
			}
			due = append(due, Retained{r.Kind, n})
		}
		return nil
	})
	return due, err
}

// Watch logs what an operator must look at: pushes begun that give no sign of
// life, kinds of data that retention has not looked at for two days. Each is
// told once an hour, by one node.
func (s *Service) Watch(ctx context.Context) error {
	return s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		stuck, err := tx.StuckImports(ctx, stuckImport)
		if err != nil {
			return err
		}
		for _, j := range stuck {
			s.opts.Log.ErrorContext(ctx, "alert: import without sign of life", "job", j.ID, "oc", j.OC, "heartbeat", j.HeartbeatAt)
		}
		late, err := tx.LateRetentions(ctx, lateRetention)
		if err != nil {
			return err
		}
		for _, kind := range late {
			s.opts.Log.ErrorContext(ctx, "alert: retention has not run", "kind", kind)
		}
		return nil
	})
}
