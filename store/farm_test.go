package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// dump returns a table as text, a line a row.
func dump(t testing.TB, address, columns, table, order string) string {
	t.Helper()
	return strings.Join(askServer[string](t, address, `SELECT concat_ws('|', `+columns+`) FROM `+table+` ORDER BY `+order), "\n")
}

func TestSaveFarms(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	day := func(year int) sillon.Date { return sillon.Date{Year: year, Month: 1, Day: 1} }
	changed := time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)
	link := func(id sillon.OC, name, client string, state sillon.LinkState) sillon.Link {
		return sillon.Link{Certifier: sillon.Certifier{ID: id, Name: name}, NumeroClient: client, State: state, Start: day(2020), ChangedAt: changed}
	}
	farm := sillon.Farm{
		NumeroBio: "1", Name: "Les Prés", TradeName: "GAEC", Siret: "12345678901234", Pacages: []string{"001000001", "001000002"},
		Address: "1 rue", PostalCode: "26150", Commune: "26113", Production: true,
		Links: []sillon.Link{link(7, "Alpha", "A1", sillon.LinkEngaged), link(0, "Bêta", "B1", sillon.LinkStopped)},
	}
	const (
		farms = `numero_bio, name, trade_name, siret, pacages, address, postal_code, commune, production, current_oc, numero_client, current_state, ocs`
		links = `oc, numero_bio, numero_client, state, start, stop, changed_at AT TIME ZONE 'UTC'`
	)
	state := func() string {
		return dump(t, address, `id, name`, "certifier", "id") + "\n" + dump(t, address, farms, "farm", "1") + "\n" + dump(t, address, links, "link", "1")
	}
	history := func() string { return dump(t, address, `oc, numero_client, state, stop`, "link_history", "id") }
	steps := []struct {
		name    string
		farms   []sillon.Farm
		want    string
		history string
	}{
		{"created, with certifiers by id and by name", []sillon.Farm{farm}, `7|Alpha
8|Bêta
1|Les Prés|GAEC|12345678901234|{001000001,001000002}|1 rue|26150|26113|t|7|A1|ENGAGEE|{7,8}
7|1|A1|ENGAGEE|2020-01-01|2024-05-06 00:00:00
8|1|B1|ARRETEE|2020-01-01|2024-05-06 00:00:00`, "7|A1|ENGAGEE\n8|B1|ARRETEE"},
		{"the same again changes nothing", []sillon.Farm{farm}, `7|Alpha
8|Bêta
1|Les Prés|GAEC|12345678901234|{001000001,001000002}|1 rue|26150|26113|t|7|A1|ENGAGEE|{7,8}
7|1|A1|ENGAGEE|2020-01-01|2024-05-06 00:00:00
8|1|B1|ARRETEE|2020-01-01|2024-05-06 00:00:00`, "7|A1|ENGAGEE\n8|B1|ARRETEE"},
		{"what is not given is kept", []sillon.Farm{{NumeroBio: "1", Production: true, Links: []sillon.Link{link(7, "", "", sillon.LinkEngaged)}}}, `7|Alpha
8|Bêta
1|Les Prés|GAEC|12345678901234|{001000001,001000002}|1 rue|26150|26113|t|7|A1|ENGAGEE|{7,8}
7|1|A1|ENGAGEE|2020-01-01|2024-05-06 00:00:00
8|1|B1|ARRETEE|2020-01-01|2024-05-06 00:00:00`, "7|A1|ENGAGEE\n8|B1|ARRETEE"},
		{"a name, a number and a state are changed, a certifier found by another case", []sillon.Farm{{
			NumeroBio: "1", Name: "Les Champs", Production: true,
			Links: []sillon.Link{link(7, "Alpha Bio", "A2", sillon.LinkSuspended), link(0, "BÊTA", "B1", sillon.LinkStopped)},
		}}, `7|Alpha Bio
8|Bêta
1|Les Champs|GAEC|12345678901234|{001000001,001000002}|1 rue|26150|26113|t|7|A2|SUSPENDUE|{7,8}
7|1|A2|SUSPENDUE|2020-01-01|2024-05-06 00:00:00
8|1|B1|ARRETEE|2020-01-01|2024-05-06 00:00:00`, "7|A1|ENGAGEE\n8|B1|ARRETEE\n7|A2|SUSPENDUE"},
		{"another farm, without certifier", []sillon.Farm{{NumeroBio: "2"}}, `7|Alpha Bio
8|Bêta
1|Les Champs|GAEC|12345678901234|{001000001,001000002}|1 rue|26150|26113|t|7|A2|SUSPENDUE|{7,8}
2||||{}||||f||{}
7|1|A2|SUSPENDUE|2020-01-01|2024-05-06 00:00:00
8|1|B1|ARRETEE|2020-01-01|2024-05-06 00:00:00`, "7|A1|ENGAGEE\n8|B1|ARRETEE\n7|A2|SUSPENDUE"},
		{"the last of two equal links of a file counts", []sillon.Farm{{NumeroBio: "2", Production: true, Links: []sillon.Link{
			link(8, "", "X", sillon.LinkDraft), link(0, "bêta", "Y", sillon.LinkEngaged),
		}}}, `7|Alpha Bio
8|Bêta
1|Les Champs|GAEC|12345678901234|{001000001,001000002}|1 rue|26150|26113|t|7|A2|SUSPENDUE|{7,8}
2||||{}||||t|8|Y|ENGAGEE|{8}
7|1|A2|SUSPENDUE|2020-01-01|2024-05-06 00:00:00
8|1|B1|ARRETEE|2020-01-01|2024-05-06 00:00:00
8|2|Y|ENGAGEE|2020-01-01|2024-05-06 00:00:00`, "7|A1|ENGAGEE\n8|B1|ARRETEE\n7|A2|SUSPENDUE\n8|Y|ENGAGEE"},
	}
	for _, s := range steps {
		storetest.Farms(t, db, s.farms...)
		if diff := cmp.Diff(s.want, state()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
		if diff := cmp.Diff(s.history, history()); diff != "" {
			t.Errorf("%s, history (-want +got):\n%s", s.name, diff)
		}
	}
}

