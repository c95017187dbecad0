package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver that goose uses
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"sillon/migrations"
)

// minimumServer is the oldest PostgreSQL that has the fixes row-level security
// needs (guards.md), by major version; newer majors have them all.
var minimumServer = map[int]int{15: 150014, 16: 160010, 17: 170006}

// Migrate brings the database at url to the present schema, one migration a
// transaction, under an advisory lock: of two nodes starting at once, one
// migrates and the other waits. The role at url must own the database, and be
// a superuser for the first migration.
func Migrate(ctx context.Context, url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("open for migration: %w", err)
	}
	defer func() { _ = db.Close() }()
	if err := checkServer(ctx, db); err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return migrateQueue(ctx, url)
}

// migrateQueue brings the tables of the job queue to the version of the
// library, whose migrations cannot share a transaction.
func migrateQueue(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("open for queue migration: %w", err)
	}
	defer pool.Close()
	// The lock belongs to its own session, and goes with it.
	session, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("open for queue migration: %w", err)
	}
	defer func() { _ = session.Close(context.WithoutCancel(ctx)) }()
	if _, err := session.Exec(ctx, `SELECT pg_advisory_lock(738512)`); err != nil {
		return fmt.Errorf("queue migration lock: %w", err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("queue migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	return grantQueue(ctx, session)
}

// grantQueue lets the service work its queue, and nothing else of the owner's.
func grantQueue(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, `
		DO $$
		DECLARE t record;
		BEGIN
			FOR t IN SELECT c.oid::regclass AS name, c.relkind FROM pg_class c
				WHERE c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'river\_%' AND c.relkind IN ('r', 'S') LOOP
				IF t.relkind = 'r' THEN
					EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO sillon_api, sillon_system', t.name);
				ELSE
					EXECUTE format('GRANT USAGE, SELECT ON %s TO sillon_api, sillon_system', t.name);
				END IF;
			END LOOP;
		END $$`); err != nil {
		return fmt.Errorf("grant queue: %w", err)
	}
	return nil
}

// checkServer refuses servers that row-level security cannot be trusted on.
func checkServer(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return fmt.Errorf("server version: %w", err)
	}
	return checkVersion(version)
}

// checkVersion judges a server by its server_version_num, as 150018.
func checkVersion(version int) error {
	major := version / 10000
	if major < 15 {
		return fmt.Errorf("PostgreSQL %d is too old: 15 or newer is needed", major)
	}
	if least := minimumServer[major]; version < least {
		return fmt.Errorf("PostgreSQL %d.%d lacks security fixes: install %d.%d or newer", major, version%10000, major, least%10000)
	}
	return nil
}

// ErrLeak is what CheckSecurity returns when the database would not keep
// certifiers apart as it should.
var ErrLeak = errors.New("row-level security is not as it should be")

// CheckSecurity makes sure, at start, that the role of requests does not
// bypass row-level security and that the box operator is still leakproof: an
// extension upgrade can undo that in silence.
func (db *DB) CheckSecurity(ctx context.Context) error {
	var bypass, leakproof bool
	err := db.pool.QueryRow(ctx, `
		SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
			(SELECT bool_and(proleakproof) FROM pg_proc
			 WHERE proname = 'geometry_overlaps' AND pg_get_function_identity_arguments(oid) LIKE '%geometry, % geometry')`,
	).Scan(&bypass, &leakproof)
	switch {
	case err != nil:
		return fmt.Errorf("check security: %w", err)
	case bypass:
		return fmt.Errorf("%w: the role of requests bypasses it", ErrLeak)
	case !leakproof:
		return fmt.Errorf("%w: geometry_overlaps is not leakproof (run sillon migrate as a superuser)", ErrLeak)
	}
	return nil
}
