package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"sillon/service"
	"sillon/store"
)

const (
	// directoryBudget is how long a run reads the directory; what it read is kept.
	directoryBudget = 20 * time.Second
	// directoryTick is how often it is asked whether the directory is to be read.
	directoryTick = 10 * time.Minute
)

// directoryWorker follows the open directory of Agence BIO.
type directoryWorker struct {
	river.WorkerDefaults[store.DirectoryJob]
	service *service.Service
}

func (w *directoryWorker) Work(ctx context.Context, _ *river.Job[store.DirectoryJob]) error {
	more, err := w.service.SyncDirectory(ctx, directoryBudget)
	if err == nil && more {
		return river.JobSnooze(0)
	}
	return err
}
