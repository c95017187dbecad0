package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// patience is how long a request may take before the run fails.
const patience = 3 * time.Minute

// A target is what a load asks for, in turn.
type target struct {
	address  string   // host:port
	requests [][]byte // as they go over the wire
	want     int      // status of every answer; where it is 304, a body may come instead
}

// request writes a GET that asks for gzip. An empty etag asks for the body.
func request(address, path, etag string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n", path, address)
	if etag != "" {
		b = fmt.Appendf(b, "If-None-Match: %s\r\n", etag)
	}
	return append(b, "\r\n"...)
}

// A sample is what came of a load.
type sample struct {
	count int
	took  time.Duration // until the last answer had been read
	bytes int64         // of bodies, as they came
	times []time.Duration
	again int // bodies that came where 304 was wanted
	empty int // answers 204: there is nothing to draw at that scale
}

func (s *sample) add(o sample) {
	s.count, s.took, s.bytes = s.count+o.count, s.took+o.took, s.bytes+o.bytes
	s.times, s.again, s.empty = append(s.times, o.times...), s.again+o.again, s.empty+o.empty
}

// load asks for the requests of t, from number first on and round again, over
// so many kept connections, and begins none after lasting. Each answer is read
// whole; one with another status, or 200 without a body, is an error.
func load(ctx context.Context, t target, first, connections int, lasting time.Duration) (sample, error) {
	clients := make([]*client, connections)
	defer func() {
		for _, c := range clients {
			if c != nil {
				_ = c.conn.Close()
			}
		}
	}()
	for i := range clients {
		c, err := dial(ctx, t.address)
		if err != nil {
			return sample{}, err
		}
		clients[i] = c
	}
	parts := make([]sample, connections)
	var next atomic.Int64
	next.Store(int64(first))
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i, c := range clients {
		g.Go(func() error {
			for ctx.Err() == nil && time.Since(begin) < lasting {
				r := t.requests[int(next.Add(1)-1)%len(t.requests)]
				asked := time.Now()
				a, err := c.do(r, nil)
				again := t.want == http.StatusNotModified && a.status == http.StatusOK
				empty := a.status == http.StatusNoContent
				if err == nil && (a.status != t.want && !again && !empty || a.status == http.StatusOK && a.bytes == 0) {
					err = fmt.Errorf("%.80q: status %d, %d bytes", r, a.status, a.bytes)
				}
				if err != nil {
					return err
				}
				parts[i].count++
				if again {
					parts[i].again++
				}
				if empty {
					parts[i].empty++
				}
				parts[i].bytes += a.bytes
				parts[i].times = append(parts[i].times, time.Since(asked))
			}
			return nil
		})
	}
	err := g.Wait()
	var all sample
	for _, p := range parts {
		all.add(p)
	}
	all.took = time.Since(begin)
	return all, err
}

// A client is a kept connection. It does less than http.Client, which would
// take a good part of the machine that the server needs.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(ctx context.Context, address string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, 64<<10)}, nil
}

// An answer is what a server sent.
type answer struct {
	status int
	bytes  int64
	etag   string
	gzip   bool
}

// do sends a request and reads the answer whole, into body unless that is nil.
func (c *client) do(request []byte, body *bytes.Buffer) (a answer, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return a, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return a, err
	}
	defer func() { _ = r.Body.Close() }()
	to := io.Discard
	if body != nil {
		to = body
	}
	a = answer{status: r.StatusCode, etag: r.Header.Get("ETag"), gzip: r.Header.Get("Content-Encoding") == "gzip"}
	a.bytes, err = io.Copy(to, r.Body)
	return a, err
}
