package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// ExchangeQuery selects versions for the RFC 002 read API. Zero values do not
// filter.
type ExchangeQuery struct {
	NumeroBio     sillon.NumeroBio // one farm: its newest version in scope by modification
	OC            sillon.OC        // versions of this certifier alone
	AuditYear     int
	State         sillon.State
	ReferenceYear int
	After         string // numeroBio of the last one of the page before
	Skip          int
	Limit         int // 0 is no limit
}

// StreamExchange reads one version per farm with its live parcels, in order of
// farm number as text, in one statement: version is called at each version,
// parcel for each of its parcels. What they are given is overwritten by the
// next row. Of several versions of a farm the newest by modification is read.
func (tx *Tx) StreamExchange(ctx context.Context, q ExchangeQuery, version func(*sillon.Parcellaire) error, parcel func(*sillon.ParcelView) error) error {
	rows, _ := tx.Query(ctx, `
		WITH chosen AS (
			SELECT DISTINCT ON (v.numero_bio COLLATE "C") v.*
			FROM parcellaire v
			WHERE v.deleted_at IS NULL
				AND (@numero = '' OR v.numero_bio = @numero)
				AND (@oc = 0 OR v.oc = @oc)
				AND (@audit_year = 0 OR v.audit_date BETWEEN make_date(greatest(@audit_year, 1), 1, 1) AND make_date(greatest(@audit_year, 1), 12, 31))
				AND (@state = '' OR v.state = @state)
				AND (@reference_year = 0 OR v.year = @reference_year)
				AND (@after = '' OR v.numero_bio COLLATE "C" > @after)
			ORDER BY v.numero_bio COLLATE "C", v.updated_at DESC, v.created_at DESC, v.id
			OFFSET @skip LIMIT nullif(@limit, 0)
		)
		SELECT `+parcellaireColumns+`,
			p.id, p.geom, p.name, p.numero_pacage, p.numero_ilot, p.numero_parcelle, p.references_cadastrales, p.crops, p.level,
			p.engaged_on, p.annotations, p.notes_auditeur, p.commentaire, p.commune, p.surface_m2, p.geometry_status, p.en_attente_pac, p.etranger,
			p.origine, p.revision, p.created_at, p.updated_at
		FROM chosen v
		LEFT JOIN parcel p ON p.parcellaire_id = v.id AND p.deleted_at IS NULL
		ORDER BY v.numero_bio COLLATE "C", v.id, p.key`, pgx.NamedArgs{
		"numero": string(q.NumeroBio), "oc": q.OC, "audit_year": q.AuditYear, "state": string(q.State), "reference_year": q.ReferenceYear,
		"after": q.After, "skip": q.Skip, "limit": q.Limit,
	})
	defer rows.Close()
	var v sillon.Parcellaire
	var last sillon.ParcellaireID
	var metadata []byte
	var p sillon.ParcelView
	var id, name, pacage, ilot, numero, level, notes, comment, commune, status, origin *string
	var surface *float64
	var pending *bool
	var revision *int64
	for rows.Next() {
		if err := rows.Scan(&v.ID, &v.NumeroBio, &v.OC, &v.Name, &v.Year, &v.State, &v.AuditDate, &v.CertifiedFrom, &v.CertifiedUntil,
			&v.AuditNotes, &v.AuditDemandes, &metadata, &v.Mixite, &v.SurfaceM2, &v.ParcelCount, &v.Revision, &v.CreatedAt, &v.UpdatedAt, &v.DeletedAt,
			&id, &p.EWKB, &name, &pacage, &ilot, &numero, &p.ReferencesCadastrales, &p.Crops, &level, &p.EngagedOn, &p.Annotations, &notes,
			&comment, &commune, &surface, &status, &pending, &p.Etranger, &origin, &revision, &p.CreatedAt, &p.UpdatedAt); err != nil {
			return fmt.Errorf("exchange row: %w", err)
		}
		if v.ID != last {
			last = v.ID
			if err := json.Unmarshal(metadata, &v.Metadata); err != nil {
				return fmt.Errorf("metadata of %s: %w", v.ID, err)
			}
			if err := version(&v); err != nil {
				return err
			}
		}
		if id == nil {
			continue // a version without parcels
		}
		p.ID, p.Name, p.NumeroPacage, p.NumeroIlot, p.NumeroParcelle = *id, *name, *pacage, *ilot, *numero
		p.Level, p.NotesAuditeur, p.Commentaire, p.SurfaceM2 = sillon.Level(*level), *notes, *comment, *surface
		p.GeometryStatus, p.EnAttentePAC, p.Origin, p.Revision = sillon.GeometryStatus(*status), *pending, sillon.Origin(*origin), *revision
		p.Commune = ""
		if commune != nil {
			p.Commune = *commune
		}
		if err := parcel(&p); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("exchange rows: %w", err)
	}
	return nil
}