// A pastLink is a link as the registry came to hold it; days count back from
// now.
type pastLink struct {
	oc          sillon.OC
	state       sillon.LinkState
	start, stop string // days, or empty
	changed     int
	updated     int
	created     int
}

// TestCurrentLink is domain.md §3.2.
func TestCurrentLink(t *testing.T) {
	t.Parallel()
	const sixMonths, sevenMonths = 180, 215
	tests := []struct {
		name  string
		links []pastLink
		oc    sillon.OC // 0 for none
		state sillon.LinkState
	}{
		{"no link", nil, 0, ""},
		{"one link", []pastLink{{oc: 1, state: sillon.LinkEngaged}}, 1, sillon.LinkEngaged},
		{"a draft alone", []pastLink{{oc: 1, state: sillon.LinkDraft}}, 1, sillon.LinkDraft},
		{
			"a newer draft beside another link of the same certifier",
			[]pastLink{{oc: 1, state: sillon.LinkEngaged, start: "2020-01-01"}, {oc: 1, state: sillon.LinkDraft, start: "2025-01-01"}},
			1, sillon.LinkEngaged,
		},
		{"not engaged, lately", []pastLink{{oc: 1, state: sillon.LinkNotEngaged, updated: sixMonths}}, 1, sillon.LinkNotEngaged},
		{"not engaged for more than six months: shown as stopped", []pastLink{{oc: 1, state: sillon.LinkNotEngaged, updated: sevenMonths}}, 1, sillon.LinkStopped},
		{
			"nowhere engaged for more than six months: the last change, shown as stopped",
			[]pastLink{
				{oc: 1, state: sillon.LinkNotEngaged, updated: sevenMonths, changed: 400},
				{oc: 2, state: sillon.LinkNotEngaged, updated: sevenMonths, changed: 300},
				{oc: 3, state: sillon.LinkNotEngaged, updated: sevenMonths, changed: 500},
			},
			2, sillon.LinkStopped,
		},
		{
			"not engaged for more than six months, stopped elsewhere",
			[]pastLink{{oc: 1, state: sillon.LinkNotEngaged, updated: sevenMonths}, {oc: 2, state: sillon.LinkStopped}},
			2, sillon.LinkStopped,
		},
		{
			"not engaged lately, stopped elsewhere",
			[]pastLink{{oc: 1, state: sillon.LinkNotEngaged, updated: sixMonths}, {oc: 2, state: sillon.LinkStopped}},
			1, sillon.LinkNotEngaged,
		},
		{
			"a draft, and not engaged for more than six months",
			[]pastLink{{oc: 1, state: sillon.LinkNotEngaged, updated: sevenMonths}, {oc: 2, state: sillon.LinkDraft}},
			2, sillon.LinkDraft,
		},
		{
			"of one certifier the most recent, whatever the states",
			[]pastLink{{oc: 1, state: sillon.LinkEngaged, start: "2018-01-01"}, {oc: 1, state: sillon.LinkStopped, start: "2021-01-01"}},
			1, sillon.LinkStopped,
		},
		{
			"of one certifier the most recent, then the order of states",
			[]pastLink{
				{oc: 1, state: sillon.LinkEngaged, start: "2018-01-01"},
				{oc: 1, state: sillon.LinkStopped, start: "2021-01-01"},
				{oc: 2, state: sillon.LinkSuspended, start: "2019-01-01"},
			},
			2, sillon.LinkSuspended,
		},
		{
			"the day of the stop tells how recent a link is",
			[]pastLink{{oc: 1, state: sillon.LinkStopped, start: "2018-01-01", stop: "2024-01-01"}, {oc: 1, state: sillon.LinkEngaged, start: "2023-01-01"}},
			1, sillon.LinkStopped,
		},
		{
			"without a day, that of its creation does",
			[]pastLink{{oc: 1, state: sillon.LinkStopped, start: "2018-01-01", created: 90}, {oc: 1, state: sillon.LinkEngaged, created: 30}},
			1, sillon.LinkEngaged,
		},
		{
			"former certifiers only: the last change",
			[]pastLink{{oc: 1, state: sillon.LinkStopped, changed: 400}, {oc: 2, state: sillon.LinkStopped, changed: 30}, {oc: 3, state: sillon.LinkStopped, changed: 200}},
			2, sillon.LinkStopped,
		},
		{
			"two that say they are engaged: the last change",
			[]pastLink{{oc: 2, state: sillon.LinkEngaged, changed: 30}, {oc: 1, state: sillon.LinkEngaged, changed: 400}},
			2, sillon.LinkEngaged,
		},
	}
	for i := range sillon.LinkStates[1:] {
		first, second := sillon.LinkStates[i], sillon.LinkStates[i+1]
		tests = append(tests, struct {
			name  string
			links []pastLink
			oc    sillon.OC
			state sillon.LinkState
		}{
			fmt.Sprintf("%s before %s", first, second),
			[]pastLink{{oc: 2, state: second, changed: 1}, {oc: 1, state: first, changed: 400}},
			1, first,
		})
	}
	db, address := storetest.Open(t, 2)
	storetest.Exec(t, address, `INSERT INTO certifier (id, name) SELECT i, 'OC ' || i FROM generate_series(1, 3) AS i`)
	var farms []sillon.Farm
	for i, tt := range tests {
		numero := fmt.Sprint(i)
		farms = append(farms, sillon.Farm{NumeroBio: sillon.NumeroBio(numero), Production: true})
		storetest.Exec(t, address, `INSERT INTO farm (numero_bio) VALUES ('`+numero+`')`)
		for _, l := range tt.links {
			storetest.Exec(t, address, fmt.Sprintf(`
				INSERT INTO link (oc, numero_bio, state, start, stop, changed_at, updated_at, created_at)
				VALUES (%d, '%s', '%s', nullif('%s', '')::date, nullif('%s', '')::date, now() - %d * interval '1 day',
					now() - %d * interval '1 day', now() - %d * interval '1 day')`,
				l.oc, numero, l.state, l.start, l.stop, l.changed, l.updated, l.created))
		}
	}
	storetest.Farms(t, db, farms...)
	for i, tt := range tests {
		got := dump(t, address, `coalesce(current_oc, 0), coalesce(shown_state, '')`, `farm WHERE numero_bio = '`+fmt.Sprint(i)+`'`, "1")
		if want := fmt.Sprintf("%d|%s", tt.oc, tt.state); got != want {
			t.Errorf("%s: current link %s, want %s", tt.name, got, want)
		}
	}
}

