package bench

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	tests := []struct {
		name  string
		times []time.Duration
		q     float64
		want  time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.99, 7},
		{"half of an even number is the lower middle", []time.Duration{4, 1, 3, 2}, 0.5, 2},
		{"half of an odd number is the middle", []time.Duration{3, 1, 2}, 0.5, 2},
		{"99 of a hundred", hundred, 0.99, 99},
		{"all", hundred, 1, 100},
		{"none of them", hundred, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := quantile(append([]time.Duration(nil), tt.times...), tt.q); got != tt.want {
				t.Errorf("quantile(%v) = %d, want %d", tt.q, got, tt.want)
			}
		})
	}
}

func TestRounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ v, want float64 }{
		{0, 0}, {1234.5, 1230}, {98765, 98800}, {1.2345, 1.23}, {0.012345, 0.0123}, {-4.4449, -4.44},
	} {
		if got := rounded(tt.v); got != tt.want {
			t.Errorf("rounded(%v) = %v, want %v", tt.v, got, tt.want)
		}
	}
}
