package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

const (
	alice = "00000000-0000-0000-0000-00000000000a"
	bob   = "00000000-0000-0000-0000-00000000000b"
)

// takes reports whether holder gets the lane of certifier 1 for a minute.
func takes(t testing.TB, db *store.DB, holder string) (mine bool) {
	t.Helper()
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.TakeLane(ctx, 1, holder, time.Minute)
		return err
	})
	return mine
}

// claims is what holder gets who asks for a record of a job of certifier 1, and
// settles it as refused.
func claims(t testing.TB, db *store.DB, job int64, rank int, holder string) error {
	t.Helper()
	return db.InTx(t.Context(), store.Tenant(1), func(tx *store.Tx) error {
		if err := take(t.Context(), tx, job, rank, holder); err != nil {
			return err
		}
		return tx.Settle(t.Context(), job, 1, store.Settled{Rank: rank, Issues: []sillon.Issue{sillon.IssueDuplicateRecord("1001")}})
	})
}

// errTaken says that a record is not to be done any more.
var errTaken = errors.New("the record is taken")

// take claims a record of a job of certifier 1.
func take(ctx context.Context, tx *store.Tx, job int64, rank int, holder string) error {
	todo, err := tx.Claim(ctx, store.Claim{Job: job, OC: 1, Holder: holder, Ranks: []int{rank}})
	if err == nil && len(todo) == 0 {
		return errTaken
	}
	return err
}

// insert stores a push and returns the number of its job.
func insert(t testing.TB, db *store.DB, n store.NewImport) (id int64) {
	t.Helper()
	in(t, db, store.Tenant(n.Job.OC), func(ctx context.Context, tx *store.Tx) (err error) {
		id, err = tx.InsertImport(ctx, n)
		return err
	})
	return id
}

// expire moves the end of every lease into the past.
func expire(t testing.TB, address string) {
	t.Helper()
	storetest.Exec(t, address, `UPDATE import_lane SET until = now() - interval '1 second'`)
}

