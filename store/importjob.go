package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"

	"sillon/sillon"
)

// An ImportJob is a bulk push on its way to the parcellaires.
type ImportJob struct {
	ID        int64
	OC        sillon.OC
	ActorID   string
	State     string // CREATED, PENDING, DONE, ERROR
	CreatedAt time.Time
	StartedAt *time.Time
	EndedAt   *time.Time
	Received  int
	Accepted  int
	Refused   int
	Error     string
	MediaType string
	RequestID string
	Kept      bool // its payload is still here
}

// A NewImport is a push to be stored: its payload in pieces, and one row per record.
type NewImport struct {
	Job     ImportJob // ID and instants are given by the database
	SHA256  []byte
	Content []byte // what makes two pushes the same; nil when nothing is
	Size    int64
	Pieces  func() (Piece, bool, error) // nil when nothing is kept of the payload
	Records []ImportRecord
	Issues  []LoggedIssue
}

// A Piece is a part of a payload.
type Piece struct {
	Start int64
	Data  []byte
}

// An ImportRecord is one record of a push.
type ImportRecord struct {
	Rank      int
	NumeroBio sillon.NumeroBio
	Start     int64
	Length    int
	Refused   bool
}

// A LoggedIssue is an issue of the record of a rank.
type LoggedIssue struct {
	Rank  int
	Issue sillon.Issue
}

const jobColumns = `
	id, oc, actor_id, state, created_at, started_at, ended_at, received, accepted, refused, error, media_type, request_id,
	sha256 IS NOT NULL AND purged_at IS NULL AS kept`

// InsertImport stores a push and returns the number of its job. The number of
// statements does not depend on the size of the push.
func (tx *Tx) InsertImport(ctx context.Context, n NewImport) (int64, error) {
	var id int64
	j := n.Job
	if err := tx.QueryRow(ctx, `
		INSERT INTO import_job (oc, actor_id, state, ended_at, received, accepted, refused, error, media_type, sha256, content, size, request_id)
		VALUES (@oc, @actor, @state, CASE WHEN @state IN ('DONE', 'ERROR') THEN now() END, @received, @accepted, @refused, @error,
			@media, @sha256, @content, @size, @request)
		RETURNING id`, pgx.NamedArgs{
		"oc": j.OC, "actor": j.ActorID, "state": j.State, "received": j.Received, "accepted": j.Accepted, "refused": j.Refused,
		"error": j.Error, "media": j.MediaType, "sha256": n.SHA256, "content": n.Content, "size": n.Size, "request": j.RequestID,
	}).Scan(&id); err != nil {
		return 0, fmt.Errorf("insert import job: %w", err)
	}
	if err := tx.insertPayload(ctx, id, j.OC, n.Pieces); err != nil {
		return 0, err
	}
	if err := tx.insertRecords(ctx, id, j.OC, n.Records); err != nil {
		return 0, err
	}
	return id, tx.insertLogs(ctx, id, j.OC, n.Issues)
}

// payloadBatch is how much of a compressed payload goes in one statement:
// PostgreSQL has no COPY into a table under row-level security.
const payloadBatch = 8 << 20

