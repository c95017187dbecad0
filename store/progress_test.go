package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
	"sillon/store"
)

// TestLogOrder has two records settled at once, the first committed last: who
// reads on from the last entry seen still reads both (speed.md, "Change log
// order"). Without the lock in Settle the first is missed.
func TestLogOrder(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	ctx := t.Context()
	job := askServer[int64](t, address, `SELECT id FROM import_job WHERE oc = 1`)[0]
	watcher, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watcher.Close(context.WithoutCancel(ctx)) }()
	settle := func(tx *store.Tx, rank int) error {
		return tx.Settle(ctx, job, 1, store.Settled{Rank: rank, Issues: []sillon.Issue{sillon.IssueDuplicateRecord("1001")}})
	}
	var last int64
	var read []int64
	readOn := func() {
		in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
			p, err := tx.ImportProgress(ctx, job)
			if err != nil {
				return err
			}
			entries, err := tx.ImportLog(ctx, job, last, p[0].LastLog, 100)
			for _, e := range entries {
				read = append(read, e.ID)
			}
			last = p[0].LastLog
			return err
		})
	}
	readOn()
	before := len(read)

	second := make(chan error, 1)
	err = db.InTx(ctx, store.Tenant(1), func(tx *store.Tx) error {
		if err := settle(tx, 0); err != nil {
			return err
		}
		go func() {
			second <- db.InTx(ctx, store.Tenant(1), func(tx *store.Tx) error { return settle(tx, 1) })
		}()
		for waiting, end := false, time.Now().Add(20*time.Second); !waiting; {
			select {
			case err := <-second:
				t.Error("the second record was committed before the first")
				second <- err
				readOn()
				return nil
			default:
			}
			if time.Now().After(end) {
				t.Fatal("the second record neither waits nor is committed")
			}
			if err := watcher.QueryRow(ctx, `
				SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
					WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)`).Scan(&waiting); err != nil {
				return err
			}
		}
		readOn()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	readOn()
	if got := len(read) - before; got != 2 {
		t.Errorf("%d entries read, want both", got)
	}
}
