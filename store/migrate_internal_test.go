package store

import "testing"

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		version int
		refused bool
	}{
		{"14, which has no NULLS NOT DISTINCT", 140019, true},
		{"9.6", 90624, true},
		{"15 before the fix of CVE-2025-8713", 150013, true},
		{"15 with it", 150014, false},
		{"16 before the fix", 160009, true},
		{"16 with it", 160010, false},
		{"17 before the fix", 170005, true},
		{"17 with it", 170006, false},
		{"the first 18", 180000, false},
		{"one that is to come", 200001, false},
	}
	for _, tt := range tests {
		if err := checkVersion(tt.version); (err != nil) != tt.refused {
			t.Errorf("%s: checkVersion(%d) = %v", tt.name, tt.version, err)
		}
	}
}
