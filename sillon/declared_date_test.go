package sillon_test

import (
	"testing"
	"time"

	"sillon/sillon"
)

// C7: the day must not depend on where the service runs, so each case is read in
// three time zones. time.Local is shared: nothing here is parallel.
func TestDeclaredDate(t *testing.T) {
	tests := []struct {
		name, sent, want string // want empty: refused
	}{
		{"a day", "2023-02-23", "2023-02-23"},
		{"a day with slashes", "2023/02/23", "2023-02-23"},
		{"the day that today's exchange refuses", "1970-01-01", "1970-01-01"},
		{"first year", "1900-01-01", "1900-01-01"},
		{"last year", "2100-12-31", "2100-12-31"},
		{"a leap day", "2024-02-29", "2024-02-29"},
		{"a time without offset", "2023-02-23T23:30", "2023-02-23"},
		{"a time with seconds", "2023-02-23T00:00:00", "2023-02-23"},
		{"a time with milliseconds", "2023-02-23T00:00:00.000", "2023-02-23"},
		{"an offset is left as written", "2023-02-23T00:00:00+02:00", "2023-02-23"},
		{"a far offset", "2023-02-23T23:59:59.999-11:00", "2023-02-23"},
		{"an offset without colon", "2023-02-23T10:00+0200", "2023-02-23"},
		{"an offset in hours", "2023-02-23T10:00+02", "2023-02-23"},
		{"UTC in the morning", "2023-02-23T00:00:00.000Z", "2023-02-23"},
		{"UTC late in winter is the next day in Paris", "2023-02-23T23:00:00Z", "2023-02-24"},
		{"UTC at ten in winter is not", "2023-02-23T22:59:59Z", "2023-02-23"},
		{"UTC at ten in summer is", "2023-07-23T22:00:00Z", "2023-07-24"},
		{"UTC at half past nine is never", "2023-07-23T21:59:59Z", "2023-07-23"},
		{"the year turns in Paris", "2023-12-31T23:00Z", "2024-01-01"},
		{"the last year turns in Paris", "2100-12-31T23:00Z", ""},
		{"empty", "", ""},
		{"a year", "2023", ""},
		{"French order", "23/02/2023", ""},
		{"American order", "02/23/2023", ""},
		{"mixed separators", "2023-02/23", ""},
		{"a time after slashes", "2023/02/23T10:00", ""},
		{"a space for T", "2023-02-23 10:00", ""},
		{"a day that does not exist", "2023-02-30", ""},
		{"no leap day", "2023-02-29", ""},
		{"month 13", "2023-13-01", ""},
		{"month 0", "2023-00-10", ""},
		{"day 0", "2023-02-00", ""},
		{"too early", "1899-12-31", ""},
		{"too late", "2101-01-01", ""},
		{"hour 24", "2023-02-23T24:00", ""},
		{"minute 60", "2023-02-23T10:60", ""},
		{"second 60", "2023-02-23T10:00:60", ""},
		{"no minute", "2023-02-23T10", ""},
		{"no fraction", "2023-02-23T10:00:00.", ""},
		{"a name of zone", "2023-02-23T10:00CET", ""},
		{"offset of 24 hours", "2023-02-23T10:00+24:00", ""},
		{"text after", "2023-02-23Z", ""},
		{"space after", "2023-02-23 ", ""},
		{"signs in place of digits", "+023-02-23", ""},
	}
	local := time.Local
	defer func() { time.Local = local }()
	for _, zone := range []string{"UTC", "Europe/Paris", "Pacific/Tahiti"} {
		l, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = l
		for _, tt := range tests {
			t.Run(zone+": "+tt.name, func(t *testing.T) {
				got, ok := sillon.DeclaredDate(tt.sent)
				if ok != (tt.want != "") || ok && got.String() != tt.want {
					t.Errorf("DeclaredDate(%q) = %v, %v, want %q", tt.sent, got, ok, tt.want)
				}
			})
		}
	}
}

func FuzzDeclaredDate(f *testing.F) {
	f.Add("2023-02-23T23:00:00.123Z")
	f.Add("2023/02/23")
	f.Add("2023-02-23T10:00-1100")
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := sillon.DeclaredDate(s)
		if !ok {
			return
		}
		if again, err := sillon.ParseDate(d.String()); err != nil || again != d {
			t.Errorf("DeclaredDate(%q) = %v, which is no day: %v", s, d, err)
		}
	})
}
