package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

const parcellaireColumns = `
	v.id::text, v.numero_bio, coalesce(v.oc, 0) AS oc, v.name, coalesce(v.year, 0) AS year, v.state, v.audit_date,
	v.certified_from, v.certified_until, v.audit_notes, v.audit_demandes, v.metadata, v.mixite, v.surface_m2,
	v.parcel_count, v.revision, v.created_at, v.updated_at, v.deleted_at`

// Parcellaire returns a live parcellaire in scope, with the id of the farm's
// present certifier when that is another one; else sillon.ErrNoParcellaire.
func (tx *Tx) Parcellaire(ctx context.Context, id sillon.ParcellaireID) (*sillon.Parcellaire, sillon.OC, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+parcellaireColumns+`, coalesce(v.reader_oc, 0) AS reader
		FROM parcellaire v
		WHERE v.id = $1 AND v.deleted_at IS NULL`, string(id))
	var reader sillon.OC
	p, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*sillon.Parcellaire, error) {
		return scanParcellaire(row, &reader)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, sillon.ErrNoParcellaire
	}
	if err != nil {
		return nil, 0, fmt.Errorf("parcellaire %s: %w", id, err)
	}
	return p, reader, nil
}

func scanParcellaire(row pgx.CollectableRow, more ...any) (*sillon.Parcellaire, error) {
	var p sillon.Parcellaire
	var metadata []byte
	if err := row.Scan(append([]any{
		&p.ID, &p.NumeroBio, &p.OC, &p.Name, &p.Year, &p.State, &p.AuditDate, &p.CertifiedFrom, &p.CertifiedUntil,
		&p.AuditNotes, &p.AuditDemandes, &metadata, &p.Mixite, &p.SurfaceM2, &p.ParcelCount, &p.Revision,
		&p.CreatedAt, &p.UpdatedAt, &p.DeletedAt,
	}, more...)...); err != nil {
		return nil, err
	}
	return &p, json.Unmarshal(metadata, &p.Metadata)
}

const parcelColumns = `
	p.id, p.geom, p.declared, p.geometry_status, p.name, p.numero_pacage, p.numero_ilot, p.numero_parcelle, p.en_attente_pac,
	p.references_cadastrales, p.crops, p.code_culture_pac, p.code_precision_pac, p.level, p.engaged_on, p.annotations,
	p.commentaire, p.notes_auditeur, coalesce(p.commune, '') AS commune, p.etranger, p.origine, p.surface_m2, p.revision, p.created_at,
	p.updated_at, p.deleted_at`

func scanParcel(row pgx.CollectableRow, more ...any) (sillon.Parcel, error) {
	var p sillon.Parcel
	var crops, annotations []byte
	err := row.Scan(append([]any{
		&p.ID, &p.Geometry, &p.Declared, &p.GeometryStatus, &p.Name, &p.NumeroPacage, &p.NumeroIlot, &p.NumeroParcelle,
		&p.EnAttentePAC, &p.ReferencesCadastrales, &crops, &p.CodeCulturePAC, &p.CodePrecisionPAC, &p.Level, &p.EngagedOn,
		&annotations, &p.Commentaire, &p.NotesAuditeur, &p.Commune, &p.Etranger, &p.Origin, &p.SurfaceM2, &p.Revision, &p.CreatedAt,
		&p.UpdatedAt, &p.DeletedAt,
	}, more...)...)
	if err != nil {
		return p, err
	}
	if p.Crops, err = decodeCrops(crops); err != nil {
		return p, fmt.Errorf("crops of parcel %s: %w", p.ID, err)
	}
	return p, json.Unmarshal(annotations, &p.Annotations)
}

// A PushTarget is what a record of a push is applied to.
type PushTarget struct {
	Parcellaire *sillon.Parcellaire // nil when the record makes a new one
	Parcels     []sillon.Parcel     // deleted ones included
}

// PushTargets returns the versions that a push by oc of audits goes to, in
// their order: its own, else one without certifier (certifier-exchange.md §7).
// None of them is locked, and their parcels come from ParcelsOf.
func (tx *Tx) PushTargets(ctx context.Context, oc sillon.OC, audits []FarmAudit) ([]PushTarget, error) {
	numeros, days := farmAudits(audits)
	rows, _ := tx.Query(ctx, targetsOf(""), numeros, days, oc)
	return readTargets(rows, len(audits))
}

