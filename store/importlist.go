package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
)

// An ImportQuery selects import jobs; zero values do not filter.
type ImportQuery struct {
	States       []string
	From, Until  time.Time // received in [From, Until)
	WithRejected bool      // at least one refused record
	Before       int64     // jobs before this one; it wins over Skip
	Skip, Limit  int
}

const importFilter = `
	WHERE (cardinality(@states::text[]) = 0 OR state = ANY (@states))
		AND (@from::timestamptz IS NULL OR created_at >= @from) AND (@until::timestamptz IS NULL OR created_at < @until)
		AND (NOT @rejected OR refused > 0)`

func (q ImportQuery) args() pgx.NamedArgs {
	states := q.States
	if states == nil {
		states = []string{}
	}
	skip := q.Skip
	if q.Before > 0 {
		skip = 0
	}
	return pgx.NamedArgs{
		"states": states, "from": nullTime(q.From), "until": nullTime(q.Until), "rejected": q.WithRejected, "before": q.Before,
		"skip": skip, "limit": q.Limit,
	}
}

// Imports returns a page of the jobs in scope, newest first.
func (tx *Tx) Imports(ctx context.Context, q ImportQuery) ([]ImportJob, error) {
	jobs, err := all[ImportJob](ctx, tx, `SELECT `+jobColumns+` FROM import_job`+importFilter+`
			AND (@before = 0 OR id < @before)
		ORDER BY id DESC
		OFFSET @skip LIMIT @limit`, q.args())
	if err != nil {
		return nil, fmt.Errorf("imports: %w", err)
	}
	return jobs, nil
}

// CountImports returns how many jobs in scope a query selects on all its pages.
func (tx *Tx) CountImports(ctx context.Context, q ImportQuery) (n int, err error) {
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM import_job`+importFilter, q.args()).Scan(&n); err != nil {
		return 0, fmt.Errorf("count imports: %w", err)
	}
	return n, nil
}

// A LogLine is an entry of the log of a job.
type LogLine struct {
	ID         int64
	Type       string // error or warning
	Code       string
	Message    string
	NumeroBio  *string
	ParcelleID *string
}

// StreamLog reads the log of a job in order of recording; of one type unless
// that is empty. What f is given is overwritten by the next line.
func (tx *Tx) StreamLog(ctx context.Context, job int64, only string, f func(*LogLine) error) error {
	rows, _ := tx.Query(ctx, `
		SELECT id, type, code, message, numero_bio, parcelle_id
		FROM import_log
		WHERE job = $1 AND ($2 = '' OR type = $2)
		ORDER BY id`, job, only)
	var l LogLine
	if _, err := pgx.ForEachRow(rows, []any{&l.ID, &l.Type, &l.Code, &l.Message, &l.NumeroBio, &l.ParcelleID}, func() error { return f(&l) }); err != nil {
		return fmt.Errorf("log of import %d: %w", job, err)
	}
	return nil
}

// StreamPayload reads the payload of a job piece by piece. What f is given is
// overwritten by the next piece.
func (tx *Tx) StreamPayload(ctx context.Context, job int64, f func([]byte) error) error {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("payload decoder: %w", err)
	}
	defer decoder.Close()
	rows, _ := tx.Query(ctx, `SELECT data FROM import_payload WHERE job = $1 ORDER BY start`, job)
	var data, plain []byte
	if _, err := pgx.ForEachRow(rows, []any{&data}, func() error {
		if plain, err = decoder.DecodeAll(data, plain[:0]); err != nil {
			return err
		}
		return f(plain)
	}); err != nil {
		return fmt.Errorf("payload of import %d: %w", job, err)
	}
	return nil
}

// ImportSpans returns where the records of a job lie in its payload, in order.
func (tx *Tx) ImportSpans(ctx context.Context, job int64) ([]ImportRecord, error) {
	records, err := all[ImportRecord](ctx, tx, `SELECT rank, start, length FROM import_record WHERE job = @job ORDER BY rank`,
		pgx.NamedArgs{"job": job})
	if err != nil {
		return nil, fmt.Errorf("records of import %d: %w", job, err)
	}
	return records, nil
}
