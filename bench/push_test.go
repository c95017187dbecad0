package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	pushFarms   = 3_300
	pushParcels = 100_000
)

// BenchmarkPush pushes 100 000 parcels of 3 300 farms to the real program on a
// private database of its own, communes loaded when they are at hand, and
// measures from the first byte of the body to the commit of the last record.
// It then has ogr2ogr, which checks nothing, COPY the same parcels into the
// same server, and last has them validated again without storing anything.
func BenchmarkPush(b *testing.B) {
	dir := workDir(b)
	n := writeInputs(b, dir, pushFarms, pushParcels)
	for b.Loop() {
		s := start(b, dir)
		s.prepare(b, dir)
		begin := time.Now()
		id := s.push(b, filepath.Join(dir, "payload.json"))
		answered := time.Since(begin)
		s.wait(b, id)
		took := time.Since(begin)
		peak := s.peak(b)
		rate := float64(n) / took.Seconds()
		b.ReportMetric(rate, "parcels/s")
		b.ReportMetric(answered.Seconds(), "s-to-answer")
		b.ReportMetric(peak/1e6, "MB-peak")
		fmt.Printf("push: %d parcels of %d farms, answered after %.2f s, committed after %.2f s: %.0f parcels/s, peak memory %.0f MB\n",
			n, pushFarms, answered.Seconds(), took.Seconds(), rate, peak/1e6)
		if copied, ok := s.ogr2ogr(b, filepath.Join(dir, "parcels.geojsonl")); ok {
			ogr := float64(n) / copied.Seconds()
			b.ReportMetric(ogr, "ogr2ogr-parcels/s")
			b.ReportMetric(rate/ogr, "x-ogr2ogr")
			fmt.Printf("ogr2ogr: %.2f s: %.0f parcels/s; push over ogr2ogr: %.2f\n", copied.Seconds(), ogr, rate/ogr)
		}
		begin = time.Now()
		s.rehearse(b, filepath.Join(dir, "payload.json"))
		checked := float64(n) / time.Since(begin).Seconds()
		b.ReportMetric(checked, "checked-parcels/s")
		fmt.Printf("validation alone, against what is stored: %.0f parcels/s\n", checked)
		s.stop(b)
	}
}

// workDir is a directory that the user of the database may enter.
func workDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/tmp", "sillon-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // as said
		b.Fatal(err)
	}
	return dir
}

func writeInputs(b *testing.B, dir string, farms, parcels int) int {
	b.Helper()
	var files []*os.File
	for _, name := range []string{"payload.json", "farms.csv", "parcels.geojsonl"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, f)
	}
	n, err := output{payload: files[0], farms: files[1], lines: files[2]}.write(1, farms, parcels)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// A service is the real program, running.
type service struct {
	bin, data, address, token string
	cmd                       *exec.Cmd
}

func start(b *testing.B, dir string) *service {
	b.Helper()
	s := &service{bin: filepath.Join(dir, "sillon"), data: filepath.Join(dir, "data")}
	build := exec.CommandContext(b.Context(), "go", "build", "-o", s.bin, "sillon/cmd/sillon")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	listen := l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	s.address = "http://" + listen
	s.cmd = exec.CommandContext(b.Context(), s.bin, "up", "--data-dir", s.data, "--listen", listen, "--log-level", "warn")
	s.cmd.Stderr = os.Stderr
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, _ := s.get(b.Context(), "/healthz"); status == http.StatusOK {
			return s
		}
	}
	b.Fatal("the program does not answer")
	return nil
}

// prepare loads the communes, the farms and a token.
func (s *service) prepare(b *testing.B, dir string) {
	b.Helper()
	communes := os.Getenv("SILLON_BENCH_COMMUNES")
	if communes == "" {
		communes = "../../shared/reference/communes.geojson.gz"
	}
	if _, err := os.Stat(communes); err == nil {
		s.run(b, "reference", "load", "--communes", communes)
	} else {
		fmt.Println("no communes at hand: set SILLON_BENCH_COMMUNES")
	}
	s.run(b, "farms", "import", filepath.Join(dir, "farms.csv"))
	s.token = strings.TrimSpace(s.run(b, "token", "create", "--role", "oc_service", "--certifier", strconv.Itoa(certifier)))
}

func (s *service) run(b *testing.B, args ...string) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), s.bin, append(args, "--data-dir", s.data)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.Fatalf("sillon %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// rehearse sends a push to be validated alone.
func (s *service) rehearse(b *testing.B, payload string) {
	b.Helper()
	if status, body := s.send(b, payload, "?validation=seule"); status != http.StatusOK {
		b.Fatalf("validation: %d %.500s", status, body)
	}
}

func (s *service) push(b *testing.B, payload string) int64 {
	b.Helper()
	status, body := s.send(b, payload, "")
	var reply struct {
		JobID int64 `json:"jobId"`
	}
	if err := json.Unmarshal(body, &reply); err != nil || status != http.StatusAccepted {
		b.Fatalf("push: %d %.500s %v", status, body, err)
	}
	return reply.JobID
}

// send posts a push and returns the status and the body of the answer.
func (s *service) send(b *testing.B, payload, query string) (int, []byte) {
	b.Helper()
	f, err := os.Open(payload)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.address+"/api/v2/certification/parcelles"+query, f)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return response.StatusCode, body
}

// wait returns once every record of the job is committed.
func (s *service) wait(b *testing.B, id int64) {
	b.Helper()
	for {
		_, body := s.get(b.Context(), fmt.Sprintf("/api/v3/import/jobs/%d", id))
		var job struct {
			Status          string `json:"status"`
			NbObjetsRefuses int    `json:"nbObjetsRefuses"`
		}
		if err := json.Unmarshal(body, &job); err != nil {
			b.Fatalf("job: %v %.300s", err, body)
		}
		switch {
		case job.Status == "DONE" && job.NbObjetsRefuses == 0:
			return
		case job.Status != "PENDING":
			b.Fatalf("job: %.1000s", body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *service) get(ctx context.Context, path string) (int, []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path, nil)
	if err != nil {
		return 0, nil
	}
	request.Header.Set("Authorization", s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, body
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that the process had, in bytes; 0 where the system
// does not tell.
func (s *service) peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	m := highWater.FindSubmatch(status)
	if m == nil {
		return 0
	}
	kb, _ := strconv.ParseFloat(string(m[1]), 64)
	return kb * 1024
}

// ogr2ogr copies the same parcels into a table of the same server; ok is
// false when it is not installed.
func (s *service) ogr2ogr(b *testing.B, lines string) (took time.Duration, ok bool) {
	b.Helper()
	path, err := exec.LookPath("ogr2ogr")
	if err != nil {
		fmt.Println("ogr2ogr is not installed")
		return 0, false
	}
	begin := time.Now()
	cmd := exec.CommandContext(b.Context(), path, "-f", "PostgreSQL", "--config", "PG_USE_COPY", "YES",
		"PG:host="+filepath.Join(s.data, "run")+" dbname=sillon user=sillon", "GeoJSONSeq:"+lines,
		"-nln", "ogr_parcels", "-nlt", "PROMOTE_TO_MULTI", "-overwrite")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("ogr2ogr: %v\n%s", err, out)
	}
	return time.Since(begin), true
}

func (s *service) stop(b *testing.B) {
	b.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}