// insertPayload stores the pieces of a payload, compressed.
func (tx *Tx) insertPayload(ctx context.Context, job int64, oc sillon.OC, pieces func() (Piece, bool, error)) error {
	if pieces == nil {
		return nil
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("payload encoder: %w", err)
	}
	var starts []int64
	var lengths []int32
	var data [][]byte
	flush := func() error {
		if len(data) == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO import_payload (job, oc, start, length, data)
			SELECT $1, $2, p.* FROM unnest($3::bigint[], $4::int[], $5::bytea[]) AS p`, job, oc, starts, lengths, data); err != nil {
			return fmt.Errorf("insert payload of import %d: %w", job, err)
		}
		starts, lengths, data = starts[:0], lengths[:0], data[:0]
		return nil
	}
	for size := 0; ; {
		p, ok, err := pieces()
		if err != nil {
			return fmt.Errorf("read payload of import %d: %w", job, err)
		}
		if !ok {
			return flush()
		}
		packed := encoder.EncodeAll(p.Data, nil)
		starts, lengths, data = append(starts, p.Start), append(lengths, int32(len(p.Data))), append(data, packed) //nolint:gosec // a piece is small
		if size += len(packed); size >= payloadBatch {
			size = 0
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

func (tx *Tx) insertRecords(ctx context.Context, job int64, oc sillon.OC, records []ImportRecord) error {
	n := len(records)
	ranks, numeros, starts, lengths, states := make([]int32, n), make([]string, n), make([]int64, n), make([]int32, n), make([]string, n)
	for i, r := range records {
		ranks[i], numeros[i], starts[i], lengths[i], states[i] = int32(r.Rank), string(r.NumeroBio), r.Start, int32(r.Length), "todo" //nolint:gosec // bounded by the limits of a push
		if r.Refused {
			states[i] = "refused"
		}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO import_record (job, oc, rank, numero_bio, start, length, state)
		SELECT $1, $2, r.* FROM unnest($3::int[], $4::text[], $5::bigint[], $6::int[], $7::text[]) AS r`,
		job, oc, ranks, numeros, starts, lengths, states); err != nil {
		return fmt.Errorf("insert records of import %d: %w", job, err)
	}
	return nil
}

// insertLogs adds issues to the log of an import.
func (tx *Tx) insertLogs(ctx context.Context, job int64, oc sillon.OC, issues []LoggedIssue) error {
	batch := &pgx.Batch{}
	queueLogs(batch, job, oc, issues)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("log of import %d: %w", job, err)
	}
	return nil
}

func queueLogs(batch *pgx.Batch, job int64, oc sillon.OC, issues []LoggedIssue) {
	n := len(issues)
	if n == 0 {
		return
	}
	ranks, types, codes, messages := make([]int32, n), make([]string, n), make([]string, n), make([]string, n)
	numeros, parcels, indices := make([]*string, n), make([]*string, n), make([]*int, n)
	for i, l := range issues {
		ranks[i], types[i], codes[i], messages[i] = int32(l.Rank), logType(l.Issue), l.Issue.Code, l.Issue.Message //nolint:gosec // bounded by the limits of a push
		numeros[i], parcels[i], indices[i] = nullText(l.Issue.NumeroBio), nullText(l.Issue.ParcelleID), l.Issue.Index
	}
	batch.Queue(`
		INSERT INTO import_log (job, oc, rank, type, code, message, numero_bio, parcelle_id, indice)
		SELECT $1, $2, i.* FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[]) AS i`,
		job, oc, ranks, types, codes, messages, numeros, parcels, indices)
}

func logType(i sillon.Issue) string {
	if i.Severity == sillon.SeverityWarning {
		return "warning"
	}
	return "error"
}

func nullText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ImportJob returns a job in scope, or sillon.ErrNoJob.
func (tx *Tx) ImportJob(ctx context.Context, id int64) (*ImportJob, error) {
	return one[ImportJob](ctx, tx, sillon.ErrNoJob, `SELECT `+jobColumns+` FROM import_job WHERE id = @id`, pgx.NamedArgs{"id": id})
}

// A StoredRecord is a record of a job that has been dealt with.
type StoredRecord struct {
	Rank      int
	NumeroBio string
	Refused   bool
	Parcels   int
}

// ImportResult returns what became of the records of a job, in the order of
// the payload.
func (tx *Tx) ImportResult(ctx context.Context, id int64) ([]StoredRecord, error) {
	records, err := all[StoredRecord](ctx, tx, `
		SELECT rank, numero_bio, state = 'refused' AS refused, parcels
		FROM import_record
		WHERE job = @id AND state <> 'todo'
		ORDER BY rank`, pgx.NamedArgs{"id": id})
	if err != nil {
		return nil, fmt.Errorf("records of import %d: %w", id, err)
	}
	return records, nil
}

