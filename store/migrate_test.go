package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"sillon/migrations"
	"sillon/store"
	"sillon/store/storetest"
)

// emptyDatabase returns the address of a database that nothing was done to.
func emptyDatabase(t testing.TB) string {
	t.Helper()
	address := func(name string) string { return strings.Replace(os.Getenv("TEST_DATABASE_URL"), "%s", name, 1) }
	name := "test_" + strings.ToLower(rand.Text())
	storetest.Exec(t, address("postgres"), `CREATE DATABASE `+name)
	t.Cleanup(func() { storetest.Exec(t, address("postgres"), `DROP DATABASE `+name+` WITH (FORCE)`) })
	return address(name)
}

// catalogue tells all that migrations make, but for what belongs to extensions
// and to the queue: columns, constraints, indexes, triggers, functions,
// policies, owners and grants.
const catalogue = `
	WITH ours AS (
		SELECT oid, relname, relkind, relowner, relacl, relrowsecurity, relforcerowsecurity FROM pg_class c
		WHERE relnamespace = 'public'::regnamespace AND relkind <> 'c' AND relname !~ '^(river_|goose_|spatial_ref_sys|geography_columns|geometry_columns)'
	)
	SELECT concat_ws(' ', relkind, relname, relowner::regrole, relrowsecurity, relforcerowsecurity, relacl::text) FROM ours
	UNION ALL SELECT concat_ws(' ', relname, attname, format_type(atttypid, atttypmod), attnotnull, attstorage, attidentity, attgenerated, attacl::text,
		(SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum))
		FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0
	UNION ALL SELECT pg_get_indexdef(oid) FROM ours WHERE relkind = 'i'
	UNION ALL SELECT concat_ws(' ', relname, conname, pg_get_constraintdef(c.oid)) FROM ours JOIN pg_constraint c ON conrelid = ours.oid
	UNION ALL SELECT pg_get_triggerdef(t.oid) FROM ours JOIN pg_trigger t ON tgrelid = ours.oid WHERE NOT tgisinternal
	UNION ALL SELECT concat_ws(' ', tablename, policyname, roles::text, cmd, qual, with_check) FROM pg_policies
	UNION ALL SELECT concat_ws(' ', oid::regprocedure, proowner::regrole, prosecdef, proconfig::text, proacl::text, prosrc) FROM pg_proc p
		WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
			AND proname !~ '^river_'
	ORDER BY 1`

// TestO5MigrateOnce proves that of several nodes starting at once on an empty
// database each comes up, and every migration runs once; and that one more
// start changes nothing.
func TestO5MigrateOnce(t *testing.T) {
	t.Parallel()
	address := emptyDatabase(t)
	g, ctx := errgroup.WithContext(t.Context())
	for range 3 {
		g.Go(func() error { return store.Migrate(ctx, address) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	first := askServer[string](t, address, catalogue)
	if len(first) < 100 {
		t.Fatalf("a catalogue of %d lines", len(first))
	}
	if err := store.Migrate(t.Context(), address); err != nil {
		t.Fatalf("once more: %v", err)
	}
	if diff := cmp.Diff(first, askServer[string](t, address, catalogue)); diff != "" {
		t.Errorf("one more start changes (-before +after):\n%s", diff)
	}
	if twice := askServer[int](t, address, `
		SELECT version_id FROM goose_db_version GROUP BY 1 HAVING count(*) > 1`); len(twice) > 0 {
		t.Errorf("migrations that ran more than once: %v", twice)
	}
	db, err := store.Connect(t.Context(), address, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.CheckSecurity(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestO5MigrationsAreReversible proves that every migration has a way back
// that leaves nothing, and that the way up then leads to the same place.
func TestO5MigrationsAreReversible(t *testing.T) {
	t.Parallel()
	_, address := storetest.Open(t, 1)
	up := askServer[string](t, address, catalogue)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := provider.DownTo(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if left := askServer[string](t, address, catalogue); len(left) > 0 {
		t.Errorf("the way back leaves:\n%s", strings.Join(left, "\n"))
	}
	if _, err := provider.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(up, askServer[string](t, address, catalogue)); diff != "" {
		t.Errorf("the way up leads elsewhere (-first +second):\n%s", diff)
	}
}
