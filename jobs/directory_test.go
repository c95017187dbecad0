package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sillon/service"
	"sillon/sillon"
	"sillon/upstream"
)

// directory is one that fails at first, then has two pages.
type directory struct{ calls atomic.Int32 }

func (d *directory) Page(_ context.Context, start, _ int) (upstream.DirectoryPage, error) {
	if d.calls.Add(1) == 1 {
		return upstream.DirectoryPage{}, errors.New("down")
	}
	pages := map[int]string{0: `{"numeroBio":11}`, 1: `{"numeroBio":12}`}
	if text, ok := pages[start]; ok {
		return upstream.DirectoryPage{Farms: []json.RawMessage{json.RawMessage(text)}}, nil
	}
	return upstream.DirectoryPage{}, nil
}

// TestDirectoryIsFollowed has two nodes follow the directory: it is read once,
// after a first failure, while pushes go on (O11).
func TestDirectoryIsFollowed(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
		CREATE FUNCTION read() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_notify('read', NEW.position || ' ' || (NEW.ended_at IS NOT NULL));
			RETURN NULL;
		END $$;
		CREATE TRIGGER read AFTER INSERT OR UPDATE ON directory_sync FOR EACH ROW EXECUTE FUNCTION read();`, "read", "ended")
	d := &directory{}
	svc, err := service.New(s.db, service.Options{
		IsCPF: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler), SpoolDir: t.TempDir(),
		Directory: d, DirectoryEvery: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.svc = svc
	job := s.push(sillon.OC(1), "100")
	s.run()
	s.run()
	pushed, read := false, false
	for !pushed || !read {
		n := s.next()
		pushed = pushed || n.Payload == done(job)
		read = read || n.Payload == "2 true"
	}
	if n := s.count(`SELECT count(*) FROM farm WHERE numero_bio IN ('11', '12')`); n != 2 {
		t.Errorf("%d farms of the directory, want 2", n)
	}
	if calls := d.calls.Load(); calls != 4 {
		t.Errorf("asked %d times, want a failure, two pages and the end", calls)
	}
	if n := s.count(`SELECT count(*) FROM river_job WHERE kind = 'directory'`); n != 1 {
		t.Errorf("%d jobs, want one at a time", n)
	}
}
