package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// record is a push record of one parcel for a farm of storetest.
func record(numero string, year int) string {
	return fmt.Sprintf(`{"numeroBio":"%s","numeroClient":"C%[1]s","dateAudit":"%d-03-01","dateCertificationDebut":"2026-03-15",
		"dateCertificationFin":"2028-03-31","parcelles":[{"id":"p","etatProduction":"AB","cultures":[{"codeCPF":"01.11.12"}],
		"geom":"[[[2.1,47.1],[2.2,47.1],[2.2,47.2],[2.1,47.2],[2.1,47.1]]]"}]}`, numero, year)
}

// push sends records as certifier 1 and returns the number of the job.
func push(t testing.TB, svc *service.Service, records ...string) int64 {
	t.Helper()
	body := strings.NewReader("[" + strings.Join(records, ",") + "]")
	reply, err := svc.Push(t.Context(), sillon.Actor{ID: "t", Roles: sillon.RoleOCService, OC: 1}, service.PushRequest{Body: body})
	if err != nil || reply.Refused > 0 {
		t.Fatalf("push: %+v, %v", reply, err)
	}
	return reply.JobID
}

// job returns a job as certifier 1 reads it.
func job(t testing.TB, svc *service.Service, id int64) *service.ImportView {
	t.Helper()
	v, err := svc.Import(t.Context(), sillon.Actor{ID: "t", Roles: sillon.RoleOCService, OC: 1}, id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestO2SweepImports proves that a push whose place in the queue got lost is
// queued again, and one that is worked at is not.
func TestO2SweepImports(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	storetest.Farm(t, db, "1001", 1)
	svc := newService(t, db)
	queued := func() (n int) {
		if err := db.InTx(t.Context(), store.System, func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'push' AND args ->> 'oc' = '1'`).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	sweep := func() {
		if err := svc.SweepImports(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if sweep(); queued() != 0 {
		t.Error("a job for no push")
	}
	id := push(t, svc, record("1001", 2026))
	if queued() != 1 {
		t.Errorf("%d jobs for a push", queued())
	}
	storetest.Exec(t, address, `DELETE FROM river_job`, `INSERT INTO import_lane VALUES (1, gen_random_uuid(), now() + interval '1 minute')`)
	if sweep(); queued() != 0 {
		t.Error("a job for a push that is worked at")
	}
	if _, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); !errors.Is(err, service.ErrLaneBusy) {
		t.Errorf("beside another worker: %v", err)
	}
	storetest.Exec(t, address, `UPDATE import_lane SET until = now() - interval '1 second'`)
	if sweep(); queued() != 1 {
		t.Errorf("%d jobs for a push whose worker died", queued())
	}
	if more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); more || err != nil {
		t.Fatalf("more %v, %v", more, err)
	}
	storetest.Exec(t, address, `DELETE FROM river_job`)
	if sweep(); queued() != 0 {
		t.Error("a job for a push that is done")
	}
	if v := job(t, svc, id); v.State != "DONE" || v.Accepted != 1 {
		t.Errorf("the job is %+v", v.ImportJob)
	}
}

// TestAbandonImport proves that a push given up keeps what was stored, says
// so, and lets the next one go on.
func TestAbandonImport(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 2)
	storetest.Farm(t, db, "1001", 1)
	svc := newService(t, db)
	first := push(t, svc, record("1001", 2025), record("1001", 2026))
	second := push(t, svc, record("1001", 2024))
	// The payload of the second record is lost: no try can succeed.
	storetest.Exec(t, address, fmt.Sprintf(`UPDATE import_record SET length = length + 1000000 WHERE job = %d AND rank = 1`, first))
	more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute)
	if !more || err == nil {
		t.Fatalf("more %v, %v", more, err)
	}
	if v := job(t, svc, first); v.State != "PENDING" || v.EndedAt != nil {
		t.Errorf("before it is given up: %+v", v.ImportJob)
	}
	if err := svc.AbandonImport(t.Context(), 1, io.ErrUnexpectedEOF); err != nil {
		t.Fatal(err)
	}
	v := job(t, svc, first)
	if v.State != "ERROR" || v.Error == "" || v.Received != 2 || v.Accepted != 1 || v.Refused != 1 || len(v.Records) != 1 {
		t.Errorf("the job given up is %+v with records %+v", v.ImportJob, v.Records)
	}
	if more, err := svc.WorkImports(t.Context(), 1, holder, time.Minute); more || err != nil {
		t.Fatalf("more %v, %v", more, err)
	}
	if v := job(t, svc, second); v.State != "DONE" || v.Accepted != 1 {
		t.Errorf("the next job is %+v", v.ImportJob)
	}
	if err := svc.AbandonImport(t.Context(), 1, io.ErrUnexpectedEOF); err != nil {
		t.Errorf("nothing to give up: %v", err)
	}
}

// TestC1PanicIsOneRecords has the reading of one record panic while the job is
// worked at: that record is refused, the others are stored, nothing is tried
// five times.
func TestC1PanicIsOneRecords(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1)
	storetest.Farm(t, db, "1002", 1)
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
	id := push(t, svc, strings.Replace(record("1001", 2026), "01.11.12", "01.21.12", 1), record("1002", 2026))
	broken.Store(true)
	if more, err := svc.WorkImports(t.Context(), 1, uuid.NewString(), time.Minute); more || err != nil {
		t.Fatalf("WorkImports() = %v, %v", more, err)
	}
	v := job(t, svc, id)
	if v.State != "DONE" || v.Accepted != 1 || v.Refused != 1 {
		t.Errorf("job %s, %d accepted, %d refused", v.State, v.Accepted, v.Refused)
	}
	if len(v.Issues) != 1 || v.Issues[0].Issue.Code != "DB_ERROR" || strings.Contains(v.Issues[0].Issue.Message, "kitchen") {
		t.Errorf("issues %+v", v.Issues)
	}
}

// TestPushDuringChangeOfCertifier stores a record while the registry gives the
// farm to another certifier: the version waits, and that certifier reads it.
func TestPushDuringChangeOfCertifier(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 4)
	storetest.Farm(t, db, "1001", 1)
	storetest.Farm(t, db, "2002", 2) // or nobody is certifier 2
	svc := newService(t, db)
	push(t, svc, record("1001", 2026))
	registry, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = registry.Close(context.WithoutCancel(t.Context())) }()
	do := func(sql string) {
		t.Helper()
		if _, err := registry.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	do(`BEGIN; UPDATE farm SET current_oc = 2 WHERE numero_bio = '1001'`)
	done := make(chan error, 1)
	go func() {
		_, err := svc.WorkImports(t.Context(), 1, uuid.NewString(), time.Hour)
		done <- err
	}()
	for waits := false; !waits; {
		if err := registry.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		do(`SELECT pg_stat_clear_snapshot()`)
	}
	do(`COMMIT`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var reader int
	if err := registry.QueryRow(t.Context(), `SELECT coalesce(reader_oc, 0) FROM parcellaire WHERE numero_bio = '1001'`).Scan(&reader); err != nil || reader != 2 {
		t.Errorf("read by certifier %d, %v, want 2", reader, err)
	}
}
