package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"

	"sillon/sillon"
)

// A Webhook is an address of a certifier that messages are posted to, without
// its secrets.
type Webhook struct {
	OC             sillon.OC
	ID             sillon.WebhookID
	URL            string
	Name           string
	Events         []sillon.WebhookEvent
	FormerUntil    *time.Time // end of the secret before the present one
	DisabledAt     *time.Time
	DisabledReason sillon.DisabledReason
	FailingSince   *time.Time // the first failure after the last success
	Revision       int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

const webhookColumns = `
	oc, id::text, url, name, events, former_until, disabled_at, disabled_reason, failing_since, revision, created_at, updated_at`

// Webhooks lists the webhooks in scope, by certifier and age.
func (tx *Tx) Webhooks(ctx context.Context) ([]Webhook, error) {
	list, err := all[Webhook](ctx, tx, `SELECT `+webhookColumns+` FROM webhook ORDER BY oc, created_at, id`, nil)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return list, nil
}

// Webhook returns a webhook in scope, or sillon.ErrNoWebhook.
func (tx *Tx) Webhook(ctx context.Context, id sillon.WebhookID) (*Webhook, error) {
	return one[Webhook](ctx, tx, sillon.ErrNoWebhook, `SELECT `+webhookColumns+` FROM webhook WHERE id = @id`, pgx.NamedArgs{"id": id})
}

// LockWebhook is Webhook, and holds its row until tx ends.
func (tx *Tx) LockWebhook(ctx context.Context, id sillon.WebhookID) (*Webhook, error) {
	return one[Webhook](ctx, tx, sillon.ErrNoWebhook, `SELECT `+webhookColumns+` FROM webhook WHERE id = @id FOR NO KEY UPDATE`, pgx.NamedArgs{"id": id})
}

// InsertWebhook stores a webhook with its encrypted secret. One too many is
// sillon.ErrTooManyWebhooks, a second at an address sillon.ErrWebhookExists.
func (tx *Tx) InsertWebhook(ctx context.Context, w *Webhook, secret []byte) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('webhook', $1))`, w.OC); err != nil {
		return fmt.Errorf("lock webhooks of certifier %d: %w", w.OC, err)
	}
	var count int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM webhook WHERE oc = $1`, w.OC).Scan(&count); err != nil {
		return fmt.Errorf("count webhooks of certifier %d: %w", w.OC, err)
	}
	if count >= sillon.MostWebhooks {
		return sillon.ErrTooManyWebhooks
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO webhook (oc, id, url, name, events, secret, disabled_at, disabled_reason)
		VALUES (@oc, @id, @url, @name, @events, @secret, @disabled, @reason)`, pgx.NamedArgs{
		"oc": w.OC, "id": w.ID, "url": w.URL, "name": w.Name, "events": w.Events, "secret": secret,
		"disabled": w.DisabledAt, "reason": w.DisabledReason,
	})
	return webhookFailure(w.ID, err)
}

// SaveWebhook writes what its certifier may change of a webhook. One that is
// disabled gives up the messages that wait.
func (tx *Tx) SaveWebhook(ctx context.Context, w *Webhook) error {
	_, err := tx.Exec(ctx, `
		UPDATE webhook SET url = @url, name = @name, events = @events, disabled_at = @disabled, disabled_reason = @reason,
			failing_since = @failing, revision = revision + 1, updated_at = now()
		WHERE id = @id`, pgx.NamedArgs{
		"id": w.ID, "url": w.URL, "name": w.Name, "events": w.Events, "disabled": w.DisabledAt, "reason": w.DisabledReason,
		"failing": w.FailingSince,
	})
	if err != nil || w.DisabledAt == nil {
		return webhookFailure(w.ID, err)
	}
	return tx.abandonDeliveries(ctx, w.ID)
}

// webhookFailure says what err is to the owner of a webhook.
func webhookFailure(id sillon.WebhookID, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" && pg.ConstraintName == "webhook_oc_url_key" {
		return sillon.ErrWebhookExists
	}
	if err != nil {
		return fmt.Errorf("save webhook %s: %w", id, err)
	}
	return nil
}

// RotateWebhook gives a webhook another encrypted secret. The present one goes
// on signing for overlap; one before it ends at once.
func (tx *Tx) RotateWebhook(ctx context.Context, id sillon.WebhookID, secret []byte, overlap time.Duration) error {
	if _, err := tx.Exec(ctx, `
		UPDATE webhook SET former_secret = secret, former_until = now() + $3::interval, secret = $2, revision = revision + 1, updated_at = now()
		WHERE id = $1`, id, secret, overlap); err != nil {
		return fmt.Errorf("rotate webhook %s: %w", id, err)
	}
	return nil
}

// DeleteWebhook deletes a webhook with its messages.
func (tx *Tx) DeleteWebhook(ctx context.Context, id sillon.WebhookID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM webhook WHERE id = $1`, id); err != nil {
		return fmt.Errorf("delete webhook %s: %w", id, err)
	}
	return nil
}