// targetsOf selects what PushTargets returns, each audit apart, so that rows are
// locked in the order of the audits.
func targetsOf(lock string) string {
	return `
		SELECT v.*, q.ord
		FROM unnest($1::text[], $2::date[]) WITH ORDINALITY AS q (numero, audit, ord)
		CROSS JOIN LATERAL (
			SELECT ` + parcellaireColumns + `
			FROM parcellaire v
			WHERE v.numero_bio = q.numero AND (v.oc = $3 OR v.oc IS NULL) AND v.audit_date = q.audit AND v.deleted_at IS NULL
			ORDER BY v.oc NULLS LAST
			LIMIT 1 ` + lock + `
		) v`
}

// eachRow hands the rows of what to f, up to the first that fails.
func eachRow(rows pgx.Rows, what string, f func(pgx.CollectableRow) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// readTargets reads so many targets, of which those that are not there are new.
func readTargets(rows pgx.Rows, n int) ([]PushTarget, error) {
	targets := make([]PushTarget, n)
	var ord int
	err := eachRow(rows, "versions of a push", func(row pgx.CollectableRow) error {
		p, err := scanParcellaire(row, &ord)
		if err == nil {
			targets[ord-1].Parcellaire = p
		}
		return err
	})
	return targets, err
}

// ParcelsOf returns the parcels of parcellaires, deleted ones included, each in
// order of creation.
func (tx *Tx) ParcelsOf(ctx context.Context, ids []string) (map[sillon.ParcellaireID][]sillon.Parcel, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+parcelColumns+`, p.parcellaire_id::text
		FROM parcel p
		WHERE p.parcellaire_id = ANY($1::uuid[])
		ORDER BY p.parcellaire_id, p.key`, ids)
	parcels := make(map[sillon.ParcellaireID][]sillon.Parcel, len(ids))
	var id sillon.ParcellaireID
	err := eachRow(rows, "parcels of a push", func(row pgx.CollectableRow) error {
		p, err := scanParcel(row, &id)
		parcels[id] = append(parcels[id], p)
		return err
	})
	return parcels, err
}

// A FarmAudit is an audit of a farm, which identifies a version within the
// reach of one certifier.
type FarmAudit struct {
	NumeroBio sillon.NumeroBio
	Audit     sillon.Date
}

func farmAudits(audits []FarmAudit) (numeros []string, days []sillon.Date) {
	numeros, days = make([]string, len(audits)), make([]sillon.Date, len(audits))
	for i, a := range audits {
		numeros[i], days[i] = string(a.NumeroBio), a.Audit
	}
	return numeros, days
}

// A FarmParcel is the id of a parcel within a farm.
type FarmParcel struct {
	NumeroBio sillon.NumeroBio
	ID        string
}

// A KnownParcel is a parcel as a version of this audit holds it.
type KnownParcel struct {
	sillon.Parcel
	Audit sillon.Date
}

// KnownGeometries returns, for those parcels that a version of oc holds, the
// one of the newest such version, the versions of except set aside.
func (tx *Tx) KnownGeometries(ctx context.Context, oc sillon.OC, asked []FarmParcel, except []FarmAudit) (map[FarmParcel]KnownParcel, error) {
	farms, ids := make([]string, len(asked)), make([]string, len(asked))
	for i, a := range asked {
		farms[i], ids[i] = string(a.NumeroBio), a.ID
	}
	numeros, days := farmAudits(except)
	rows, _ := tx.Query(ctx, `
		SELECT DISTINCT ON (v.numero_bio, p.id) `+parcelColumns+`, v.numero_bio, v.audit_date
		FROM unnest($1::text[], $2::text[]) AS q (numero, id)
		JOIN parcellaire v ON v.numero_bio = q.numero AND v.oc = $3 AND v.deleted_at IS NULL
			AND NOT EXISTS (SELECT FROM unnest($4::text[], $5::date[]) AS x (numero, audit) WHERE x.numero = v.numero_bio AND x.audit = v.audit_date)
		JOIN parcel p ON p.parcellaire_id = v.id AND p.id = q.id AND p.deleted_at IS NULL
		ORDER BY v.numero_bio, p.id, v.audit_date DESC NULLS LAST, v.created_at DESC`, farms, ids, oc, numeros, days)
	known := make(map[FarmParcel]KnownParcel, len(asked))
	var numero sillon.NumeroBio
	var audit sillon.Date
	err := eachRow(rows, "known geometries", func(row pgx.CollectableRow) error {
		p, err := scanParcel(row, &numero, &audit)
		known[FarmParcel{numero, p.ID}] = KnownParcel{p, audit}
		return err
	})
	return known, err
}
