package store

import (
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"sillon/sillon"
)

// A PushJob asks to store the waiting pushes of a certifier.
type PushJob struct {
	OC sillon.OC `json:"oc"`
}

// Kind names the job in the queue.
func (PushJob) Kind() string { return "push" }

// A SweepJob asks to look for pushes that wait with nobody working for them.
type SweepJob struct{}

// Kind names the job in the queue.
func (SweepJob) Kind() string { return "sweep" }

// QueueWebhooks is apart from the rest: a slow server of a certifier holds up
// nobody's pushes.
const QueueWebhooks = "webhooks"

// A WebhookJob asks to send a message to a webhook.
type WebhookJob struct {
	OC       sillon.OC         `json:"oc"`
	Webhook  sillon.WebhookID  `json:"webhook"`
	Delivery sillon.DeliveryID `json:"delivery"`
}

// Kind names the job in the queue.
func (WebhookJob) Kind() string { return "webhook" }

// InsertOpts names its queue.
func (WebhookJob) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: QueueWebhooks} }

// A WebhookSweepJob asks to look for messages that nobody sends, and to delete
// old ones.
type WebhookSweepJob struct{}

// Kind names the job in the queue.
func (WebhookSweepJob) Kind() string { return "webhook_sweep" }

// A RetentionJob asks to remove what was kept long enough.
type RetentionJob struct{}

// Kind names the job in the queue.
func (RetentionJob) Kind() string { return "retention" }

// A LinksJob asks to look for links that got stale with time alone.
type LinksJob struct{}

// Kind names the job in the queue.
func (LinksJob) Kind() string { return "links" }

// A DirectoryJob asks to go on with the reading of the open directory.
type DirectoryJob struct{}

// Kind names the job in the queue.
func (DirectoryJob) Kind() string { return "directory" }

// InsertOpts allows one at a time.
func (DirectoryJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}
