// Package storetest gives each test a database of its own.
package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/migrations"
	"sillon/sillon"
	"sillon/store"
)

// New returns a migrated, empty database that is dropped when t ends. It is
// cloned from a template, which takes less than a tenth of a second.
func New(t testing.TB) *store.DB {
	t.Helper()
	db, _ := Open(t, 4)
	return db
}

// Open is New for those who also need the address of the database, for a
// superuser, and a pool of a given size.
func Open(t testing.TB, connections int) (*store.DB, string) {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	exec(t, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s`, name, template(t)))
	db, err := store.Connect(context.Background(), url(t, name), connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		exec(t, `DROP DATABASE `+name+` WITH (FORCE)`)
	})
	return db, url(t, name)
}

// Farm stores a farm of production with one engaged link, to the certifier oc
// under the client number of the farm's own number with a "C" before it.
func Farm(t testing.TB, db *store.DB, numero string, oc sillon.OC) sillon.Farm {
	t.Helper()
	f := sillon.Farm{
		NumeroBio: sillon.NumeroBio(numero), Name: "Ferme " + numero, Production: true,
		Links: []sillon.Link{{
			Certifier: sillon.Certifier{ID: oc, Name: fmt.Sprintf("OC %d", oc)}, NumeroClient: "C" + numero, State: sillon.LinkEngaged,
			Start: sillon.Date{Year: 2020, Month: 1, Day: 1},
		}},
	}
	Farms(t, db, f)
	return f
}

// Farms stores farms as they are.
func Farms(t testing.TB, db *store.DB, farms ...sillon.Farm) {
	t.Helper()
	ctx := context.Background()
	if err := db.InTx(ctx, store.System, func(tx *store.Tx) error { return tx.SaveFarms(ctx, farms) }); err != nil {
		t.Fatal(err)
	}
}

var once struct {
	sync.Mutex
	name string
}

// template returns the name of a database with every migration applied. The
// name is a digest of the migrations, so that a change makes a new template.
func template(t testing.TB) string {
	t.Helper()
	once.Lock()
	defer once.Unlock()
	if once.name != "" {
		return once.name
	}
	h := fnv.New64a()
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := fs.ReadFile(migrations.FS, f)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = h.Write(b) // a hash takes everything
	}
	name := fmt.Sprintf("template_%x", h.Sum64())

	ctx := context.Background()
	c, err := pgx.Connect(ctx, url(t, "postgres"))
	if err != nil {
		t.Fatalf("no test database: %v (make test)", err)
	}
	defer func() { _ = c.Close(ctx) }()
	// Packages are tested in parallel: one of them makes the template.
	if _, err := c.Exec(ctx, `SELECT pg_advisory_lock(8471)`); err != nil {
		t.Fatal(err)
	}
	var exists bool
	if err := c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		t.Fatal(err)
	}
	if !exists {
		making := name + "_making"
		exec(t, `DROP DATABASE IF EXISTS `+making, `CREATE DATABASE `+making)
		if err := store.Migrate(ctx, url(t, making)); err != nil {
			t.Fatal(err)
		}
		exec(t, `ALTER DATABASE `+making+` RENAME TO `+name)
	}
	once.name = name
	return name
}

func url(t testing.TB, database string) string {
	t.Helper()
	server := os.Getenv("TEST_DATABASE_URL") // with %s for the database
	if server == "" {
		t.Fatal("TEST_DATABASE_URL is not set: make test")
	}
	return strings.Replace(server, "%s", database, 1)
}

// Exec runs statements as a superuser of the test server, on one database, to
// do what the service never would.
func Exec(t testing.TB, address string, sql ...string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	for _, s := range sql {
		if _, err := c.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// exec is Exec beside the databases of the tests.
func exec(t testing.TB, sql ...string) {
	t.Helper()
	Exec(t, url(t, "postgres"), sql...)
}
