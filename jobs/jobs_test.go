package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sillon/jobs"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// observed has the database tell what happens: the numeroBio of each version
// stored, as it is stored, and the job and the state of each import that ends.
const observed = `
	CREATE FUNCTION stored() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_notify('stored', NEW.numero_bio);
		RETURN NULL;
	END $$;
	CREATE TRIGGER stored AFTER UPDATE ON import_record FOR EACH ROW WHEN (NEW.state = 'stored') EXECUTE FUNCTION stored();
	CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_notify('ended', NEW.id || ' ' || NEW.state);
		RETURN NULL;
	END $$;
	CREATE TRIGGER ended AFTER UPDATE ON import_job FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION ended();`

// impatient tells for how many seconds a certifier is left alone after a failed
// try, and has the queue try again at once.
const impatient = `
	CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_notify('pause', round(extract(epoch FROM NEW.until - now()))::text);
		RETURN NULL;
	END $$;
	CREATE TRIGGER pause AFTER UPDATE ON import_lane FOR EACH ROW
		WHEN (NEW.until BETWEEN now() + interval '0.5 s' AND now() + interval '19 s') EXECUTE FUNCTION pause();
	CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		NEW.scheduled_at := now();
		NEW.state := 'available';
		RETURN NEW;
	END $$;
	CREATE TRIGGER hurry BEFORE UPDATE ON river_job FOR EACH ROW
		WHEN (NEW.kind = 'push' AND NEW.scheduled_at > now() + interval '0.5 s') EXECUTE FUNCTION hurry();`

// failing has a farm's records fail as a serialization failure would, so many
// times. A sequence counts: it survives the rollback.
func failing(numeroBio string, times int) string {
	return fmt.Sprintf(`
		CREATE SEQUENCE tries;
		GRANT USAGE ON SEQUENCE tries TO PUBLIC;
		CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF nextval('tries') <= %d THEN
				RAISE EXCEPTION 'try again' USING ERRCODE = '40001';
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER fail BEFORE INSERT ON parcellaire FOR EACH ROW WHEN (NEW.numero_bio = '%s') EXECUTE FUNCTION fail();`, times, numeroBio)
}

// A site is a service on a database of its own, and what the database tells.
type site struct {
	t    *testing.T
	db   *store.DB
	svc  *service.Service
	conn *pgx.Conn
}

// newSite returns a site that listens to channels, after some SQL.
func newSite(t *testing.T, sql string, channels ...string) *site {
	t.Helper()
	db, address := storetest.Open(t, 8)
	svc, err := service.New(db, service.Options{
		IsCPF: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler), SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	s := &site{t, db, svc, conn}
	s.exec(observed, sql)
	for _, c := range channels {
		s.exec("LISTEN " + c)
	}
	return s
}

func (s *site) exec(sql ...string) {
	s.t.Helper()
	for _, text := range sql {
		if _, err := s.conn.Exec(s.t.Context(), text); err != nil {
			s.t.Fatal(err)
		}
	}
}

// push has a certifier send one record for each farm, and returns its job.
func (s *site) push(oc sillon.OC, numeros ...string) int64 {
	s.t.Helper()
	var body strings.Builder
	for _, n := range numeros {
		storetest.Farm(s.t, s.db, n, oc)
		fmt.Fprintf(&body, `{"numeroBio":"%s","numeroClient":"C%s","dateAudit":"2026-03-01","dateCertificationDebut":"2026-03-15",
			"dateCertificationFin":"2028-03-31","parcelles":[{"id":"1","etatProduction":"AB","cultures":[{"codeCPF":"01.11.12"}],
			"geom":"[[[2.1,47.1],[2.2,47.1],[2.2,47.2],[2.1,47.1]]]"}]}`+"\n", n, n)
	}
	actor := sillon.Actor{ID: "test", Roles: sillon.RoleOCService, OC: oc}
	reply, err := s.svc.Push(s.t.Context(), actor, service.PushRequest{Body: strings.NewReader(body.String())})
	if err != nil {
		s.t.Fatal(err)
	}
	return reply.JobID
}

// run starts a runner, and returns what stops it and waits for its end.
func (s *site) run() (stop func() error) {
	s.t.Helper()
	runner, err := jobs.New(s.db, s.svc, 2, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err // for the next call
		return err
	}
	s.t.Cleanup(func() {
		if err := stop(); err != nil {
			s.t.Error(err)
		}
	})
	return stop
}

// next returns what the database tells next.
func (s *site) next() *pgconn.Notification {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	n, err := s.conn.WaitForNotification(ctx)
	if err != nil {
		s.t.Fatalf("nothing happens any more: %v", err)
	}
	return n
}

// until collects what is told on each channel until a channel tells a text.
func (s *site) until(channel, text string) map[string][]string {
	s.t.Helper()
	told := make(map[string][]string)
	for {
		n := s.next()
		told[n.Channel] = append(told[n.Channel], n.Payload)
		if n.Channel == channel && n.Payload == text {
			return told
		}
	}
}

func (s *site) count(sql string) (n int) {
	s.t.Helper()
	if err := s.conn.QueryRow(s.t.Context(), sql).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func done(job int64) string { return fmt.Sprintf("%d DONE", job) }

// numeros returns the numbers of n farms.
func numeros(first, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(first + i)
	}
	return list
}

func TestRunner(t *testing.T) {
	t.Parallel()
	s := newSite(t, "", "stored", "ended")
	before := s.push(1, "100", "101")
	s.run()
	s.until("ended", done(before))
	after := s.push(1, "102")
	told := s.until("ended", done(after))
	if !slices.Equal(told["stored"], []string{"102"}) {
		t.Errorf("stored %q, want the record pushed while the runner works", told["stored"])
	}
}

// TestTwoRunners has two nodes compete for the pushes of two certifiers.
func TestTwoRunners(t *testing.T) {
	t.Parallel()
	s := newSite(t, "", "stored", "ended")
	var last int64
	for i := range 4 {
		last = s.push(1, numeros(1000+10*i, 10)...)
		s.push(2, numeros(2000+10*i, 10)...)
	}
	s.run()
	s.run()
	s.until("ended", done(last))
	for s.count(`SELECT count(*) FROM import_job WHERE state <> 'DONE'`) > 0 {
		s.next()
	}
	rows, _ := s.conn.Query(t.Context(), `SELECT p.numero_bio FROM event e JOIN parcellaire p ON p.id = e.parcellaire_id WHERE e.oc = 1 ORDER BY e.id`)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for i, numero := range got {
		if job := strconv.Itoa(100 + i/10); numero[:3] != job {
			t.Errorf("farm %s stored at place %d of %q, want a job after the other", numero, i, got)
		}
	}
	if n := s.count(`SELECT count(*) FROM event`); n != 80 {
		t.Errorf("%d events, want one for each of 80 records", n)
	}
	if n := s.count(`SELECT count(*) FROM parcellaire WHERE revision <> 1`); n != 0 {
		t.Errorf("%d versions written more than once", n)
	}
}

// TestTransientFailure is certifier-exchange.md §6.4: five tries with back-off,
// then ERROR. A job that comes after has all its tries.
func TestTransientFailure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		times  int      // the first of them with the records around it
		pauses []string // seconds
		state  string
	}{
		{"goes away", 3, []string{"1", "4"}, "DONE"},
		{"goes away at the last try", 5, []string{"1", "4", "9", "16"}, "DONE"},
		{"stays", 6, []string{"1", "4", "9", "16"}, "ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, impatient+failing("101", tt.times), "pause", "stored", "ended")
			job := s.push(1, "100", "101", "102")
			next := s.push(1, "103")
			s.run()
			told := s.until("ended", fmt.Sprintf("%d %s", job, tt.state))
			if !slices.Equal(told["pause"], tt.pauses) {
				t.Errorf("paused %q seconds, want %q", told["pause"], tt.pauses)
			}
			stored := []string{"100", "102"}
			if tt.state == "DONE" {
				stored = []string{"100", "101", "102"}
			}
			if got := slices.Sorted(slices.Values(told["stored"])); !slices.Equal(got, stored) {
				t.Errorf("stored %q, want %q", got, stored)
			}
			s.until("ended", done(next))
			if n := s.count(`SELECT count(*) FROM parcellaire`); n != len(stored)+1 {
				t.Errorf("%d versions, want those stored before and the one of the next job", n)
			}
		})
	}
}

