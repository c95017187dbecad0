package service_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sillon/service"
	"sillon/store"
	"sillon/store/storetest"
)

// read returns the rows of a query that gives texts.
func read(t testing.TB, db *store.DB, sql string) (rows []string) {
	t.Helper()
	if err := db.InTx(t.Context(), store.National, func(tx *store.Tx) (err error) {
		found, _ := tx.Query(t.Context(), sql)
		rows, err = pgx.CollectRows(found, pgx.RowTo[string])
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestC1GroupOfRecords stores three records that go together, of which the
// second cannot be stored: the others are, and counts and log are exact.
func TestC1GroupOfRecords(t *testing.T) {
	t.Parallel()
	const trouble = `
		CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE check_violation USING MESSAGE = 'the inside of the kitchen';
		END $$;
		CREATE TRIGGER trouble BEFORE INSERT ON parcellaire FOR EACH ROW WHEN (NEW.numero_bio = '1002') EXECUTE FUNCTION trouble();`
	tests := []struct {
		name         string
		trouble      string              // in the database
		panic        bool                // at the crop of the second record
		change       func(string) string // of the second record
		codes        []string            // of its issues
		transactions string              // that stored the others
	}{
		{name: "none", transactions: "1"},
		{name: "a database error", trouble: trouble, codes: []string{"DB_ERROR"}, transactions: "2"},
		{name: "a panic", panic: true, codes: []string{"DB_ERROR"}, transactions: "2"},
		{name: "a refusal by what is stored", change: func(r string) string {
			return r[:strings.Index(r, `"geom"`)] + `"nom":""}]}`
		}, codes: []string{"MISSING_GEOM", "DB_ERROR"}, transactions: "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, address := storetest.Open(t, 4)
			for _, numero := range []string{"1001", "1002", "1003"} {
				storetest.Farm(t, db, numero, 1)
			}
			if tt.trouble != "" {
				storetest.Exec(t, address, tt.trouble)
			}
			var broken atomic.Bool
			svc, err := service.New(db, service.Options{Log: slog.New(slog.DiscardHandler), IsCPF: func(code string) bool {
				if broken.Load() && code == "01.21.12" {
					panic("the inside of the kitchen")
				}
				return true
			}})
			if err != nil {
				t.Fatal(err)
			}
			second := strings.Replace(record("1002", 2026), "01.11.12", "01.21.12", 1)
			if tt.change != nil {
				second = tt.change(second)
			}
			id := push(t, svc, record("1001", 2026), second, record("1003", 2026))
			broken.Store(tt.panic)
			if more, err := svc.WorkImports(t.Context(), 1, uuid.NewString(), time.Minute); more || err != nil {
				t.Fatalf("WorkImports() = %v, %v", more, err)
			}
			refused := 0
			if tt.codes != nil {
				refused = 1
			}
			v := job(t, svc, id)
			if v.State != "DONE" || v.Received != 3 || v.Accepted != 3-refused || v.Refused != refused {
				t.Errorf("job %s, %d accepted, %d refused", v.State, v.Accepted, v.Refused)
			}
			for i, r := range v.Records {
				if want := i == 1 && refused == 1; r.Refused != want || r.Rank != i {
					t.Errorf("record %d is %+v", i, r)
				}
			}
			var codes []string
			for _, l := range v.Issues {
				if codes = append(codes, l.Issue.Code); l.Rank != 1 || l.Issue.NumeroBio != "1002" || strings.Contains(l.Issue.Message, "kitchen") {
					t.Errorf("issue %+v, want it of the second record", l)
				}
			}
			if !slices.Equal(codes, tt.codes) {
				t.Errorf("issues %+v, want %q", v.Issues, tt.codes)
			}
			want := []string{"1001 r1 1", "1002 r1 1", "1003 r1 1"}
			if refused == 1 {
				want = slices.Delete(want, 1, 2)
			}
			if diff := cmp.Diff(want, read(t, db, `
				SELECT v.numero_bio || ' r' || v.revision || ' ' || count(e)
				FROM parcellaire v LEFT JOIN event e ON e.parcellaire_id = v.id
				GROUP BY v.id ORDER BY 1`)); diff != "" {
				t.Errorf("versions and their events (-want +got):\n%s", diff)
			}
			if got := read(t, db, `SELECT count(DISTINCT xmin::text)::text FROM parcellaire WHERE numero_bio <> '1002'`)[0]; got != tt.transactions {
				t.Errorf("the others were stored in %s transactions, want %s", got, tt.transactions)
			}
			load, err := svc.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if load.Stored != int64(3-refused) || load.Refused != int64(refused) || load.Parcels != int64(3-refused) || len(load.Issues) != len(tt.codes) {
				t.Errorf("counted %+v", load.Work)
			}
		})
	}
}

// TestGroupsStoreAsRecordsAlone pushes the same random records to two
// databases, to one together and to the other each by itself: what is stored,
// what is told of it and what is refused is the same.
func TestGroupsStoreAsRecordsAlone(t *testing.T) {
	t.Parallel()
	const farms = 6
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var dbs [2]*store.DB
	var svcs [2]*service.Service
	for i := range dbs {
		db, address := storetest.Open(t, 4)
		for f := range farms {
			storetest.Farm(t, db, fmt.Sprint(1000+f), 1)
		}
		// A version that belongs to nobody until a push takes it over.
		storetest.Exec(t, address, `
			INSERT INTO parcellaire (id, numero_bio, reader_oc, name, state, audit_date) VALUES ('00000000-0000-0000-0000-000000000001', '1001', 1, '', 'AUDITED', '2024-03-01');
			INSERT INTO parcel (parcellaire_id, id, reader_oc, tile_id, cell_x, cell_y, geom, geometry_status, origine, surface_m2)
			SELECT '00000000-0000-0000-0000-000000000001', 'p1', 1, 1, 1, 1, ST_MakeEnvelope(2, 47, 2.1, 47.1, 4326), 'valide', 'import', 1`)
		svc, err := service.New(db, service.Options{IsCPF: isCPF, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		dbs[i], svcs[i] = db, svc
	}
	work := func(i int) {
		if more, err := svcs[i].WorkImports(t.Context(), 1, holder, time.Minute); more || err != nil {
			t.Fatalf("WorkImports() = %v, %v", more, err)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	for range 6 {
		var records []string
		for range 25 {
			records = append(records, randomRecord(rnd, farms))
		}
		push(t, svcs[0], records...)
		work(0)
		for _, r := range records {
			push(t, svcs[1], r)
			work(1)
		}
	}
	for what, sql := range map[string]string{
		"versions": `SELECT (to_jsonb(v) - 'id' - 'created_at' - 'updated_at')::text FROM parcellaire v ORDER BY numero_bio, audit_date`,
		"parcels": `
			SELECT v.numero_bio || v.audit_date || regexp_replace((to_jsonb(p) - 'key' - 'parcellaire_id' - 'tile_id' - 'created_at' - 'updated_at' - 'deleted_at')::text,
				'"id": "[0-9a-f-]{36}"', '', 'g') || (p.deleted_at IS NULL)
			FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id ORDER BY v.numero_bio, v.audit_date, p.key`,
		"events": `
			SELECT v.numero_bio || v.audit_date || (to_jsonb(e) - 'id' - 'parcellaire_id' - 'at' - 'request_id')::text
			FROM event e JOIN parcellaire v ON v.id = e.parcellaire_id ORDER BY v.numero_bio, v.audit_date, e.id`,
		"records": `SELECT numero_bio || ' ' || state || ' ' || parcels || coalesce(' r' || revision, '') FROM import_record ORDER BY job, rank`,
		"log":     `SELECT concat_ws(' ', code, message, numero_bio, parcelle_id) FROM import_log WHERE code <> 'DUPLICATE_RECORD' ORDER BY job, rank, id`,
	} {
		together, alone := read(t, dbs[0], sql), read(t, dbs[1], sql)
		if len(together) == 0 {
			t.Errorf("%s: none", what)
		}
		if diff := cmp.Diff(alone, together); diff != "" {
			t.Errorf("%s (-alone +together):\n%s", what, diff)
		}
	}
}

// randomRecord is a record of one of the first farms: new or for a version that
// may be there, with parcels that come, change, go and come again, some of them
// without geometry.
func randomRecord(rnd *rand.Rand, farms int) string {
	numero := fmt.Sprint(1000 + rnd.IntN(farms))
	type object = map[string]any
	r := object{
		"numeroBio": numero, "numeroClient": "C" + numero, "dateAudit": fmt.Sprintf("%d-03-01", 2024+rnd.IntN(3)),
	}
	if rnd.IntN(4) > 0 {
		from := fmt.Sprintf("%d-03-15", 2024+rnd.IntN(3))
		r["dateCertificationDebut"], r["dateCertificationFin"] = from, "2028-03-31"
	}
	if rnd.IntN(3) == 0 {
		r["numeroPacage"], r["commentaire"] = fmt.Sprint(rnd.IntN(1000)), `Vu "l'étable" \ à <revoir>`
	}
	var parcels []object
	for i, name := range []string{"p1", "p2", `q"uo\te{d},`, "été", "p5"} {
		if rnd.IntN(3) == 0 {
			continue
		}
		p := object{
			"id": name, "etatProduction": []string{"AB", "C1", "CONV"}[rnd.IntN(3)], "dateEngagement": "2024-01-01", "nom": fmt.Sprint("champ ", rnd.IntN(2)),
			"cultures": []object{{"codeCPF": "01.11.12", "quantite": rnd.IntN(2), "unite": "ha", "dateSemis": "2025-10-01"}, {"codeCPF": "01.21.12"}}[:1+rnd.IntN(2)],
		}
		if rnd.IntN(5) > 0 {
			x := 2 + float64(i)/100 + float64(rnd.IntN(2))/1000
			p["geom"] = fmt.Sprintf("[[[%[1]g,47.1],[%[2]g,47.1],[%[2]g,47.105],[%[1]g,47.105],[%[1]g,47.1]]]", x, x+0.004)
		}
		parcels = append(parcels, p)
	}
	r["parcelles"] = append(parcels, object{
		"id": "last", "etatProduction": "AB", "cultures": []object{{"codeCPF": "01.11.12"}}, "geom": "[[[3,47],[3.01,47],[3.01,47.01],[3,47]]]",
	})
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // only texts and numbers
	}
	return string(b)
}