// blocked returns once a session of a database waits for a lock, or done has
// something to say.
func blocked(t testing.TB, address string, done <-chan error) {
	t.Helper()
	for len(done) == 0 && !askServer[bool](t, address, `
		SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)[0] {
	}
}

// TestO1Lane proves that of two workers one works for a certifier, until it
// leaves or its lease is over, and that the one that lost its lease can settle
// nothing any more.
func TestO1Lane(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	storetest.Farm(t, db, "1001", 1)
	job := insert(t, db, newImport(1, 3))
	leave := func(holder string) {
		in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error { return tx.LeaveLane(ctx, 1, holder) })
	}
	if err := claims(t, db, job, 0, alice); !errors.Is(err, store.ErrLaneLost) {
		t.Errorf("without a lane: %v", err)
	}
	for range 2 {
		if !takes(t, db, alice) || takes(t, db, bob) {
			t.Error("the lane is not the first one's alone")
		}
	}
	if leave(bob); takes(t, db, bob) {
		t.Error("a stranger ended the lease")
	}
	if err := claims(t, db, job, 0, bob); !errors.Is(err, store.ErrLaneLost) {
		t.Errorf("a stranger: %v", err)
	}
	if err := claims(t, db, job, 0, alice); err != nil {
		t.Errorf("the holder: %v", err)
	}
	expire(t, address)
	if err := claims(t, db, job, 1, alice); err != nil {
		t.Errorf("the holder whose lease is over, but whom nobody followed: %v", err)
	}
	if expire(t, address); !takes(t, db, bob) || takes(t, db, alice) {
		t.Error("a lease that is over does not pass on")
	}
	if err := claims(t, db, job, 2, alice); !errors.Is(err, store.ErrLaneLost) {
		t.Errorf("the former holder: %v", err)
	}
	if leave(alice); takes(t, db, alice) {
		t.Error("the former holder ended the lease of the present one")
	}
	if leave(bob); !takes(t, db, alice) {
		t.Error("the lane that was left is not free")
	}
	if n := ask[int](t, db, store.Tenant(1), `SELECT count(*) FROM import_log WHERE job = $1 AND rank < 2`, job); n != 4 {
		t.Errorf("%d lines of log for two records settled once, want 4", n)
	}
}

// TestO1TakingOverWaits proves that a worker cannot take the lane while a
// record is being stored, however late that is: the record is stored, once, and
// the next finds it done.
func TestO1TakingOverWaits(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 3)
	storetest.Farm(t, db, "1001", 1)
	job := insert(t, db, newImport(1, 2))
	if !takes(t, db, alice) {
		t.Fatal("no lane")
	}
	expire(t, address)
	taken := make(chan error, 1)
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		if err := take(ctx, tx, job, 0, alice); err != nil {
			return err
		}
		go func() {
			taken <- db.InTx(ctx, store.Tenant(1), func(tx *store.Tx) error {
				mine, err := tx.TakeLane(ctx, 1, bob, time.Minute)
				if err == nil && !mine {
					err = store.ErrLaneLost
				}
				return err
			})
		}()
		if blocked(t, address, taken); len(taken) > 0 {
			t.Fatalf("the lane was taken over meanwhile: %v", <-taken)
		}
		return tx.Settle(ctx, job, 1, store.Settled{Rank: 0})
	})
	if err := <-taken; err != nil {
		t.Fatalf("after the record: %v", err)
	}
	if err := claims(t, db, job, 0, bob); !errors.Is(err, errTaken) {
		t.Errorf("the record again: %v, want %v", err, errTaken)
	}
	if err := claims(t, db, job, 1, alice); !errors.Is(err, store.ErrLaneLost) {
		t.Errorf("the former holder: %v, want %v", err, store.ErrLaneLost)
	}
}

// TestO1RecordOnce proves that of two transactions at one record one settles
// it, and that a record whose transaction failed is still to do.
func TestO1RecordOnce(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 3)
	storetest.Farm(t, db, "1001", 1)
	job := insert(t, db, newImport(1, 2))
	if !takes(t, db, alice) {
		t.Fatal("no lane")
	}
	failed := errors.New("no")
	if err := db.InTx(t.Context(), store.Tenant(1), func(tx *store.Tx) error {
		if err := take(t.Context(), tx, job, 0, alice); err != nil {
			return err
		}
		return errors.Join(failed, tx.Settle(t.Context(), job, 1, store.Settled{Rank: 0}))
	}); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		if err := take(ctx, tx, job, 0, alice); err != nil {
			t.Errorf("after a failure: %v", err)
		}
		go func() {
			second <- db.InTx(ctx, store.Tenant(1), func(tx *store.Tx) error { return take(ctx, tx, job, 0, alice) })
		}()
		blocked(t, address, second)
		return tx.Settle(ctx, job, 1, store.Settled{Rank: 0})
	})
	if err := <-second; !errors.Is(err, errTaken) {
		t.Errorf("the second at once: %v, want %v", err, errTaken)
	}
	if err := claims(t, db, job, 7, alice); !errors.Is(err, errTaken) {
		t.Errorf("a record that is not there: %v", err)
	}
}

// TestImportOrder proves that the jobs of a certifier come one after the
// other, those of others apart, and what an ended job says.
func TestImportOrder(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	storetest.Farm(t, db, "1001", 1)
	storetest.Farm(t, db, "1002", 2)
	refused := newImport(1, 1)
	refused.Job.State, refused.Job.Accepted, refused.Job.Refused = "DONE", 0, 1
	refused.Records[0].Refused = true
	first, ended, foreign, second := insert(t, db, newImport(1, 3)), insert(t, db, refused), insert(t, db, newImport(2, 1)), insert(t, db, newImport(1, 1))
	next := func(oc sillon.OC) (id int64) {
		in(t, db, store.Tenant(oc), func(ctx context.Context, tx *store.Tx) error {
			job, ok, err := tx.NextImport(ctx, oc)
			if ok {
				id = job.ID
				if job.State != "PENDING" || job.StartedAt == nil {
					t.Errorf("the job begun is %+v", job)
				}
			}
			return err
		})
		return id
	}
	finish := func(oc sillon.OC, job int64, failure string) {
		in(t, db, store.Tenant(oc), func(ctx context.Context, tx *store.Tx) error { return tx.FinishImport(ctx, job, failure) })
	}
	if a, b, c := next(1), next(1), next(2); a != first || b != first || c != foreign {
		t.Errorf("jobs %d, %d and %d, want %d twice and %d", a, b, c, first, foreign)
	}
	if !takes(t, db, alice) {
		t.Fatal("no lane")
	}
	v := version("1001", 1, 2024)
	save(t, db, store.Tenant(1), v, parcel("a", square(2, 47, 0.001)))
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		if err := take(ctx, tx, first, 1, alice); err != nil {
			return err
		}
		v.ParcelCount = 1
		return tx.Settle(ctx, first, 1, store.Settled{Rank: 1, Parcellaire: &v})
	})
	if err := claims(t, db, first, 0, alice); err != nil {
		t.Fatal(err)
	}
	finish(1, first, "Panne.")
	finish(1, first, "")
	if got := next(1); got != second {
		t.Errorf("then job %d, want %d", got, second)
	}
	finish(1, second, "")
	if got := next(1); got != 0 {
		t.Errorf("then job %d, want none", got)
	}
	want := []string{
		fmt.Sprint(first, " ERROR Panne. 3 1 2 true"), fmt.Sprint(ended, " DONE 1 0 1 true"), fmt.Sprint(foreign, " PENDING 1 1 0 false"),
		fmt.Sprint(second, " DONE 1 0 1 true"),
	}
	got := askServer[string](t, address, `
		SELECT concat_ws(' ', id, state, nullif(error, ''), received, accepted, refused, (ended_at IS NOT NULL)::text) FROM import_job ORDER BY id`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
		records, err := tx.ImportResult(ctx, first)
		if err != nil {
			return err
		}
		issues, err := tx.ImportIssues(ctx, first, "")
		if len(records) != 2 || !records[0].Refused || records[1].Refused || records[1].Parcels != 1 {
			t.Errorf("records %+v", records)
		}
		if len(issues) != 4 || issues[0].Rank != 0 || issues[3].Rank != 2 || issues[0].Issue.Severity != sillon.SeverityWarning {
			t.Errorf("issues %+v", issues)
		}
		return err
	})
}

// TestTodoRecords proves how much of a job is read at once.
func TestTodoRecords(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1)
	i := newImport(1, 6)
	i.Records[1].Refused = true
	i.Records[3].Length = 1_000
	job := insert(t, db, i)
	tests := []struct {
		name  string
		limit int
		size  int64
		want  []int
	}{
		{"all", 100, 1 << 20, []int{0, 2, 3, 4, 5}},
		{"two", 2, 1 << 20, []int{0, 2}},
		{"what begins within 20 bytes", 100, 20, []int{0, 2}},
		{"what begins within 21 bytes", 100, 21, []int{0, 2, 3}},
		{"at least one", 100, 0, []int{0}},
	}
	for _, tt := range tests {
		var ranks []int
		in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) error {
			records, err := tx.TodoRecords(ctx, job, tt.limit, tt.size)
			for _, r := range records {
				ranks = append(ranks, r.Rank)
			}
			return err
		})
		if !slices.Equal(ranks, tt.want) {
			t.Errorf("%s: records %v, want %v", tt.name, ranks, tt.want)
		}
	}
}

// TestPayload proves that any part of a payload is read back, whatever the
// pieces it was stored in.
func TestPayload(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1)
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = strconv.Itoa(i)[0]
	}
	i := newImport(1, 1)
	from := 0
	i.Pieces = func() (store.Piece, bool, error) {
		if from == len(text) {
			return store.Piece{}, false, nil
		}
		p := store.Piece{Start: int64(from), Data: text[from:min(from+30_000, len(text))]}
		from += len(p.Data)
		return p, true, nil
	}
	job := insert(t, db, i)
	for _, span := range [][2]int64{{0, 100_000}, {0, 1}, {29_999, 30_001}, {30_000, 60_000}, {5, 95_000}, {99_999, 200_000}, {100_000, 100_001}} {
		var got []byte
		in(t, db, store.Tenant(1), func(ctx context.Context, tx *store.Tx) (err error) {
			got, err = tx.Payload(ctx, job, span[0], span[1])
			return err
		})
		if want := text[span[0]:min(span[1], int64(len(text)))]; !bytes.Equal(got, want) {
			t.Errorf("bytes %v: %d of them, want %d", span, len(got), len(want))
		}
	}
}

// TestO2WaitingCertifiers proves whose pushes are found again after a node died.
func TestO2WaitingCertifiers(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	waiting := func() (ocs []sillon.OC) {
		in(t, db, store.System, func(ctx context.Context, tx *store.Tx) (err error) {
			ocs, err = tx.WaitingCertifiers(ctx)
			return err
		})
		slices.Sort(ocs)
		return ocs
	}
	for oc := sillon.OC(1); oc <= 3; oc++ {
		storetest.Farm(t, db, fmt.Sprint(1000+oc), oc)
	}
	steps := []struct {
		name string
		do   func()
		want []sillon.OC
	}{
		{"no push", func() {}, nil},
		{"two of one, one of another", func() { insert(t, db, newImport(1, 1)); insert(t, db, newImport(1, 1)); insert(t, db, newImport(2, 1)) }, []sillon.OC{1, 2}},
		{"one is worked at", func() { takes(t, db, alice) }, []sillon.OC{2}},
		{"its worker died", func() { expire(t, address) }, []sillon.OC{1, 2}},
		{"the other's is done", func() {
			in(t, db, store.Tenant(2), func(ctx context.Context, tx *store.Tx) error {
				job, _, err := tx.NextImport(ctx, 2)
				return errors.Join(err, tx.FinishImport(ctx, job.ID, ""))
			})
		}, []sillon.OC{1}},
	}
	for _, s := range steps {
		if s.do(); !slices.Equal(waiting(), s.want) {
			t.Errorf("%s: %v, want %v", s.name, waiting(), s.want)
		}
	}
}

// A counter counts statements.
type counter struct {
	pgx.Tx
	n int
}

func (c *counter) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	c.n++
	return c.Tx.Exec(ctx, sql, args...)
}

func (c *counter) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.n++
	return c.Tx.Query(ctx, sql, args...)
}

func (c *counter) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.n++
	return c.Tx.QueryRow(ctx, sql, args...)
}

func (c *counter) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	c.n += b.Len()
	return c.Tx.SendBatch(ctx, b)
}

func (c *counter) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	c.n++
	return c.Tx.CopyFrom(ctx, table, columns, src)
}

// TestP2Statements proves that what the store does to many takes as many
// statements as what it does to one.
func TestP2Statements(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1)
	audits := 0
	tests := []struct {
		name  string
		scope store.Scope
		do    func(ctx context.Context, tx *store.Tx, n int) error
	}{
		{"a push of n records", store.Tenant(1), func(ctx context.Context, tx *store.Tx, n int) error {
			_, err := tx.InsertImport(ctx, newImport(1, n))
			return err
		}},
		{"n farms", store.System, func(ctx context.Context, tx *store.Tx, n int) error {
			farms := make([]sillon.Farm, n)
			for i := range farms {
				farms[i] = sillon.Farm{NumeroBio: sillon.NumeroBio(fmt.Sprint("f", i)), Production: true, Links: []sillon.Link{
					{Certifier: sillon.Certifier{ID: 1}, NumeroClient: "c", State: sillon.LinkEngaged}, {Certifier: sillon.Certifier{Name: "X"}, State: sillon.LinkStopped},
				}}
			}
			return tx.SaveFarms(ctx, farms)
		}},
		{"n verdicts", store.Tenant(1), func(ctx context.Context, tx *store.Tx, n int) error {
			_, err := tx.Verdicts(ctx, slices.Repeat([]string{"1001"}, n), slices.Repeat([]string{"C1001"}, n))
			return err
		}},
		{"a parcellaire of n parcels, read again", store.Tenant(1), func(ctx context.Context, tx *store.Tx, n int) error {
			audits++
			v := version("1001", 1, 2000+audits)
			parcels, moved := make([]sillon.Parcel, n), make([]bool, n)
			for i := range parcels {
				parcels[i], moved[i] = parcel(uuid.NewString(), square(2, 47, 0.001)), true
			}
			if err := tx.Save(ctx, store.Saving{
				Parcellaire: &v, New: true, Written: parcels, Moved: moved,
				Event: &sillon.Event{Type: sillon.EventCreation, Actor: sillon.System, State: v.State},
			}); err != nil {
				return err
			}
			target, err := pushTarget(ctx, tx, "1001", 1, v.AuditDate)
			if err != nil {
				return err
			}
			read := 0
			if err := tx.StreamExchange(ctx, store.ExchangeQuery{OC: 1, AuditYear: v.Year}, func(*sillon.Parcellaire) error { return nil },
				func(*sillon.ParcelView) error { read++; return nil }); err != nil {
				return err
			}
			if len(target.Parcels) != n || read != n {
				t.Errorf("%d and %d parcels read, want %d", len(target.Parcels), read, n)
			}
			return nil
		}},
		{"the farms", store.System, func(ctx context.Context, tx *store.Tx, n int) error {
			_, err := tx.Farms(ctx, store.FarmQuery{Limit: n})
			return err
		}},
	}
	for _, tt := range tests {
		counts := map[int]int{}
		for _, n := range []int{1, 100, 10_000} {
			in(t, db, tt.scope, func(ctx context.Context, tx *store.Tx) error {
				c := &counter{Tx: tx.Tx}
				err := tt.do(ctx, &store.Tx{Tx: c}, n)
				counts[n] = c.n
				return err
			})
		}
		if counts[1] == 0 || counts[100] != counts[1] || counts[10_000] != counts[1] {
			t.Errorf("%s: statements by n %v", tt.name, counts)
		}
	}
}