// ImportIssues returns the log of a job, in the order of the payload; of one
// type, error or warning, unless that is empty.
func (tx *Tx) ImportIssues(ctx context.Context, id int64, only string) ([]LoggedIssue, error) {
	rows, _ := tx.Query(ctx, `
		SELECT rank, type, code, message, coalesce(numero_bio, ''), coalesce(parcelle_id, ''), indice
		FROM import_log
		WHERE job = $1 AND ($2 = '' OR type = $2)
		ORDER BY rank, id`, id, only)
	issues, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (LoggedIssue, error) {
		var l LoggedIssue
		var kind string
		err := row.Scan(&l.Rank, &kind, &l.Issue.Code, &l.Issue.Message, &l.Issue.NumeroBio, &l.Issue.ParcelleID, &l.Issue.Index)
		if kind == "warning" {
			l.Issue.Severity = sillon.SeverityWarning
		}
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("log of import %d: %w", id, err)
	}
	return issues, nil
}

// TakeLane makes holder the one who works for a certifier during lease, when
// nobody else does or their lease is over.
func (tx *Tx) TakeLane(ctx context.Context, oc sillon.OC, holder string, lease time.Duration) (bool, error) {
	tag, err := tx.Exec(ctx, `
		INSERT INTO import_lane (oc, holder, until) VALUES ($1, $2, now() + $3::interval)
		ON CONFLICT (oc) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE import_lane.holder = excluded.holder OR import_lane.until < now()`, oc, holder, lease)
	if err != nil {
		return false, fmt.Errorf("lane of certifier %d: %w", oc, err)
	}
	return tag.RowsAffected() == 1, nil
}

// LeaveLane ends holder's lease, so that another may go on at once.
func (tx *Tx) LeaveLane(ctx context.Context, oc sillon.OC, holder string) error {
	if _, err := tx.Exec(ctx, `UPDATE import_lane SET until = now() WHERE oc = $1 AND holder = $2`, oc, holder); err != nil {
		return fmt.Errorf("leave lane of certifier %d: %w", oc, err)
	}
	return nil
}

// HoldLane keeps a certifier for holder during pause, in which nothing is done.
func (tx *Tx) HoldLane(ctx context.Context, oc sillon.OC, holder string, pause time.Duration) error {
	if _, err := tx.Exec(ctx, `UPDATE import_lane SET until = now() + $3::interval WHERE oc = $1 AND holder = $2`, oc, holder, pause); err != nil {
		return fmt.Errorf("hold lane of certifier %d: %w", oc, err)
	}
	return nil
}

// ErrLaneLost is what a worker gets that kept no lease on its certifier.
var ErrLaneLost = errors.New("another worker took over this certifier")

// NextImport returns the oldest unfinished job of a certifier, marked as
// begun; ok is false when there is none.
func (tx *Tx) NextImport(ctx context.Context, oc sillon.OC) (job *ImportJob, ok bool, err error) {
	job, err = one[ImportJob](ctx, tx, sillon.ErrNoJob, `
		UPDATE import_job SET state = 'PENDING', started_at = coalesce(started_at, now()), heartbeat_at = now()
		WHERE id = (
			SELECT id FROM import_job WHERE oc = @oc AND state IN ('CREATED', 'PENDING') ORDER BY id LIMIT 1 FOR UPDATE)
		RETURNING `+jobColumns, pgx.NamedArgs{"oc": oc})
	if errors.Is(err, sillon.ErrNoJob) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("next import of certifier %d: %w", oc, err)
	}
	return job, true, tx.notifyImport(ctx, job.ID) // begun, or one slice further
}

