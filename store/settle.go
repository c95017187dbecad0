package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A Claim is records of a job of a certifier that holder, who works for it,
// wants to settle.
type Claim struct {
	Job    int64
	OC     sillon.OC
	Holder string
	Ranks  []int
}

// Claim takes the records for the transaction: while it lasts no one can take
// the certifier from the holder, nor settle the records. Several transactions of
// one holder may claim at once. It returns the ranks that are still to do, or
// ErrLaneLost.
func (tx *Tx) Claim(ctx context.Context, c Claim) (todo []int, err error) {
	todo, _, err = tx.ClaimTargets(ctx, c, nil)
	return todo, err
}

// ClaimTargets is Claim and, in the same round trip, PushTargets with the farms
// and the versions locked: until the transaction ends nobody else changes who
// has the farms, nor what is stored for them.
func (tx *Tx) ClaimTargets(ctx context.Context, c Claim, audits []FarmAudit) (todo []int, targets []PushTarget, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`SELECT 1 FROM import_lane WHERE oc = $1 AND holder = $2 FOR SHARE`, c.OC, c.Holder)
	batch.Queue(`
		SELECT rank
		FROM import_record
		WHERE job = $1 AND rank = ANY($2) AND state = 'todo'
		ORDER BY rank
		FOR UPDATE`, c.Job, c.Ranks)
	if len(audits) > 0 {
		numeros, days := farmAudits(audits)
		batch.Queue(`SELECT lock_farms($1)`, numeros) // before their versions, as all do
		batch.Queue(targetsOf("FOR UPDATE"), numeros, days, c.OC)
	}
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	held, err := results.Exec()
	if err != nil {
		return nil, nil, fmt.Errorf("lane of certifier %d: %w", c.OC, err)
	}
	if held.RowsAffected() == 0 {
		return nil, nil, ErrLaneLost
	}
	rows, _ := results.Query()
	if todo, err = pgx.CollectRows(rows, pgx.RowTo[int]); err != nil {
		return nil, nil, fmt.Errorf("claim records of import %d: %w", c.Job, err)
	}
	if len(audits) > 0 {
		if _, err = results.Exec(); err != nil {
			return nil, nil, fmt.Errorf("farms of import %d: %w", c.Job, err)
		}
		rows, _ = results.Query()
		if targets, err = readTargets(rows, len(audits)); err != nil {
			return nil, nil, err
		}
	}
	return todo, targets, results.Close()
}

// A Settled record is one that was dealt with.
type Settled struct {
	Rank        int
	Parcellaire *sillon.Parcellaire // where it is stored, as that now stands; nil when it is refused
	Issues      []sillon.Issue
}

// Settle writes what became of records of a job. Of records settled at once,
// those with issues wait for each other's commit: a reader that asks for what
// follows the last entry it has seen must miss none.
func (tx *Tx) Settle(ctx context.Context, job int64, oc sillon.OC, records ...Settled) error {
	return tx.SaveSettled(ctx, nil, job, oc, records)
}

// SaveSettled is Save, of a farm each, and Settle in one round trip.
func (tx *Tx) SaveSettled(ctx context.Context, savings []Saving, job int64, oc sillon.OC, records []Settled) error {
	n := len(records)
	ranks, ids, parcels, revisions := make([]int, n), make([]*string, n), make([]int, n), make([]*int64, n)
	var logged []LoggedIssue
	for i, r := range records {
		ranks[i] = r.Rank
		if v := r.Parcellaire; v != nil {
			ids[i], parcels[i], revisions[i] = nullText(string(v.ID)), v.ParcelCount, &v.Revision
		}
		for _, issue := range r.Issues {
			logged = append(logged, LoggedIssue{r.Rank, issue})
		}
	}
	slices.SortStableFunc(logged, func(a, b LoggedIssue) int { return a.Rank - b.Rank })
	batch := &pgx.Batch{}
	if err := queueSavings(batch, savings); err != nil {
		return err
	}
	// By rank = ANY, or a whole job is read for some of its records.
	batch.Queue(`
		UPDATE import_record r SET state = CASE WHEN s.id IS NULL THEN 'refused' ELSE 'stored' END, parcellaire_id = s.id,
			parcels = s.parcels, revision = s.revision
		FROM unnest($2::int[], $3::uuid[], $4::int[], $5::bigint[]) AS s (rank, id, parcels, revision)
		WHERE r.job = $1 AND r.rank = ANY($2) AND r.rank = s.rank`, job, ranks, ids, parcels, revisions)
	if len(logged) > 0 {
		batch.Queue(`SELECT pg_advisory_xact_lock(hashtextextended('import_log', $1))`, job)
		queueLogs(batch, job, oc, logged)
		batch.Queue(`SELECT pg_notify('`+ImportChannel+`', $1::bigint::text)`, job)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store records of import %d: %w", job, err)
	}
	return nil
}
