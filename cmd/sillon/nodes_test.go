package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the certifiers of TestO1TwoNodes send: so many pushes each, one after the
// other, of so many farms.
const (
	certifiers     = 3
	pushesOfEach   = 4
	recordsOfAPush = 25
)

// unhurried has each record take its time, and tells which are dealt with.
const unhurried = `
	CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(0.05), pg_notify('record', concat_ws(' ', NEW.oc, NEW.job, NEW.rank));
		RETURN NULL;
	END $$;
	CREATE TRIGGER slow AFTER UPDATE ON import_record FOR EACH ROW WHEN (NEW.state = 'stored') EXECUTE FUNCTION slow();`

// numberOf is the number of a farm of a push: of certifier oc the nth.
func numberOf(oc, nth, rank int) int { return 10_000*oc + 100*nth + rank }

// TestO1TwoNodes kills one of two nodes that store the pushes of several
// certifiers, while these push on: the other one takes over within the lease,
// each record is stored once, the jobs of a certifier in their order, and none
// stays behind (O1, O2).
func TestO1TwoNodes(t *testing.T) {
	t.Parallel()
	address := emptyDatabase(t)
	env := append(served(address), "SILLON_WORKERS=2")
	call{env: env, args: []string{"migrate"}}.must(t)
	var registry strings.Builder
	registry.WriteString("numeroBio;certificateurId;certificateur;numeroClient;etat\n")
	tokens := make(map[int]string)
	for oc := 1; oc <= certifiers; oc++ {
		for nth := range pushesOfEach {
			for rank := range recordsOfAPush {
				fmt.Fprintf(&registry, "%d;%d;Certif %d;C;ENGAGEE\n", numberOf(oc, nth, rank), oc, oc)
			}
		}
	}
	call{env: env, stdin: registry.String(), args: []string{"farms", "import", "-"}}.must(t)
	for oc := 1; oc <= certifiers; oc++ {
		tokens[oc] = strings.TrimSpace(call{env: env, args: []string{"token", "create", "--role", "oc_service", "--certifier", strconv.Itoa(oc)}}.must(t))
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), unhurried+"; LISTEN record"); err != nil {
		t.Fatal(err)
	}

	nodes := []*node{start(t, env, "serve"), start(t, env, "serve")}
	var clients sync.WaitGroup
	t.Cleanup(clients.Wait)
	kill := make(chan struct{})
	for oc := 1; oc <= certifiers; oc++ {
		clients.Go(func() {
			for nth := range pushesOfEach {
				if nth == pushesOfEach/2 {
					select {
					case <-kill:
					case <-t.Context().Done():
						return
					}
				}
				if err := pushToAny(t.Context(), nodes, tokens[oc], payloadOf(oc, nth)); err != nil {
					t.Errorf("push %d of certifier %d: %v", nth, oc, err)
				}
			}
		})
	}
	const all = certifiers * pushesOfEach * recordsOfAPush
	// Two workers a node are too few for three certifiers: both nodes work.
	working := func() (n int) {
		if err := conn.QueryRow(t.Context(), `
			SELECT count(DISTINCT attempted_by[array_length(attempted_by, 1)]) FROM river_job WHERE kind = 'push' AND state = 'running'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	stored := 0
	for ; stored < all/10 || working() < len(nodes); stored++ {
		if stored > all/2 {
			t.Fatal("one node does all the work")
		}
		notification(t, conn)
	}
	close(kill) // some of the pushes are under way
	nodes[0].signal(syscall.SIGKILL)
	nodes[0].end(t)
	killed := time.Now()
	last := make(map[string]time.Time) // record by certifier
	for ; stored < all; stored++ {
		oc, _, _ := strings.Cut(notification(t, conn), " ")
		since := last[oc]
		if since.IsZero() {
			since = killed
		}
		// The lease is 20 s; whoever waits looks again every 10 s.
		if gap := time.Since(since); gap > 35*time.Second {
			t.Errorf("nothing of certifier %s for %v", oc, gap)
		}
		last[oc] = time.Now()
	}
	t.Logf("all stored %v after the kill", time.Since(killed))
	clients.Wait()

	for what, query := range map[string]string{
		"jobs that are not done":                    `SELECT count(*) FROM import_job WHERE state <> 'DONE'`,
		"records that are not stored":               `SELECT count(*) FROM import_record WHERE state <> 'stored'`,
		"records refused":                           `SELECT count(*) FROM import_log WHERE type = 'error'`,
		"versions written twice":                    `SELECT count(*) FROM parcellaire WHERE revision <> 1`,
		"versions with more than one event":         `SELECT count(*) FROM (SELECT FROM event GROUP BY parcellaire_id HAVING count(*) > 1) e`,
		"farms with more than one version, or none": `SELECT count(*) FROM farm f WHERE (SELECT count(*) FROM parcellaire v WHERE v.numero_bio = f.numero_bio) <> 1`,
		"records stored before one of an earlier push": `
			SELECT count(*) FROM (
				SELECT nth, max(nth) OVER (PARTITION BY oc ORDER BY id) AS latest
				FROM (SELECT e.id, e.oc, v.numero_bio::int % 10000 / 100 AS nth FROM event e JOIN parcellaire v ON v.id = e.parcellaire_id) e
			) e WHERE nth < latest`,
	} {
		var n int
		// A job ends a moment after its last record; one whose answer was lost
		// was sent again, and changes nothing.
		for tries := 0; ; tries++ {
			if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n == 0 || !strings.Contains(query, "state <> '") || tries == 300 {
				break
			}
			if _, err := conn.Exec(t.Context(), `SELECT pg_sleep(0.1)`); err != nil {
				t.Fatal(err)
			}
		}
		if n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	nodes[1].stop(t)
}

// payloadOf is the nth push of a certifier.
func payloadOf(oc, nth int) string {
	records := make([]string, recordsOfAPush)
	for rank := range records {
		lon, lat := float64(oc)+float64(rank)/50, 46+float64(nth)/50
		records[rank] = fmt.Sprintf(`{"numeroBio":%d,"numeroClient":"C","dateAudit":"2026-03-01","dateCertificationDebut":"2026-03-15",
			"dateCertificationFin":"2028-03-31","parcelles":[{"id":1,"etatProduction":"AB","cultures":[{"codeCPF":"01.11.12"}],
			"geom":"[[[%f,%f],[%f,%f],[%f,%f],[%f,%f]]]"}]}`, numberOf(oc, nth, rank), lon, lat, lon+.001, lat, lon+.001, lat+.001, lon, lat)
	}
	return "[" + strings.Join(records, ",") + "]"
}

// pushToAny sends a push to one node, and to the other when that does not
// answer, as a certifier behind a load balancer does.
func pushToAny(ctx context.Context, nodes []*node, token, payload string) (err error) {
	for _, n := range nodes {
		var request *http.Request
		if request, err = http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/api/v2/certification/parcelles", strings.NewReader(payload)); err != nil {
			return err
		}
		request.Header.Set("Authorization", token)
		var response *http.Response
		if response, err = http.DefaultClient.Do(request); err != nil {
			continue
		}
		body, failure := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err = failure; err != nil {
			continue
		}
		if response.StatusCode != http.StatusAccepted || !json.Valid(body) {
			return fmt.Errorf("%d %s", response.StatusCode, body)
		}
		return nil
	}
	return err
}
