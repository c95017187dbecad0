package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/gzip"
)

const (
	readFarms   = 330
	readParcels = 10_000
	readCopies  = 115 // of what is pushed: a million parcels in all
)

// copies has the pushed farms, versions and parcels stored again and again
// under other numbers. The list does not read the spatial indexes, which would
// take most of the time.
const copies = `
	SET session_replication_role = replica;
	DROP INDEX parcel_geom_idx, parcel_oc_geom_idx, parcel_reader_geom_idx;
	INSERT INTO farm (numero_bio, name, commune, current_oc, numero_client, current_state, ocs)
	SELECT numero_bio || '-' || k, name, commune, current_oc, numero_client, current_state, ocs
	FROM farm, generate_series(2, %[1]d) AS k;
	INSERT INTO parcellaire (id, numero_bio, oc, name, year, state, audit_date, certified_from, certified_until, metadata, mixite, surface_m2,
		parcel_count)
	SELECT md5(id::text || k)::uuid, numero_bio || '-' || k, oc, name, year, state, audit_date, certified_from, certified_until, metadata, mixite,
		surface_m2, parcel_count
	FROM parcellaire, generate_series(2, %[1]d) AS k;
	INSERT INTO parcel (parcellaire_id, id, oc, tile_id, cell_x, cell_y, geom, geometry_status, name, numero_pacage, numero_ilot, numero_parcelle,
		crops, level, engaged_on, commune, etranger, origine, surface_m2)
	SELECT md5(parcellaire_id::text || k)::uuid, id, oc, tile_id, cell_x, cell_y, geom, geometry_status, name, numero_pacage, numero_ilot,
		numero_parcelle, crops, level, engaged_on, commune, etranger, origine, surface_m2
	FROM generate_series(2, %[1]d) AS k, (SELECT * FROM parcel ORDER BY key) p;
	RESET session_replication_role;
	ANALYZE`

// BenchmarkRead reads a million parcels of one certifier back through the
// list of RFC 002, from the real program, without and with compression (P3).
func BenchmarkRead(b *testing.B) {
	dir := workDir(b)
	pushed := writeInputs(b, dir, readFarms, readParcels)
	s := start(b, dir)
	s.prepare(b, dir)
	s.wait(b, s.push(b, filepath.Join(dir, "payload.json")))
	s.multiply(b)
	token := s.token
	s.stop(b) // memory is counted from here
	s = start(b, dir)
	s.token = token
	for b.Loop() {
		for _, coding := range []string{"identity", "gzip"} {
			r := s.readAll(b, coding)
			if r.features != readCopies*pushed {
				b.Fatalf("%d parcels read, want %d", r.features, readCopies*pushed)
			}
			rate := float64(r.bytes) / 1e6 / r.took.Seconds()
			b.ReportMetric(r.first.Seconds(), "s-to-first-byte-"+coding)
			b.ReportMetric(rate, "MB/s-"+coding)
			peak := s.peak(b)
			b.ReportMetric(peak/1e6, "MB-peak")
			fmt.Printf("read (%s): %d parcels, %.0f MB in %.1f s (%.0f MB/s, %.0f parcels/s), first byte after %.2f s, peak memory %.0f MB\n",
				coding, r.features, float64(r.bytes)/1e6, r.took.Seconds(), rate, float64(r.features)/r.took.Seconds(), r.first.Seconds(), peak/1e6)
			if r.first > time.Second || peak > 256<<20 {
				b.Errorf("first byte after %v, peak memory %.0f MB: want less than 1 s and 256 MiB", r.first, peak/1e6)
			}
		}
	}
	s.stop(b)
}

// multiply stores the copies.
func (s *service) multiply(b *testing.B) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), "postgres://sillon@/sillon?port=5432&host="+filepath.Join(s.data, "run"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
	begin := time.Now()
	if _, err := conn.Exec(b.Context(), fmt.Sprintf(copies, readCopies)); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("copied in %.0f s\n", time.Since(begin).Seconds())
}

// A reading is what came of the list.
type reading struct {
	first, took time.Duration
	bytes       int64 // as they came
	features    int   // counted when they came uncompressed, else inflated
}

func (s *service) readAll(b *testing.B, coding string) (r reading) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.address+"/api/v2/certification/parcellaires", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", s.token)
	request.Header.Set("Accept-Encoding", coding)
	begin := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	came := &meter{from: response.Body, begin: begin}
	if r.features, err = countFeatures(came, coding == "gzip"); err != nil {
		b.Fatal(err)
	}
	r.first, r.took, r.bytes = came.first, time.Since(begin), came.n
	return r
}

// A meter tells when the first bytes came, and how many in all.
type meter struct {
	from  io.Reader
	begin time.Time
	first time.Duration
	n     int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	if m.n == 0 && n > 0 {
		m.first = time.Since(m.begin)
	}
	m.n += int64(n)
	return n, err
}

// countFeatures reads to the end and counts the parcels.
func countFeatures(r io.Reader, compressed bool) (n int, err error) {
	if compressed {
		if r, err = gzip.NewReader(r); err != nil {
			return 0, err
		}
	}
	mark := []byte(`"type":"Feature",`)
	buf := make([]byte, 1<<20)
	kept := 0 // the beginning of a mark may end a piece
	for {
		read, err := r.Read(buf[kept:])
		piece := buf[:kept+read]
		n += bytes.Count(piece, mark)
		if kept = min(len(piece), len(mark)-1); kept > 0 {
			copy(buf, piece[len(piece)-kept:])
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
