package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"sillon/sillon"
	"sillon/store"
)

// A ProgressStage is the part of a job's life that a reader was last told of.
type ProgressStage int

// The stages, in order.
const (
	StageNone ProgressStage = iota
	StageCreated
	StagePending
	StageEnded
	StageOver // and that nothing follows
)

// A ProgressMark is how much of the story of a job a reader knows. It only
// grows, and the zero mark knows nothing.
type ProgressMark struct {
	Log   int64 // last entry of the log
	Told  int   // 1 + how many records were dealt with
	Stage ProgressStage
}

// String is the mark as ParseProgressMark reads it.
func (m ProgressMark) String() string { return fmt.Sprintf("%d-%d-%d", m.Log, m.Told, m.Stage) }

// ParseProgressMark reads a mark; the empty text is the zero mark. Another that
// is none is sillon.ErrInvalidRequest.
func ParseProgressMark(text string) (m ProgressMark, err error) {
	if text == "" {
		return m, nil
	}
	_, err = fmt.Sscanf(text, "%d-%d-%d", &m.Log, &m.Told, &m.Stage)
	if err != nil || m.String() != text || m.Log < 0 || m.Told < 0 || m.Stage < StageNone || m.Stage > StageOver {
		return ProgressMark{}, sillon.ErrInvalidRequest.Saying(sillon.BadParameter("Last-Event-ID"))
	}
	return m, nil
}

// A ProgressKind says what a ProgressEvent tells.
type ProgressKind int

// The kinds. ProgressIdle tells nothing: the reader must see that somebody is
// still there.
const (
	ProgressIdle ProgressKind = iota
	ProgressState
	ProgressCount
	ProgressIssue
	ProgressEnd
)

// A ProgressEvent is one thing to tell of a job.
type ProgressEvent struct {
	Kind  ProgressKind
	Mark  ProgressMark          // what is known after it
	Job   *store.ImportProgress // not of ProgressIdle
	Issue sillon.Issue          // of ProgressIssue
}

// errStopping says that the node stops.
var errStopping = sillon.ErrUnavailable.Because(errors.New("the node stops"))

const (
	heartbeat = 15 * time.Second // between two signs of life
	pollPause = time.Second      // after which a job is looked at although nothing was notified
	// gathering is how long notifications are awaited after a first, so that a
	// busy job does not make a question of each.
	gathering = 50 * time.Millisecond
	logPage   = 500 // entries of a log held at once for a reader
)

// FollowImport tells f what follows mark in the story of a job as it happens:
// its states, the number of records dealt with, each issue once and in order,
// and its end. It returns when all is told, when ctx ends, when EndStreams is
// called (all nil), or f fails. f is called first with ProgressIdle, unless
// nothing is left to tell. A job that a may not know is sillon.ErrNoJob.
// No database connection is held while f works or nothing happens.
func (s *Service) FollowImport(ctx context.Context, a sillon.Actor, id int64, mark ProgressMark, f func(ProgressEvent) error) error {
	job, err := s.importProgress(ctx, a, id)
	if err != nil || mark.Stage == StageOver {
		return err
	}
	followed, err := s.progress.join(ctx, job)
	if err != nil {
		return err
	}
	defer s.progress.leave(followed)
	if err := f(ProgressEvent{Mark: mark}); err != nil {
		return err
	}
	beat := time.NewTicker(s.opts.Heartbeat)
	defer beat.Stop()
	for {
		job, changed := s.progress.state(followed)
		if mark, err = s.tell(ctx, a, &job, mark, f); err != nil || mark.Stage == StageOver {
			return err
		}
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-beat.C:
				if err := f(ProgressEvent{Mark: mark}); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			case <-s.progress.stopping:
				return nil
			}
		}
	}
}

// EndStreams ends every FollowImport at once, and those to come.
func (s *Service) EndStreams() { s.progress.stop() }

func (s *Service) importProgress(ctx context.Context, a sillon.Actor, id int64) (*store.ImportProgress, error) {
	if err := sillon.May(a, sillon.ActionReadJob, sillon.Resource{}); err != nil {
		return nil, err
	}
	var job *store.ImportProgress
	err := s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		list, err := tx.ImportProgress(ctx, id)
		if err != nil {
			return err
		}
		if len(list) == 0 || sillon.May(a, sillon.ActionReadJob, sillon.OnJob(list[0].OC)) != nil {
			return sillon.ErrNoJob
		}
		job = &list[0]
		return nil
	})
	return job, err
}

