package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAdvice(t *testing.T) {
	t.Parallel()
	const (
		debian = "PRETTY_NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\nID=debian\n"
		ubuntu = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n"
		mint   = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"\n"
	)
	tests := []struct {
		name, goos, release string
		major               int
		want                string
	}{
		{"nothing on Debian 13", "linux", debian, 0, "apt-get install postgresql-17-postgis-3"},
		{"nothing on Ubuntu 24.04", "linux", ubuntu, 0, "apt-get install postgresql-16-postgis-3"},
		{"PostGIS of another version on Debian", "linux", debian, 16, "apt-get install postgresql-16-postgis-3"},
		{"a relative of Debian", "linux", mint, 0, "apt-get install postgresql-postgis"},
		{"Fedora", "linux", "ID=fedora\nVERSION_ID=43\n", 0, "dnf install postgresql-server postgis"},
		{"macOS", "darwin", "", 15, "brew install postgresql@17 postgis"},
		{"an unknown system", "linux", "", 0, "the packages of this system, or see postgis.net"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := advice(tt.goos, tt.release, tt.major); got != tt.want {
				t.Errorf("advice() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMajorOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, version string
		want          int
	}{
		{"a release", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15},
		{"a beta", "postgres (PostgreSQL) 19beta2", 19},
		{"a bare number", "postgres (PostgreSQL) 17", 17},
		{"another program", "mysqld 8.4", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, name := range []string{"initdb", "postgres"} {
				script := "#!/bin/sh\necho '" + tt.version + "'\n"
				if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if got := majorOf(t.Context(), dir); got != tt.want {
				t.Errorf("majorOf() = %d, want %d", got, tt.want)
			}
		})
	}
}
