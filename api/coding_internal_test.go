package api

import (
	"testing"

	"sillon/service"
)

func TestCodingFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		accept string
		want   service.Coding
	}{
		{"", service.Identity},
		{"gzip", service.Gzip},
		{"x-gzip", service.Gzip},
		{"zstd", service.Zstd},
		{"gzip, deflate, br, zstd", service.Zstd},
		{"gzip, deflate, br", service.Gzip},
		{"GZIP;Q=0.5", service.Gzip},
		{"gzip;q=1, zstd;q=0.5", service.Gzip},
		{"gzip;q=0.1,zstd;q=0.9", service.Zstd},
		{"gzip;q=0", service.Identity},
		{"gzip;q=0, *", service.Zstd},
		{"*", service.Zstd},
		{"*;q=0", service.Identity},
		{"*;q=0, gzip;q=0.1", service.Gzip},
		{"identity", service.Identity},
		{"identity;q=0.5, gzip;q=0.4", service.Identity},
		{"identity;q=0.5, gzip;q=0.5", service.Gzip},
		{"br", service.Identity},
		{"gzip;q=mal", service.Identity},
		{"gzip;q=7", service.Identity},
		{"gzip; q=0.3", service.Gzip},
		{"gzip;x=1", service.Gzip},
		{",,;", service.Identity},
	}
	for _, tt := range tests {
		t.Run(tt.accept, func(t *testing.T) {
			t.Parallel()
			if got := codingFor(tt.accept); got != tt.want {
				t.Errorf("codingFor(%q) = %d, want %d", tt.accept, got, tt.want)
			}
		})
	}
}
