package bench

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
	"time"

	"sillon/tiles"
)

// launchNode starts a server of ours on d, and waits until it has read what it
// reads by itself. Its limits are high, not off: they cost what they cost.
func launchNode(b *testing.B, bin, dir string, d *database, name string, env ...string) (*program, footprint) {
	b.Helper()
	address := freeAddress(b)
	p := launch(b, dir, name, address, "/readyz", env, bin, "serve", "--data-dir", d.dir, "--listen", address,
		"--rate-address", "100000000", "--rate-token", "100000000", "--workers", "1")
	f := footprint{Server: name, Ready: time.Since(p.begun).Seconds()}
	f.Settled = d.settle(p).Seconds()
	f.Heap = p.heap(b)
	f.RSS, _ = memoryOf(p.pid())
	return p, f
}

// settle waits until neither p nor the database has worked for half a second,
// and returns when that began, counted from the start of p.
func (d *database) settle(p *program) time.Duration {
	const window, needed = 100 * time.Millisecond, 5
	used := func() time.Duration { return cpuOf(p.pid()) + cpuUnder(d.postmaster) }
	idle, since, before := 0, time.Since(p.begun), used()
	for time.Since(p.begun) < 5*time.Minute {
		time.Sleep(window)
		now := used()
		if now-before > 2*tick {
			idle, since = 0, time.Since(p.begun)
		} else if idle++; idle == needed {
			break
		}
		before = now
	}
	return since
}

var heapLine = regexp.MustCompile(`(?m)^go_memstats_heap_inuse_bytes (\S+)$`)

// heap is what the metrics of a node of ours say, 0 for a peer.
func (p *program) heap(b *testing.B) int64 {
	b.Helper()
	c, err := dial(b.Context(), p.address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.conn.Close() }()
	var body bytes.Buffer
	// As it is: the reader of metrics takes no gzip here.
	plain := bytes.Replace(request(p.address, "/metrics", ""), []byte("Accept-Encoding: gzip\r\n"), nil, 1)
	if _, err := c.do(plain, &body); err != nil {
		b.Fatal(err)
	}
	m := heapLine.FindSubmatch(body.Bytes())
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return int64(n)
}

func nodePath(a tiles.Address) string { return "/tiles/parcelles/" + a.String() + ".mvt" }
