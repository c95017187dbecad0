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
