package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/api"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// A statementCount counts the statements that the database is asked for, each
// of a batch by itself.
type statementCount struct{ n atomic.Int64 }

func (c *statementCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *statementCount) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (c *statementCount) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	c.n.Add(1)
}

func (c *statementCount) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// P2: a request takes as many statements for 10 000 parcels as for one, and a
// page or a push as many for three farms.
func TestP2StatementsOfRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	sizes := map[string]int{"1001": 1, "1002": 100, "1003": 10_000}
	versions := make(map[string]string)
	records := make(map[string]object)
	for numero, n := range sizes {
		parcels := make([]object, n)
		for i := range parcels {
			parcels[i] = parcel(fmt.Sprint("p", i)).with(object{"geom": rectangle(2+float64(i%100)/500, 47+float64(i/100)/500, 0.001)})
		}
		records[numero] = record(numero, parcels...)
		s.store(t, ocOne, []object{records[numero]})
		versions[numero] = s.version(t, numero, 1, audit)
	}

	for numero := range sizes {
		s.store(t, ocOne, []object{record(numero, parcel("p")).with(object{"dateAudit": "2026-05-12"})})
	}

	count := &statementCount{}
	db, err := store.Connect(t.Context(), s.address, 2, count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	svc, err := service.New(db, service.Options{
		IsCPF: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler), SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := api.New(svc, api.Options{PublicURL: publicURL, Version: apiVersion, Log: slog.New(slog.DiscardHandler)})
	// statements of a request, once its token is known.
	statements := func(who asker, method, path, body string) int64 {
		t.Helper()
		for range 2 {
			count.n.Store(0)
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
			r.Header.Set("Authorization", s.tokens[who])
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code >= http.StatusBadRequest {
				t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
		return count.n.Load()
	}
	// least of two tries: now and then one asks whether the communes were loaded
	// again.
	least := func(of func(string) int64, numero string) int64 { return min(of(numero), of(numero)) }
	try := 0
	for _, tt := range []struct {
		name string
		of   func(numero string) int64
	}{
		{"the parcels of a version", func(numero string) int64 {
			return statements(ocOne, http.MethodGet, versionPath(versions[numero])+"/parcelles", "")
		}},
		{"a spreadsheet", func(numero string) int64 {
			return statements(agenceBio, http.MethodGet, versionPath(versions[numero])+"/export?modele=certis", "")
		}},
		{"a version", func(numero string) int64 { return statements(ocOne, http.MethodGet, versionPath(versions[numero]), "") }},
		{"a farm", func(numero string) int64 { return statements(agenceBio, http.MethodGet, farmPath(numero), "") }},
		{"a farm edited", func(numero string) int64 {
			return statements(agenceBio, http.MethodPut, farmPath(numero), `{"nom":"x"}`)
		}},
		{"a link edited", func(numero string) int64 {
			return statements(agenceBio, http.MethodPut, linkPath(numero, 1), `{"etat":"ENGAGEE"}`)
		}},
		{"a version as RFC 002 serves it", func(numero string) int64 { return statements(ocOne, http.MethodGet, exchangePath(numero), "") }},
		{"a push of the same again", func(numero string) int64 {
			return statements(ocOne, http.MethodPost, pushPath, text(t, []object{records[numero]}))
		}},
		{"a push on trial", func(numero string) int64 {
			return statements(ocOne, http.MethodPost, rehearsalPath, text(t, []object{records[numero]}))
		}},
		{"pages of 1, 2 and 3 versions", func(numero string) int64 {
			return statements(ocOne, http.MethodGet, listPath+"?limit="+numero[3:], "")
		}},
		{"pages of 1, 2 and 3 farms", func(numero string) int64 {
			return statements(agenceBio, http.MethodGet, farmsPath+"?limite="+numero[3:], "")
		}},
		{"a push stored", func(numero string) int64 {
			try++
			changed := records[numero].with(object{"commentaire": fmt.Sprint("essai ", try)})
			statements(ocOne, http.MethodPost, pushPath, text(t, []object{changed}))
			count.n.Store(0)
			if more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); err != nil || more {
				t.Fatal(more, err)
			}
			return count.n.Load()
		}},
		{"a push of 1, 2 and 3 records stored", func(numero string) int64 {
			try++
			var changed []object
			for _, small := range []string{"1001", "1002", "1003"}[:numero[3]-'0'] {
				changed = append(changed, record(small, parcel("p")).with(object{"dateAudit": "2026-05-12", "commentaire": fmt.Sprint("essai ", try)}))
			}
			statements(ocOne, http.MethodPost, pushPath, text(t, changed))
			count.n.Store(0)
			if more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); err != nil || more {
				t.Fatal(more, err)
			}
			return count.n.Load()
		}},
	} {
		one, hundred, most := least(tt.of, "1001"), least(tt.of, "1002"), least(tt.of, "1003")
		if one == 0 || hundred != one || most != one {
			t.Errorf("%s: %d, %d and %d statements for 1, 100 and 10 000 parcels", tt.name, one, hundred, most)
		}
	}
}

// P2: neither storing nor trying a push takes a statement per record: what
// counts is how many slices of a hundred farms it is worked in.
func TestP2StatementsOfTrials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const most = 3000
	var farms []sillon.Farm
	for i := range most {
		numero := sillon.NumeroBio(strconv.Itoa(200_000 + i))
		farms = append(farms, sillon.Farm{NumeroBio: numero, Production: true, Links: []sillon.Link{{
			Certifier: sillon.Certifier{ID: 1}, NumeroClient: "C" + string(numero), State: sillon.LinkEngaged,
		}}})
	}
	storetest.Farms(t, s.db, farms...)
	s.store(t, ocOne, []object{record("1002", parcel("p"))})
	storetest.Exec(t, s.address, fmt.Sprintf(`
		WITH v AS (
			INSERT INTO parcellaire (id, numero_bio, oc, name, state, audit_date, certified_from, certified_until, parcel_count)
			SELECT gen_random_uuid(), numero_bio, oc, name, state, date '2010-01-01' + i, certified_from, certified_until, 1
			FROM parcellaire, generate_series(0, %d) AS i RETURNING id)
		INSERT INTO parcel (parcellaire_id, id, oc, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
		SELECT v.id, p.id, oc, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2 FROM v, parcel p`, most-1))
	count := &statementCount{}
	db, err := store.Connect(t.Context(), s.address, 2, count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	svc, err := service.New(db, service.Options{
		IsCPF: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler), SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := api.New(svc, api.Options{PublicURL: publicURL, Version: apiVersion, Log: slog.New(slog.DiscardHandler)})
	statements := func(records []object) int64 {
		t.Helper()
		body := text(t, records)
		least := int64(1 << 62) // now and then one asks whether the communes were loaded again
		for range 2 {
			count.n.Store(0)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, rehearsalPath, strings.NewReader(body))
			r.Header.Set("Authorization", s.tokens[ocOne])
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"nbObjetRefuses":0`) {
				t.Fatalf("%d %.300s", w.Code, w.Body)
			}
			least = min(least, count.n.Load())
		}
		return least
	}
	for _, tt := range []struct {
		name   string
		apart  bool // the farms
		record func(i int) object
	}{
		{"new farms", true, func(i int) object { return record(string(farms[i].NumeroBio)) }},
		{"audits of one farm", false, func(i int) object {
			return record("1001").with(object{"dateAudit": time.Date(2010, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)})
		}},
		{"audits that are stored", false, func(i int) object {
			return record("1002", bad("p", object{"geom": nil})).with(object{"dateAudit": time.Date(2010, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)})
		}},
		{"one audit again and again", false, func(i int) object { return record("1001", parcel("p"+strconv.Itoa(i%7))) }},
	} {
		got := map[int]int64{}
		for _, n := range []int{1, 100, most} {
			records := make([]object, n)
			for i := range records {
				records[i] = tt.record(i)
			}
			got[n] = statements(records)
		}
		slices := int64(1)
		if tt.apart {
			slices = most / 100
		}
		if one := got[1]; got[100] != one || got[most] > one+4*(slices-1) {
			t.Errorf("%s: %v statements by number of records", tt.name, got)
		}
	}
}
