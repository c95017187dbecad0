package sillon_test

import (
	"testing"

	"sillon/sillon"
)

func TestIsDepartement(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code string
		want bool
	}{
		{"01", true},
		{"26", true},
		{"95", true},
		{"2A", true},
		{"2B", true},
		{"971", true},
		{"976", true},
		{"988", true},
		{"", false},
		{"1", false},
		{"00", false},
		{"20", false},
		{"96", false},
		{"97", false},
		{"2C", false},
		{"2a", false},
		{"970", false},
		{"979", false},
		{"990", false},
		{"97A", false},
		{"0261", false},
		{"9/", false},
		{"é", false},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			if got := sillon.IsDepartement(tt.code); got != tt.want {
				t.Errorf("IsDepartement(%q) = %t", tt.code, got)
			}
		})
	}
}
