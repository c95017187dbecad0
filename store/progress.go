package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// ImportChannel is where the database tells, by its number, that a job has
// gone on.
const ImportChannel = "import"

// An ImportProgress is how far a job is, at one instant.
type ImportProgress struct {
	ImportJob
	Done        int   // records dealt with
	DoneRefused int   // of these, refused
	LastLog     int64 // id of the last issue logged; 0 when there is none
}

// ImportProgress returns how far the jobs in scope are, in no order; those that
// are not there are left out.
func (tx *Tx) ImportProgress(ctx context.Context, ids ...int64) ([]ImportProgress, error) {
	list, err := all[ImportProgress](ctx, tx, `
		SELECT `+jobColumns+`, r.done, r.done_refused,
			coalesce((SELECT max(l.id) FROM import_log l WHERE l.job = j.id), 0) AS last_log
		FROM import_job j
		CROSS JOIN LATERAL (
			SELECT count(*) AS done, count(*) FILTER (WHERE state = 'refused') AS done_refused
			FROM import_record
			WHERE job = j.id AND state <> 'todo'
		) r
		WHERE j.id = ANY(@ids)`, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("progress of imports: %w", err)
	}
	return list, nil
}

// A LogEntry is an issue in the log of a job. The ids of one job's entries are
// in the order of their commits: see Settle.
type LogEntry struct {
	ID    int64
	Issue sillon.Issue
}

// ImportLog returns the first entries, at most limit, of the log of a job after
// an entry and up to another.
func (tx *Tx) ImportLog(ctx context.Context, job, after, last int64, limit int) ([]LogEntry, error) {
	rows, _ := tx.Query(ctx, `
		SELECT id, type = 'warning', code, message, coalesce(numero_bio, ''), coalesce(parcelle_id, ''), indice
		FROM import_log
		WHERE job = $1 AND id > $2 AND id <= $3
		ORDER BY id
		LIMIT $4`, job, after, last, limit)
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (LogEntry, error) {
		var e LogEntry
		var warning bool
		err := row.Scan(&e.ID, &warning, &e.Issue.Code, &e.Issue.Message, &e.Issue.NumeroBio, &e.Issue.ParcelleID, &e.Issue.Index)
		if warning {
			e.Issue.Severity = sillon.SeverityWarning
		}
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("log of import %d: %w", job, err)
	}
	return entries, nil
}

// notifyImport tells the listeners of every node, once tx commits, that a job
// has gone on.
func (tx *Tx) notifyImport(ctx context.Context, job int64) error {
	if _, err := tx.Exec(ctx, `SELECT pg_notify('`+ImportChannel+`', $1::bigint::text)`, job); err != nil {
		return fmt.Errorf("notify of import %d: %w", job, err)
	}
	return nil
}

// quiet is how long a connection that listens may tell nothing before it is
// asked whether it is still there: one that was cut off never tells.
const quiet = 15 * time.Second

// Listen calls f once it listens to a channel, with an empty payload, then with
// what is notified there, until ctx ends, which is no failure, or the
// connection is lost. It holds a connection of its own, outside the pool: one
// that waits would be one less to work with.
func (db *DB) Listen(ctx context.Context, channel string, f func(payload string)) error {
	cfg := db.pool.Config().ConnConfig
	cfg.RuntimeParams["application_name"] = "sillon listener"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to listen: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen to %s: %w", channel, err)
	}
	f("")
	for {
		payload, told, err := next(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("listen to %s: %w", channel, err)
		case told:
			f(payload)
		}
	}
}

// next returns what is notified next; told is false when nothing was for a while.
func next(ctx context.Context, conn *pgx.Conn) (payload string, told bool, err error) {
	wait, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return n.Payload, true, nil
	}
	if wait.Err() == nil || ctx.Err() != nil {
		return "", false, err
	}
	ask, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	return "", false, conn.Ping(ask)
}
