package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sillon/sillon"
	"sillon/store"
	"sillon/upstream"
)

// WebhookRow, Delivery and DeliveryPage are a webhook, a message to it, and a
// page of messages asked for.
type (
	WebhookRow   = store.Webhook
	Delivery     = store.Delivery
	DeliveryPage = store.DeliveryPage
)

// A WebhookEdit is what a certifier says of a webhook; nil keeps what is there.
type WebhookEdit struct {
	URL     *string
	Name    *string
	Events  []sillon.WebhookEvent // nil keeps
	Enabled *bool
}

// CanSign reports whether the service has the secret that webhooks need.
func (s *Service) CanSign() bool { return s.sealer != nil }

// Webhooks lists the webhooks that a may see.
func (s *Service) Webhooks(ctx context.Context, a sillon.Actor) (list []WebhookRow, err error) {
	if err := sillon.May(a, sillon.ActionReadWebhook, sillon.Resource{}); err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		list, err = tx.Webhooks(ctx)
		return err
	})
	return list, err
}

// Webhook returns a webhook, or sillon.ErrNoWebhook.
func (s *Service) Webhook(ctx context.Context, a sillon.Actor, id sillon.WebhookID) (w *WebhookRow, err error) {
	err = s.onWebhook(ctx, a, sillon.ActionReadWebhook, id, func(_ *store.Tx, found *WebhookRow) error {
		w = found
		return nil
	})
	return w, err
}

// onWebhook runs f in a transaction on a webhook on which a may do act. To be
// edited, it is locked.
func (s *Service) onWebhook(ctx context.Context, a sillon.Actor, act sillon.Action, id sillon.WebhookID, f func(*store.Tx, *WebhookRow) error) error {
	if err := sillon.May(a, act, sillon.Resource{}); err != nil {
		return err
	}
	return s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		find := tx.Webhook
		if act == sillon.ActionEditWebhook {
			find = tx.LockWebhook
		}
		w, err := find(ctx, id)
		if err != nil {
			return err
		}
		if err := sillon.May(a, act, sillon.OnWebhook(w.OC)); err != nil {
			return sillon.ErrNoWebhook
		}
		return f(tx, w)
	})
}

