package service_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
	"sillon/upstream"
)

// An agency publishes farms as Agence BIO does.
type agency struct {
	sync.Mutex
	farms []string
	down  bool
	limit int   // farms of a page, whatever is asked; 0 is what is asked
	asked []int // the first farm of each page asked for
}

func (a *agency) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.Lock()
	defer a.Unlock()
	start, _ := strconv.Atoi(r.URL.Query().Get("debut"))
	n, _ := strconv.Atoi(r.URL.Query().Get("nb"))
	a.asked = append(a.asked, start)
	if a.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	if a.limit > 0 {
		n = min(n, a.limit)
	}
	first, last := min(start, len(a.farms)), min(start+n, len(a.farms))
	_, _ = fmt.Fprintf(w, `{"nbTotal":%d,"items":[%s]}`, len(a.farms), strings.Join(a.farms[first:last], ","))
}

func (a *agency) set(down bool) {
	a.Lock()
	defer a.Unlock()
	a.down = down
}

// takeAsked returns what was asked since the last time.
func (a *agency) takeAsked() []int {
	a.Lock()
	defer a.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

func listed(numero, state, engaged string) string {
	return fmt.Sprintf(`{"numeroBio":%s,"raisonSociale":"Ferme %s","certificats":[{"organisme":"OC 1","etatCertification":"%s","dateEngagement":"%s"}]}`,
		numero, numero, state, engaged)
}

// TestSyncDirectory follows a directory that is longer than a run, breaks off
// and comes back; what is wrong in it is left out, what it does not know is kept.
func TestSyncDirectory(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1) // client number C1001, engaged on 2020-01-01
	a := &agency{limit: 100}
	for n := range 250 {
		a.farms = append(a.farms, listed(fmt.Sprint(1001+n), "ENGAGEE", "2021-05-05"))
	}
	a.farms[120] = listed("1121", "INCONNUE", "2021-05-05")
	a.farms[130] = `{"raisonSociale":"sans numéro"}`
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	node := func() *service.Service {
		directory, err := upstream.NewDirectory(server.URL, 0)
		if err != nil {
			t.Fatal(err)
		}
		svc, err := service.New(db, service.Options{
			Log: slog.New(slog.DiscardHandler), Directory: directory, DirectoryEvery: 24 * time.Hour, Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		return svc
	}
	svc := node()
	sync := func(budget time.Duration, more, fails bool, asked ...int) {
		t.Helper()
		got, err := svc.SyncDirectory(t.Context(), budget)
		if got != more || (err != nil) != fails {
			t.Errorf("SyncDirectory() = %v, %v, want %v and a failure: %v", got, err, more, fails)
		}
		if got := a.takeAsked(); !slices.Equal(got, asked) {
			t.Errorf("asked from %v, want %v", got, asked)
		}
	}
	sync(0, true, false, 0)
	a.set(true)
	sync(time.Minute, false, true, 100)
	sheet := func(numero sillon.NumeroBio) *service.FarmSheet { // O11: reads go on
		t.Helper()
		s, err := svc.Farm(t.Context(), sillon.Actor{ID: "t", Roles: sillon.RoleAgenceBio}, numero)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if c := sheet("1001").Current; c == nil || c.NumeroClient != "C1001" {
		t.Errorf("current link of 1001: %+v, want its client number kept", c)
	}
	a.set(false)
	svc = node() // another one takes it up
	sync(time.Minute, false, false, 100, 200)
	sync(time.Minute, false, false) // read a moment ago
	now = now.Add(25 * time.Hour)
	a.farms[5] = listed("1006", "ARRETEE", "2021-05-05")
	sync(time.Minute, false, false, 0, 100, 200)

	if c := sheet("1006").Current; c == nil || c.State != sillon.LinkStopped {
		t.Errorf("current link of 1006: %+v, want what the directory says now", c)
	}
	if c := sheet("1001"); c.Current.NumeroClient != "C1001" || len(c.Farm.Links) != 2 || c.Farm.Links[1].NumeroClient != "C1001" {
		t.Errorf("1001 after all: %+v", c)
	}
	var got string
	if err := db.InTx(t.Context(), store.System, func(tx *store.Tx) error {
		r, err := tx.DirectoryReading(t.Context())
		if err != nil {
			return err
		}
		var farms int
		err = tx.QueryRow(t.Context(), `SELECT count(*) FROM farm`).Scan(&farms)
		got = fmt.Sprint(farms, r.Position, r.Farms, r.Refused, r.EndedAt.Equal(now))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got != "248 250 248 2 true" {
		t.Errorf("farms, position, stored, refused, ended: %s", got)
	}
}
