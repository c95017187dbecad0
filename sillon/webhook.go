package sillon

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// A WebhookID is the UUID of a webhook.
type WebhookID string

// A DeliveryID is the UUID of a message to a webhook: the same for each try,
// so that a receiver knows what it has already.
type DeliveryID string

// A WebhookEvent is what a message tells.
type WebhookEvent string

// The events. WebhookTest is sent on demand alone.
const (
	WebhookImportEnded WebhookEvent = "import.termine"
	WebhookTest        WebhookEvent = "webhook.essai"
)

// WebhookEvents are those that a webhook may ask for.
var WebhookEvents = []WebhookEvent{WebhookImportEnded}

// A DisabledReason says why a webhook gets nothing any more; empty is one that does.
type DisabledReason string

// The reasons.
const (
	DisabledByOwner   DisabledReason = "demande" // its certifier asked
	DisabledGone      DisabledReason = "disparu" // it answered 410
	DisabledByFailure DisabledReason = "echecs"  // nothing got through for WebhookPatience
)

const (
	// MostWebhooks is how many a certifier may have.
	MostWebhooks = 10
	// WebhookOverlap is how long the former secret signs too after a rotation.
	WebhookOverlap = 24 * time.Hour
	// WebhookPatience is how long a webhook may fail without one success
	// before it is disabled.
	WebhookPatience = 5 * 24 * time.Hour
)

// webhookPauses follow the failed tries of a message: with the first at once,
// 8 tries in about 24 hours.
var webhookPauses = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 4 * time.Hour, 7 * time.Hour, 10 * time.Hour,
}

// WebhookPause returns how long to wait after so many tries failed; ok is
// false when there were enough.
func WebhookPause(tries int) (pause time.Duration, ok bool) {
	if tries < 1 || tries > len(webhookPauses) {
		return 0, false
	}
	return webhookPauses[tries-1], true
}

// A WebhookSecret signs messages. It never appears in a log: its String is a
// mask.
type WebhookSecret []byte

// secretMark begins the text of a secret (Standard Webhooks, "Signature scheme").
const secretMark = "whsec_"

// Reveal returns the text of a secret, for its owner.
func (s WebhookSecret) Reveal() string { return secretMark + base64.StdEncoding.EncodeToString(s) }

// String is a mask.
func (WebhookSecret) String() string { return secretMark + "…" }

// GoString is a mask.
func (s WebhookSecret) GoString() string { return s.String() }

// LogValue is a mask.
func (s WebhookSecret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// ParseWebhookSecret reads the text of a secret of 24 to 64 bytes.
func ParseWebhookSecret(text string) (WebhookSecret, error) {
	encoded, ok := strings.CutPrefix(text, secretMark)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, errors.New("not a webhook secret")
	}
	return secret, nil
}

// SignWebhook returns the webhook-signature header of a message: one signature
// for each secret, the present first (Standard Webhooks).
func SignWebhook(id DeliveryID, at time.Time, body []byte, secrets ...WebhookSecret) string {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body) // a hash takes everything
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// The failures of webhooks.
var (
	ErrNoWebhook      = &Error{Kind: KindNotFound, Code: "WEBHOOK_NOT_FOUND", Title: "Aucun webhook n'a cet id."}
	ErrNoDelivery     = &Error{Kind: KindNotFound, Code: "LIVRAISON_NOT_FOUND", Title: "Aucune livraison n'a cet id."}
	ErrWebhookAddress = &Error{
		Kind: KindInvalid, Code: "ADRESSE_REFUSEE",
		Title: "L'adresse du webhook doit être une adresse https publique, sans identifiants.",
	}
	ErrWebhookExists   = &Error{Kind: KindConflict, Code: "WEBHOOK_EXISTANT", Title: "Un webhook a déjà cette adresse."}
	ErrTooManyWebhooks = &Error{
		Kind: KindConflict, Code: "TROP_DE_WEBHOOKS", Title: fmt.Sprintf("Un certificateur ne peut avoir plus de %d webhooks.", MostWebhooks),
	}
	ErrWebhookDisabled = &Error{
		Kind: KindConflict, Code: "WEBHOOK_DESACTIVE", Title: "Ce webhook est désactivé : réactivez-le d'abord.",
	}
	ErrWebhooksOff = &Error{
		Kind: KindUnavailable, Code: "WEBHOOKS_INDISPONIBLES", Title: "Les webhooks ne sont pas configurés sur ce service.",
	}
)
