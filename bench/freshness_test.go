package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/gzip"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/maptile"

	"sillon/tiles"
)

// measureFreshness measures how soon an edit is in a tile: of the node that
// stored it, running alone, then of both of two nodes.
func measureFreshness(b *testing.B, s settings, bin, dir string, d *database) []freshness {
	b.Helper()
	token := certify(b, bin, dir, d)
	first, _ := launchNode(b, bin, dir, d, "first")
	defer first.stop(b)
	p := newPusher(b, first, token, d)
	alone := measurePushes(b, p, s.edits, first)
	second, _ := launchNode(b, bin, dir, d, "second")
	defer second.stop(b)
	pushed := measurePushes(b, p, s.edits, first, second)
	edited := measureEdits(b, d, s.edits, first, second)
	return []freshness{
		alone[0].figure("push, one node", nodeSame),
		pushed[0].merged(pushed[1]).figure("push, two nodes", nodeOther), // whichever stored it
		edited[0].merged(edited[1]).figure("plain SQL", nodeOther),
	}
}

// A wait is how long edits took to be in the tiles of a node.
type wait struct {
	times []time.Duration
	stale int
}

func (w wait) merged(o wait) wait {
	return wait{append(w.times, o.times...), w.stale + o.stale}
}

func (w wait) figure(what, node string) freshness {
	return freshness{
		What: what, Node: node, Edits: len(w.times), Stale: w.stale,
		MedianMS: rounded(milliseconds(quantile(w.times, 0.5))), P99MS: rounded(milliseconds(quantile(w.times, 0.99))),
	}
}

// A watcher asks a node for one tile.
type watcher struct {
	client  *client
	request []byte
	body    bytes.Buffer
}

func watch(b *testing.B, p *program, a tiles.Address) *watcher {
	b.Helper()
	c, err := dial(b.Context(), p.address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.conn.Close() })
	return &watcher{client: c, request: request(p.address, nodePath(a), "")}
}

// level returns the level of the parcel of that id, or of any parcel for id 0;
// empty if it is not in the tile.
func (w *watcher) level(id int64) (string, error) {
	w.body.Reset()
	a, err := w.client.do(w.request, &w.body)
	if err != nil || a.status == http.StatusNoContent {
		return "", err
	}
	var from io.Reader = &w.body
	if a.gzip {
		if from, err = gzip.NewReader(from); err != nil {
			return "", err
		}
	}
	plain, err := io.ReadAll(from)
	if err != nil {
		return "", err
	}
	layers, err := mvt.Unmarshal(plain)
	if err != nil {
		return "", err
	}
	for _, l := range layers {
		for _, f := range l.Features {
			if id == 0 || fmt.Sprintf("%.0f", f.ID) == fmt.Sprint(id) {
				level, _ := f.Properties["niveau"].(string)
				return level, nil
			}
		}
	}
	return "", nil
}

// until asks until the parcel has that level, and notes how long after since.
func (w *watcher) until(id int64, level string, since time.Time, to *wait) error {
	for asked := 1; ; asked++ {
		got, err := w.level(id)
		if err != nil {
			return err
		}
		if got == level {
			to.times = append(to.times, time.Since(since))
			if asked > 1 {
				to.stale++
			}
			return nil
		}
		if time.Since(since) > patience {
			return fmt.Errorf("%.60q: still %q, want %q", w.request, got, level)
		}
		time.Sleep(time.Millisecond)
	}
}

// levelOf is what an edit changes a parcel to.
func levelOf(edit int) string { return []string{"AB", "CONV"}[edit%2] }

// seenBy has every node asked at once, and returns when all have it.
func seenBy(b *testing.B, watchers []*watcher, id int64, level string, since time.Time, waits []wait) {
	b.Helper()
	failures := make(chan error, len(watchers))
	for i, w := range watchers {
		go func() { failures <- w.until(id, level, since, &waits[i]) }()
	}
	for range watchers {
		if err := <-failures; err != nil {
			b.Fatal(err)
		}
	}
}

// measureEdits changes published parcels by plain SQL and asks nodes for the
// tile of each from the commit on.
func measureEdits(b *testing.B, d *database, edits int, nodes ...*program) []wait {
	b.Helper()
	rows, _ := d.conn.Query(b.Context(), `
		SELECT key, tile_id, cell_x, cell_y, level FROM parcel
		WHERE published AND deleted_at IS NULL AND level NOT IN ('AB', 'CONV')
		ORDER BY tile_id LIMIT 50`) // by a random number: all over the country
	parcels, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Key, ID int64
		X, Y    uint32
		Level   string
	}])
	if err != nil || len(parcels) == 0 {
		b.Fatalf("parcels to edit: %d, %v", len(parcels), err)
	}
	waits := make([]wait, len(nodes))
	for edit := range edits {
		p := parcels[edit%len(parcels)]
		watchers := make([]*watcher, len(nodes))
		for i, node := range nodes {
			watchers[i] = watch(b, node, tiles.Address{Z: 15, X: p.X, Y: p.Y})
		}
		for _, level := range []string{levelOf(edit), p.Level} {
			d.exec(b, `UPDATE parcel SET level = $1 WHERE key = $2`, level, p.Key)
			seenBy(b, watchers, p.ID, level, time.Now(), waits)
		}
	}
	return waits
}

