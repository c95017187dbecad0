package service

import (
	"bytes"
	"context"

	"sillon/sillon"
	"sillon/store"
)

// Told is what the sender of a creation is told, secrets left out.
type Told = store.Told

// A Once has something created once, however often it is asked for under one
// idempotency key within 24 hours (api.md, "Idempotency"). A nil Once, or one
// without key, creates each time.
//
// What is kept to be told again is Answer's, which must hold no secret: a
// secret is shown by the first reply alone, and whoever lost it makes another.
type Once[T any] struct {
	Key     string
	Content func() []byte // SHA-256 of what is asked, once it was read
	Answer  func(T) Told
	Replay  *Told // set instead of creating, when the key was used before
}

// do creates in tx, with the key, what the key was not used for. Failures:
// sillon.ErrKeyBusy, ErrKeyReused.
func (o *Once[T]) do(ctx context.Context, tx *store.Tx, a sillon.Actor, create func() (T, error)) (v T, err error) {
	if o == nil || o.Key == "" {
		return create()
	}
	told, used, err := tx.TakeTold(ctx, a, o.Key)
	switch content := o.Content(); {
	case err != nil:
		return v, err
	case used && !bytes.Equal(told.Content, content):
		return v, sillon.ErrKeyReused
	case used:
		o.Replay = told
		return v, nil
	default:
		if v, err = create(); err != nil {
			return v, err
		}
		answer := o.Answer(v)
		answer.Content = content
		return v, tx.SaveTold(ctx, a, o.Key, answer)
	}
}
