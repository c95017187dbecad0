package main

import "testing"

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		command []string
		want    int
	}{
		{"sees the address", []string{"sh", "-c", `case $TEST_DATABASE_URL in postgres://sillon@/%s\?*) ;; *) exit 9 ;; esac`}, 0},
		{"its exit code", []string{"sh", "-c", "exit 7"}, 7},
		{"its death by a signal", []string{"sh", "-c", "kill -TERM $$"}, 143},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t.Context(), tt.command)
			if err != nil || got != tt.want {
				t.Errorf("run() = %d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

func TestRunNothing(t *testing.T) {
	t.Parallel()
	for name, command := range map[string][]string{"no command": nil, "no such command": {"/nowhere/to/be/found"}} {
		if code, err := run(t.Context(), command); err == nil || code != 1 {
			t.Errorf("%s: run() = %d, %v, want an error", name, code, err)
		}
	}
}
