package bench

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"sillon/reference"
	sillonservice "sillon/service"
	"sillon/sillon"
	"sillon/store/storetest"
)

// BenchmarkWork is the inside of BenchmarkPush, in one process, to be profiled
// (go test -bench Work -cpuprofile …, with TEST_DATABASE_URL).
func BenchmarkWork(b *testing.B) {
	nomenclature, err := reference.Load()
	if err != nil {
		b.Fatal(err)
	}
	var payload, farms bytes.Buffer
	n, err := output{payload: &payload, farms: &farms, lines: io.Discard}.write(1, 300, 9_000)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		db, _ := storetest.Open(b, 10)
		svc, err := sillonservice.New(db, sillonservice.Options{IsCPF: nomenclature.IsCPF, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		if communes, err := os.Open("../../shared/reference/communes.geojson.gz"); err == nil {
			if _, err := svc.LoadReference(b.Context(), sillonservice.ReferenceLoad{Kind: "communes", Source: "bench", Body: communes}); err != nil {
				b.Fatal(err)
			}
			if err := communes.Close(); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := svc.ImportFarms(b.Context(), bytes.NewReader(farms.Bytes())); err != nil {
			b.Fatal(err)
		}
		a := sillon.Actor{ID: "bench", Roles: sillon.RoleOCService, OC: certifier}
		rehearse := func(body []byte) time.Duration {
			begin := time.Now()
			if _, err := svc.Rehearse(b.Context(), a, sillonservice.PushRequest{Body: bytes.NewReader(body)}); err != nil {
				b.Fatal(err)
			}
			return time.Since(begin)
		}
		rehearse(nil) // the communes come into memory once
		rehearsed := rehearse(payload.Bytes())
		b.StartTimer()
		begin := time.Now()
		if _, err := svc.Push(b.Context(), a, sillonservice.PushRequest{Body: bytes.NewReader(payload.Bytes())}); err != nil {
			b.Fatal(err)
		}
		pushed := time.Since(begin)
		if more, err := svc.WorkImports(b.Context(), certifier, uuid.NewString(), time.Hour); err != nil || more {
			b.Fatal(more, err)
		}
		took := time.Since(begin)
		b.ReportMetric(float64(n)/took.Seconds(), "parcels/s")
		b.ReportMetric(float64(n)/pushed.Seconds(), "checked-parcels/s")
		b.ReportMetric(float64(n)/rehearsed.Seconds(), "validated-parcels/s")
	}
}
