package bench

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line string
		parent     int
		cpu        time.Duration
	}{
		{"a plain name", "42 (sillon) S 7 42 42 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 8 0 100 1 1", 7, 1750 * time.Millisecond},
		{"a name with spaces and brackets", "42 (a) b (c) R 9 42 42 0 -1 4194560 1 0 0 0 1 2 0 0 20", 9, 30 * time.Millisecond},
		{"cut short", "42 (sillon) S 7 42", 0, 0},
		{"nothing", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if parent, cpu := parseStat([]byte(tt.line)); parent != tt.parent || cpu != tt.cpu {
				t.Errorf("parseStat() = %d, %v, want %d, %v", parent, cpu, tt.parent, tt.cpu)
			}
		})
	}
}
