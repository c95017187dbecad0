package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"sillon/sillon"
	"sillon/store"
)

const (
	// laneLease is how long a worker that says nothing keeps its certifier.
	laneLease = 20 * time.Second
	// A slice reads so many records, or so many bytes of payload, at once.
	sliceRecords = 250
	sliceBytes   = 4 << 20
	// A group stores so many records, or so many bytes of payload, at once.
	groupRecords = 16
	groupBytes   = 256 << 10
)

// ErrLaneBusy says that another worker is at this certifier's pushes.
var ErrLaneBusy = errors.New("another worker is at this certifier's pushes")

// WorkImports stores waiting pushes of a certifier, in order of reception, a
// few records in a transaction, until none is left or ctx or budget ends. more says
// that some are left. holder is the worker; of two only one works for a
// certifier at a time, and a record is settled once whatever happens
// (certifier-exchange.md §6.4). A failure that may go away is returned, and the
// work can be taken up again where it stopped: see FailImport.
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
		if err != nil && ctx.Err() == nil {
			return // nobody else is to try at once: FailImport says when
		}
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
	err = s.inLane(ctx, oc, holder, func(tx *store.Tx) error {
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
			return nil
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
	if err != nil || done {
		return done, err
	}
	if len(sl.records) == 0 {
		s.caughtUp(ctx) // before the job can be seen DONE
		return false, s.inLane(ctx, oc, holder, func(tx *store.Tx) error { return s.finishImport(ctx, tx, sl.job.ID, "") })
	}
	ground, err := s.groundNow(ctx)
	if err != nil {
		return false, err
	}
	return false, s.storeSlice(ctx, &sl, holder, ground, end)
}

// inLane runs f in a transaction of the holder of a certifier, whose lease it
// renews.
func (s *Service) inLane(ctx context.Context, oc sillon.OC, holder string, f func(*store.Tx) error) error {
	return s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) error {
		mine, err := tx.TakeLane(ctx, oc, holder, laneLease)
		if err != nil {
			return err
		}
		if !mine {
			return store.ErrLaneLost
		}
		return f(tx)
	})
}

// storeSlice stores the records of a slice. Those of one farm keep their order:
// first the first of each farm goes, then the second, and so on.
func (s *Service) storeSlice(ctx context.Context, sl *slice, holder string, ground ground, end time.Time) error {
	records, err := sl.cut()
	if err != nil {
		return err
	}
	farms := byFarm(sl.records[:len(records)])
	for turn := 0; ; turn++ {
		var now []recordAt
		for _, farm := range farms {
			if turn < len(farm) {
				now = append(now, records[farm[turn]])
			}
		}
		if len(now) == 0 {
			return nil
		}
		var groups errgroup.Group
		groups.SetLimit(recordsAtOnce)
		for _, some := range groupsOf(now) {
			groups.Go(guarded(func() error {
				if ctx.Err() != nil || time.Now().After(end) {
					return ctx.Err()
				}
				return s.finishGroup(ctx, group{sl.job, holder, ground, some})
			}))
		}
		if err := groups.Wait(); err != nil {
			return err
		}
	}
}

// cut returns the records with their bytes of the payload, up to the first
// whose bytes are not there; an error when that is the first.
func (sl *slice) cut() ([]recordAt, error) {
	records := make([]recordAt, 0, len(sl.records))
	for i, r := range sl.records {
		from := r.Start - sl.records[0].Start
		if from+int64(r.Length) <= int64(len(sl.payload)) {
			records = append(records, recordAt{r, sl.verdicts[i], sl.payload[from : from+int64(r.Length)]})
			continue
		}
		if i == 0 {
			return nil, fmt.Errorf("payload of import %d ends before record %d", sl.job.ID, r.Rank)
		}
		break
	}
	return records, nil
}

// recordsAtOnce lets a record, or a group, be read while another one is being
// committed.
const recordsAtOnce = 3

// byFarm returns the places of records, those of one farm together and in
// order, farms in order of their first record.
func byFarm(records []store.ImportRecord) [][]int {
	var groups [][]int
	group := map[sillon.NumeroBio]int{}
	for i, r := range records {
		g, ok := group[r.NumeroBio]
		if !ok {
			g = len(groups)
			group[r.NumeroBio] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// groupsOf cuts records into groups.
func groupsOf(records []recordAt) (groups [][]recordAt) {
	from, size := 0, 0
	for i, r := range records {
		if i-from == groupRecords || i > from && size+r.Length > groupBytes {
			groups = append(groups, records[from:i:i])
			from, size = i, 0
		}
		size += r.Length
	}
	return append(groups, records[from:])
}

// finishGroup is storeGroup for a node that may be told to stop: the group at
// hand is finished all the same.
func (s *Service) finishGroup(ctx context.Context, g group) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), laneLease)
	defer cancel()
	return s.storeGroup(ctx, g)
}

// importTries is how often in a row a job is tried at one record.
const importTries = 5

// FailImport notes that WorkImports failed with cause at the oldest unfinished
// job of a certifier, and returns how long holder must wait before it tries
// again: 1, 4, 9, then 16 seconds, in which nobody works for the certifier.
// After the fifth try the job is abandoned, and the next may be worked at once.
func (s *Service) FailImport(ctx context.Context, oc sillon.OC, holder string, cause error) (pause time.Duration, err error) {
	var tries int
	err = s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) (err error) {
		if tries, err = tx.CountTry(ctx, oc); err != nil {
			return err
		}
		if tries < importTries {
			pause = time.Duration(tries*tries) * time.Second
		}
		return tx.HoldLane(ctx, oc, holder, pause)
	})
	if err != nil {
		return 0, err
	}
	if tries >= importTries {
		return 0, s.AbandonImport(ctx, oc, cause)
	}
	s.opts.Log.WarnContext(ctx, "import to be tried again", "oc", oc, "try", tries, "pause", pause, "err", cause)
	return pause, nil
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
		return s.finishImport(ctx, tx, job.ID, "Le traitement a échoué après plusieurs essais, renvoyez cet envoi.")
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
		if v.Records, err = tx.ImportResult(ctx, id); err != nil {
			return err
		}
		v.Issues, err = tx.ImportIssues(ctx, id, "")
		return err
	})
	if err == nil && v.EndedAt != nil {
		s.caughtUp(ctx) // another node may have stored it
	}
	return &v, err
}