// CreateWebhook makes a webhook of the actor's certifier. Its secret is
// returned this once. Failures: sillon.ErrWebhookAddress, ErrWebhookExists,
// ErrTooManyWebhooks, ErrWebhooksOff, those of Once.
func (s *Service) CreateWebhook(ctx context.Context, a sillon.Actor, e WebhookEdit, once *Once[*WebhookRow]) (*WebhookRow, sillon.WebhookSecret, error) {
	if err := sillon.May(a, sillon.ActionEditWebhook, sillon.Resource{}); err != nil {
		return nil, nil, err
	}
	if s.sealer == nil {
		return nil, nil, sillon.ErrWebhooksOff
	}
	if e.URL == nil {
		return nil, nil, sillon.ErrWebhookAddress
	}
	if err := s.checkAddress(ctx, e); err != nil {
		return nil, nil, err
	}
	w := &WebhookRow{OC: a.OC, ID: sillon.WebhookID(uuid.NewString()), Events: sillon.WebhookEvents}
	s.edit(w, e)
	secret := newWebhookSecret()
	err := s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) (err error) {
		w, err = once.do(ctx, tx, a, func() (*WebhookRow, error) {
			if err := tx.InsertWebhook(ctx, w, s.sealer.seal(secret, secretPlace(w.OC, w.ID))); err != nil {
				return nil, err
			}
			return tx.Webhook(ctx, w.ID)
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return w, secret, nil
}

// EditWebhook changes a webhook, if it still is what the client knows. One that
// is enabled again starts with a clean slate.
func (s *Service) EditWebhook(ctx context.Context, a sillon.Actor, id sillon.WebhookID, known sillon.Precondition, e WebhookEdit) (w *WebhookRow, err error) {
	if err := sillon.May(a, sillon.ActionEditWebhook, sillon.Resource{}); err != nil {
		return nil, err
	}
	// Outside the transaction: a name takes its time to resolve.
	if err := s.checkAddress(ctx, e); err != nil {
		return nil, err
	}
	err = s.onWebhook(ctx, a, sillon.ActionEditWebhook, id, func(tx *store.Tx, found *WebhookRow) error {
		if err := known.Check(found.Revision, found.UpdatedAt); err != nil {
			return err
		}
		s.edit(found, e)
		if err := tx.SaveWebhook(ctx, found); err != nil {
			return err
		}
		w, err = tx.Webhook(ctx, id)
		return err
	})
	return w, err
}

func (s *Service) edit(w *WebhookRow, e WebhookEdit) {
	if e.URL != nil {
		w.URL = *e.URL
	}
	if e.Name != nil {
		w.Name = *e.Name
	}
	if e.Events != nil {
		w.Events = e.Events
	}
	switch {
	case e.Enabled == nil:
	case *e.Enabled:
		w.DisabledAt, w.DisabledReason, w.FailingSince = nil, "", nil
	case w.DisabledAt == nil:
		now := s.opts.Now()
		w.DisabledAt, w.DisabledReason = &now, sillon.DisabledByOwner
	}
}

// checkAddress refuses an address that messages cannot go to.
func (s *Service) checkAddress(ctx context.Context, e WebhookEdit) error {
	if e.URL == nil {
		return nil
	}
	if err := s.opts.Poster.Check(ctx, *e.URL); err != nil {
		return sillon.ErrWebhookAddress.Because(err)
	}
	return nil
}

// DeleteWebhook deletes a webhook and its deliveries, if it still is what the
// client knows.
func (s *Service) DeleteWebhook(ctx context.Context, a sillon.Actor, id sillon.WebhookID, known sillon.Precondition) error {
	return s.onWebhook(ctx, a, sillon.ActionEditWebhook, id, func(tx *store.Tx, w *WebhookRow) error {
		if err := known.Check(w.Revision, w.UpdatedAt); err != nil {
			return err
		}
		return tx.DeleteWebhook(ctx, id)
	})
}

// RotateWebhook gives a webhook another secret, returned this once. The one
// before goes on signing for sillon.WebhookOverlap.
func (s *Service) RotateWebhook(ctx context.Context, a sillon.Actor, id sillon.WebhookID) (w *WebhookRow, secret sillon.WebhookSecret, err error) {
	err = s.onWebhook(ctx, a, sillon.ActionEditWebhook, id, func(tx *store.Tx, found *WebhookRow) error {
		if s.sealer == nil {
			return sillon.ErrWebhooksOff
		}
		secret = newWebhookSecret()
		if err := tx.RotateWebhook(ctx, id, s.sealer.seal(secret, secretPlace(found.OC, id)), sillon.WebhookOverlap); err != nil {
			return err
		}
		w, err = tx.Webhook(ctx, id)
		return err
	})
	return w, secret, err
}

// TryWebhook has a message sent that means nothing.
func (s *Service) TryWebhook(ctx context.Context, a sillon.Actor, id sillon.WebhookID, once *Once[*Delivery]) (d *Delivery, err error) {
	err = s.onWebhook(ctx, a, sillon.ActionEditWebhook, id, func(tx *store.Tx, w *WebhookRow) error {
		d, err = once.do(ctx, tx, a, func() (*Delivery, error) {
			if w.DisabledAt != nil {
				return nil, sillon.ErrWebhookDisabled
			}
			body, err := message(sillon.WebhookTest, s.opts.Now(), struct {
				ID sillon.WebhookID `json:"webhookId"`
			}{id})
			if err != nil {
				return nil, err
			}
			return tx.AddDelivery(ctx, w, sillon.WebhookTest, body)
		})
		return err
	})
	return d, err
}

// Deliveries returns a page of the messages to a webhook, newest first.
func (s *Service) Deliveries(ctx context.Context, a sillon.Actor, p DeliveryPage) (list []Delivery, more bool, err error) {
	limit := p.Limit
	p.Limit++
	err = s.onWebhook(ctx, a, sillon.ActionReadWebhook, p.Webhook, func(tx *store.Tx, _ *WebhookRow) error {
		list, err = tx.Deliveries(ctx, p)
		return err
	})
	if err == nil && len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, err
}

// ResendDelivery has a message sent again under the same id.
func (s *Service) ResendDelivery(ctx context.Context, a sillon.Actor, id sillon.WebhookID, delivery sillon.DeliveryID) (d *Delivery, err error) {
	err = s.onWebhook(ctx, a, sillon.ActionEditWebhook, id, func(tx *store.Tx, w *WebhookRow) error {
		if w.DisabledAt != nil {
			return sillon.ErrWebhookDisabled
		}
		d, err = tx.ResendDelivery(ctx, w, delivery)
		return err
	})
	return d, err
}

// message is the body of a message (Standard Webhooks, "Payload structure").
func message(event sillon.WebhookEvent, at time.Time, data any) ([]byte, error) {
	b, err := json.Marshal(struct {
		Type      sillon.WebhookEvent `json:"type"`
		Timestamp string              `json:"timestamp"`
		Data      any                 `json:"data"`
	}{event, at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), data})
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", event, err)
	}
	return b, nil
}

