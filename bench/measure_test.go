package bench

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/paulmach/orb/encoding/mvt"

	"sillon/tiles"
)

const (
	seed        = 1
	tilesOfKind = 40 // more than connections: no two ask for one tile at once
	leastZoom   = 4
	slow        = 500 * time.Millisecond
)

// A subject is a server that is measured.
type subject struct {
	name    string
	program *program
	path    func(tiles.Address) string
	peer    bool
	only8   bool // over 8 connections alone
	held    bool // asked with the ETag of what it last sent

	requests [][]byte
	features float64
	slow     bool
}

// close notes what the program took in all and stops it.
func (s *subject) close(b *testing.B, r *report) {
	b.Helper()
	if s.held {
		return // another subject of the same program
	}
	now, most := memoryOf(s.program.pid())
	i := slices.IndexFunc(r.Programs, func(f footprint) bool { return f.Server == s.name })
	if i < 0 {
		i = len(r.Programs)
		r.Programs = append(r.Programs, footprint{Server: s.name, RSS: now})
	}
	r.Programs[i].PeakRSS = most
	s.program.stop(b)
}

// prepare gets the requests for tiles ready, reads the first few tiles and
// counts what is in them.
func (s *subject) prepare(b *testing.B, list []tiles.Address) {
	b.Helper()
	c, err := dial(b.Context(), s.program.address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.conn.Close() }()
	s.requests, s.features, s.slow = nil, 0, false
	counted := 3
	if list[0].Z < 10 {
		counted = 1
	}
	counted = min(counted, len(list))
	for i, a := range list {
		r := request(s.program.address, s.path(a), "")
		if i < counted || s.held {
			n, etag := s.read(b, c, r, i < counted)
			s.features += float64(n) / float64(counted)
			if s.held {
				r = request(s.program.address, s.path(a), etag)
			}
		}
		s.requests = append(s.requests, r)
	}
}

// read reads a tile whole and counts its features if asked to.
func (s *subject) read(b *testing.B, c *client, r []byte, count bool) (features int, etag string) {
	b.Helper()
	var body bytes.Buffer
	a, err := c.do(r, &body)
	if err == nil && a.status == http.StatusNoContent {
		return 0, a.etag
	}
	if err != nil || a.status != http.StatusOK || !a.gzip {
		b.Fatalf("%s: %.80q: status %d, gzip %v, %v", s.name, r, a.status, a.gzip, err)
	}
	if !count {
		return 0, a.etag
	}
	z, err := gzip.NewReader(&body)
	if err != nil {
		b.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	layers, err := mvt.Unmarshal(plain)
	if err != nil {
		b.Fatalf("%s: %.80q: %v", s.name, r, err)
	}
	for _, l := range layers {
		features += len(l.Features)
	}
	return features, a.etag
}

func (s *subject) want() int {
	if s.held {
		return http.StatusNotModified
	}
	return http.StatusOK
}

// A measurement has every subject answer for the same tiles, in turn.
type measurement struct {
	settings
	database *database
	subjects []*subject
	points   []point
}

// all measures every zoom.
func (m *measurement) all(b *testing.B, c census) {
	b.Helper()
	for zoom := uint32(deepest); zoom >= max(leastZoom, m.from); zoom-- {
		dense, typical := c.pick(tilesOfKind, seed)
		m.kind(b, kindDense, dense, m.subjects)
		if zoom >= 8 { // above, hardly any tile is one and not the other
			m.kind(b, kindTypical, typical, m.subjects)
		}
		c = c.above()
	}
}

// kind measures tiles of one kind over 1, 8 and 32 connections.
func (m *measurement) kind(b *testing.B, kind string, list []tiles.Address, subjects []*subject) {
	b.Helper()
	begin := time.Now()
	defer func() {
		fmt.Printf("z%d, %s: %d tiles, %.0f s\n", list[0].Z, kind, len(list), time.Since(begin).Seconds())
	}()
	for _, s := range subjects {
		s.prepare(b, list)
	}
	for _, connections := range []int{1, 8, 32} {
		var asked []*subject
		for _, s := range subjects {
			if (connections == 8 || !s.only8) && (connections < 32 || !s.slow) {
				asked = append(asked, s)
			}
		}
		m.rounds(b, kind, list[0].Z, connections, asked)
	}
}

// rounds has the subjects take turns, each round another one first.
func (m *measurement) rounds(b *testing.B, kind string, zoom uint32, connections int, subjects []*subject) {
	b.Helper()
	totals := make([]total, len(subjects))
	for round := range m.settings.rounds {
		for i := range subjects {
			i = (i + round) % len(subjects)
			s := subjects[i]
			if round > 0 && quantile(totals[i].times, 0.5) > slow {
				continue // one turn of a slow one tells enough
			}
			m.load(b, s, &totals[i], round, connections)
		}
	}
	for i, s := range subjects {
		t := totals[i]
		s.slow = s.slow || quantile(t.times, 0.5) > slow
		m.points = append(m.points, t.point(point{
			Server: s.name, Zoom: zoom, Kind: kind, Connections: connections, Features: rounded(s.features),
		}))
	}
}

// load is one turn of a subject.
func (m *measurement) load(b *testing.B, s *subject, t *total, round, connections int) {
	b.Helper()
	ours, theirs := cpuOf(s.program.pid()), cpuUnder(m.database.postmaster)
	first := round * len(s.requests) / m.settings.rounds
	got, err := load(b.Context(), target{s.program.address, s.requests, s.want()}, first, connections, m.lasting)
	if err != nil {
		b.Fatalf("%s: %v", s.name, err)
	}
	t.add(got)
	t.rates = append(t.rates, float64(got.count)/got.took.Seconds())
	t.server += cpuOf(s.program.pid()) - ours
	t.database += max(0, cpuUnder(m.database.postmaster)-theirs)
}

// A total is all turns of a subject, with the processor time that they took.
type total struct {
	sample
	rates            []float64 // answers a second of each turn
	server, database time.Duration
}

// point completes p with the figures.
func (t *total) point(p point) point {
	n := float64(t.count)
	p.Tiles, p.Again, p.Empty = t.count, t.again, t.empty
	slices.Sort(t.rates)
	p.PerSecond, p.Bytes = rounded(t.rates[len(t.rates)/2]), rounded(float64(t.bytes)/n)
	p.MedianMS, p.P99MS = rounded(milliseconds(quantile(t.times, 0.5))), rounded(milliseconds(quantile(t.times, 0.99)))
	p.CPUMS, p.DatabaseMS = rounded(milliseconds(t.server)/n), rounded(milliseconds(t.database)/n)
	return p
}

// rounded keeps three digits of v: there are no more in it.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	if unit < 1 {
		per := math.Round(1 / unit)
		return math.Round(v*per) / per
	}
	return math.Round(v/unit) * unit
}