// TestLinksAge is the six months of domain.md §3.2 as time passes: nobody saves
// the farm. Who is shown as stopped still reads nothing of others (§3.3).
func TestLinksAge(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	link := func(oc sillon.OC, state sillon.LinkState) sillon.Link {
		return sillon.Link{Certifier: sillon.Certifier{ID: oc}, NumeroClient: "C", State: state, Start: sillon.Date{Year: 2020, Month: 1, Day: 1}}
	}
	storetest.Farms(
		t, db,
		sillon.Farm{NumeroBio: "1", Production: true, Links: []sillon.Link{link(1, sillon.LinkNotEngaged)}},
		sillon.Farm{NumeroBio: "2", Production: true, Links: []sillon.Link{link(1, sillon.LinkNotEngaged), link(2, sillon.LinkStopped)}},
		sillon.Farm{NumeroBio: "3", Production: true, Links: []sillon.Link{link(1, sillon.LinkNotEngaged)}},
	)
	storetest.Exec(t, address, `INSERT INTO certifier (id, name) VALUES (3, 'OC 3')`, `
		INSERT INTO parcellaire (id, numero_bio, oc, name, year, state) SELECT gen_random_uuid(), numero_bio, 3, '', 2025, 'AUDITED' FROM farm`)
	state := func() string {
		return dump(t, address, `f.numero_bio, current_oc, current_state, shown_state, f.revision, v.reader_oc IS NOT NULL`,
			`farm f JOIN parcellaire v USING (numero_bio)`, `f.numero_bio`)
	}
	age := func() {
		t.Helper()
		for after, steps := "", 0; steps == 0 || after != ""; steps++ {
			if err := db.InTx(t.Context(), store.System, func(tx *store.Tx) (err error) {
				after, err = tx.AgeLinks(t.Context(), after, 1)
				return err
			}); err != nil || steps > 9 {
				t.Fatal(steps, err)
			}
		}
	}
	fresh := state()
	if age(); state() != fresh {
		t.Errorf("before six months: %s, want %s", state(), fresh)
	}
	storetest.Exec(t, address, `ALTER TABLE link DISABLE TRIGGER ALL`, `UPDATE link SET updated_at = now() - interval '7 months' WHERE numero_bio <> '3'`)
	age()
	want := strings.NewReplacer("1|1|NON ENGAGEE|NON ENGAGEE|3|f", "1|1|NON ENGAGEE|ARRETEE|4|f",
		"2|1|NON ENGAGEE|NON ENGAGEE|3|f", "2|2|ARRETEE|ARRETEE|4|t").Replace(fresh)
	if got := state(); got != want || want == fresh {
		t.Errorf("after six months:\n%s\nwant\n%s\nfrom\n%s", got, want, fresh)
	}
	if age(); state() != want {
		t.Errorf("again: %s, want %s", state(), want)
	}
}

