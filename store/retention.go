package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A Retention is a kind of data that goes away with time: what of it is due,
// and how a batch of it goes. Both statements take the instant of the run as $1.
type Retention struct {
	Kind  string
	due   string // counts what is due
	purge string // removes at most $2 of it, and counts that
}

// Retentions lists what goes away (documents.md §7), those first that would
// otherwise keep rows of the next.
var Retentions = []Retention{
	{
		"import_payload",
		`SELECT count(*) FROM import_job WHERE ` + payloadDue,
		`WITH due AS (SELECT id FROM import_job WHERE ` + payloadDue + ` ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED),
			gone AS (DELETE FROM import_payload WHERE job IN (SELECT id FROM due)),
			noted AS (UPDATE import_job SET purged_at = now() WHERE id IN (SELECT id FROM due))
		SELECT count(*) FROM due`,
	},
	{
		"idempotency_key",
		`SELECT count(*) FROM idempotency_key WHERE ` + keyDue,
		`WITH gone AS (DELETE FROM idempotency_key WHERE (oc, key) IN (SELECT oc, key FROM idempotency_key WHERE ` + keyDue + ` LIMIT $2) RETURNING 1)
		SELECT count(*) FROM gone`,
	},
	{
		"told",
		`SELECT count(*) FROM told WHERE ` + toldDue,
		`WITH gone AS (DELETE FROM told WHERE (oc, actor_id, key) IN (SELECT oc, actor_id, key FROM told WHERE ` + toldDue + ` LIMIT $2) RETURNING 1)
		SELECT count(*) FROM gone`,
	},
	{
		"import_reply",
		`SELECT count(*) FROM import_reply r JOIN import_job j ON j.id = r.job WHERE ` + replyDue,
		`WITH gone AS (DELETE FROM import_reply WHERE job IN (
			SELECT r.job FROM import_reply r JOIN import_job j ON j.id = r.job WHERE ` + replyDue + ` LIMIT $2) RETURNING 1)
		SELECT count(*) FROM gone`,
	},
	{
		"import_result",
		`SELECT count(*) FROM import_job WHERE ` + resultDue,
		`WITH gone AS (DELETE FROM import_job WHERE id IN (SELECT id FROM import_job WHERE ` + resultDue + ` ORDER BY ended_at LIMIT $2) RETURNING 1)
		SELECT count(*) FROM gone`,
	},
	{
		"token",
		`SELECT count(*) FROM token WHERE ` + tokenDue,
		`WITH gone AS (DELETE FROM token WHERE id IN (SELECT id FROM token WHERE ` + tokenDue + ` LIMIT $2) RETURNING 1) SELECT count(*) FROM gone`,
	},
	{
		"declared_geometry",
		`SELECT count(*) FROM parcel WHERE ` + declaredDue,
		`WITH gone AS (UPDATE parcel SET declared = NULL WHERE key IN (SELECT key FROM parcel WHERE ` + declaredDue + ` LIMIT $2) RETURNING 1)
		SELECT count(*) FROM gone`,
	},
	{
		// Those of a deleted parcellaire go first, or it could not go itself.
		"deleted_parcel",
		`SELECT count(*) FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id WHERE ` + parcelDue,
		`WITH due AS (SELECT p.key, p.parcellaire_id, p.id FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id WHERE ` + parcelDue + ` LIMIT $2),
			told AS (SELECT count(forget_geometry(parcellaire_id, array_agg)) FROM (SELECT parcellaire_id, array_agg(id) FROM due GROUP BY parcellaire_id) d),
			gone AS (DELETE FROM parcel WHERE key IN (SELECT key FROM due) RETURNING 1)
		SELECT count(*) FROM gone, told`,
	},
	{
		"deleted_parcellaire",
		`SELECT count(*) FROM parcellaire WHERE ` + parcellaireDue,
		`WITH due AS (SELECT id FROM parcellaire v WHERE ` + parcellaireDue + `
				AND NOT EXISTS (SELECT FROM parcel p WHERE p.parcellaire_id = v.id) LIMIT $2),
			told AS (SELECT count(forget_geometry(id, NULL)) FROM due),
			gone AS (DELETE FROM parcellaire WHERE id IN (SELECT id FROM due) RETURNING 1)
		SELECT count(*) FROM gone, told`,
	},
	{
		"history",
		`SELECT count(*) FROM event WHERE ` + historyDue,
		`WITH gone AS (DELETE FROM event WHERE id IN (SELECT id FROM event WHERE ` + historyDue + ` LIMIT $2) RETURNING 1) SELECT count(*) FROM gone`,
	},
	{
		"trail",
		`SELECT count(*) FROM trail WHERE ` + trailDue,
		`WITH gone AS (DELETE FROM trail WHERE id IN (SELECT id FROM trail WHERE ` + trailDue + ` LIMIT $2) RETURNING 1) SELECT count(*) FROM gone`,
	},
	{
		// By xid, of which there is an index: a transaction that began before
		// another and wrote after it may leave rows for the next day.
		"change",
		`SELECT count(*) FROM change WHERE ` + changeDue,
		`WITH due AS (SELECT seq, xid FROM (SELECT seq, xid, at FROM change ORDER BY xid, seq LIMIT $2) oldest WHERE ` + changeDue + `),
			gone AS (DELETE FROM change WHERE (xid, seq) IN (SELECT xid, seq FROM due) RETURNING 1)
		SELECT count(*) FROM gone`,
	},
}

