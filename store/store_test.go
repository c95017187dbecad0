package store_test

import (
	"context"
	"testing"

	"sillon/store"
	"sillon/store/storetest"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	if err := db.CheckSecurity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.InTx(t.Context(), store.Scope{}, func(*store.Tx) error { return nil }); err == nil {
		t.Error("a transaction without scope was run")
	}
	_ = context.Background
}
