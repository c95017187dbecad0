package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// ExportParcels returns the live parcels of a parcellaire as spreadsheets tell of
// them, without their geometry, in order of creation.
func (tx *Tx) ExportParcels(ctx context.Context, id sillon.ParcellaireID) ([]sillon.Parcel, error) {
	rows, _ := tx.Query(ctx, `
		SELECT p.id, p.name, p.numero_pacage, p.numero_ilot, p.numero_parcelle, p.references_cadastrales, p.crops, p.level, p.engaged_on,
			p.annotations, p.notes_auditeur, coalesce(p.commune, ''), p.surface_m2
		FROM parcel p
		WHERE p.parcellaire_id = $1 AND p.deleted_at IS NULL
		ORDER BY p.key`, string(id))
	parcels, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p sillon.Parcel, err error) {
		var crops, annotations []byte
		if err := row.Scan(&p.ID, &p.Name, &p.NumeroPacage, &p.NumeroIlot, &p.NumeroParcelle, &p.ReferencesCadastrales, &crops, &p.Level,
			&p.EngagedOn, &annotations, &p.NotesAuditeur, &p.Commune, &p.SurfaceM2); err != nil {
			return p, err
		}
		if p.Crops, err = decodeCrops(crops); err != nil {
			return p, fmt.Errorf("crops of parcel %s: %w", p.ID, err)
		}
		return p, json.Unmarshal(annotations, &p.Annotations)
	})
	if err != nil {
		return nil, fmt.Errorf("parcels of %s: %w", id, err)
	}
	return parcels, nil
}

// CommuneNames returns the names of communes, by code, of those that there are.
func (tx *Tx) CommuneNames(ctx context.Context, codes []string) (map[string]string, error) {
	rows, _ := tx.Query(ctx, `SELECT code, name FROM commune WHERE code = ANY($1)`, codes)
	names := make(map[string]string, len(codes))
	var code, name string
	if _, err := pgx.ForEachRow(rows, []any{&code, &name}, func() error { names[code] = name; return nil }); err != nil {
		return nil, fmt.Errorf("names of communes: %w", err)
	}
	return names, nil
}

// A PastCrop is what grew on a parcel in an earlier year.
type PastCrop struct {
	Parcel string // id in the version that is asked about
	Year   int
	Crops  []string // codes, in order
}

// PastCrops returns what grew on the parcels of a version in the two years before
// its own, as far as the scope sees it: in the certified versions of the farm
// that were audited before, by the parcel that covers 95 % of it or more
// (domain.md §11.2), of the latest audit of a year.
func (tx *Tx) PastCrops(ctx context.Context, p *sillon.Parcellaire) ([]PastCrop, error) {
	// Areas in degrees: of two at the same place the ratio is that of any
	// projection. The comparison as text has the parcels found by where they
	// are: by version each would be compared with all others.
	rows, _ := tx.Query(ctx, `
		SELECT DISTINCT ON (p.id, v.year) p.id, v.year, q.crops
		FROM parcellaire v
		JOIN parcel q ON q.parcellaire_id = v.id AND q.deleted_at IS NULL
		JOIN parcel p ON p.parcellaire_id::text = @id AND p.deleted_at IS NULL AND p.geom && q.geom
		WHERE v.numero_bio = @numero AND v.state = 'CERTIFIED' AND v.deleted_at IS NULL AND v.year BETWEEN @year - 2 AND @year - 1
			AND (@audit::date IS NULL OR v.audit_date < @audit)
			AND ST_Area(ST_Intersection(p.geom, q.geom)) >= 0.95 * ST_Area(p.geom)
		ORDER BY p.id, v.year, v.audit_date DESC NULLS LAST, v.created_at DESC, q.key`, pgx.NamedArgs{
		"id": string(p.ID), "numero": string(p.NumeroBio), "year": p.Year, "audit": p.AuditDate,
	})
	past, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c PastCrop, err error) {
		var stored []byte
		if err := row.Scan(&c.Parcel, &c.Year, &stored); err != nil {
			return c, err
		}
		crops, err := decodeCrops(stored)
		for i := range crops {
			c.Crops = append(c.Crops, crops[i].CPF)
		}
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("past crops of %s: %w", p.ID, err)
	}
	return past, nil
}
