package main

import (
	"strings"
	"testing"

	"sillon/store/storetest"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 1)
	storetest.Farm(t, db, "1001", 1)
	storetest.Exec(t, address,
		`INSERT INTO idempotency_key (oc, key, holder, busy_until) VALUES (1, 'old', gen_random_uuid(), now() - interval '2 hours')`)
	retention := func(args ...string) string {
		t.Helper()
		c := call{env: []string{"SILLON_DATABASE_URL=" + address}, args: append([]string{"retention"}, args...)}
		got := c.run(t)
		if got.code != 0 {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
		return strings.Join(strings.Fields(got.stdout), " ")
	}
	const kinds = "import_payload 0 idempotency_key N told 0 import_reply 0 import_result 0 token 0 declared_geometry 0 deleted_parcel 0 deleted_parcellaire 0 history 0 trail 0 change 0"
	for _, tt := range []struct {
		args []string
		keys string
	}{{[]string{"--dry-run"}, "1"}, {[]string{"--dry-run"}, "1"}, {nil, "1"}, {nil, "0"}, {[]string{"--dry-run"}, "0"}} {
		if got, want := retention(tt.args...), strings.Replace(kinds, "N", tt.keys, 1); got != want {
			t.Errorf("%v: %s, want %s", tt.args, got, want)
		}
	}
}