// A Delivery is a message to a webhook and what became of it.
type Delivery struct {
	ID         sillon.DeliveryID
	Webhook    sillon.WebhookID
	Event      sillon.WebhookEvent
	State      string // a_envoyer, envoyee, echouee, abandonnee
	Tries      int
	NextTryAt  *time.Time
	LastTryAt  *time.Time
	LastStatus *int
	LastReason string
	LastAnswer string
	CreatedAt  time.Time
	SentAt     *time.Time
}

const deliveryColumns = `
	id::text, webhook::text, event, state, tries, next_try_at, last_try_at, last_status, last_reason, last_answer, created_at, sent_at`

// AddDeliveries puts a message in the outbox of each webhook of the tenant that
// asks for its event, to be sent once tx commits.
func (tx *Tx) AddDeliveries(ctx context.Context, oc sillon.OC, event sillon.WebhookEvent, payload []byte) error {
	rows, _ := tx.Query(ctx, `
		INSERT INTO webhook_delivery (oc, id, webhook, event, payload)
		SELECT oc, gen_random_uuid(), id, $2, $3 FROM webhook WHERE oc = $1 AND disabled_at IS NULL AND $2 = ANY(events)
		RETURNING id::text, webhook::text`, oc, event, string(payload))
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (river.InsertManyParams, error) {
		job := WebhookJob{OC: oc}
		err := row.Scan(&job.Delivery, &job.Webhook)
		return river.InsertManyParams{Args: job}, err
	})
	if err != nil {
		return fmt.Errorf("messages of certifier %d: %w", oc, err)
	}
	return tx.enqueueAll(ctx, jobs)
}

func (tx *Tx) enqueueAll(ctx context.Context, jobs []river.InsertManyParams) error {
	if len(jobs) == 0 {
		return nil
	}
	if _, err := tx.river.InsertManyTx(ctx, tx.Tx, jobs); err != nil {
		return fmt.Errorf("enqueue %d jobs: %w", len(jobs), err)
	}
	return nil
}

// AddDelivery puts a message in the outbox of one webhook.
func (tx *Tx) AddDelivery(ctx context.Context, w *Webhook, event sillon.WebhookEvent, payload []byte) (*Delivery, error) {
	d, err := one[Delivery](ctx, tx, sillon.ErrNoWebhook, `
		INSERT INTO webhook_delivery (oc, id, webhook, event, payload)
		VALUES (@oc, gen_random_uuid(), @webhook, @event, @payload)
		RETURNING `+deliveryColumns, pgx.NamedArgs{"oc": w.OC, "webhook": w.ID, "event": event, "payload": string(payload)})
	if err != nil {
		return nil, fmt.Errorf("message to webhook %s: %w", w.ID, err)
	}
	return d, tx.Enqueue(ctx, WebhookJob{OC: w.OC, Webhook: w.ID, Delivery: d.ID})
}

// ResendDelivery has a message sent again, as if for the first time, or is
// sillon.ErrNoDelivery.
func (tx *Tx) ResendDelivery(ctx context.Context, w *Webhook, id sillon.DeliveryID) (*Delivery, error) {
	d, err := one[Delivery](ctx, tx, sillon.ErrNoDelivery, `
		UPDATE webhook_delivery SET state = 'a_envoyer', tries = 0, next_try_at = now(), sent_at = NULL
		WHERE id = @id AND webhook = @webhook
		RETURNING `+deliveryColumns, pgx.NamedArgs{"id": id, "webhook": w.ID})
	if err != nil {
		return nil, err
	}
	return d, tx.Enqueue(ctx, WebhookJob{OC: w.OC, Webhook: w.ID, Delivery: id})
}

