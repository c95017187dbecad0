package bench

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// settings are what the variables of make bench-tiles say.
type settings struct {
	parcels int           // PARCELS: of all versions
	growth  []int         // GROWTH: the same, of each run of bench-tiles-growth
	data    string        // BENCH_DATA: where filled databases are kept
	out     string        // BENCH_OUT: where the report goes
	lasting time.Duration // BENCH_SECONDS: of one load
	rounds  int           // BENCH_ROUNDS: loads of one point
	edits   int           // BENCH_EDITS: of each freshness figure
	from    uint32        // BENCH_FROM_ZOOM: what is further out stays as the last report has it

	tileserv, tegola, martin, featureserv string // paths of the peers
}

func settingsOf(b *testing.B, dir string) settings {
	b.Helper()
	text := func(name, otherwise string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	number := func(name, otherwise string) float64 {
		v, err := strconv.ParseFloat(text(name, otherwise), 64)
		if err != nil || v <= 0 {
			b.Fatalf("%s: %q is not a number above zero", name, text(name, otherwise))
		}
		return v
	}
	s := settings{
		parcels: int(number("PARCELS", "1500000")), data: text("BENCH_DATA", dir), out: text("BENCH_OUT", dir),
		lasting: time.Duration(number("BENCH_SECONDS", "0.7") * float64(time.Second)),
		rounds:  int(number("BENCH_ROUNDS", "3")), edits: int(number("BENCH_EDITS", "200")),
		from:     uint32(number("BENCH_FROM_ZOOM", strconv.Itoa(leastZoom))),
		tileserv: os.Getenv("PG_TILESERV"), tegola: os.Getenv("TEGOLA"), martin: os.Getenv("MARTIN"), featureserv: os.Getenv("PG_FEATURESERV"),
	}
	for part := range strings.FieldsSeq(text("GROWTH", "100000 1000000 5000000")) {
		n, err := strconv.Atoi(part)
		if err != nil || n <= 0 {
			b.Fatalf("GROWTH: %q is not a number of parcels", part)
		}
		s.growth = append(s.growth, n)
	}
	return s
}
