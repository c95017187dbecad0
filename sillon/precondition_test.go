package sillon_test

import (
	"errors"
	"testing"
	"time"

	"sillon/sillon"
)

func TestPrecondition(t *testing.T) {
	t.Parallel()
	updated := time.Date(2026, 3, 1, 10, 0, 0, 999_000_000, time.UTC)
	tests := []struct {
		name         string
		precondition sillon.Precondition
		revision     int64
		stale        bool
	}{
		{"nothing asked", sillon.Precondition{}, 4, false},
		{"the present revision", sillon.Precondition{Revision: 4}, 4, false},
		{"an older revision", sillon.Precondition{Revision: 3}, 4, true},
		{"a tag it never had", sillon.Precondition{Revision: -1}, 4, true},
		{"a revision of what is not there", sillon.Precondition{Revision: 1}, 0, true},
		{"anything that is there", sillon.Precondition{Existing: true}, 4, false},
		{"anything, of what is not there", sillon.Precondition{Existing: true}, 0, true},
		{"the second it was changed in", sillon.Precondition{Since: updated.Truncate(time.Second)}, 4, false},
		{"a second before", sillon.Precondition{Since: updated.Truncate(time.Second).Add(-time.Second)}, 4, true},
		{"a second after", sillon.Precondition{Since: updated.Add(time.Second)}, 4, false},
		{"a day before, of what is not there", sillon.Precondition{Since: updated.AddDate(0, 0, -1)}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.precondition.Check(tt.revision, updated)
			if errors.Is(err, sillon.ErrStale) != tt.stale || (err != nil) != tt.stale {
				t.Errorf("Check(%d) = %v, want stale %v", tt.revision, err, tt.stale)
			}
			if err != nil && sillon.Failure(err).Revision != tt.revision {
				t.Errorf("the failure tells revision %d, want %d", sillon.Failure(err).Revision, tt.revision)
			}
		})
	}
}
