package store

import (
	"context"
	"fmt"
	"time"
)

// PoolLoad is how busy the connections of this process are.
type PoolLoad struct {
	Max, Used, Idle int
	Waits           int64         // times that a connection was waited for
	Waited          time.Duration // in all
}

// PoolLoad reads how busy the pool is, without asking the database.
func (db *DB) PoolLoad() PoolLoad {
	s := db.pool.Stat()
	return PoolLoad{int(s.MaxConns()), int(s.AcquiredConns()), int(s.IdleConns()), s.EmptyAcquireCount(), s.EmptyAcquireWaitTime()}
}

// A QueueCount is how many jobs of a kind are in a state of the queue.
type QueueCount struct {
	Kind, State string
	Count       int
}

// QueueLoad is what waits in the queue of all nodes.
type QueueLoad struct {
	Jobs         []QueueCount
	OldestJob    time.Duration // of those that could be worked; 0 is none
	OpenImports  int
	OldestImport time.Duration
	Retention    []RetentionLoad
}

// A RetentionLoad is how long ago a kind of data was last looked through, in
// seconds, and how much of it went away then.
type RetentionLoad struct {
	Kind    string
	Age     float64
	Removed int64
}

// QueueLoad reads what waits. Jobs that have ended are not counted.
func (tx *Tx) QueueLoad(ctx context.Context) (l QueueLoad, err error) {
	if l.Jobs, err = all[QueueCount](ctx, tx, `
		SELECT kind, state::text AS state, count(*) AS count
		FROM river_job
		WHERE state NOT IN ('completed', 'cancelled', 'discarded')
		GROUP BY kind, state`, nil); err != nil {
		return l, fmt.Errorf("queue: %w", err)
	}
	var job, push float64
	if err := tx.QueryRow(ctx, `
		SELECT coalesce((SELECT extract(epoch FROM now() - min(scheduled_at)) FROM river_job WHERE state = 'available'), 0),
			count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)
		FROM import_job
		WHERE state IN ('CREATED', 'PENDING')`).Scan(&job, &l.OpenImports, &push); err != nil {
		return l, fmt.Errorf("queue age: %w", err)
	}
	if l.Retention, err = all[RetentionLoad](ctx, tx, `
		SELECT kind, extract(epoch FROM now() - at)::float8 AS age, removed FROM retention_run ORDER BY kind`, nil); err != nil {
		return l, fmt.Errorf("retention runs: %w", err)
	}
	l.OldestJob, l.OldestImport = fromSeconds(job), fromSeconds(push)
	return l, nil
}

// fromSeconds is a duration; a clock that went back gives none.
func fromSeconds(s float64) time.Duration { return time.Duration(max(0, s) * float64(time.Second)) }
