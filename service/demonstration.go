package service

import (
	"context"
	"errors"
	"strconv"

	"github.com/google/uuid"

	"sillon/geo"
	"sillon/service/demo"
	"sillon/sillon"
	"sillon/store"
)

// demoFarms is how many farms a transaction of StoreDemo holds.
const demoFarms = 50

// ErrDemoThere says that the database holds the demo farms already.
var ErrDemoThere = errors.New("the demo farms are there already")

// StoreDemo writes invented farms with so many parcels in all, through the
// store that a push uses. seen is called as parcels go in. It fails with
// ErrDemoThere when they are there.
func (s *Service) StoreDemo(ctx context.Context, seed uint64, parcels int, seen func(n int)) (stored int, err error) {
	if err := s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		there, err := tx.HasFarm(ctx, sillon.NumeroBio(strconv.Itoa(demo.FirstNumeroBio)))
		if err == nil && there {
			return ErrDemoThere
		}
		return err
	}); err != nil {
		return 0, err
	}
	flush := func(farms []demo.Farm) error {
		n, err := s.storeDemoFarms(ctx, farms)
		stored += n
		if seen != nil {
			seen(stored)
		}
		return err
	}
	farms := make([]demo.Farm, 0, demoFarms)
	for f := range demo.Farms(seed, parcels) {
		if farms = append(farms, f); len(farms) == demoFarms {
			if err := flush(farms); err != nil {
				return stored, err
			}
			farms = farms[:0]
		}
	}
	return stored, flush(farms)
}

func (s *Service) storeDemoFarms(ctx context.Context, farms []demo.Farm) (n int, err error) {
	registry := make([]sillon.Farm, len(farms))
	var savings []store.Saving
	for i, f := range farms {
		registry[i] = f.Farm
		for _, v := range f.Versions {
			savings = append(savings, demoSaving(v))
			n += len(v.Parcels)
		}
	}
	return n, s.db.InQuickTx(ctx, store.System, func(tx *store.Tx) error {
		if err := tx.SaveFarms(ctx, registry); err != nil {
			return err
		}
		return tx.Save(ctx, savings...)
	})
}

func demoSaving(v demo.Version) store.Saving {
	p := v.Parcellaire
	if p.ID == "" {
		p.ID = sillon.ParcellaireID(uuid.NewString())
	}
	p.Revision = 1
	ids := make([]string, len(v.Parcels))
	moved := make([]bool, len(v.Parcels))
	for i := range v.Parcels {
		parcel := &v.Parcels[i]
		parcel.SurfaceM2, parcel.Revision, moved[i], ids[i] = geo.Area(parcel.Geometry), 1, true, parcel.ID
	}
	p.Total(v.Parcels)
	return store.Saving{
		Parcellaire: &p, New: true, Written: v.Parcels, Moved: moved,
		Event: &sillon.Event{Type: sillon.EventCreation, Actor: sillon.System, State: p.State, FeatureIDs: ids},
	}
}
