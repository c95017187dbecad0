// Package store keeps the service's data in PostgreSQL. All its SQL is here,
// one file per noun; it applies no rule and knows no actor.
package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"sillon/sillon"
)

// A DB is a pool of connections to one database.
type DB struct {
	pool  *pgxpool.Pool
	river *river.Client[pgx.Tx] // inserts jobs, never works
}

// A Tx is a transaction. Writes are methods of Tx only, so that no write can
// happen outside one.
type Tx struct {
	pgx.Tx
	river *river.Client[pgx.Tx]
}

// A Scope is what row-level security lets a transaction see. The zero Scope
// sees nothing.
type Scope struct {
	role string
	oc   sillon.OC
}

// The scopes that belong to nobody in particular.
var (
	National = Scope{role: "sillon_national"} // reads everything
	Open     = Scope{role: "sillon_public"}   // reads what is published, without identity
	System   = Scope{role: "sillon_system"}   // the registry, the command line, scheduling
)

// Tenant is the scope of a certifier.
func Tenant(oc sillon.OC) Scope { return Scope{role: "sillon_api", oc: oc} }

// Connect opens a pool of at most size connections to the database at url,
// whose role must be sillon_api or one that may become it. A tracer, if any, is
// told of every statement.
func Connect(ctx context.Context, url string, size int, tracer ...pgx.QueryTracer) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	cfg.MaxConns = int32(size) //nolint:gosec // a small number from the configuration
	cfg.ConnConfig.RuntimeParams["application_name"] = "sillon"
	cfg.ConnConfig.RuntimeParams["lock_timeout"] = "30s"
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "300s"
	cfg.ConnConfig.RuntimeParams["jit"] = "off"
	cfg.ConnConfig.RuntimeParams["max_parallel_workers_per_gather"] = "0"
	cfg.AfterConnect = prepare
	if len(tracer) > 0 {
		cfg.ConnConfig.Tracer = tracer[0]
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("job client: %w", err)
	}
	return &DB{pool: pool, river: client}, nil
}

// prepare gives up the rights of whoever logged in, and teaches the connection
// PostGIS geometries and the slices of bulk statements.
func prepare(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, `SET ROLE sillon_api`); err != nil {
		return fmt.Errorf("become sillon_api (run sillon migrate first): %w", err)
	}
	var oid uint32
	if err := c.QueryRow(ctx, `SELECT 'geometry'::regtype::oid`).Scan(&oid); err != nil {
		return fmt.Errorf("geometry type (run sillon migrate first): %w", err)
	}
	c.TypeMap().RegisterType(&pgtype.Type{Name: "geometry", OID: oid, Codec: geometryCodec{}})
	registerArrays(c.TypeMap())
	return nil
}

// Close waits for the connections in use and closes the pool.
func (db *DB) Close() { db.pool.Close() }

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.pool.Ping(ctx) }

// Pool is the pool itself, for the job runner, which keeps tables of its own.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// InTx runs f in a transaction that sees what scope allows: committed when f
// returns nil, else rolled back.
func (db *DB) InTx(ctx context.Context, scope Scope, f func(*Tx) error) error {
	return db.begin(ctx, scope, "BEGIN", "", f)
}

// InQuickTx is InTx for the many short transactions of work that is taken up
// again: a crash of the database server within the next second may undo the
// commit, and a statement is planned once per connection, not once per
// transaction (planning that of the parcels costs more than running it).
func (db *DB) InQuickTx(ctx context.Context, scope Scope, f func(*Tx) error) error {
	return db.begin(ctx, scope, "BEGIN", "; SET LOCAL synchronous_commit = off; SET LOCAL plan_cache_mode = force_generic_plan", f)
}

// begin runs f in a transaction begun by a statement, with more settings.
func (db *DB) begin(ctx context.Context, scope Scope, statement, more string, f func(*Tx) error) error {
	if scope.role == "" {
		return errors.New("a transaction without scope")
	}
	oc := ""
	if scope.oc != 0 {
		oc = strconv.Itoa(int(scope.oc))
	}
	// One round trip; all parts are ours, not the caller's.
	begin := statement + "; SET LOCAL ROLE " + scope.role + "; SET LOCAL app.oc = '" + oc + "'" + more
	return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error {
		return f(&Tx{tx, db.river})
	})
}

// Enqueue adds a job to the queue, to be worked once the transaction commits.
func (tx *Tx) Enqueue(ctx context.Context, job river.JobArgs) error {
	if _, err := tx.river.InsertTx(ctx, tx.Tx, job, nil); err != nil {
		return fmt.Errorf("enqueue %s: %w", job.Kind(), err)
	}
	return nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// all returns every row of a query as a T, matching columns to fields by name.
func all[T any](ctx context.Context, q querier, sql string, args pgx.NamedArgs) ([]T, error) {
	rows, _ := q.Query(ctx, sql, args) // CollectRows returns the error of Query
	return pgx.CollectRows(rows, pgx.RowToStructByNameLax[T])
}

// one returns the row of a query as a T; no row is the failure missing.
func one[T any](ctx context.Context, q querier, missing *sillon.Error, sql string, args pgx.NamedArgs) (*T, error) {
	rows, _ := q.Query(ctx, sql, args) // CollectExactlyOneRow returns its error
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByNameLax[T])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, missing
	}
	return v, err
}

// IsTransient reports whether err may go away when the same work is done
// again: the connection was lost, the server stops, another transaction won.
func IsTransient(err error) bool {
	if err == nil {
		return false
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true // no answer from the server at all
	}
	switch pg.Code[:2] {
	case "08", "40", "53", "57", "58", "XX":
		return true
	}
	return pg.Code == "55P03" // lock not available
}

// nullTime is the NULL-able time of an optional column.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
