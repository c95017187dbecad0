package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

func trailService(t *testing.T, db *store.DB) *service.Service {
	t.Helper()
	svc, err := service.New(db, service.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// rows is the number of rows of the trail and of what they count.
func rows(t *testing.T, db *store.DB) string {
	t.Helper()
	var n, times int
	if err := db.InTx(t.Context(), store.National, func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT count(*), coalesce(sum(times), 0) FROM trail`).Scan(&n, &times)
	}); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(n, " ", times)
}

// TestTrailFlood: however many actors are refused however often, the rows stay
// few, and nothing is lost.
func TestTrailFlood(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	svc := trailService(t, db)
	const attempts = 20_000
	for i := range attempts {
		a := sillon.Actor{ID: fmt.Sprint("actor ", i%5000), Roles: sillon.RoleOCService, OC: 1}
		svc.Note(a, store.Trace{Kind: sillon.TraceRefusal, Resource: fmt.Sprint(i), Status: 404, Code: "NOT_FOUND"})
	}
	if err := svc.FlushTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n, times int
	if _, err := fmt.Sscan(rows(t, db), &n, &times); err != nil || n > 2500 || times != attempts {
		t.Errorf("%d rows of %d refusals, want at most 2500 of %d", n, times, attempts)
	}
}

// TestTrailWaits: what cannot be written is kept, and written later, once.
func TestTrailWaits(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	svc := trailService(t, db)
	refused := store.Trace{Kind: sillon.TraceRefusal, Code: "FORBIDDEN", Status: 403}
	svc.Note(sillon.Public, refused)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := svc.FlushTrail(gone); err == nil {
		t.Fatal("written without a database")
	}
	svc.Note(sillon.Public, refused)
	for range 2 {
		if err := svc.FlushTrail(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := rows(t, db); got != "1 2" {
		t.Errorf("rows and refusals: %s, want 1 2", got)
	}
}

// TestTrailIsAppendOnly: no role of the service changes or removes a row whose
// time has not come.
func TestTrailIsAppendOnly(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	svc := trailService(t, db)
	svc.Note(sillon.Public, store.Trace{Kind: sillon.TraceRefusal})
	if err := svc.FlushTrail(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, scope := range map[string]store.Scope{"system": store.System, "national": store.National, "public": store.Open, "certifier": store.Tenant(1)} {
		for _, sql := range []string{`UPDATE trail SET code = ''`, `DELETE FROM trail`, `TRUNCATE trail`} {
			if err := db.InTx(t.Context(), scope, func(tx *store.Tx) error {
				tag, err := tx.Exec(t.Context(), sql)
				if err == nil && tag.RowsAffected() == 0 && strings.HasPrefix(sql, "DELETE") {
					return errors.New("no row that it may remove")
				}
				return err
			}); err == nil {
				t.Errorf("%s may %s", name, sql)
			}
		}
	}
	if got := rows(t, db); got != "1 1" {
		t.Errorf("rows and refusals: %s", got)
	}
}