// ceilingBytes is what the tile weighs that is served beside bare net/http.
const ceilingBytes = 50_000

// ceiling has the node that keeps finished tiles serve the tile whose size is
// nearest to 50 KB, and net/http alone the same bytes.
func (m *measurement) ceiling(b *testing.B, dir string, cached *subject, c census) {
	b.Helper()
	body, a := m.nearest(b, cached, c)
	file := filepath.Join(dir, "tile.gz")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.Fatal(err)
	}
	address := freeAddress(b)
	p := launch(b, dir, serverBare, address, "/", nil, build(b, dir, "sillon/bench/bare"), address, file)
	defer p.stop(b)
	one := []tiles.Address{a}
	subjects := []*subject{
		{name: serverCached, program: cached.program, path: nodePath},
		{name: serverBare, program: p, path: nodePath},
	}
	from := len(m.points)
	m.kind(b, kindCeiling, one, subjects)
	for _, s := range subjects {
		s.held = true
	}
	subjects[0].name, subjects[1].name = serverUnchanged, serverBare304
	m.kind(b, kindCeiling, one, subjects)
	for i := range m.points[from:] {
		m.points[from+i].Zoom = 0 // of no zoom: net/http knows none
	}
}

// nearest returns the tile whose bytes are nearest to 50 KB, with the bytes.
func (m *measurement) nearest(b *testing.B, s *subject, c census) ([]byte, tiles.Address) {
	b.Helper()
	client, err := dial(b.Context(), s.program.address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.conn.Close() }()
	var best []byte
	var where tiles.Address
	distance := func(n int) int { return max(n-ceilingBytes, ceilingBytes-n) }
	for zoom := uint32(deepest); zoom >= 10; zoom-- {
		dense, _ := c.pick(tilesOfKind, seed)
		for _, a := range dense {
			var body bytes.Buffer
			if _, err := client.do(request(s.program.address, s.path(a), ""), &body); err != nil {
				b.Fatal(err)
			}
			if best == nil || distance(body.Len()) < distance(len(best)) {
				best, where = bytes.Clone(body.Bytes()), a
			}
		}
		c = c.above()
	}
	return best, where
}
