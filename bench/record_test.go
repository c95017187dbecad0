package bench

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

const (
	contractRecords = 1_000
	contractParcels = 30_000
	answeredWithin  = 10 * time.Second
	storedWithin    = 60 * time.Second
)

// BenchmarkRecords pushes a thousand records of thirty parcels to the real
// program, and fails when it is not answered and stored in the time that P4
// gives. It then has them validated alone, in the time of an answer.
func BenchmarkRecords(b *testing.B) {
	dir := workDir(b)
	n := writeInputs(b, dir, contractRecords, contractParcels)
	payload := filepath.Join(dir, "payload.json")
	for b.Loop() {
		s := start(b, dir)
		s.prepare(b, dir)
		begin := time.Now()
		id := s.push(b, payload)
		answered := time.Since(begin)
		s.wait(b, id)
		stored := time.Since(begin)
		begin = time.Now()
		s.rehearse(b, payload)
		tried := time.Since(begin)
		b.ReportMetric(answered.Seconds(), "s-to-answer")
		b.ReportMetric(stored.Seconds(), "s-to-store")
		b.ReportMetric(tried.Seconds(), "s-on-trial")
		fmt.Printf("records: %d parcels of %d records, answered after %.2f s, stored after %.2f s, validated alone in %.2f s\n",
			n, contractRecords, answered.Seconds(), stored.Seconds(), tried.Seconds())
		if answered > answeredWithin || tried > answeredWithin || stored > storedWithin {
			b.Errorf("answered after %v, validated alone in %v, stored after %v: want %v and %v", answered, tried, stored, answeredWithin, storedWithin)
		}
		s.stop(b)
	}
}