// years lists what a certifier sees of the parcellaires, and checks that it
// sees their parcels, and no others.
func years(t testing.TB, db *store.DB, oc sillon.OC) []int {
	t.Helper()
	seen := ask[[]int](t, db, store.Tenant(oc), `SELECT coalesce(array_agg(year ORDER BY year), '{}') FROM parcellaire`)
	parcels := ask[[]int](t, db, store.Tenant(oc), `SELECT coalesce(array_agg(id::int ORDER BY id::int), '{}') FROM parcel`)
	if !slices.Equal(seen, parcels) {
		t.Errorf("certifier %d sees the parcellaires of %v and the parcels of %v", oc, seen, parcels)
	}
	return seen
}

// TestS11ChangeOfCertifier is domain.md §3.3: the present certifier reads all,
// a former one its own.
func TestS11ChangeOfCertifier(t *testing.T) {
	t.Parallel()
	db, _ := storetest.Open(t, 2)
	link := func(oc sillon.OC, state sillon.LinkState, start int) sillon.Link {
		return sillon.Link{Certifier: sillon.Certifier{ID: oc, Name: fmt.Sprint("OC ", oc)}, State: state, Start: sillon.Date{Year: start, Month: 1, Day: 1}}
	}
	become := func(links ...sillon.Link) {
		storetest.Farms(t, db, sillon.Farm{NumeroBio: "1", Production: true, Links: links})
	}
	push := func(oc sillon.OC, year int) {
		save(t, db, store.Tenant(oc), version("1", oc, year), parcel(fmt.Sprint(year), square(2, 47, 0.001)))
	}
	sees := func(when string, want map[sillon.OC][]int) {
		t.Helper()
		for oc, years0 := range want {
			if diff := cmp.Diff(years0, years(t, db, oc)); diff != "" {
				t.Errorf("%s, certifier %d (-want +got):\n%s", when, oc, diff)
			}
		}
	}
	become(link(1, sillon.LinkEngaged, 2020))
	push(1, 2022)
	push(1, 2023)
	sees("with the first certifier", map[sillon.OC][]int{1: {2022, 2023}, 2: {}, 3: {}})

	become(link(1, sillon.LinkStopped, 2020), link(2, sillon.LinkEngaged, 2024))
	sees("gone to the second", map[sillon.OC][]int{1: {2022, 2023}, 2: {2022, 2023}, 3: {}})
	push(2, 2024)
	sees("audited by the second", map[sillon.OC][]int{1: {2022, 2023}, 2: {2022, 2023, 2024}, 3: {}})
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		if oc, err := tx.PresentCertifier(ctx, "1"); err != nil || oc != 2 {
			t.Errorf("present certifier %d, %v", oc, err)
		}
		return nil
	})
	for sql, want := range map[string]int64{
		`UPDATE parcellaire SET name = 'x' WHERE oc = 1`: 0, `UPDATE parcel SET name = 'x' WHERE oc = 1`: 0,
		`UPDATE parcellaire SET oc = 2 WHERE oc = 1`: 0, `UPDATE parcellaire SET name = 'x' WHERE oc = 2`: 1,
	} {
		if n, err := run(t, db, store.Tenant(2), sql); n != want || err != nil {
			t.Errorf("the second certifier: %s: %d rows, %v", sql, n, err)
		}
	}

	become(link(2, sillon.LinkNotEngaged, 2024))
	sees("not engaged with the second", map[sillon.OC][]int{1: {2022, 2023}, 2: {2024}})

	become(link(2, sillon.LinkStopped, 2024), link(1, sillon.LinkStopped, 2020), link(1, sillon.LinkEngaged, 2025))
	sees("back with the first", map[sillon.OC][]int{1: {2022, 2023, 2024}, 2: {2024}})
}

