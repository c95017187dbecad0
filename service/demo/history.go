package demo

import (
	"strconv"
	"time"

	"sillon/sillon"
)

// A history is what happens to a farm.
type history struct {
	newest   int // year of control
	versions int
	state    sillon.State // of the newest version
	imported bool         // the newest comes from the CAP declaration
	audits   [maxVersions]sillon.Date
	now      sillon.Certifier
	former   sillon.Certifier // owner of the versions older than moved
	moved    sillon.Date      // zero: never
	start    sillon.Date      // of the first link
	pacage   string
	mixed    bool // some fields stay conventional
}

func (m *maker) history(farm int) history {
	rng := m.rng
	s := history{newest: LastYear, versions: 1, state: sillon.StateCertified, pacage: pacageOf(farm)}
	if rng.IntN(10) < 3 {
		s.versions = 2 + rng.IntN(maxVersions-1)
	}
	switch n := rng.IntN(100); {
	case n < 25:
		s.newest--
	case n < 80:
	case n < 87:
		s.state = sillon.StateAudited
	case n < 91:
		s.state = sillon.StatePending
	default:
		s.state = sillon.StateDraft
	}
	s.imported = s.state == sillon.StateDraft || rng.IntN(5) == 0
	for age := range s.audits {
		s.audits[age] = someDay(rng, s.newest-age)
	}
	s.mixed = rng.IntN(6) == 0
	// Squared, so that most demo farms came to organic farming lately.
	young := rng.Float64()
	s.start = someDay(rng, s.newest-1-int(20*young*young))

	// Certifiers are not equally large.
	largest := min(rng.IntN(len(certifiers)), rng.IntN(len(certifiers)))
	s.now = certifiers[largest]
	if s.versions > 1 && rng.IntN(6) == 0 {
		s.former = certifiers[(largest+1+rng.IntN(len(certifiers)-1))%len(certifiers)]
		s.moved = sillon.Date{Year: s.newest, Month: time.January, Day: 1}
		if s.start.Year >= s.newest-s.versions {
			s.start.Year = s.newest - s.versions
		}
	}
	return s
}

// links are those of the registry: the former certifier, then the present one.
func (s *history) links(farm int) []sillon.Link {
	link := sillon.Link{
		Certifier: s.now, NumeroClient: "D" + strconv.Itoa(10000+farm), State: sillon.LinkEngaged,
		Start: s.start, ChangedAt: midnight(s.start),
	}
	if s.moved.IsZero() {
		return []sillon.Link{link}
	}
	link.Start, link.ChangedAt = s.moved, midnight(s.moved)
	eve := midnight(s.moved).AddDate(0, 0, -1)
	return []sillon.Link{{
		Certifier: s.former, NumeroClient: "F" + strconv.Itoa(10000+farm), State: sillon.LinkStopped,
		Start: s.start, Stop: sillon.DateOf(eve), ChangedAt: eve,
	}, link}
}