// A DeliveryPage asks for the messages to a webhook, newest first.
type DeliveryPage struct {
	Webhook  sillon.WebhookID
	Before   *time.Time // creation of the last message of the page before; nil is the first page
	BeforeID sillon.DeliveryID
	Limit    int
}

// Deliveries returns a page of messages.
func (tx *Tx) Deliveries(ctx context.Context, p DeliveryPage) ([]Delivery, error) {
	list, err := all[Delivery](ctx, tx, `
		SELECT `+deliveryColumns+`
		FROM webhook_delivery d
		WHERE webhook = @webhook AND (@before::timestamptz IS NULL OR (created_at, id) < (@before, @id::uuid))
		ORDER BY d.created_at DESC, d.id DESC
		LIMIT @limit`, pgx.NamedArgs{"webhook": p.Webhook, "before": p.Before, "id": nullText(string(p.BeforeID)), "limit": p.Limit})
	if err != nil {
		return nil, fmt.Errorf("messages to webhook %s: %w", p.Webhook, err)
	}
	return list, nil
}

// A ClaimedDelivery is a message about to be sent.
type ClaimedDelivery struct {
	ID           sillon.DeliveryID
	Webhook      sillon.WebhookID
	Event        sillon.WebhookEvent
	Payload      string
	Tries        int // this one included
	URL          string
	Secret       []byte // encrypted
	FormerSecret []byte // likewise; nil when it is over
}

// ClaimDelivery takes a message that is due, for lease, and counts the try. ok
// is false when it is not due: wait is then when it will be, 0 when never.
func (tx *Tx) ClaimDelivery(ctx context.Context, id sillon.DeliveryID, lease time.Duration) (d *ClaimedDelivery, wait time.Duration, ok bool, err error) {
	d, err = one[ClaimedDelivery](ctx, tx, sillon.ErrNoDelivery, `
		UPDATE webhook_delivery d SET tries = d.tries + 1, last_try_at = now(), next_try_at = now() + @lease::interval
		FROM webhook w
		WHERE d.id = @id AND d.state = 'a_envoyer' AND d.next_try_at <= now() + interval '1 s'
			AND w.oc = d.oc AND w.id = d.webhook AND w.disabled_at IS NULL
		RETURNING d.id::text, d.webhook::text, d.event, d.payload, d.tries, w.url, w.secret,
			CASE WHEN w.former_until > now() THEN w.former_secret END AS former_secret`, pgx.NamedArgs{"id": id, "lease": lease})
	if err == nil {
		return d, 0, true, nil
	}
	if !errors.Is(err, sillon.ErrNoDelivery) {
		return nil, 0, false, fmt.Errorf("claim message %s: %w", id, err)
	}
	err = tx.QueryRow(ctx, `
		SELECT coalesce(max(greatest(next_try_at - now(), interval '1 s')), interval '0') FROM webhook_delivery
		WHERE id = $1 AND state = 'a_envoyer'`, id).Scan(&wait)
	if err != nil {
		return nil, 0, false, fmt.Errorf("next try of message %s: %w", id, err)
	}
	return nil, wait, false, nil
}

// A TryResult is what became of a try at sending a message.
type TryResult struct {
	Status int    // 0 is no answer
	Reason string // why it failed; empty when it did not
	Answer string // its beginning, at most 1 KB
	Gone   bool   // the webhook wants nothing any more
	Pause  time.Duration
	Last   bool // there is no other try
}

