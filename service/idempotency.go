package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
)

const (
	// keyLease is how long a key stays busy after its node was killed.
	keyLease = 30 * time.Second
	keyRenew = keyLease / 3
)

// A pushKey is the idempotency key of a push being read: taken by it, or used
// by an earlier one.
type pushKey struct {
	s      *Service
	oc     sillon.OC
	key    string
	holder string
	used   *store.UsedKey // by an earlier push; else nil
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// takeKey takes the key of a push, which release gives up unless the push was
// stored with it. The mark is renewed meanwhile, for a body may take its time.
// sillon.ErrKeyBusy says that an earlier push with it is being read.
func (s *Service) takeKey(ctx context.Context, oc sillon.OC, key string) (*pushKey, error) {
	k := &pushKey{s: s, oc: oc, key: key, holder: uuid.NewString(), stop: func() {}}
	err := s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) (err error) {
		k.used, err = tx.TakeKey(ctx, oc, key, k.holder, keyLease)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case k.used == nil:
		k.keep(ctx)
	case k.used.Reply == nil:
		return nil, sillon.ErrKeyBusy
	}
	return k, nil
}

// keep renews the mark of the key until it is released.
func (k *pushKey) keep(ctx context.Context) {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.ended.Go(func() {
		tick := time.NewTicker(keyRenew)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := k.s.db.InTx(ctx, store.Tenant(k.oc), func(tx *store.Tx) error {
				return tx.RenewKey(ctx, k.oc, k.key, k.holder, keyLease)
			}); err != nil && ctx.Err() == nil {
				k.s.opts.Log.WarnContext(ctx, "idempotency key not renewed", "oc", k.oc, "err", err)
			}
		}
	})
}

// release gives the key up when no push was stored with it: another may then
// take it at once.
func (k *pushKey) release(ctx context.Context) {
	k.stop()
	k.ended.Wait()
	if k.used != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := k.s.db.InTx(ctx, store.Tenant(k.oc), func(tx *store.Tx) error {
		return tx.LeaveKey(ctx, k.oc, k.key, k.holder)
	}); err != nil {
		k.s.opts.Log.WarnContext(ctx, "idempotency key not released", "oc", k.oc, "err", err)
	}
}

// replay is the answer to a push whose key was used before.
func (k *pushKey) replay(content []byte) (*PushReply, error) {
	if string(content) != string(k.used.Content) {
		return nil, sillon.ErrKeyReused
	}
	return replayed(k.used.Reply), nil
}

func replayed(r *store.Reply) *PushReply {
	return &PushReply{JobID: r.Job, Replay: &Answer{Status: r.Status, Body: r.Body}}
}

// contentOf is what makes two pushes the same: the body, decompressed and
// without byte order mark, and the query string.
func contentOf(spool *spool, query string) []byte {
	sum := sha256.Sum256(append(spool.digest.Sum(nil), query...))
	return sum[:]
}

// drain reads what is left of a body that is no JSON, so that the same body is
// recognised when it comes again, however the network cuts it.
func (s *Service) drain(body io.Reader, spool *spool) error {
	most := s.opts.Limits.Body
	if most == 0 {
		most = exchange.DefaultLimits().Body
	}
	n, err := io.Copy(spool.digest, io.LimitReader(body, most-spool.size+1))
	if _, broken := errors.AsType[*exchange.SyntaxError](err); broken {
		return nil // a broken gzip breaks at the same place again
	}
	if err == nil && spool.size+n > most {
		return sillon.ErrTooLarge
	}
	return err
}
