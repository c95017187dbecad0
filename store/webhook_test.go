package store_test

import (
	"context"
	"testing"
	"time"

	"sillon/sillon"
	"sillon/store"
)

// TestWebhookSecretsAreTheTenants proves that supervision and scheduling cannot
// read a secret, encrypted as it is.
func TestWebhookSecretsAreTheTenants(t *testing.T) {
	t.Parallel()
	db, _ := withTwoCertifiers(t)
	for name, scope := range map[string]store.Scope{"national": store.National, "public": store.Open, "system": store.System} {
		for _, column := range []string{"secret", "former_secret"} {
			if _, err := run(t, db, scope, `SELECT `+column+` FROM webhook`); sqlState(err) != notAllowed {
				t.Errorf("%s reads %s: %v", name, column, err)
			}
		}
	}
	if _, err := run(t, db, store.Open, `SELECT id FROM webhook_delivery`); sqlState(err) != notAllowed {
		t.Errorf("public reads messages: %v", err)
	}
}

// TestSweepDeliveries enqueues what was forgotten once, and purges what is old.
func TestSweepDeliveries(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	sweep := func() (jobs int) {
		in(t, db, store.System, func(ctx context.Context, tx *store.Tx) error { return tx.RescueDeliveries(ctx, 10*time.Minute) })
		return askServer[int](t, address, `SELECT count(*) FROM river_job WHERE kind = 'webhook'`)[0]
	}
	if got := sweep(); got != 2 {
		t.Errorf("%d jobs, want those of the outbox", got)
	}
	askServer[int](t, address, `WITH u AS (UPDATE webhook_delivery SET next_try_at = now() - interval '11 min' WHERE oc = 1 RETURNING 1) SELECT count(*) FROM u`)
	for range 2 {
		if got := sweep(); got != 3 {
			t.Errorf("%d jobs, want one more", got)
		}
	}
	askServer[int](t, address, `WITH u AS (UPDATE webhook_delivery SET created_at = now() - interval '31 days' WHERE oc = 2 RETURNING 1) SELECT count(*) FROM u`)
	in(t, db, store.System, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.PurgeDeliveries(ctx, 30*24*time.Hour)
		if n != 1 {
			t.Errorf("%d purged, want 1", n)
		}
		return err
	})
	// Claimed, a message is nobody else's until its lease is over.
	id := askServer[string](t, address, `SELECT id::text FROM webhook_delivery`)[0]
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		d, _, ok, err := tx.ClaimDelivery(ctx, sillon.DeliveryID(id), time.Minute)
		if err != nil || !ok || d.Tries != 1 {
			t.Errorf("claim: %+v, %v, %v", d, ok, err)
		}
		if _, wait, ok, err := tx.ClaimDelivery(ctx, sillon.DeliveryID(id), time.Minute); err != nil || ok || wait < 59*time.Second {
			t.Errorf("claim of the other: %v, %v, %v", ok, wait, err)
		}
		if err := tx.ReleaseTry(ctx, d); err != nil {
			return err
		}
		d, _, ok, err = tx.ClaimDelivery(ctx, sillon.DeliveryID(id), time.Minute)
		if err != nil || !ok || d.Tries != 1 {
			t.Errorf("claim of what was given back: %+v, %v, %v", d, ok, err)
		}
		return nil
	})
}
