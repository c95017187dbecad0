package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// isCPF knows the codes that the tests use.
func isCPF(code string) bool { return strings.HasPrefix(code, "01.") && len(code) < 14 }

// TestP5NoSecondConnection proves that pushes and the work at them never wait
// for a connection while they hold one: many at once, on a pool of two, all end.
func TestP5NoSecondConnection(t *testing.T) {
	t.Parallel()
	const certifiers, pushes = 5, 4
	db, _ := storetest.Open(t, 2)
	svc := newService(t, db)
	for oc := sillon.OC(1); oc <= certifiers; oc++ {
		storetest.Farm(t, db, fmt.Sprint(1000+oc), oc)
	}
	send, ctx := errgroup.WithContext(t.Context())
	for oc := sillon.OC(1); oc <= certifiers; oc++ {
		for n := range pushes {
			send.Go(func() error {
				body := strings.NewReader("[" + record(fmt.Sprint(1000+oc), 2020+n) + "]")
				_, err := svc.Push(ctx, sillon.Actor{ID: "t", Roles: sillon.RoleOCService, OC: oc}, service.PushRequest{Body: body})
				return err
			})
		}
	}
	if err := send.Wait(); err != nil {
		t.Fatal(err)
	}
	work, ctx := errgroup.WithContext(t.Context())
	for oc := sillon.OC(1); oc <= certifiers; oc++ {
		work.Go(func() error {
			more, err := svc.WorkImports(ctx, oc, holder, time.Minute)
			if err == nil && more {
				err = fmt.Errorf("certifier %d has pushes left", oc)
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	var stored int
	if err := db.InTx(t.Context(), store.National, func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT count(*) FROM parcellaire`).Scan(&stored)
	}); err != nil {
		t.Fatal(err)
	}
	if stored != certifiers*pushes {
		t.Errorf("%d parcellaires stored, want %d", stored, certifiers*pushes)
	}
}
