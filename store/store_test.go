package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/paulmach/orb"

	"sillon/geo"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
)

func TestScopeIsNeeded(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	if err := db.InTx(t.Context(), store.Scope{}, func(*store.Tx) error { return nil }); err == nil {
		t.Error("a transaction without scope was run")
	}
}

// in runs f in a transaction of scope, which must not fail.
func in(t testing.TB, db *store.DB, scope store.Scope, f func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	ctx := t.Context()
	if err := db.InTx(ctx, scope, func(tx *store.Tx) error { return f(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

// run executes a statement in a transaction of scope, and returns how many
// rows it wrote or read.
func run(t testing.TB, db *store.DB, scope store.Scope, sql string, args ...any) (n int64, err error) {
	t.Helper()
	err = db.InTx(t.Context(), scope, func(tx *store.Tx) error {
		tag, err := tx.Exec(t.Context(), sql, args...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// ask returns the value that a query of scope selects.
func ask[T any](t testing.TB, db *store.DB, scope store.Scope, sql string, args ...any) T {
	t.Helper()
	var v T
	in(t, db, scope, func(ctx context.Context, tx *store.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(&v) })
	return v
}

// askServer returns the rows of a query of a superuser.
func askServer[T any](t testing.TB, address, sql string, args ...any) []T {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	rows, _ := c.Query(t.Context(), sql, args...)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return values
}

// asServer executes statements of a superuser on one connection, up to the
// first that fails.
func asServer(t testing.TB, address string, statements ...string) error {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range statements {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			return err
		}
	}
	return nil
}

// sqlState is the code of a database error, empty for none.
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// The database errors that the tests expect.
const (
	notAllowed          = "42501" // insufficient privilege, also of row-level security
	checkViolation      = "23514"
	foreignKeyViolation = "23503"
	uniqueViolation     = "23505"
	notNull             = "23502"
	badParameter        = "22023" // of PostGIS: another dimension or SRID than the column's
)

// square is a parcel of side degrees a side, its south-west corner at lon/lat.
func square(lon, lat, side float64) orb.Polygon {
	return orb.Polygon{{{lon, lat}, {lon + side, lat}, {lon + side, lat + side}, {lon, lat + side}, {lon, lat}}}
}

func parcel(id string, g orb.Geometry) sillon.Parcel {
	return sillon.Parcel{
		ID: id, Geometry: g, GeometryStatus: sillon.GeometryValid, Level: sillon.LevelAB, EngagedOn: sillon.EngagedSinceAlways,
		Crops:  []sillon.Crop{{ID: uuid.NewString(), CPF: "01.11.12", Unit: sillon.UnitHectare}},
		Origin: sillon.OriginAPI, SurfaceM2: geo.Area(g), Revision: 1,
	}
}

// version is a new certified parcellaire, audited in March of the year.
func version(numero string, oc sillon.OC, year int) sillon.Parcellaire {
	return sillon.Parcellaire{
		ID: sillon.ParcellaireID(uuid.NewString()), NumeroBio: sillon.NumeroBio(numero), OC: oc, Name: fmt.Sprintf("Parcellaire %d", year),
		Year: year, State: sillon.StateCertified, AuditDate: sillon.Date{Year: year, Month: 3, Day: 1},
		CertifiedFrom: sillon.Date{Year: year, Month: 3, Day: 15}, CertifiedUntil: sillon.Date{Year: year + 2, Month: 3, Day: 31}, Revision: 1,
	}
}

// save stores a new parcellaire with parcels, and its event.
func save(t testing.TB, db *store.DB, scope store.Scope, v sillon.Parcellaire, parcels ...sillon.Parcel) {
	t.Helper()
	moved := make([]bool, len(parcels))
	for i := range moved {
		moved[i] = true
	}
	v.Total(parcels)
	in(t, db, scope, func(ctx context.Context, tx *store.Tx) error {
		return tx.Save(ctx, store.Saving{
			Parcellaire: &v, New: true, Written: parcels, Moved: moved,
			Event: &sillon.Event{Type: sillon.EventCreation, Actor: sillon.System, State: v.State},
		})
	})
}

// pushTarget is what a push by oc of an audit goes to.
func pushTarget(ctx context.Context, tx *store.Tx, numero sillon.NumeroBio, oc sillon.OC, audit sillon.Date) (store.PushTarget, error) {
	targets, err := tx.PushTargets(ctx, oc, []store.FarmAudit{{NumeroBio: numero, Audit: audit}})
	if err != nil || targets[0].Parcellaire == nil {
		return store.PushTarget{}, err
	}
	parcels, err := tx.ParcelsOf(ctx, []string{string(targets[0].Parcellaire.ID)})
	targets[0].Parcels = parcels[targets[0].Parcellaire.ID]
	return targets[0], err
}