// A pusher pushes one parcel again and again, each time as a later audit.
type pusher struct {
	node  *program
	token string
	where maptile.Tile // holds nothing else
	spot  [2]float64   // south-west corner of the parcel, degrees
	day   time.Time
	done  int
}

func newPusher(b *testing.B, node *program, token string, d *database) *pusher {
	b.Helper()
	p := &pusher{node: node, token: token, day: time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)}
	var last *time.Time
	d.scan(b, `SELECT max(audit_date) FROM parcellaire WHERE numero_bio = '`+measuredFarm+`'`, &last)
	if last != nil { // an earlier run
		p.day = last.AddDate(0, 0, 1)
	}
	for lon := 2.0; ; lon += 0.02 {
		p.where = maptile.At([2]float64{lon, 47.2}, 16)
		w := watch(b, node, tiles.Address{Z: 16, X: p.where.X, Y: p.where.Y})
		p.spot = p.where.Center()
		if level, err := w.level(0); err != nil {
			b.Fatal(err)
		} else if level == "" || last != nil {
			return p
		}
	}
}

// push stores the parcel with the next level, and returns when that is done.
func (p *pusher) push(b *testing.B) (level string, done time.Time) {
	b.Helper()
	level = levelOf(p.done)
	p.done++
	date := func(days int) string { return p.day.AddDate(0, 0, days).Format(time.DateOnly) }
	west, south := p.spot[0], p.spot[1]
	east, north := west+0.001, south+0.001
	r := record{
		NumeroBio: measuredFarm, NumeroClient: "C1", AnneeReferenceControle: p.day.Year(), DateAudit: date(0),
		DateCertificationDebut: date(0), DateCertificationFin: date(700),
		Parcelles: []parcel{{
			ID: "1", EtatProduction: "AB", DateEngagement: "1990-01-01", NumeroIlot: "1", NumeroParcelle: "1", Nom: "Mesure",
			Geom:     fmt.Sprintf("[[[%f,%f],[%f,%f],[%f,%f],[%f,%f],[%f,%f]]]", west, south, east, south, east, north, west, north, west, south),
			Cultures: []crop{{CodeCPF: "01.11.12", DateSemis: date(-100), Quantite: 1, Unite: "ha"}},
		}},
	}
	if level != "AB" {
		r.Parcelles[0].EtatProduction, r.Parcelles[0].DateEngagement = "CONV", ""
	}
	p.day = p.day.AddDate(0, 0, 1)
	body, err := json.Marshal([]record{r})
	if err != nil {
		b.Fatal(err)
	}
	var reply struct {
		JobID int64 `json:"jobId"`
	}
	p.call(b, http.MethodPost, "/api/v2/certification/parcelles", string(body), &reply)
	for {
		var job struct {
			Status          string `json:"status"`
			NbObjetsRefuses int    `json:"nbObjetsRefuses"`
		}
		said := p.call(b, http.MethodGet, fmt.Sprintf("/api/v3/import/jobs/%d", reply.JobID), "", &job)
		if job.Status == "DONE" && job.NbObjetsRefuses == 0 {
			return level, time.Now()
		}
		if job.Status != "PENDING" {
			b.Fatalf("push: %.1000s", said)
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *pusher) call(b *testing.B, method, path, body string, to any) []byte {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, "http://"+p.node.address+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", p.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(said, to); err != nil || response.StatusCode >= http.StatusBadRequest {
		b.Fatalf("%s %s: %d %.1000s", method, path, response.StatusCode, said)
	}
	return said
}

// measurePushes pushes and asks nodes for the tile, from when the push says
// that it is stored.
func measurePushes(b *testing.B, p *pusher, pushes int, nodes ...*program) []wait {
	b.Helper()
	waits := make([]wait, len(nodes))
	watchers := make([]*watcher, len(nodes))
	for i, node := range nodes {
		watchers[i] = watch(b, node, tiles.Address{Z: 16, X: p.where.X, Y: p.where.Y})
	}
	for range pushes {
		level, done := p.push(b)
		seenBy(b, watchers, 0, level, done, waits)
	}
	return waits
}
