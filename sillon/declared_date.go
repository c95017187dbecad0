package sillon

import (
	"sync"
	"time"
	_ "time/tzdata" // a minimal machine has no time zones
)

// DeclaredDate reads a day as certifiers send it (certifier-exchange.md §2.4):
// YYYY-MM-DD, YYYY/MM/DD, or YYYY-MM-DDThh:mm[:ss[.fff]] with an offset or
// none, which is the day as written, or with Z, which is the day in
// Europe/Paris. ok is false for any other text, for a day that does not exist
// and for a year outside 1900–2100.
func DeclaredDate(s string) (d Date, ok bool) {
	if len(s) < len(time.DateOnly) {
		return Date{}, false
	}
	y, okY := decimal(s[0:4])
	m, okM := decimal(s[5:7])
	day, okD := decimal(s[8:10])
	sep := s[4]
	if !okY || !okM || !okD || s[7] != sep || sep != '-' && sep != '/' {
		return Date{}, false
	}
	d = Date{y, time.Month(m), day}
	if !d.isDeclarable() {
		return Date{}, false
	}
	rest := s[len(time.DateOnly):]
	if rest == "" {
		return d, true
	}
	if sep != '-' || rest[0] != 'T' {
		return Date{}, false
	}
	c, ok := parseClock(rest[1:])
	if !ok {
		return Date{}, false
	}
	// Paris is never more than two hours ahead of UTC, nor behind it.
	if c.utc && c.hour >= 22 {
		at := time.Date(d.Year, d.Month, d.Day, c.hour, c.minute, c.second, 0, time.UTC)
		d = DateOf(at.In(paris()))
	}
	return d, d.isDeclarable()
}

// isDeclarable reports whether d exists and its year is one a certifier may
// send.
func (d Date) isDeclarable() bool {
	return d.Year >= 1900 && d.Year <= 2100 && DateOf(d.time()) == d
}

// A clock is a time of day as written.
type clock struct {
	hour, minute, second int
	utc                  bool // written with Z
}

// parseClock reads hh:mm[:ss[.fff]] with Z, an offset or nothing after it.
func parseClock(s string) (c clock, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return clock{}, false
	}
	var okH, okM bool
	c.hour, okH = decimal(s[0:2])
	c.minute, okM = decimal(s[3:5])
	if !okH || !okM {
		return clock{}, false
	}
	s = s[5:]
	if len(s) >= 3 && s[0] == ':' {
		if c.second, ok = decimal(s[1:3]); !ok {
			return clock{}, false
		}
		s = s[3:]
		if len(s) >= 2 && s[0] == '.' {
			n := 1
			for n < len(s) && s[n] >= '0' && s[n] <= '9' {
				n++
			}
			if n == 1 {
				return clock{}, false
			}
			s = s[n:]
		}
	}
	c.utc = s == "Z"
	return c, c.hour < 24 && c.minute < 60 && c.second < 60 && (s == "" || c.utc || isOffset(s))
}

// isOffset reports whether s is ±hh:mm, ±hhmm or ±hh.
func isOffset(s string) bool {
	if s[0] != '+' && s[0] != '-' {
		return false
	}
	s = s[1:]
	if len(s) == 5 && s[2] == ':' {
		s = s[:2] + s[3:]
	}
	switch len(s) {
	case 2:
		h, ok := decimal(s)
		return ok && h < 24
	case 4:
		h, okH := decimal(s[:2])
		m, okM := decimal(s[2:])
		return okH && okM && h < 24 && m < 60
	}
	return false
}

// decimal reads a text made of digits only.
func decimal(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

var paris = sync.OnceValue(func() *time.Location {
	l, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err) // cannot be: the zones are embedded
	}
	return l
})
