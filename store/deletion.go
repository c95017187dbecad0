package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sillon/sillon"
)

// restorable is how long a deleted parcellaire is kept (documents.md §7): its
// parcels may be going at any time after.
const restorable = `(v.deleted_at IS NULL OR v.deleted_at > @now::timestamptz - interval '6 months')`

// FindParcellaire returns a parcellaire in scope, one that was deleted less
// than 6 months before now included; else sillon.ErrNoParcellaire.
func (tx *Tx) FindParcellaire(ctx context.Context, id sillon.ParcellaireID, now time.Time) (*sillon.Parcellaire, error) {
	return tx.findParcellaire(ctx, id, now, "")
}

// LockParcellaire is FindParcellaire for one that the scope may write, and
// holds its farm and its row until tx ends.
func (tx *Tx) LockParcellaire(ctx context.Context, id sillon.ParcellaireID, now time.Time) (*sillon.Parcellaire, error) {
	if _, err := tx.Exec(ctx, `SELECT lock_farms(array_agg(numero_bio)) FROM parcellaire WHERE id = $1`, string(id)); err != nil {
		return nil, fmt.Errorf("farm of parcellaire %s: %w", id, err)
	}
	return tx.findParcellaire(ctx, id, now, "FOR UPDATE")
}

func (tx *Tx) findParcellaire(ctx context.Context, id sillon.ParcellaireID, now time.Time, lock string) (*sillon.Parcellaire, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+parcellaireColumns+`
		FROM parcellaire v
		WHERE v.id = @id AND `+restorable+` `+lock, pgx.NamedArgs{"id": string(id), "now": now})
	p, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*sillon.Parcellaire, error) { return scanParcellaire(row) })
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, sillon.ErrNoParcellaire
	}
	if err != nil {
		return nil, fmt.Errorf("find parcellaire %s: %w", id, err)
	}
	return p, nil
}

// DeleteParcellaire hides a live parcellaire, which the caller has locked, with
// its live parcels, and writes its owner and its revision with the event.
func (tx *Tx) DeleteParcellaire(ctx context.Context, p *sillon.Parcellaire, e sillon.Event) error {
	return tx.hide(ctx, p, `now()`, `p.deleted_at IS NULL`, e)
}

// RestoreParcellaire brings a deleted parcellaire back, which the caller has
// locked, with those of its parcels that went with it. It is
// sillon.ErrAuditDateTaken when another took the place of its audit.
func (tx *Tx) RestoreParcellaire(ctx context.Context, p *sillon.Parcellaire, e sillon.Event) error {
	return tx.hide(ctx, p, `NULL::timestamptz`, `p.deleted_at = @deleted`, e)
}

// hide sets the instant of deletion of a parcellaire and of some parcels. Those
// that go with it have its instant, which tells them from those gone before.
func (tx *Tx) hide(ctx context.Context, p *sillon.Parcellaire, instant, parcels string, e sillon.Event) error {
	args := pgx.NamedArgs{"id": string(p.ID), "oc": zeroNull(p.OC), "revision": p.Revision, "deleted": p.DeletedAt}
	batch := &pgx.Batch{}
	batch.Queue(`
		UPDATE parcellaire
		SET oc = @oc, reader_oc = nullif(reader_oc, @oc), deleted_at = `+instant+`, revision = @revision, updated_at = now()
		WHERE id = @id`, args)
	batch.Queue(`
		UPDATE parcel p SET oc = v.oc, reader_oc = v.reader_oc
		FROM parcellaire v
		WHERE v.id = @id AND p.parcellaire_id = v.id AND p.oc IS DISTINCT FROM v.oc`, args)
	batch.Queue(`
		UPDATE parcel p
		SET deleted_at = `+instant+`, updated_at = now(), revision = p.revision + 1
		WHERE p.parcellaire_id = @id AND `+parcels, args)
	if p.State == sillon.StateCertified {
		batch.Queue(`SELECT publish($1)`, string(p.NumeroBio))
	}
	queueEvents(batch, []Saving{{Parcellaire: p, Event: &e}})
	err := tx.SendBatch(ctx, batch).Close()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "parcellaire_audit_key" {
		return sillon.ErrAuditDateTaken
	}
	if err != nil {
		return fmt.Errorf("deletion of parcellaire %s: %w", p.ID, err)
	}
	return nil
}
