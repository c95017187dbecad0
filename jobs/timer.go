package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// An Observer is told of each run of a job: its kind, how it ended (ok, again
// when it is to be run again soon, error) and how long it took.
type Observer func(kind, outcome string, took time.Duration)

// Observe has o told of each run. It is called before Run.
func (r *Runner) Observe(o Observer) { r.timer.observe = o }

// A timer is the middleware that observes runs.
type timer struct {
	river.MiddlewareDefaults
	observe Observer
}

// Work runs a job and tells how long that took.
func (t *timer) Work(ctx context.Context, job *rivertype.JobRow, run func(context.Context) error) error {
	if t.observe == nil {
		return run(ctx)
	}
	begin, outcome := time.Now(), "error" // which a panic is
	defer func() { t.observe(job.Kind, outcome, time.Since(begin)) }()
	err := run(ctx)
	if _, snoozed := errors.AsType[*rivertype.JobSnoozeError](err); snoozed {
		outcome = "again"
	} else if err == nil {
		outcome = "ok"
	}
	return err
}