// StreamParcels reads the live parcels of a parcellaire in order of creation.
// What f is given is overwritten by the next row.
func (tx *Tx) StreamParcels(ctx context.Context, id sillon.ParcellaireID, f func(*sillon.ParcelView) error) error {
	rows, _ := tx.Query(ctx, `
		SELECT p.id, p.geom, p.name, p.numero_pacage, p.numero_ilot, p.numero_parcelle, p.references_cadastrales, p.crops, p.level,
			p.engaged_on, p.annotations, p.notes_auditeur, p.commentaire, coalesce(p.commune, '') AS commune, p.surface_m2, p.geometry_status,
			p.en_attente_pac, p.etranger, p.origine, p.revision, p.created_at, p.updated_at
		FROM parcel p
		WHERE p.parcellaire_id = $1 AND p.deleted_at IS NULL
		ORDER BY p.key`, string(id))
	var p sillon.ParcelView
	_, err := pgx.ForEachRow(rows, []any{
		&p.ID, &p.EWKB, &p.Name, &p.NumeroPacage, &p.NumeroIlot, &p.NumeroParcelle, &p.ReferencesCadastrales, &p.Crops, &p.Level,
		&p.EngagedOn, &p.Annotations, &p.NotesAuditeur, &p.Commentaire, &p.Commune, &p.SurfaceM2, &p.GeometryStatus,
		&p.EnAttentePAC, &p.Etranger, &p.Origin, &p.Revision, &p.CreatedAt, &p.UpdatedAt,
	}, func() error { return f(&p) })
	if err != nil {
		return fmt.Errorf("parcels of %s: %w", id, err)
	}
	return nil
}

// A VersionPlace is the place of a parcellaire among those of its farm. The
// zero VersionPlace is before the first.
type VersionPlace struct {
	Day     sillon.Date // start of validity, else audit, else creation
	Created time.Time
	ID      sillon.ParcellaireID
}

// FarmParcellaires returns at most limit live parcellaires of a farm in scope,
// with the names of their certifiers, after a place, the newest first; and the
// place of each.
func (tx *Tx) FarmParcellaires(ctx context.Context, numero sillon.NumeroBio, after VersionPlace, limit int) ([]sillon.Parcellaire, []VersionPlace, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+parcellaireColumns+`, coalesce(c.name, ''), d.day
		FROM parcellaire v
		CROSS JOIN LATERAL (SELECT coalesce(v.certified_from, v.audit_date, v.created_at::date) AS day) d
		LEFT JOIN certifier c ON c.id = v.oc
		WHERE v.numero_bio = @numero AND v.deleted_at IS NULL
			AND (@id::uuid IS NULL OR (d.day, v.created_at, v.id) < (@day::date, @created::timestamptz, @id::uuid))
		ORDER BY d.day DESC, v.created_at DESC, v.id DESC
		LIMIT @limit`, pgx.NamedArgs{
		"numero": string(numero), "id": nullText(string(after.ID)), "day": after.Day, "created": nullTime(after.Created), "limit": limit,
	})
	var list []sillon.Parcellaire
	var places []VersionPlace
	var label string
	var day sillon.Date
	for rows.Next() {
		p, err := scanParcellaire(rows, &label, &day)
		if err != nil {
			rows.Close()
			return nil, nil, fmt.Errorf("parcellaires of %s: %w", numero, err)
		}
		p.OCLabel = label
		list, places = append(list, *p), append(places, VersionPlace{day, p.CreatedAt, p.ID})
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("parcellaires of %s: %w", numero, err)
	}
	return list, places, nil
}

// PresentCertifier returns the certifier a farm is with, 0 for none, or
// sillon.ErrNotFound when the farm is not in scope.
func (tx *Tx) PresentCertifier(ctx context.Context, numero sillon.NumeroBio) (sillon.OC, error) {
	var oc sillon.OC
	err := tx.QueryRow(ctx, `
		SELECT coalesce(CASE WHEN current_state <> 'NON ENGAGEE' THEN current_oc END, 0) FROM farm WHERE numero_bio = $1`,
		string(numero)).Scan(&oc)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, sillon.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("present certifier of %s: %w", numero, err)
	}
	return oc, nil
}