// TestDrain is O14: the records at work are finished, the rest is left for the next.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_sleep(0.1);
			RETURN NEW;
		END $$;
		CREATE TRIGGER slow BEFORE INSERT ON parcellaire FOR EACH ROW EXECUTE FUNCTION slow();`, "stored", "ended")
	job := s.push(1, numeros(100, 100)...)
	stop := s.run()
	for range 5 {
		s.next()
	}
	begin := time.Now()
	if err := stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("drained in %v, want the time of a few records", d)
	}
	stored := s.count(`SELECT count(*) FROM import_record WHERE state = 'stored'`)
	if stored < 5 || stored >= 100 {
		t.Errorf("%d records stored, want some of 100", stored)
	}
	if n := s.count(`SELECT count(*) FROM parcellaire`); n != stored {
		t.Errorf("%d versions and %d records stored, want the same", n, stored)
	}
	if n := s.count(`SELECT count(*) FROM import_lane WHERE until > now()`); n != 0 {
		t.Error("the certifier is still held by the runner that stopped")
	}

	begin = time.Now()
	s.run()
	s.until("ended", done(job))
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("another runner took %v, want it to begin at once", d)
	}
	if n := s.count(`SELECT count(*) FROM event`); n != 100 {
		t.Errorf("%d events, want 100", n)
	}
}

// O3: of several nodes one looks through what is old, once a day.
func TestO3RetentionRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
		CREATE FUNCTION retained() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_notify('retained', NEW.kind);
			RETURN NULL;
		END $$;
		CREATE TRIGGER retained AFTER INSERT OR UPDATE OF removed ON retention_run FOR EACH ROW WHEN (NEW.removed > 0) EXECUTE FUNCTION retained();`,
		"retained", "ended")
	job := s.push(1, "100")
	s.exec(`
		INSERT INTO idempotency_key (oc, key, holder, busy_until) VALUES (1, 'old', gen_random_uuid(), now() - interval '2 hours')`)
	s.run()
	s.until("retained", "idempotency_key")
	s.run()
	next := s.push(1, "101")
	s.until("ended", done(next))
	if n := s.count(`SELECT count(*) FROM river_job WHERE kind = 'retention'`); n != 1 {
		t.Errorf("%d runs of retention in a day", n)
	}
	if n := s.count(fmt.Sprintf(`SELECT count(*) FROM import_job WHERE id = %d`, job)); n != 1 {
		t.Error("a push of today is gone")
	}
}
