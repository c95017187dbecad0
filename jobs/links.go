package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"sillon/service"
	"sillon/store"
)

// linksWorker finds the current links of farms again, which change with time
// alone (domain.md §3.2).
type linksWorker struct {
	river.WorkerDefaults[store.LinksJob]
	service *service.Service
}

func (w *linksWorker) Work(ctx context.Context, _ *river.Job[store.LinksJob]) error {
	err := w.service.AgeLinks(ctx)
	if ctx.Err() != nil {
		return river.JobSnooze(0) // the node stops, another goes on
	}
	return err
}
