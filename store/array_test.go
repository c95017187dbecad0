package store_test

import (
	"strings"
	"testing"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// TestArrays proves that PostgreSQL reads slices as what they hold.
func TestArrays(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	tests := []struct {
		kind  string
		value any
		want  string
	}{
		{"text", []string{"", "é", `a "b" \ {c},`, "NULL"}, `{"",é,"a \"b\" \\ {c},","NULL"}`},
		{"text", []string{}, "{}"},
		{"text", []string(nil), ""},
		{"bytea", [][]byte{{0, 255}, nil, {}}, `{"\\x00ff",NULL,"\\x"}`},
		{"bool", []bool{true, false}, "{t,f}"},
		{"int", []int32{-1, 0, 1 << 30}, "{-1,0,1073741824}"},
		{"int", []int{7, -7}, "{7,-7}"},
		{"bigint", []int64{-1, 1 << 60}, "{-1,1152921504606846976}"},
		{"float8", []float64{0.1, -1e300}, "{0.1,-1e+300}"},
		{"date", []sillon.Date{{}, {Year: 1999, Month: 12, Day: 31}, {Year: 2026, Month: 3, Day: 1}}, "{NULL,1999-12-31,2026-03-01}"},
	}
	for _, tt := range tests {
		sql := `SELECT coalesce($1::` + tt.kind + `[]::text, '')`
		if got := ask[string](t, db, store.Open, sql, tt.value); got != tt.want {
			t.Errorf("%s: %v is read as %s, want %s", tt.kind, tt.value, got, tt.want)
		}
	}
	if got := ask[[]string](t, db, store.Open, `SELECT ARRAY['a', 'b']`); strings.Join(got, " ") != "a b" {
		t.Errorf("an array that is read is %q", got)
	}
}
