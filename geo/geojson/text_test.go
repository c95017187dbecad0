package geojson_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"sillon/geo/geojson"
)

// FuzzAppendString proves that what is written is read as what it was, but for
// bytes that are no UTF-8.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "L'étable", `a "quoted" \ path`, "two\nlines\x00\x7f", "\xff\xfe", "\u2028<&>😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := geojson.AppendString([]byte("["), s)
		var got []string
		if err := json.Unmarshal(append(b, ']'), &got); err != nil {
			t.Fatalf("AppendString(%q) = %s: %v", s, b[1:], err)
		}
		if want := strings.ToValidUTF8(string([]rune(s)), "\ufffd"); got[0] != want {
			t.Errorf("AppendString(%q) is read as %q, want %q", s, got[0], want)
		}
	})
}

func TestAppendNumber(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{0, 1, -1, 0.1, 1e21, 1e-7, 123456.789, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		var got float64
		if err := json.Unmarshal(geojson.AppendNumber(nil, &v), &got); err != nil || got != v {
			t.Errorf("AppendNumber(%v) is read as %v, %v", v, got, err)
		}
	}
	if got := string(geojson.AppendNumber(nil, nil)); got != "null" {
		t.Errorf("AppendNumber(nil) = %s", got)
	}
}
