package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"sillon/service"
	"sillon/store"
)

const (
	day = 24 * time.Hour
	// retentionBudget is how long a run may take before the queue decides again
	// who is next; the rest follows at once.
	retentionBudget = 20 * time.Second
)

// daily has a job run once a day, whatever the number of nodes and of their starts.
func daily(args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(
		river.PeriodicInterval(time.Hour),
		func() (river.JobArgs, *river.InsertOpts) {
			return args, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: day}}
		},
		&river.PeriodicJobOpts{RunOnStart: true},
	)
}

// retentionWorker removes what was kept long enough.
type retentionWorker struct {
	river.WorkerDefaults[store.RetentionJob]
	service *service.Service
}

func (w *retentionWorker) Work(ctx context.Context, _ *river.Job[store.RetentionJob]) error {
	_, more, err := w.service.Retain(ctx, retentionBudget)
	switch {
	case ctx.Err() != nil:
		return river.JobSnooze(0) // the node stops, another goes on
	case err != nil:
		return err
	case more:
		return river.JobSnooze(0)
	}
	return nil
}
