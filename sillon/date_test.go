package sillon_test

import (
	"testing"
	"time"

	"sillon/sillon"
)

func TestDateString(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d    sillon.Date
		want string
	}{
		{sillon.Date{}, ""},
		{sillon.Date{Year: 2026, Month: time.March, Day: 1}, "2026-03-01"},
		{sillon.Date{Year: 9999, Month: time.December, Day: 31}, "9999-12-31"},
		{sillon.Date{Year: 7, Month: time.October, Day: 10}, "0007-10-10"},
		{sillon.Date{Year: 10000, Month: time.January, Day: 1}, "10000-01-01"},
	} {
		if got := tt.d.String(); got != tt.want {
			t.Errorf("%#v is written %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestDaysSince(t *testing.T) {
	t.Parallel()
	d := sillon.Date{Year: 2024, Month: time.February, Day: 28}
	for days := -400; days < 400; days++ {
		later := sillon.DateOf(time.Date(d.Year, d.Month, d.Day+days, 0, 0, 0, 0, time.UTC))
		if got := later.DaysSince(d); got != days {
			t.Errorf("%v is %d days after %v, want %d", later, got, d, days)
		}
	}
}