// TestNobodysVersion proves that a version without certifier is read, and may
// be taken over, by the present one alone (domain.md §3.3).
func TestNobodysVersion(t *testing.T) {
	t.Parallel()
	db, _ := storetest.Open(t, 2)
	storetest.Farm(t, db, "1", 1)
	storetest.Farm(t, db, "2", 2)
	v := version("1", 0, 2024)
	save(t, db, store.System, v, parcel("2024", square(2, 47, 0.001)))
	if got := years(t, db, 2); len(got) > 0 {
		t.Errorf("a stranger sees %v", got)
	}
	if got := years(t, db, 1); !slices.Equal(got, []int{2024}) {
		t.Errorf("the present certifier sees %v", got)
	}
	var target store.PushTarget
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) (err error) {
		target, err = pushTarget(ctx, tx, "1", 1, v.AuditDate)
		return err
	})
	if target.Parcellaire == nil || target.Parcellaire.ID != v.ID || len(target.Parcels) != 1 {
		t.Fatalf("push goes to %+v", target)
	}
	taken := *target.Parcellaire
	taken.OC = 1
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		return tx.Save(ctx, store.Saving{Parcellaire: &taken, TakenOver: true})
	})
	if n := ask[int](t, db, store.Tenant(1), `SELECT count(*) FROM parcel WHERE oc = 1 AND reader_oc IS NULL`); n != 1 {
		t.Errorf("%d parcels were taken over", n)
	}
}

