// Package jobs works the queue: River on PostgreSQL. It registers one worker
// per kind of job, each a few lines around a use case of service.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"sillon/service"
	"sillon/store"
)

const (
	// pushBudget is how long a worker stays at one certifier's pushes before
	// the queue decides again who is next.
	pushBudget  = 20 * time.Second
	pushTries   = 5
	busyPause   = time.Second
	sweepPeriod = 10 * time.Second
	timeout     = time.Minute
	draining    = 15 * time.Second
	// webhookWorkers mostly wait for the servers of others.
	webhookWorkers = 8
	webhookSweep   = time.Minute
)

// A Runner works the queue of one node.
type Runner struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
	timer  *timer
}

// New returns a runner with so many workers.
func New(db *store.DB, svc *service.Service, workers int, log *slog.Logger) (*Runner, error) {
	registered := river.NewWorkers()
	river.AddWorker(registered, &pushWorker{service: svc, holder: uuid.NewString()})
	river.AddWorker(registered, &sweepWorker{service: svc})
	river.AddWorker(registered, &retentionWorker{service: svc})
	river.AddWorker(registered, &linksWorker{service: svc})
	river.AddWorker(registered, &directoryWorker{service: svc})
	timed := &timer{}
	river.AddWorker(registered, &webhookWorker{service: svc})
	river.AddWorker(registered, &webhookSweepWorker{service: svc})
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}
	if svc.CanSign() {
		queues[store.QueueWebhooks] = river.QueueConfig{MaxWorkers: webhookWorkers}
	}
	periodic := []*river.PeriodicJob{every(sweepPeriod, store.SweepJob{}), every(webhookSweep, store.WebhookSweepJob{}), daily(store.RetentionJob{}), daily(store.LinksJob{})}
	if svc.FollowsDirectory() {
		periodic = append(periodic, every(directoryTick, store.DirectoryJob{}))
	}
	client, err := river.NewClient(riverpgxv5.New(db.Pool()), &river.Config{
		Queues:               queues,
		Workers:              registered,
		Middleware:           []rivertype.Middleware{timed},
		Logger:               slog.New(slog.DiscardHandler), // one line per failed run, below
		ErrorHandler:         &errorHandler{log},
		JobTimeout:           timeout,
		RescueStuckJobsAfter: 2 * timeout,
		MaxAttempts:          pushTries,
		PeriodicJobs:         periodic,
	})
	if err != nil {
		return nil, fmt.Errorf("job runner: %w", err)
	}
	return &Runner{client, log, timed}, nil
}

// every has a job enqueued at once, then again and again.
func every(period time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(
		river.PeriodicInterval(period),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true},
	)
}

// Run works the queue until ctx ends, then lets the jobs at work finish what
// they are at: they see the end of ctx between two records.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start job runner: %w", err)
	}
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), draining)
	defer cancel()
	if err := r.client.StopAndCancel(drain); err != nil {
		return fmt.Errorf("stop job runner: %w", err)
	}
	return nil
}

// pushWorker stores the waiting pushes of a certifier.
type pushWorker struct {
	river.WorkerDefaults[store.PushJob]
	service *service.Service
	holder  string
}

func (w *pushWorker) Work(ctx context.Context, job *river.Job[store.PushJob]) error {
	// The lane is the run's, not the node's: two jobs of one certifier may
	// run here at once, and only one of them may work.
	holder := uuid.NewSHA1(uuid.MustParse(w.holder), fmt.Append(nil, job.ID)).String()
	more, err := w.service.WorkImports(ctx, job.Args.OC, holder, pushBudget)
	switch {
	case errors.Is(err, service.ErrLaneBusy), errors.Is(err, store.ErrLaneLost):
		return river.JobSnooze(busyPause)
	case ctx.Err() != nil:
		return river.JobSnooze(0) // the node stops, another goes on
	case err != nil:
		// Tries are counted for the push: another run may take it up next.
		pause, failure := w.service.FailImport(ctx, job.Args.OC, holder, err)
		if failure != nil {
			return errors.Join(err, failure)
		}
		return river.JobSnooze(pause)
	case more:
		return river.JobSnooze(0)
	}
	return nil
}

// NextRetry is for runs that could not even note their failure. It waits 1, 4,
// 9, 16 seconds: a database that restarts is back by then.
func (w *pushWorker) NextRetry(job *river.Job[store.PushJob]) time.Time {
	return time.Now().Add(time.Duration(job.Attempt*job.Attempt) * time.Second)
}

// sweepWorker finds pushes that wait with nobody working for them.
type sweepWorker struct {
	river.WorkerDefaults[store.SweepJob]
	service *service.Service
}

func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[store.SweepJob]) error {
	return errors.Join(w.service.SweepImports(ctx), w.service.Watch(ctx))
}

// webhookWorker sends a message to a webhook.
type webhookWorker struct {
	river.WorkerDefaults[store.WebhookJob]
	service *service.Service
}

func (w *webhookWorker) Work(ctx context.Context, job *river.Job[store.WebhookJob]) error {
	wait, again, err := w.service.DeliverWebhook(ctx, job.Args.OC, job.Args.Webhook, job.Args.Delivery)
	switch {
	case err != nil:
		return err // the database failed: tries at the webhook are counted with the message
	case again:
		return river.JobSnooze(wait)
	}
	return nil
}

// webhookSweepWorker looks after messages that nobody sends.
type webhookSweepWorker struct {
	river.WorkerDefaults[store.WebhookSweepJob]
	service *service.Service
}

func (w *webhookSweepWorker) Work(ctx context.Context, _ *river.Job[store.WebhookSweepJob]) error {
	return w.service.SweepWebhooks(ctx)
}

// errorHandler logs what went wrong in a run; the queue decides what follows.
type errorHandler struct{ log *slog.Logger }

func (h *errorHandler) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	h.log.ErrorContext(ctx, "job failed", "job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "err", err)
	return nil
}

func (h *errorHandler) HandlePanic(ctx context.Context, job *rivertype.JobRow, v any, trace string) *river.ErrorHandlerResult {
	h.log.ErrorContext(ctx, "job panicked", "job", job.ID, "kind", job.Kind, "panic", v, "trace", trace)
	return nil
}
