package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"sillon/service"
	"sillon/store/storetest"
)

func eventsPath(job int64) string { return fmt.Sprintf("/api/v3/imports/%d/evenements", job) }

// A sent is an event of a stream, as its reader sees it; a comment has data
// alone.
type sent struct{ id, name, data string }

func (e sent) String() string { return e.name + " " + e.data }

// A following is a stream being read.
type following struct {
	t      *testing.T
	status int
	lines  *bufio.Reader
	leave  context.CancelFunc
}

// follow opens the stream of a job after an event.
func (s *server) follow(t *testing.T, who asker, job int64, after string) *following {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.http.URL+eventsPath(job), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", s.tokens[who])
	r.Header.Set("Accept-Encoding", "gzip")
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	res, err := s.http.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
	})
	if got := res.Header.Get("Content-Type"); res.StatusCode == http.StatusOK && got != "text/event-stream; charset=utf-8" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("stream as %q, %q", got, res.Header.Get("Content-Encoding"))
	}
	return &following{t, res.StatusCode, bufio.NewReader(res.Body), cancel}
}

// next returns the next event, or comment; ok is false at the end.
func (f *following) next() (e sent, ok bool) {
	f.t.Helper()
	for {
		line, err := f.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return e, false
		}
		if err != nil {
			f.t.Errorf("stream: %v", err)
			return e, false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "retry":
		case "": // the end of an event, or a comment before its end
			if value != "" {
				e.data = value
				continue
			}
			return e, true
		default:
			f.t.Errorf("stream: line %q", line)
		}
	}
}

// event is next without comments.
func (f *following) event() (e sent, ok bool) {
	f.t.Helper()
	for ok = true; ok && e.name == ""; {
		e, ok = f.next()
	}
	return e, ok
}

// rest are the events to the end.
func (f *following) rest() (events []sent) {
	f.t.Helper()
	for e, ok := f.event(); ok; e, ok = f.event() {
		events = append(events, e)
	}
	return events
}

// named are the events of a name, without their ids.
func named(events []sent, name string) (list []string) {
	for _, e := range events {
		if e.name == name {
			list = append(list, e.data)
		}
	}
	return list
}

// manyProblems is a push of n records of which each one has something to say.
func manyProblems(n int) []object {
	records := make([]object, n)
	for i := range records {
		records[i] = record("1001", bad("p1", object{"geom": square(20, 50)})).with(object{"dateAudit": fmt.Sprintf("%d-03-01", 1990+i)})
	}
	return append(records, record("7777"))
}

// TestImportEvents follows a job from its reception to its end, then again from
// after each of its events: all together are always the whole, once.
func TestImportEvents(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var p pushed
	s.push(t, ocOne, manyProblems(20)).into(t, &p)
	live := s.follow(t, ocOne, p.JobID, "")
	begin, _ := live.event()
	if want := `etat {"jobId":1,"statut":"CREATED"}`; begin.String() != want {
		t.Fatalf("first event %s, want %s", begin, want)
	}
	s.work(t, 1)
	events := append([]sent{begin}, live.rest()...)

	var j job
	s.get(t, ocOne, jobPath(p.JobID)).into(t, &j)
	problems := named(events, "probleme")
	if want := len(j.Result.Errors) + len(j.warnings()); len(problems) != want || want < 21 {
		t.Errorf("%d problems, want %d: %q", len(problems), want, problems)
	}
	last := events[len(events)-3:]
	want := []string{
		`avancement {"traites":21,"total":21,"refuses":1}`,
		`etat {"jobId":1,"statut":"DONE"}`,
		`fin {"jobId":1,"statut":"DONE","nbObjetsRecus":21,"nbObjetsAcceptes":20,"nbObjetsRefuses":1,"ended":INSTANT}`,
	}
	for i, e := range last {
		if got := instants.ReplaceAllString(e.String(), "INSTANT"); got != want[i] {
			t.Errorf("%s, want %s", got, want[i])
		}
	}

	whole := s.follow(t, ocOne, p.JobID, "").rest() // after the end
	if diff := cmp.Diff(problems, named(whole, "probleme")); diff != "" {
		t.Errorf("problems read live and afterwards (-live +afterwards):\n%s", diff)
	}
	for _, story := range [][]sent{events, whole} {
		for i, e := range story[:len(story)-1] {
			got := named(append(slices.Clone(story[:i+1]), s.follow(t, ocOne, p.JobID, e.id).rest()...), "probleme")
			if diff := cmp.Diff(problems, got); diff != "" {
				t.Errorf("resumed after %s %s (-want +got):\n%s", e.id, e, diff)
			}
			if !grows(e.id, story[i+1].id) {
				t.Errorf("id %q before %q", e.id, story[i+1].id)
			}
		}
		if got := s.follow(t, ocOne, p.JobID, story[len(story)-1].id).status; got != http.StatusNoContent {
			t.Errorf("after the end: %d, want 204", got)
		}
	}
	for _, id := range []string{"x", "1", "1-2", "1-2-9", "-1-0-0", "01-0-0", "1-2-3-4"} {
		if got := s.get(t, ocOne, eventsPath(p.JobID), "Last-Event-ID", id); got.Status != http.StatusBadRequest {
			t.Errorf("Last-Event-ID %q: %d, want 400", id, got.Status)
		}
	}
	for _, path := range []string{eventsPath(99), "/api/v3/imports/x/evenements"} {
		if got := s.get(t, ocOne, path); got.Status != http.StatusNotFound || !strings.Contains(string(got.Body), "JOB_NOT_FOUND") {
			t.Errorf("%s: %d %s, want JOB_NOT_FOUND", path, got.Status, got.Body)
		}
	}
}