const (
	payloadDue = `sha256 IS NOT NULL AND purged_at IS NULL
		AND ended_at < $1::timestamptz - CASE state WHEN 'DONE' THEN interval '15 days' ELSE interval '90 days' END`
	keyDue  = `CASE WHEN job IS NULL THEN busy_until < $1::timestamptz - interval '1 hour' ELSE created_at < $1::timestamptz - interval '24 hours' END`
	toldDue = `created_at < $1::timestamptz - interval '24 hours'`
	// An hour more than its key; and a push may be recognised as long as it waits.
	replyDue       = `r.created_at < $1::timestamptz - interval '25 hours' AND j.ended_at < $1::timestamptz - interval '25 hours'`
	resultDue      = `ended_at < $1::timestamptz - interval '24 months'`
	tokenDue       = `least(revoked_at, expires_at) < $1::timestamptz - interval '12 months'`
	declaredDue    = `declared IS NOT NULL AND acknowledged_at < $1::timestamptz - interval '12 months'`
	parcelDue      = `(p.deleted_at < $1::timestamptz - interval '6 months' OR v.deleted_at < $1::timestamptz - interval '6 months')`
	parcellaireDue = `deleted_at < $1::timestamptz - interval '6 months'`
	historyDue     = `at < $1::timestamptz - interval '10 years'`
	// What supervisors read; who was refused and what was administered is kept as
	// long as the history. The first line has the index.
	trailDue = `at < $1::timestamptz - interval '3 years'
		AND at < $1::timestamptz - CASE kind WHEN 'lecture' THEN interval '3 years' ELSE interval '10 years' END`
	// Who follows the log and was away for longer reads everything again.
	changeDue = `at < $1::timestamptz - interval '8 days'`
)

// CountDue returns how much of a kind is due at an instant.
func (tx *Tx) CountDue(ctx context.Context, r Retention, now time.Time) (n int64, err error) {
	if err := tx.QueryRow(ctx, r.due, now).Scan(&n); err != nil {
		return 0, fmt.Errorf("due of %s: %w", r.Kind, err)
	}
	return n, nil
}

// Purge removes at most limit of what is due of a kind, and returns how much it
// was.
func (tx *Tx) Purge(ctx context.Context, r Retention, now time.Time, limit int) (n int64, err error) {
	if err := tx.QueryRow(ctx, r.purge, now, limit).Scan(&n); err != nil {
		return 0, fmt.Errorf("purge of %s: %w", r.Kind, err)
	}
	return n, nil
}

// NoteRetention notes that a kind was looked through to its end.
func (tx *Tx) NoteRetention(ctx context.Context, kind string, removed int64) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO retention_run (kind, removed) VALUES ($1, $2)
		ON CONFLICT (kind) DO UPDATE SET at = now(), removed = excluded.removed, alerted_at = NULL`, kind, removed); err != nil {
		return fmt.Errorf("note retention of %s: %w", kind, err)
	}
	return nil
}

// LateRetentions returns the kinds that were not looked through for longer than
// age, and were not returned within the last hour: somebody must be told once.
// A kind that never was counts from the first time it is asked about.
func (tx *Tx) LateRetentions(ctx context.Context, age time.Duration) ([]string, error) {
	kinds := make([]string, len(Retentions))
	for i, r := range Retentions {
		kinds[i] = r.Kind
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO retention_run (kind, removed) SELECT k, 0 FROM unnest($1::text[]) AS k
		ON CONFLICT DO NOTHING`, kinds); err != nil {
		return nil, fmt.Errorf("late retention: %w", err)
	}
	rows, _ := tx.Query(ctx, `
		UPDATE retention_run SET alerted_at = now()
		WHERE at < now() - $1::interval AND coalesce(alerted_at < now() - interval '1 hour', true) AND kind = ANY ($2)
		RETURNING kind`, age, kinds)
	late, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("late retention: %w", err)
	}
	return late, nil
}

// A StuckImport is a job that nobody has worked at for long.
type StuckImport struct {
	ID          int64
	OC          sillon.OC
	HeartbeatAt *time.Time
}

// StuckImports returns the jobs begun that gave no sign of life for longer than
// silence, and were not returned within the last hour.
func (tx *Tx) StuckImports(ctx context.Context, silence time.Duration) ([]StuckImport, error) {
	stuck, err := all[StuckImport](ctx, tx, `
		UPDATE import_job SET alerted_at = now()
		WHERE state = 'PENDING' AND coalesce(heartbeat_at, started_at, created_at) < now() - @silence::interval
			AND coalesce(alerted_at < now() - interval '1 hour', true)
		RETURNING id, oc, heartbeat_at`, pgx.NamedArgs{"silence": silence})
	if err != nil {
		return nil, fmt.Errorf("stuck imports: %w", err)
	}
	return stuck, nil
}