// importEnded is the data of sillon.WebhookImportEnded: nothing of a farm.
type importEnded struct {
	JobID    int64  `json:"jobId"`
	Statut   string `json:"statut"`
	Recus    int    `json:"nbObjetsRecus"`
	Acceptes int    `json:"nbObjetsAcceptes"`
	Refuses  int    `json:"nbObjetsRefuses"`
	Message  string `json:"message,omitempty"` // of a job in error
}

// announceEnd puts the end of a job in the outbox of its certifier's webhooks,
// in the transaction that ends it.
func (s *Service) announceEnd(ctx context.Context, tx *store.Tx, id int64) error {
	job, err := tx.ImportJob(ctx, id)
	if err != nil {
		return err
	}
	if job.EndedAt == nil {
		return nil
	}
	body, err := message(sillon.WebhookImportEnded, *job.EndedAt, importEnded{
		JobID: job.ID, Statut: job.State, Recus: job.Received, Acceptes: job.Accepted, Refuses: job.Refused, Message: job.Error,
	})
	if err != nil {
		return err
	}
	return tx.AddDeliveries(ctx, job.OC, sillon.WebhookImportEnded, body)
}

// finishImport ends a job and announces it.
func (s *Service) finishImport(ctx context.Context, tx *store.Tx, id int64, failure string) error {
	if err := tx.FinishImport(ctx, id, failure); err != nil {
		return err
	}
	return s.announceEnd(ctx, tx, id)
}

const (
	// deliveryLease covers a try, and what is written of it.
	deliveryLease = time.Minute
	// postsAtOnce bounds what one webhook takes of a node.
	postsAtOnce = 2
	postsPause  = 2 * time.Second
	// deliveryLate is after how long a message that is due has been forgotten.
	deliveryLate = 10 * time.Minute
	// deliveryAge is how long messages are kept.
	deliveryAge = 30 * 24 * time.Hour
)

// What kept a message from its webhook, as its certifier reads it.
const (
	reasonStatus   = "statut"      // an answer that is not 2xx
	reasonRedirect = "redirection" // which is not followed
	reasonSecret   = "secret"      // the service cannot read it any more: rotate it
)

var reasonNames = map[upstream.Reason]string{
	upstream.ReasonRefused:  "adresse_refusee",
	upstream.ReasonTimeout:  "delai",
	upstream.ReasonName:     "nom_inconnu",
	upstream.ReasonTLS:      "tls",
	upstream.ReasonNoServer: "injoignable",
	upstream.ReasonBroken:   "reponse_illisible",
}