// grows compares ids part by part.
func grows(a, b string) bool {
	var x, y [3]int
	_, err1 := fmt.Sscanf(a, "%d-%d-%d", &x[0], &x[1], &x[2])
	_, err2 := fmt.Sscanf(b, "%d-%d-%d", &y[0], &y[1], &y[2])
	return err1 == nil && err2 == nil && a != b && x[0] <= y[0] && x[1] <= y[1] && x[2] <= y[2]
}

func TestImportEventsOfAFailedJob(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.push(t, ocOne, "{")
	got := s.follow(t, ocOne, 1, "").rest()
	if want := `fin {"jobId":1,"statut":"ERROR","nbObjetsRecus":0,"nbObjetsAcceptes":0,"nbObjetsRefuses":0,"message":"Le fichier JSON est invalide.","ended":`; len(got) == 0 || !strings.HasPrefix(got[len(got)-1].String(), want) {
		t.Errorf("%q, want the last %s", got, want)
	}
}

// listeners counts the connections that listen, and all but the asking one.
func listeners(t *testing.T, conn *pgx.Conn) (listening, all int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE application_name = 'sillon listener'), count(*)
		FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&listening, &all); err != nil {
		t.Fatal(err)
	}
	return listening, all
}

func (s *server) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// awaitListeners returns once so many connections listen.
func awaitListeners(t *testing.T, conn *pgx.Conn, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		got, _ := listeners(t, conn)
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections listen, want %d", got, want)
		}
	}
}

// TestP5ManyReaders has 20 clients follow two jobs on a pool of 2, while these
// are stored: one more connection in all, and none once they have left.
func TestP5ManyReaders(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, 2, func(*service.Options) {})
	conn := s.connect(t)
	s.push(t, ocOne, manyProblems(10))
	s.push(t, ocTwo, []object{record("2001")})
	var readers sync.WaitGroup
	for i := range 20 {
		who, job := ocOne, int64(1)
		if i%2 == 1 {
			who, job = ocTwo, 2
		}
		f := s.follow(t, who, job, "")
		if e, ok := f.event(); !ok || e.name != "etat" {
			t.Fatalf("reader %d: %v", i, e)
		}
		readers.Go(func() {
			events := f.rest()
			if len(events) == 0 || events[len(events)-1].name != "fin" {
				t.Errorf("reader %d: %q, want an end", i, events)
			}
			for _, e := range events {
				if job == 2 && e.name == "probleme" {
					t.Errorf("certifier 2 reads %s", e)
				}
			}
		})
	}
	awaitListeners(t, conn, 1)
	if _, all := listeners(t, conn); all > 3 {
		t.Errorf("%d connections, want 2 of the pool and 1 that listens", all)
	}
	s.work(t, 1)
	s.work(t, 2)
	readers.Wait()
	awaitListeners(t, conn, 0)
}

// TestImportEventsRelease has readers leave, and the node stop.
func TestImportEventsRelease(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, 2, func(o *service.Options) { o.Heartbeat = 20 * time.Millisecond })
	conn := s.connect(t)
	s.push(t, ocOne, []object{record("1001")})
	open := func() *following {
		f := s.follow(t, ocOne, 1, "")
		for _, name := range []string{"", "etat", "avancement", "", ""} { // the heart beats twice
			if e, ok := f.next(); !ok || e.name != name {
				t.Fatalf("%v, want %q", e, name)
			}
		}
		return f
	}
	one, two := open(), open()
	awaitListeners(t, conn, 1)
	one.leave()
	two.leave()
	awaitListeners(t, conn, 0)

	// S17: revoked, a token ends the stream that it began.
	f := open()
	s.one(t, `UPDATE token SET revoked_at = now() WHERE role = 'oc_service' AND oc = 1 RETURNING ''`)
	if left := f.rest(); len(left) != 0 {
		t.Errorf("after the token was revoked: %q", left)
	}
	s.one(t, `UPDATE token SET revoked_at = NULL WHERE role = 'oc_service' AND oc = 1 RETURNING ''`)

	f = open()
	s.service.EndStreams() // O14
	if left := f.rest(); len(left) != 0 {
		t.Errorf("after the node stopped: %q", left)
	}
	awaitListeners(t, conn, 0)
	if got := s.get(t, ocOne, eventsPath(1)); got.Status != http.StatusServiceUnavailable {
		t.Errorf("on a node that stops: %d, want 503", got.Status)
	}
}

// TestImportEventsWithoutNotification loses the connection that listens: the
// poll goes on.
func TestImportEventsWithoutNotification(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := s.connect(t)
	s.push(t, ocOne, []object{record("1001")})
	f := s.follow(t, ocOne, 1, "")
	awaitListeners(t, conn, 1)
	storetest.Exec(t, s.address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sillon listener' AND datname = current_database()`)
	awaitListeners(t, conn, 0)
	s.work(t, 1)
	if events := f.rest(); len(events) == 0 || events[len(events)-1].name != "fin" {
		t.Errorf("%q, want an end", events)
	}
}
