package sillon_test

import (
	"testing"

	"sillon/sillon"
)

func TestLinkOverlaps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                   string
		start, stop, from, end string
		want                   bool
	}{
		{"both for ever", "", "", "", "", true},
		{"one after the other", "2020-01-01", "2022-01-01", "2023-01-01", "", false},
		{"the day of the stop is the other's first", "2020-01-01", "2022-01-01", "2022-01-01", "", false},
		{"one day in common", "2020-01-01", "2022-01-02", "2022-01-01", "", true},
		{"the first never stops", "2020-01-01", "", "2022-01-01", "", true},
		{"one inside the other", "2020-01-01", "2024-01-01", "2021-01-01", "2022-01-01", true},
		{"without a first day, stopped before", "", "2020-01-01", "2021-01-01", "", false},
		{"without a first day, stopped after", "", "2022-01-01", "2021-01-01", "", true},
	}
	day := func(s string) sillon.Date {
		d, _ := sillon.ParseDate(s) // none for nothing
		return d
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, m := sillon.Link{Start: day(tt.start), Stop: day(tt.stop)}, sillon.Link{Start: day(tt.from), Stop: day(tt.end)}
			if got, turned := l.Overlaps(m), m.Overlaps(l); got != tt.want || turned != tt.want {
				t.Errorf("Overlaps() = %v, the other way round %v, want %v", got, turned, tt.want)
			}
		})
	}
}
