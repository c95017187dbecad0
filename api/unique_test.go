package api_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

// TestC16IdsNeverCollide has two instances, whose clocks stand still at the
// same millisecond, make a hundred thousand things at once.
func TestC16IdsNeverCollide(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const farms, parcels, crops, tokens = 10, 50, 100, 200
	now := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	list := strings.Repeat(`{"codeCPF":"01.11.12"},`, crops-1) + `{"codeCPF":"01.11.12"}`
	var group sync.WaitGroup
	for oc := sillon.OC(1); oc <= 2; oc++ {
		db, err := store.Connect(t.Context(), s.address, 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		instance, err := service.New(db, service.Options{
			IsCPF: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler), SpoolDir: t.TempDir(), Now: func() time.Time { return now },
			Secret: []byte("a secret of thirty-two bytes....."),
		})
		if err != nil {
			t.Fatal(err)
		}
		var payload strings.Builder
		for f := range farms {
			numero := fmt.Sprint(int(oc)*10_000 + f)
			storetest.Farm(t, s.db, numero, oc)
			fmt.Fprintf(&payload, `{"numeroBio":%q,"numeroClient":"C%s","dateAudit":"2026-03-01","dateCertificationDebut":"2026-03-15",
				"dateCertificationFin":"2028-03-31","parcelles":[`, numero, numero)
			for p := range parcels {
				if p > 0 {
					payload.WriteByte(',')
				}
				fmt.Fprintf(&payload, `{"id":"p%d","etatProduction":"AB","geom":%q,"cultures":[%s]}`, p, square(2.1, 47.1), list)
			}
			payload.WriteString("]}\n")
		}
		group.Go(func() {
			actor := sillon.Actor{ID: "instance", Roles: sillon.RoleOCService, OC: oc}
			reply, err := instance.Push(t.Context(), actor, service.PushRequest{Body: strings.NewReader(payload.String())})
			if err != nil || reply.Refused > 0 {
				t.Errorf("push: %+v, %v", reply, err)
				return
			}
			for range tokens {
				if _, _, err := instance.CreateToken(t.Context(), service.NewToken{Role: sillon.RoleOCService, OC: oc}); err != nil {
					t.Errorf("token: %v", err)
				}
			}
			for more := true; more && err == nil; {
				if more, err = instance.WorkImports(t.Context(), oc, holder, time.Minute); err != nil {
					t.Errorf("work: %v", err)
				}
			}
		})
	}
	group.Wait()
	for what, sql := range map[string]string{
		"crops":          `SELECT count(DISTINCT c ->> 'id') || ' of ' || count(*) FROM parcel, jsonb_array_elements(crops) AS c`,
		"versions":       `SELECT count(DISTINCT id) || ' of ' || count(*) FROM parcellaire`,
		"parcels":        `SELECT count(DISTINCT key) || ' of ' || count(*) FROM parcel`,
		"tile features":  `SELECT count(DISTINCT tile_id) || ' of ' || count(*) FROM parcel`,
		"tokens, others": `SELECT count(DISTINCT id) || ' of ' || count(DISTINCT hash) FROM token WHERE role = 'oc_service'`,
		"jobs":           `SELECT count(DISTINCT id) || ' of ' || count(*) FROM import_job`,
	} {
		want := map[string]int{
			"crops": 2 * farms * parcels * crops, "versions": 2 * farms, "parcels": 2 * farms * parcels, "tile features": 2 * farms * parcels,
			"tokens, others": 2*tokens + 2, "jobs": 2,
		}[what]
		if got := s.one(t, sql); got != fmt.Sprintf("%d of %d", want, want) {
			t.Errorf("%s: %s ids, want %d", what, got, want)
		}
	}
}