// SettleTry writes what became of a try, and what that says of the webhook:
// one that is gone, or that failed for patience, is disabled. The reason is
// returned.
func (tx *Tx) SettleTry(ctx context.Context, d *ClaimedDelivery, r TryResult, patience time.Duration) (disabled sillon.DisabledReason, err error) {
	// The webhook first, as when it is changed: they must not wait for each other.
	if _, err := tx.Exec(ctx, `SELECT FROM webhook WHERE id = $1 FOR NO KEY UPDATE`, d.Webhook); err != nil {
		return "", fmt.Errorf("lock webhook %s: %w", d.Webhook, err)
	}
	state := "a_envoyer"
	var next *time.Duration
	switch {
	case r.Reason == "":
		state = "envoyee"
	case r.Last:
		state = "echouee"
	default:
		next = &r.Pause
	}
	if _, err := tx.Exec(ctx, `
		UPDATE webhook_delivery SET state = @state, next_try_at = now() + @next::interval, last_status = nullif(@status::int, 0),
			last_reason = @reason, last_answer = @answer, sent_at = CASE WHEN @state = 'envoyee' THEN now() END
		WHERE id = @id AND state = 'a_envoyer' AND tries = @tries`, pgx.NamedArgs{ // else it was asked for again meanwhile
		"id": d.ID, "tries": d.Tries, "state": state, "next": next, "status": r.Status, "reason": r.Reason, "answer": r.Answer,
	}); err != nil {
		return "", fmt.Errorf("settle message %s: %w", d.ID, err)
	}
	if r.Reason == "" {
		if _, err := tx.Exec(ctx, `UPDATE webhook SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL`, d.Webhook); err != nil {
			return "", fmt.Errorf("success of webhook %s: %w", d.Webhook, err)
		}
		return "", nil
	}
	err = tx.QueryRow(ctx, `
		WITH was AS (
			SELECT id, CASE
				WHEN disabled_at IS NOT NULL THEN disabled_reason
				WHEN @gone THEN 'disparu'
				WHEN failing_since < now() - @patience::interval THEN 'echecs'
				ELSE '' END AS reason
			FROM webhook
			WHERE id = @id
		)
		UPDATE webhook w SET failing_since = coalesce(failing_since, now()), disabled_reason = was.reason,
			disabled_at = CASE WHEN was.reason <> '' THEN coalesce(disabled_at, now()) END,
			revision = revision + (was.reason <> disabled_reason)::int
		FROM was
		WHERE w.id = was.id
		RETURNING w.disabled_reason`, pgx.NamedArgs{"id": d.Webhook, "gone": r.Gone, "patience": patience}).Scan(&disabled)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil // deleted meanwhile
	}
	if err != nil {
		return "", fmt.Errorf("failure of webhook %s: %w", d.Webhook, err)
	}
	if disabled == "" {
		return "", nil
	}
	return disabled, tx.abandonDeliveries(ctx, d.Webhook)
}

// ReleaseTry gives back a message that was claimed and not sent.
func (tx *Tx) ReleaseTry(ctx context.Context, d *ClaimedDelivery) error {
	if _, err := tx.Exec(ctx, `
		UPDATE webhook_delivery SET tries = tries - 1, next_try_at = now()
		WHERE id = $1 AND state = 'a_envoyer' AND tries = $2`, d.ID, d.Tries); err != nil {
		return fmt.Errorf("release message %s: %w", d.ID, err)
	}
	return nil
}

func (tx *Tx) abandonDeliveries(ctx context.Context, id sillon.WebhookID) error {
	if _, err := tx.Exec(ctx, `
		UPDATE webhook_delivery SET state = 'abandonnee', next_try_at = NULL
		WHERE webhook = $1 AND state = 'a_envoyer'`, id); err != nil {
		return fmt.Errorf("abandon messages to webhook %s: %w", id, err)
	}
	return nil
}

// RescueDeliveries enqueues again the messages that should have been sent late
// ago, whose job was lost.
func (tx *Tx) RescueDeliveries(ctx context.Context, late time.Duration) error {
	rows, _ := tx.Query(ctx, `
		UPDATE webhook_delivery SET next_try_at = now()
		WHERE state = 'a_envoyer' AND next_try_at < now() - $1::interval
		RETURNING oc, webhook::text, id::text`, late)
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (river.InsertManyParams, error) {
		var job WebhookJob
		err := row.Scan(&job.OC, &job.Webhook, &job.Delivery)
		return river.InsertManyParams{Args: job}, err
	})
	if err != nil {
		return fmt.Errorf("late messages: %w", err)
	}
	return tx.enqueueAll(ctx, jobs)
}

// PurgeDeliveries deletes the messages of more than age, which are settled or
// have no chance left, and returns how many.
func (tx *Tx) PurgeDeliveries(ctx context.Context, age time.Duration) (int64, error) {
	tag, err := tx.Exec(ctx, `DELETE FROM webhook_delivery WHERE created_at < now() - $1::interval`, age)
	if err != nil {
		return 0, fmt.Errorf("purge messages: %w", err)
	}
	return tag.RowsAffected(), nil
}
