package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// dataDir returns a directory that the database's user can enter. What a killed
// service left in it is put in order when t ends.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sillon-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(dir, "db", "postgres", "postmaster.pid")); err == nil {
			call{args: []string{"token", "list", "--data-dir", filepath.Join(dir, "db")}}.run(t)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "db")
}

// postmaster returns the process of the private server of a directory.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive tells whether a process runs; one that awaits its parent is dead.
func alive(pid int) bool {
	out, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		_, none := os.Stat("/proc/self")
		return none != nil && syscall.Kill(pid, 0) == nil
	}
	_, state, _ := strings.Cut(string(out), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// connect connects to the private server of a directory as its owner.
func connect(t *testing.T, dir string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "postgres://sillon@/sillon?port=5432&host="+filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func TestUp(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	up := []string{"up", "--data-dir", dir, "--demo", "--demo-parcels", "300"}
	sillon := func(args ...string) result { return call{args: append(args, "--data-dir", dir)}.run(t) }

	n := start(t, nil, up...)
	if !strings.HasPrefix(n.url, "http://127.0.0.1:") || strings.HasSuffix(n.url, ":0") {
		t.Errorf("serves at %q, want the real port", n.url)
	}
	if code, body := n.get(t, "/healthz", ""); code != http.StatusOK {
		t.Errorf("/healthz: %d %s, want 200", code, body)
	}
	if code, body := n.get(t, "/readyz", ""); code != http.StatusOK || !strings.Contains(body, `["communes","departements","regions"]`) {
		t.Errorf("/readyz: %d %s, want 200 and what is missing", code, body)
	}
	if code, body := n.get(t, "/tiles/parcelles.json", ""); code != http.StatusOK || !strings.Contains(body, n.url+"/tiles/") {
		t.Errorf("/tiles/parcelles.json: %d %s, want addresses at %s", code, body, n.url)
	}
	if code, body := n.get(t, "/", ""); code != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("/: %d, want the map page", code)
	}

	second := call{args: append(up, "--listen", "127.0.0.1:0")}.run(t)
	if second.code != 1 || second.stdout != "" || strings.Count(second.stderr, "\n") != 1 ||
		!strings.Contains(second.stderr, "already running at "+n.url+" ") {
		t.Errorf("second up: %+v, want one line with %s", second, n.url)
	}
	if got := sillon("token", "create", "--role", "inao"); got.code != 0 {
		t.Errorf("token create beside a running service: %+v", got)
	}
	server := postmaster(t, dir)
	n.stop(t)
	if alive(server) {
		t.Errorf("PostgreSQL (process %d) lives after the stop", server)
	}
	if !strings.HasSuffix(n.stdout.String(), " parcelles de démonstration enregistrées\n") {
		t.Errorf("stdout = %q, want the demonstration", n.stdout)
	}

	if got := sillon("token", "list"); got.code != 0 || !strings.Contains(got.stdout, "inao") {
		t.Errorf("token list with no service running: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres", "postmaster.pid")); err == nil {
		t.Error("PostgreSQL runs after a command that started it")
	}

	n = start(t, nil, up...)
	orphan := postmaster(t, dir)
	n.signal(syscall.SIGKILL)
	n.end(t)
	n = start(t, nil, up...)
	if alive(orphan) {
		t.Errorf("PostgreSQL of the killed service (process %d) still runs", orphan)
	}
	if code, _ := n.get(t, "/healthz", ""); code != http.StatusOK {
		t.Errorf("/healthz after kill -9: %d, want 200", code)
	}
	if n.stdout.String() != "" {
		t.Errorf("stdout = %q, want the demonstration stored once", n.stdout)
	}
	n.stop(t)
}

// A push is a job of many records at work in a private database, slowed down
// so that it can be interrupted.
type push struct {
	dir   string
	token string
	job   int64
}

const (
	pushed = 200 // records
	begun  = 60  // of them, stored before the interruption
)

// slow has each record take its time, and tells when it is dealt with.
const slow = `
	CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(0.06), pg_notify('record', NEW.rank::text);
		RETURN NULL;
	END $$;
	CREATE TRIGGER slow AFTER UPDATE ON import_record FOR EACH ROW EXECUTE FUNCTION slow();
	CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_notify('ended', NEW.state);
		RETURN NULL;
	END $$;
	CREATE TRIGGER ended AFTER UPDATE ON import_job FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION ended();`

// begin pushes records to n and returns once some are stored.
func begin(t *testing.T, n *node, dir string) push {
	t.Helper()
	p := push{dir: dir}
	var registry, body strings.Builder
	registry.WriteString("numeroBio;certificateurId;certificateur;numeroClient;etat\n")
	for i := range pushed {
		fmt.Fprintf(&registry, "%d;1;Certif Un;C%d;ENGAGEE\n", 1000+i, 1000+i)
		lon, lat := 1+float64(i%20)/50, 46+float64(i/20)/50
		fmt.Fprintf(&body, `{"numeroBio":%d,"numeroClient":"C%d","dateAudit":"2026-03-01","dateCertificationDebut":"2026-03-15",
			"dateCertificationFin":"2028-03-31","parcelles":[`, 1000+i, 1000+i)
		for j := range 3 {
			x := lon + float64(j)/500
			fmt.Fprintf(&body, `{"id":%d,"etatProduction":"AB","cultures":[{"codeCPF":"01.11.12"}],"geom":"[[[%f,%f],[%f,%f],[%f,%f],[%f,%f]]]"},`,
				j+1, x, lat, x+.001, lat, x+.001, lat+.001, x, lat)
		}
		text := strings.TrimSuffix(body.String(), ",")
		body.Reset()
		body.WriteString(text + "]},")
	}
	payload := "[" + strings.TrimSuffix(body.String(), ",") + "]"

	call{stdin: registry.String(), args: []string{"farms", "import", "-", "--data-dir", dir}}.must(t)
	p.token = strings.TrimSpace(call{args: []string{"token", "create", "--role", "oc_service", "--certifier", "1", "--data-dir", dir}}.must(t))
	conn := connect(t, dir)
	if _, err := conn.Exec(t.Context(), slow+`; LISTEN record`); err != nil {
		t.Fatal(err)
	}
	code, reply := n.do(t, http.MethodPost, "/api/v2/certification/parcelles", p.token, payload)
	var accepted struct {
		JobID int64 `json:"jobId"`
	}
	if err := json.Unmarshal([]byte(reply), &accepted); err != nil || code != http.StatusAccepted {
		t.Fatalf("push: %d %s", code, reply)
	}
	p.job = accepted.JobID
	for range begun {
		notification(t, conn)
	}
	return p
}

// notification waits for the next one.
func notification(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the contract's time to take work up again
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	if err != nil {
		t.Fatalf("nothing happens any more: %v", err)
	}
	return n.Payload
}

// stored returns how many records of the job are stored.
func (p push) stored(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM import_record WHERE state = 'stored'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// finish waits for the end of the job on n, and makes sure that each record was
// applied once.
func (p push) finish(t *testing.T, n *node) {
	t.Helper()
	conn := connect(t, p.dir)
	if _, err := conn.Exec(t.Context(), `LISTEN ended`); err != nil {
		t.Fatal(err)
	}
	if got := p.stored(t, conn); got < 1 || got >= pushed {
		t.Fatalf("%d records stored when the work is taken up again, want some of %d", got, pushed)
	}
	if got := notification(t, conn); got != "DONE" {
		t.Errorf("the job ended %s, want DONE", got)
	}
	tests := []struct {
		name, sql string
		want      int
	}{
		{"records stored", `SELECT count(*) FROM import_record WHERE state = 'stored'`, pushed},
		{"records not stored", `SELECT count(*) FROM import_record WHERE state <> 'stored'`, 0},
		{"versions", `SELECT count(*) FROM parcellaire`, pushed},
		{"versions written twice", `SELECT count(*) FROM parcellaire WHERE revision <> 1`, 0},
		{"events", `SELECT count(*) FROM event WHERE type = 'FeatureCollectionUpdate'`, pushed},
		{"versions with an event", `SELECT count(DISTINCT parcellaire_id) FROM event`, pushed},
		{"parcels", `SELECT count(*) FROM parcel WHERE revision = 1 AND deleted_at IS NULL`, 3 * pushed},
		{"parcels written twice", `SELECT count(*) FROM parcel WHERE revision <> 1`, 0},
		{"entries in the log", `SELECT count(*) FROM import_log`, 0},
		{"jobs that count all", `SELECT count(*) FROM import_job WHERE received = 200 AND accepted = 200 AND refused = 0`, 1},
	}
	for _, tt := range tests {
		var got int
		if err := conn.QueryRow(t.Context(), tt.sql).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	code, body := n.get(t, fmt.Sprintf("/api/v3/import/jobs/%d", p.job), p.token)
	if code != http.StatusOK || !strings.Contains(body, `"status":"DONE"`) || !strings.Contains(body, `"nbObjetsAcceptes":200`) {
		t.Errorf("job: %d %.200s, want DONE with 200 records", code, body)
	}
}

// TestInterruptedPush is O1: whatever ends, in the middle of a job, the next up
// finishes it, each record once.
func TestInterruptedPush(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(t *testing.T, n *node, p push)
	}{
		{"the service is stopped under load", func(t *testing.T, n *node, _ push) {
			t.Helper()
			load(t, n)
			n.stop(t)
		}},
		{"the service is killed", func(t *testing.T, n *node, p push) {
			t.Helper()
			n.signal(syscall.SIGKILL)
			n.end(t)
			if got := p.stored(t, connect(t, p.dir)); got < begun || got >= pushed {
				t.Errorf("%d records were stored at the kill, want at least %d of %d", got, begun, pushed)
			}
		}},
		{"the private server is killed", func(t *testing.T, n *node, p push) {
			t.Helper()
			if err := syscall.Kill(postmaster(t, p.dir), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if code := n.end(t); code != 1 {
				t.Errorf("exit code %d without database, want 1", code)
			}
			if last := lastLine(n.said()); !strings.HasPrefix(last, "sillon: the private database server ended: ") {
				t.Errorf("last line %q, want what happened", last)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			n := start(t, nil, "up", "--data-dir", dir)
			p := begin(t, n, dir)
			server := postmaster(t, dir)
			tt.end(t, n, p)
			n = start(t, nil, "up", "--data-dir", dir)
			if alive(server) {
				t.Errorf("PostgreSQL before the interruption (process %d) still runs", server)
			}
			p.finish(t, n)
			n.stop(t)
		})
	}
}

// load has clients ask for tiles until the service no longer answers.
func load(t *testing.T, n *node) {
	t.Helper()
	var clients sync.WaitGroup
	t.Cleanup(clients.Wait)
	answered := make(chan struct{}, 1)
	for range 4 {
		clients.Go(func() {
			for {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/tiles/parcelles/6/32/22.mvt", nil)
				if err != nil {
					t.Error(err)
					return
				}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					return // it has stopped
				}
				if response.StatusCode >= http.StatusInternalServerError {
					t.Errorf("a tile was answered %d", response.StatusCode)
				}
				_ = response.Body.Close()
				select {
				case answered <- struct{}{}:
				default:
				}
			}
		})
	}
	<-answered
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