// tell tells f what separates mark from job, and returns the new mark. Issues
// come before the count that holds their record, the end comes last.
func (s *Service) tell(ctx context.Context, a sillon.Actor, job *store.ImportProgress, mark ProgressMark, f func(ProgressEvent) error) (ProgressMark, error) {
	stage := stageOf(job)
	if stage < StageEnded && stage > mark.Stage {
		mark.Stage = stage
		if err := f(ProgressEvent{Kind: ProgressState, Mark: mark, Job: job}); err != nil {
			return mark, err
		}
	}
	for mark.Log < job.LastLog {
		var entries []store.LogEntry
		if err := s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) (err error) {
			entries, err = tx.ImportLog(ctx, job.ID, mark.Log, job.LastLog, logPage)
			return err
		}); err != nil {
			return mark, err
		}
		for _, e := range entries {
			mark.Log = e.ID
			if err := f(ProgressEvent{Kind: ProgressIssue, Mark: mark, Job: job, Issue: e.Issue}); err != nil {
				return mark, err
			}
		}
		if len(entries) < logPage {
			mark.Log = job.LastLog // even if the log was purged meanwhile
		}
	}
	if job.Done+1 > mark.Told {
		mark.Told = job.Done + 1
		if err := f(ProgressEvent{Kind: ProgressCount, Mark: mark, Job: job}); err != nil {
			return mark, err
		}
	}
	if stage < StageEnded {
		return mark, nil
	}
	if mark.Stage < StageEnded {
		mark.Stage = StageEnded
		if err := f(ProgressEvent{Kind: ProgressState, Mark: mark, Job: job}); err != nil {
			return mark, err
		}
	}
	mark.Stage = StageOver
	return mark, f(ProgressEvent{Kind: ProgressEnd, Mark: mark, Job: job})
}

func stageOf(job *store.ImportProgress) ProgressStage {
	switch {
	case job.EndedAt != nil:
		return StageEnded
	case job.State == "PENDING":
		return StagePending
	}
	return StageCreated
}

// A progressFeed knows how far the jobs are that somebody follows on this node.
// It listens on one connection, and asks for all of them in one question, as
// long as there are any.
type progressFeed struct {
	db       *store.DB
	log      *slog.Logger
	stopping chan struct{} // closed when the node stops
	stop     func()

	mu     sync.Mutex
	jobs   map[int64]*followedJob
	wake   chan struct{}
	cancel context.CancelFunc // ends the reading; nil while nothing is followed
}

// A followedJob is a job that somebody follows.
type followedJob struct {
	store.ImportProgress
	readers int
	changed chan struct{} // closed once the progress is another
}

func newProgressFeed(db *store.DB, log *slog.Logger) *progressFeed {
	f := &progressFeed{db: db, log: log, stopping: make(chan struct{}), jobs: map[int64]*followedJob{}}
	f.stop = sync.OnceFunc(func() { close(f.stopping) })
	return f
}

// join has a job followed until leave, from what is known of it.
func (f *progressFeed) join(ctx context.Context, job *store.ImportProgress) (*followedJob, error) {
	select {
	case <-f.stopping:
		return nil, errStopping
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j, ok := f.jobs[job.ID]
	if !ok {
		j = &followedJob{ImportProgress: *job, changed: make(chan struct{})}
		f.jobs[job.ID] = j
	}
	j.readers++
	if job.EndedAt != nil {
		return j, nil // there is nothing to wait for
	}
	if f.cancel == nil {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f.cancel, f.wake = cancel, make(chan struct{}, 1)
		go f.listen(ctx, f.wake)
		go f.watch(ctx, f.wake)
	} else {
		signal(f.wake) // it may have gone on since it was read
	}
	return j, nil
}

func (f *progressFeed) leave(j *followedJob) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if j.readers--; j.readers == 0 {
		delete(f.jobs, j.ID)
	}
	if len(f.jobs) == 0 && f.cancel != nil {
		f.cancel()
		f.cancel = nil
	}
}

// state returns what is known of a job, and what is closed when that changes.
func (f *progressFeed) state(j *followedJob) (store.ImportProgress, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return j.ImportProgress, j.changed
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is told already
	}
}

// listen wakes the watch when a followed job has gone on.
func (f *progressFeed) listen(ctx context.Context, wake chan<- struct{}) {
	for ctx.Err() == nil {
		err := f.db.Listen(ctx, store.ImportChannel, func(payload string) {
			id, err := strconv.ParseInt(payload, 10, 64)
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.jobs[id] != nil && err == nil {
				signal(wake)
			}
		})
		if err != nil && ctx.Err() == nil {
			f.log.WarnContext(ctx, "imports followed without notifications", "err", err)
			pause(ctx, 5*pollPause)
		}
	}
}

// watch reads how far the followed jobs are, each time that it is woken and
// after a pause, which covers a notification that was lost.
func (f *progressFeed) watch(ctx context.Context, wake <-chan struct{}) {
	poll := time.NewTicker(pollPause)
	defer poll.Stop()
	for ctx.Err() == nil {
		if err := f.read(ctx); err != nil && ctx.Err() == nil {
			f.log.WarnContext(ctx, "progress of imports not read", "err", err)
		}
		select {
		case <-poll.C:
		case <-wake:
			pause(ctx, gathering)
		case <-ctx.Done():
		}
	}
}

// pause waits for d, or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (f *progressFeed) read(ctx context.Context) error {
	f.mu.Lock()
	ids := make([]int64, 0, len(f.jobs))
	for id, j := range f.jobs {
		if j.EndedAt == nil {
			ids = append(ids, id)
		}
	}
	f.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	var list []store.ImportProgress
	if err := f.db.InTx(ctx, store.National, func(tx *store.Tx) (err error) {
		list, err = tx.ImportProgress(ctx, ids...)
		return err
	}); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range list {
		if j := f.jobs[p.ID]; j != nil && (p.State != j.State || p.Done != j.Done || p.LastLog != j.LastLog) {
			j.ImportProgress = p
			close(j.changed)
			j.changed = make(chan struct{})
		}
	}
	return nil
}
