package exchange

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// Coordinates must be those that strconv reads, to the last bit.
func TestNumber(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		x := (r.Float64() - 0.5) * math.Pow10(r.IntN(14)-4)
		sameNumber(t, strconv.FormatFloat(x, "feg"[r.IntN(3)], r.IntN(20)-1, 64))
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{
		"4.9", "-0", "0.30000000000000004", "9007199254740993", "999999999999999999", "1e400", "1E-5", "01", "1.", "-", "4.9]", "1e+",
	} {
		f.Add(s)
	}
	f.Fuzz(sameNumber)
}

// sameNumber fails t when number and the standard library differ on s.
func sameNumber(t *testing.T, s string) {
	t.Helper()
	got, end, ok := number(s, 0)
	if !ok {
		if v := value(s); json.Valid([]byte(s)) && v.isNumber() {
			t.Fatalf("number(%q) finds none", s)
		}
		return
	}
	if !json.Valid([]byte(s[:end])) {
		t.Fatalf("number(%q) takes %q for a number", s, s[:end])
	}
	want, _ := strconv.ParseFloat(s[:end], 64)
	if math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("number(%q) = %v, want %v", s, got, want)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	tests := []struct{ sent, want string }{
		{"45742", "45742"},
		{"45742.0", "45742"},
		{"4.5742e4", "45742"},
		{"457420e-1", "45742"},
		{"0.5e1", "5"},
		{"0", "0"},
		{"-0", "0"},
		{"0.0", "0"},
		{"0e9", "0"},
		{"-12.0", "-12"},
		{"1E+3", "1000"},
		{"9007199254740993", "9007199254740993"},
		{"12345678901234567890.00", "12345678901234567890"},
		{"1.5", "1.5"},
		{"1e-3", "1e-3"},
		{"1e400", "1e400"},
		{"1e99999999999999999999", "1e99999999999999999999"},
	}
	for _, tt := range tests {
		t.Run(tt.sent, func(t *testing.T) {
			t.Parallel()
			if got := canonical(tt.sent); got != tt.want {
				t.Errorf("canonical(%s) = %s, want %s", tt.sent, got, tt.want)
			}
		})
	}
}