// TestPublish proves that the public sees the latest certified parcellaire of
// a farm, whoever certified it.
func TestPublish(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	storetest.Farm(t, db, "1", 1)
	storetest.Farm(t, db, "1", 2)
	published := func() string {
		return dump(t, address, `v.year, v.oc, string_agg(p.id, ' ')`,
			`parcellaire v JOIN parcel p ON p.parcellaire_id = v.id WHERE v.published AND p.published GROUP BY v.year, v.oc`, "1")
	}
	certify := func(oc sillon.OC, year int, change func(*sillon.Parcellaire)) {
		v := version("1", oc, year)
		if change != nil {
			change(&v)
		}
		save(t, db, store.Tenant(oc), v, parcel(fmt.Sprint(oc), square(2, 47, 0.001)))
	}
	again := func() { ask[*string](t, db, store.System, `SELECT publish('1')::text`) }
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"a draft", func() { certify(1, 2020, func(v *sillon.Parcellaire) { v.State = sillon.StateAudited }) }, ""},
		{"the first", func() { certify(1, 2022, nil) }, "2022|1|1"},
		{"a later one of another certifier", func() { certify(2, 2024, nil) }, "2024|2|2"},
		{"an older one", func() { certify(1, 2023, nil) }, "2024|2|2"},
		{"the same start, a later audit", func() {
			certify(1, 2024, func(v *sillon.Parcellaire) { v.AuditDate.Day = 2 })
		}, "2024|1|1"},
		{"the latest deleted", func() {
			storetest.Exec(t, address, `UPDATE parcellaire SET deleted_at = now() WHERE year = 2024 AND oc = 1`)
			again()
		}, "2024|2|2"},
		{"the next reopened", func() {
			storetest.Exec(t, address, `UPDATE parcellaire SET state = 'PENDING_CERTIFICATION' WHERE year = 2024`)
			again()
		}, "2023|1|1"},
		{"none left", func() {
			storetest.Exec(t, address, `UPDATE parcellaire SET state = 'AUDITED'`)
			again()
		}, ""},
	}
	for _, s := range steps {
		s.do()
		if got := published(); got != s.want {
			t.Errorf("%s: published %q, want %q", s.name, got, s.want)
		}
		if n := askServer[int](t, address, `SELECT count(*) FROM parcel p JOIN parcellaire v ON v.id = p.parcellaire_id WHERE p.published <> v.published`)[0]; n > 0 {
			t.Errorf("%s: %d parcels do not follow their parcellaire", s.name, n)
		}
	}
}

// TestPublishAtOnce proves that two certifiers who certify versions of one
// farm at once both succeed, and that the later version is the published one.
func TestPublishAtOnce(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	storetest.Farm(t, db, "1", 1)
	storetest.Farm(t, db, "1", 2)
	first, second := version("1", 1, 2025), version("1", 2, 2024)
	write := func(ctx context.Context, tx *store.Tx, v sillon.Parcellaire) error {
		return tx.Save(ctx, store.Saving{Parcellaire: &v, New: true, Written: []sillon.Parcel{parcel("x", square(2, 47, 0.001))}, Moved: []bool{true}})
	}
	done := make(chan error, 1)
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		if err := write(ctx, tx, first); err != nil {
			return err
		}
		go func() {
			done <- db.InTx(ctx, store.Tenant(2), func(tx *store.Tx) error { return write(ctx, tx, second) })
		}()
		if blocked(t, address, done); len(done) > 0 {
			t.Fatalf("the second did not wait: %v", <-done)
		}
		return nil
	})
	if err := <-done; err != nil {
		t.Errorf("the second: %v", err)
	}
	if got := askServer[int](t, address, `SELECT year FROM parcellaire WHERE published`); !slices.Equal(got, []int{2025}) {
		t.Errorf("published: %v, want 2025", got)
	}
}

func TestCertifierNameTaken(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1", 1)
	clash := sillon.Farm{NumeroBio: "2", Production: true, Links: []sillon.Link{{
		Certifier: sillon.Certifier{ID: 2, Name: "oc 1"}, State: sillon.LinkEngaged,
	}}}
	err := db.InTx(t.Context(), store.System, func(tx *store.Tx) error { return tx.SaveFarms(t.Context(), []sillon.Farm{clash}) })
	if !errors.Is(err, sillon.ErrFarmsRefused) {
		t.Errorf("SaveFarms() = %v, want %v", err, sillon.ErrFarmsRefused)
	}
}
