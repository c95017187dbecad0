package sillon_test

import (
	"testing"

	"sillon/sillon"
)

func TestCPFUnder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		code, above string
		want        bool
	}{
		{"itself", "01.26.11", "01.26.11", true},
		{"a segment below", "01.26.11", "01.26", true},
		{"a digit below", "01.26.11", "01.26.1", true},
		{"a digit and a segment below", "01.19.10.2", "01.19.1", true},
		{"numbered side by side", "01.19.10.21", "01.19.10.2", false},
		{"segments of two digits side by side", "01.110", "01.11", false},
		{"above", "01.26", "01.26.11", false},
		{"elsewhere", "01.26.11", "01.27", false},
		{"no crop", "", "01", false},
		{"under nothing", "01.26", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := sillon.CPFUnder(tt.code, tt.above); got != tt.want {
				t.Errorf("CPFUnder(%q, %q) = %v", tt.code, tt.above, got)
			}
		})
	}
}
