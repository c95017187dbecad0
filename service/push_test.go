package service_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"sillon/service"
	"sillon/sillon"
	"sillon/store/storetest"
)

// isCPF knows the codes that the tests use.
func isCPF(code string) bool { return strings.HasPrefix(code, "01.") && len(code) < 14 }

func TestPush(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1)
	svc, err := service.New(db, service.Options{IsCPF: isCPF, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	a := sillon.Actor{ID: "t", Roles: sillon.RoleOCService, OC: 1}
	body := `[{"numeroBio":"1001","numeroClient":"C1001","dateAudit":"2026-03-01","dateCertificationDebut":"2026-03-15","dateCertificationFin":"2028-03-31",
		"parcelles":[{"id":"p1","etatProduction":"AB","geom":"[[[2.1,47.1],[2.2,47.1],[2.2,47.2],[2.1,47.2],[2.1,47.1]]]","cultures":[{"codeCPF":"01.11.12"}]}]}]`
	reply, err := svc.Push(t.Context(), a, service.PushRequest{Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", reply)
	more, err := svc.WorkImports(t.Context(), 1, "00000000-0000-0000-0000-000000000001", time.Minute)
	if more || err != nil {
		t.Fatalf("more %v, err %v", more, err)
	}
	job, err := svc.Import(t.Context(), a, reply.JobID)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", job)
}