// DeliverWebhook sends a message that is due, and notes what became of it. When
// again is true there is another try to make after wait. No transaction is open
// while the webhook is at it. A message may arrive twice, under one id.
func (s *Service) DeliverWebhook(ctx context.Context, oc sillon.OC, webhook sillon.WebhookID, id sillon.DeliveryID) (wait time.Duration, again bool, err error) {
	if s.sealer == nil {
		return 0, false, errors.New("no secret to sign with")
	}
	if !s.posts.take(webhook) {
		return postsPause, true, nil
	}
	defer s.posts.release(webhook)
	var d *store.ClaimedDelivery
	if err := s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) (err error) {
		var ok bool
		d, wait, ok, err = tx.ClaimDelivery(ctx, id, deliveryLease)
		if !ok {
			d = nil
		}
		return err
	}); err != nil || d == nil {
		return wait, wait > 0, err
	}
	result := s.post(ctx, oc, d)
	// What happened is written even when the node stops.
	done, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryLease/2)
	defer cancel()
	var disabled sillon.DisabledReason
	err = s.db.InTx(done, store.Tenant(oc), func(tx *store.Tx) (err error) {
		if result.Reason != "" && ctx.Err() != nil {
			result.Pause = 0
			return tx.ReleaseTry(done, d) // it was not the webhook that failed
		}
		disabled, err = tx.SettleTry(done, d, result, sillon.WebhookPatience)
		return err
	})
	s.opts.Log.InfoContext(done, "webhook", "oc", oc, "webhook", d.Webhook, "delivery", d.ID, "try", d.Tries, "status", result.Status,
		"reason", result.Reason, "disabled", string(disabled))
	return result.Pause, result.Reason != "" && !result.Last && disabled == "", err
}

// post makes one try.
func (s *Service) post(ctx context.Context, oc sillon.OC, d *store.ClaimedDelivery) (r store.TryResult) {
	pause, more := sillon.WebhookPause(d.Tries)
	// A tenth of chance, or the messages of an outage would come back together.
	r.Pause, r.Last = pause+rand.N(pause/10+1), !more
	secrets, err := s.secrets(oc, d)
	if err != nil {
		s.opts.Log.ErrorContext(ctx, "webhook secret", "webhook", d.Webhook, "err", err)
		r.Reason = reasonSecret
		return r
	}
	now, body := s.opts.Now(), []byte(d.Payload)
	answer, err := s.opts.Poster.Post(ctx, d.URL, http.Header{
		"Webhook-Id":        {string(d.ID)},
		"Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)},
		"Webhook-Signature": {sillon.SignWebhook(d.ID, now, body, secrets...)},
	}, body)
	if err != nil {
		r.Reason = reasonNames[upstream.ReasonOf(err)]
		return r
	}
	r.Status, r.Answer = answer.Status, printable(answer.Body)
	switch r.Status / 100 {
	case 2:
	case 3:
		r.Reason = reasonRedirect
	default:
		r.Reason = reasonStatus
	}
	r.Gone = r.Status == http.StatusGone
	r.Last = r.Last || r.Gone
	return r
}

// secrets opens those that sign, the present one first.
func (s *Service) secrets(oc sillon.OC, d *store.ClaimedDelivery) (list []sillon.WebhookSecret, err error) {
	for _, sealed := range [][]byte{d.Secret, d.FormerSecret} {
		if sealed == nil {
			continue
		}
		secret, err := s.sealer.open(sealed, secretPlace(oc, d.Webhook))
		if err != nil {
			return nil, err
		}
		list = append(list, secret)
	}
	return list, nil
}

// secretPlace is the only place where the secret of a webhook opens.
func secretPlace(oc sillon.OC, id sillon.WebhookID) string {
	return fmt.Sprintf("webhook %d %s", oc, id)
}

// printable is what the database can hold of an answer, at most 1 KB.
func printable(b []byte) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), ""), "\x00", "")
}

// SweepWebhooks has the messages sent that were forgotten, as after a loss of
// the queue, and deletes old ones.
func (s *Service) SweepWebhooks(ctx context.Context) error {
	return s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		if err := tx.RescueDeliveries(ctx, deliveryLate); err != nil {
			return err
		}
		n, err := tx.PurgeDeliveries(ctx, deliveryAge)
		if n > 0 {
			s.opts.Log.InfoContext(ctx, "webhook messages purged", "count", n)
		}
		return err
	})
}

// A postCount counts the posts under way by webhook.
type postCount struct {
	sync.Mutex
	n map[sillon.WebhookID]int
}

func (c *postCount) take(id sillon.WebhookID) bool {
	c.Lock()
	defer c.Unlock()
	if c.n[id] >= postsAtOnce {
		return false
	}
	if c.n == nil {
		c.n = map[sillon.WebhookID]int{}
	}
	c.n[id]++
	return true
}

func (c *postCount) release(id sillon.WebhookID) {
	c.Lock()
	defer c.Unlock()
	if c.n[id]--; c.n[id] == 0 {
		delete(c.n, id)
	}
}