// CountTry notes a failed try at the oldest unfinished job of a certifier and
// returns how many there were in a row at the same record.
func (tx *Tx) CountTry(ctx context.Context, oc sillon.OC) (tries int, err error) {
	err = tx.QueryRow(ctx, `
		UPDATE import_job j SET
			tries = CASE WHEN j.tried_rank IS NOT DISTINCT FROM n.rank THEN j.tries + 1 ELSE 1 END, tried_rank = n.rank
		FROM (
			SELECT o.id, (SELECT min(rank) FROM import_record WHERE job = o.id AND state = 'todo') AS rank
			FROM (SELECT id FROM import_job WHERE oc = $1 AND state IN ('CREATED', 'PENDING') ORDER BY id LIMIT 1) o
		) n
		WHERE j.id = n.id
		RETURNING j.tries`, oc).Scan(&tries)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count try for certifier %d: %w", oc, err)
	}
	return tries, nil
}

// TodoRecords returns the next records of a job to deal with, in order: at
// most limit, and no more than about size bytes of payload, but at least one.
func (tx *Tx) TodoRecords(ctx context.Context, job int64, limit int, size int64) ([]ImportRecord, error) {
	records, err := all[ImportRecord](ctx, tx, `
		SELECT rank, numero_bio, start, length
		FROM (
			SELECT rank, numero_bio, start, length, sum(length) OVER (ORDER BY rank) - length AS before
			FROM (
				SELECT * FROM import_record WHERE job = @job AND state = 'todo' ORDER BY rank LIMIT @limit
			) r
		) r
		WHERE before < @size OR before = 0
		ORDER BY rank`, pgx.NamedArgs{"job": job, "limit": limit, "size": size})
	if err != nil {
		return nil, fmt.Errorf("records to do of import %d: %w", job, err)
	}
	return records, nil
}

// Payload returns the bytes [start, end) of a payload, or what there is of them.
func (tx *Tx) Payload(ctx context.Context, job, start, end int64) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("payload decoder: %w", err)
	}
	defer decoder.Close()
	rows, _ := tx.Query(ctx, `
		SELECT start, data
		FROM import_payload
		WHERE job = $1 AND start < $3 AND start + length > $2
		ORDER BY start`, job, start, end)
	var from int64
	var data, out, plain []byte
	if _, err := pgx.ForEachRow(rows, []any{&from, &data}, func() error {
		if plain, err = decoder.DecodeAll(data, plain[:0]); err != nil {
			return err
		}
		lo, hi := max(start-from, 0), min(end-from, int64(len(plain)))
		out = append(out, plain[lo:hi]...)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("payload of import %d: %w", job, err)
	}
	return out, nil
}

// FinishImport ends a job of which no record is left to do, with its final
// counts: DONE, or ERROR when failure says why it could not go on.
func (tx *Tx) FinishImport(ctx context.Context, job int64, failure string) error {
	if _, err := tx.Exec(ctx, `
		UPDATE import_job j SET
			state = CASE WHEN $2 = '' THEN 'DONE' ELSE 'ERROR' END, error = $2, ended_at = clock_timestamp(), heartbeat_at = now(),
			accepted = r.stored, refused = j.received - r.stored
		FROM (SELECT count(*) FILTER (WHERE state = 'stored') AS stored FROM import_record WHERE job = $1) r
		WHERE j.id = $1 AND j.state IN ('CREATED', 'PENDING')`, job, failure); err != nil {
		return fmt.Errorf("finish import %d: %w", job, err)
	}
	return nil
}

// WaitingCertifiers lists the certifiers that have unfinished jobs and nobody
// working for them.
func (tx *Tx) WaitingCertifiers(ctx context.Context) ([]sillon.OC, error) {
	rows, _ := tx.Query(ctx, `
		SELECT DISTINCT j.oc
		FROM import_job j
		WHERE j.state IN ('CREATED', 'PENDING')
			AND NOT EXISTS (SELECT FROM import_lane l WHERE l.oc = j.oc AND l.until > now())`)
	ocs, err := pgx.CollectRows(rows, pgx.RowTo[sillon.OC])
	if err != nil {
		return nil, fmt.Errorf("waiting certifiers: %w", err)
	}
	return ocs, nil
}
