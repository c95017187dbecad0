package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A Reply is what the sender of a push was told, byte for byte.
type Reply struct {
	Job    int64
	Status int
	Body   []byte
}

// A UsedKey is an idempotency key that an earlier push took.
type UsedKey struct {
	Content []byte // what came with it
	Reply   *Reply // nil while the earlier push is being read
}

// TakeKey takes an idempotency key of a certifier for holder, during lease,
// unless it was used in the last 24 hours: used is then by what.
func (tx *Tx) TakeKey(ctx context.Context, oc sillon.OC, key, holder string, lease time.Duration) (used *UsedKey, err error) {
	tag, err := tx.Exec(ctx, `
		INSERT INTO idempotency_key AS k (oc, key, holder, busy_until) VALUES ($1, $2, $3, now() + $4::interval)
		ON CONFLICT (oc, key) DO UPDATE SET
			holder = excluded.holder, busy_until = excluded.busy_until, content = NULL, job = NULL, created_at = now()
		WHERE CASE WHEN k.job IS NULL THEN k.busy_until < now() ELSE k.created_at < now() - interval '24 hours' END`, oc, key, holder, lease)
	if err != nil {
		return nil, fmt.Errorf("take idempotency key of certifier %d: %w", oc, err)
	}
	if tag.RowsAffected() == 1 {
		return nil, nil //nolint:nilnil // it is the caller's
	}
	var job *int64
	var status *int
	var body []byte
	used = new(UsedKey)
	if err := tx.QueryRow(ctx, `
		SELECT k.content, r.job, r.status, r.body
		FROM idempotency_key k
		LEFT JOIN import_reply r ON r.job = k.job
		WHERE k.oc = $1 AND k.key = $2`, oc, key).Scan(&used.Content, &job, &status, &body); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("idempotency key of certifier %d: %w", oc, err)
	}
	if job != nil {
		used.Reply = &Reply{*job, *status, body}
	}
	return used, nil
}

// RenewKey keeps a key for holder during lease.
func (tx *Tx) RenewKey(ctx context.Context, oc sillon.OC, key, holder string, lease time.Duration) error {
	if _, err := tx.Exec(ctx, `
		UPDATE idempotency_key SET busy_until = now() + $4::interval
		WHERE oc = $1 AND key = $2 AND holder = $3 AND job IS NULL`, oc, key, holder, lease); err != nil {
		return fmt.Errorf("renew idempotency key of certifier %d: %w", oc, err)
	}
	return nil
}

// LeaveKey gives up a key that holder took and did not use.
func (tx *Tx) LeaveKey(ctx context.Context, oc sillon.OC, key, holder string) error {
	if _, err := tx.Exec(ctx, `
		DELETE FROM idempotency_key WHERE oc = $1 AND key = $2 AND holder = $3 AND job IS NULL`, oc, key, holder); err != nil {
		return fmt.Errorf("leave idempotency key of certifier %d: %w", oc, err)
	}
	return nil
}

// UseKey binds a key that holder took to a content and its job;
// sillon.ErrKeyBusy when holder lost it to another push.
func (tx *Tx) UseKey(ctx context.Context, oc sillon.OC, key, holder string, content []byte, job int64) error {
	tag, err := tx.Exec(ctx, `
		UPDATE idempotency_key SET content = $4, job = $5
		WHERE oc = $1 AND key = $2 AND holder = $3 AND job IS NULL`, oc, key, holder, content, job)
	if err != nil {
		return fmt.Errorf("use idempotency key of certifier %d: %w", oc, err)
	}
	if tag.RowsAffected() == 0 {
		return sillon.ErrKeyBusy
	}
	return nil
}

// SaveReply keeps what the sender of a push is told.
func (tx *Tx) SaveReply(ctx context.Context, oc sillon.OC, r Reply) error {
	if _, err := tx.Exec(ctx, `INSERT INTO import_reply (job, oc, status, body) VALUES ($1, $2, $3, $4)`,
		r.Job, oc, r.Status, r.Body); err != nil {
		return fmt.Errorf("save reply of import %d: %w", r.Job, err)
	}
	return nil
}

// SamePush finds the job of a certifier that already does what a push of this
// content asks for (certifier-exchange.md §1.2): one not yet ended or, unless
// the push has a key, one done less than 24 hours ago without refusal and whose
// parcellaires nobody touched since. A job that a later one will undo is none.
// Of two pushes of one content the second waits here for the first to commit.
func (tx *Tx) SamePush(ctx context.Context, oc sillon.OC, content []byte, keyed bool) (r *Reply, found bool, err error) {
	batch := &pgx.Batch{}
	lock := binary.BigEndian.Uint64(content) ^ uint64(oc)        //nolint:gosec // a hash
	batch.Queue(`SELECT pg_advisory_xact_lock($1)`, int64(lock)) //nolint:gosec // a hash
	batch.Queue(samePush, pgx.NamedArgs{"oc": oc, "content": content, "keyed": keyed})
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	if _, err := results.Exec(); err != nil {
		return nil, false, fmt.Errorf("wait for the same push: %w", err)
	}
	r = new(Reply)
	err = results.QueryRow().Scan(&r.Job, &r.Status, &r.Body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("same push: %w", err)
	}
	return r, true, results.Close()
}

const samePush = `
	SELECT j.id, r.status, r.body
	FROM import_job j
	JOIN import_reply r ON r.job = j.id
	WHERE j.oc = @oc AND j.content = @content
		AND (j.state IN ('CREATED', 'PENDING')
			OR NOT @keyed AND j.state = 'DONE' AND j.refused = 0 AND j.ended_at > now() - interval '24 hours'
			AND NOT EXISTS (
				SELECT
				FROM (
					SELECT parcellaire_id, max(revision) AS revision
					FROM import_record WHERE job = j.id AND state = 'stored' GROUP BY parcellaire_id
				) s
				LEFT JOIN parcellaire v ON v.id = s.parcellaire_id AND v.oc = j.oc AND v.deleted_at IS NULL
				WHERE v.revision IS DISTINCT FROM s.revision OR v.id IS NULL))
		AND NOT EXISTS (
			SELECT
			FROM import_job l
			JOIN import_record t ON t.job = l.id AND t.state = 'todo'
			JOIN import_record m ON m.job = j.id AND m.state <> 'refused' AND m.numero_bio = t.numero_bio
			WHERE l.oc = @oc AND l.id > j.id AND l.state IN ('CREATED', 'PENDING'))
	ORDER BY j.id DESC
	LIMIT 1`
