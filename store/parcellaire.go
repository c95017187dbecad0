package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/geo"
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

// PushTarget returns the version that a push by oc of an audit goes to,
// locked: its own, else one without certifier (certifier-exchange.md §7).
func (tx *Tx) PushTarget(ctx context.Context, numero sillon.NumeroBio, oc sillon.OC, audit sillon.Date) (PushTarget, error) {
	batch := &pgx.Batch{}
	queueTarget(batch, numero, oc, audit)
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	t, err := readTarget(results, numero, audit)
	if err != nil {
		return t, err
	}
	return t, results.Close()
}

func queueTarget(batch *pgx.Batch, numero sillon.NumeroBio, oc sillon.OC, audit sillon.Date) {
	const identity = `
		WHERE v.numero_bio = $1 AND (v.oc = $2 OR v.oc IS NULL) AND v.audit_date = $3 AND v.deleted_at IS NULL
		ORDER BY v.oc NULLS LAST LIMIT 1`
	batch.Queue(`SELECT `+parcellaireColumns+` FROM parcellaire v `+identity+` FOR UPDATE`, string(numero), oc, audit)
	batch.Queue(`
		SELECT `+parcelColumns+`
		FROM parcel p
		WHERE p.parcellaire_id = (SELECT v.id FROM parcellaire v `+identity+`)
		ORDER BY p.key`, string(numero), oc, audit)
}

func readTarget(results pgx.BatchResults, numero sillon.NumeroBio, audit sillon.Date) (t PushTarget, err error) {
	rows, _ := results.Query()
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*sillon.Parcellaire, error) { return scanParcellaire(row) })
	if err != nil {
		return t, fmt.Errorf("version of %s audited %s: %w", numero, audit, err)
	}
	rows, _ = results.Query()
	parcels, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (sillon.Parcel, error) { return scanParcel(row) })
	if err != nil {
		return t, fmt.Errorf("parcels of %s audited %s: %w", numero, audit, err)
	}
	if len(versions) == 1 {
		t = PushTarget{Parcellaire: versions[0], Parcels: parcels}
	}
	return t, nil
}

// PushTargets is PushTarget for several audits at once, in their order, none
// of them locked, and without their parcels: these come from ParcelsOf.
func (tx *Tx) PushTargets(ctx context.Context, oc sillon.OC, audits []FarmAudit) ([]PushTarget, error) {
	numeros, days := farmAudits(audits)
	rows, _ := tx.Query(ctx, `
		SELECT DISTINCT ON (q.ord) `+parcellaireColumns+`, q.ord
		FROM unnest($1::text[], $2::date[]) WITH ORDINALITY AS q (numero, audit, ord)
		JOIN parcellaire v ON v.numero_bio = q.numero AND v.audit_date = q.audit AND (v.oc = $3 OR v.oc IS NULL) AND v.deleted_at IS NULL
		ORDER BY q.ord, v.oc NULLS LAST`, numeros, days, oc)
	targets := make([]PushTarget, len(audits))
	var ord int
	for rows.Next() {
		p, err := scanParcellaire(rows, &ord)
		if err != nil {
			rows.Close()
			return nil, fmt.Errorf("versions of a push: %w", err)
		}
		targets[ord-1].Parcellaire = p
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("versions of a push: %w", err)
	}
	return targets, nil
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
	for rows.Next() {
		p, err := scanParcel(rows, &id)
		if err != nil {
			rows.Close()
			return nil, fmt.Errorf("parcels of a push: %w", err)
		}
		parcels[id] = append(parcels[id], p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("parcels of a push: %w", err)
	}
	return parcels, nil
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
	for rows.Next() {
		p, err := scanParcel(rows, &numero, &audit)
		if err != nil {
			rows.Close()
			return nil, fmt.Errorf("known geometries: %w", err)
		}
		known[FarmParcel{numero, p.ID}] = KnownParcel{p, audit}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("known geometries: %w", err)
	}
	return known, nil
}

// A Saving is a parcellaire to be written with what changed of its parcels.
type Saving struct {
	Parcellaire *sillon.Parcellaire
	New         bool
	TakenOver   bool            // it belonged to nobody until now
	Written     []sillon.Parcel // new, changed or revived
	Moved       []bool          // by rank of Written: find its commune again
	Removed     []string        // ids of parcels to be deleted
	Event       *sillon.Event   // nil when nothing changed
}

// Save writes parcellaires, their changed parcels and their events, in one
// round trip and with a number of statements that does not depend on the number
// of parcels. The caller has locked the parcellaires, or made them, and
// computed their totals and revisions.
func (tx *Tx) Save(ctx context.Context, savings ...Saving) error {
	batch := &pgx.Batch{}
	for _, s := range savings {
		if err := queueSave(batch, s); err != nil {
			return err
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save parcellaires: %w", err)
	}
	return nil
}

// queueSave adds to batch the statements that write s.
func queueSave(batch *pgx.Batch, s Saving) error {
	p := s.Parcellaire
	metadata, err := json.Marshal(p.Metadata)
	if err != nil {
		return fmt.Errorf("encode metadata of %s: %w", p.ID, err)
	}
	args := pgx.NamedArgs{
		"id": string(p.ID), "numero": string(p.NumeroBio), "oc": zeroNull(p.OC), "name": p.Name, "year": zeroNull(p.Year), "state": string(p.State),
		"audit": p.AuditDate, "from": p.CertifiedFrom, "until": p.CertifiedUntil, "notes": p.AuditNotes, "demandes": p.AuditDemandes,
		"metadata": metadata, "mixite": string(p.Mixite), "surface": p.SurfaceM2, "count": p.ParcelCount, "revision": p.Revision,
		"created": nullTime(p.CreatedAt),
	}
	if s.New {
		batch.Queue(`
			INSERT INTO parcellaire (id, numero_bio, oc, reader_oc, name, year, state, audit_date, certified_from, certified_until,
				audit_notes, audit_demandes, metadata, mixite, surface_m2, parcel_count, revision, created_at, published)
			VALUES (@id, @numero, @oc, (
					SELECT CASE WHEN current_state <> 'NON ENGAGEE' THEN nullif(current_oc, @oc) END
					FROM farm WHERE numero_bio = @numero),
				@name, @year, @state, @audit, @from, @until, @notes, @demandes, @metadata, @mixite, @surface, @count, @revision,
				coalesce(@created, now()), CASE WHEN @state = 'CERTIFIED' THEN supersede(@numero, @from, @audit) ELSE false END)`, args)
	} else {
		batch.Queue(`
			UPDATE parcellaire SET oc = @oc, reader_oc = nullif(reader_oc, @oc), name = @name, year = @year, state = @state,
				audit_date = @audit, certified_from = @from, certified_until = @until, audit_notes = @notes, audit_demandes = @demandes,
				metadata = @metadata, mixite = @mixite, surface_m2 = @surface, parcel_count = @count, revision = @revision, updated_at = now()
			WHERE id = @id`, args)
		if p.State == sillon.StateCertified {
			batch.Queue(`SELECT publish($1)`, string(p.NumeroBio))
		}
	}
	if s.TakenOver {
		batch.Queue(`
			UPDATE parcel p SET oc = v.oc, reader_oc = v.reader_oc
			FROM parcellaire v WHERE v.id = $1 AND p.parcellaire_id = v.id`, string(p.ID))
	}
	if len(s.Removed) > 0 {
		batch.Queue(`
			UPDATE parcel SET deleted_at = now(), updated_at = now(), revision = revision + 1
			WHERE parcellaire_id = $1 AND id = ANY($2) AND deleted_at IS NULL`, string(p.ID), s.Removed)
	}
	if len(s.Written) > 0 {
		if err := queueParcels(batch, p, s.New, s.Written, s.Moved); err != nil {
			return err
		}
	}
	if s.Event != nil {
		queueEvent(batch, p, s.Event)
	}
	return nil
}

// queueParcels adds the one statement that inserts, updates and revives
// parcels, and finds the commune of those that moved. A version that is fresh
// holds none yet, which spares the search for them. A plain multi-row insert
// costs half of COPY into a staging table here: a record has some 30 parcels
// (make bench-push).
func queueParcels(batch *pgx.Batch, v *sillon.Parcellaire, fresh bool, parcels []sillon.Parcel, moved []bool) error {
	n := len(parcels)
	var (
		ids, status, names, pacages, ilots, numeros = make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		cadastre, cultures, precisions, levels      = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		notes, comments, communes, origins          = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		crops, annotations                          = make([]string, n), make([]string, n)
		geoms, declared                             = make([][]byte, n), make([][]byte, n)
		pending, abroad                             = make([]bool, n), make([]*bool, n)
		engaged                                     = make([]sillon.Date, n)
		surfaces                                    = make([]float64, n)
		tileIDs, revisions                          = make([]int64, n), make([]int64, n)
		cellX, cellY                                = make([]int32, n), make([]int32, n)
		created                                     = make([]*time.Time, n)
	)
	for i := range parcels {
		p := &parcels[i]
		var err error
		if geoms[i], err = toEWKB(p.Geometry); err != nil {
			return fmt.Errorf("parcel %s: %w", p.ID, err)
		}
		if declared[i], err = toEWKB(p.Declared); err != nil {
			return fmt.Errorf("parcel %s: %w", p.ID, err)
		}
		if annotations[i], err = encodeAnnotations(p.Annotations); err != nil {
			return fmt.Errorf("annotations of parcel %s: %w", p.ID, err)
		}
		if crops[i], err = encodeCrops(p.Crops); err != nil {
			return fmt.Errorf("crops of parcel %s: %w", p.ID, err)
		}
		ids[i], status[i], names[i], pacages[i] = p.ID, string(p.GeometryStatus), p.Name, p.NumeroPacage
		ilots[i], numeros[i], cadastre[i] = p.NumeroIlot, p.NumeroParcelle, joinArray(p.ReferencesCadastrales)
		cultures[i], precisions[i], levels[i] = p.CodeCulturePAC, p.CodePrecisionPAC, string(p.Level)
		notes[i], comments[i], communes[i], origins[i] = p.NotesAuditeur, p.Commentaire, p.Commune, string(p.Origin)
		pending[i], abroad[i], engaged[i], surfaces[i] = p.EnAttentePAC, p.Etranger, p.EngagedOn, p.SurfaceM2
		tileIDs[i], revisions[i], created[i] = rand.Int64N(1<<53-1)+1, p.Revision, nullTime(p.CreatedAt)
		cellX[i], cellY[i] = geo.CellOf(p.Geometry)
	}
	onConflict := `
		ON CONFLICT (parcellaire_id, id) DO UPDATE SET
			cell_x = excluded.cell_x, cell_y = excluded.cell_y, geom = excluded.geom, declared = excluded.declared,
			geometry_status = excluded.geometry_status, name = excluded.name, numero_pacage = excluded.numero_pacage,
			numero_ilot = excluded.numero_ilot, numero_parcelle = excluded.numero_parcelle, en_attente_pac = excluded.en_attente_pac,
			references_cadastrales = excluded.references_cadastrales, crops = excluded.crops, code_culture_pac = excluded.code_culture_pac,
			code_precision_pac = excluded.code_precision_pac, level = excluded.level, engaged_on = excluded.engaged_on,
			annotations = excluded.annotations, commentaire = excluded.commentaire, notes_auditeur = excluded.notes_auditeur,
			commune = excluded.commune, etranger = excluded.etranger, surface_m2 = excluded.surface_m2,
			revision = excluded.revision, updated_at = now(), deleted_at = NULL,
			acknowledged_at = CASE WHEN excluded.declared IS NOT DISTINCT FROM parcel.declared THEN parcel.acknowledged_at END,
			acknowledged_by = CASE WHEN excluded.declared IS NOT DISTINCT FROM parcel.declared THEN parcel.acknowledged_by END`
	if fresh {
		onConflict = ""
	}
	// The search costs its place in the plan even when it is for nothing.
	commune, abroadOf, search := "nullif(s.commune, '')", "s.abroad", ""
	if slices.Contains(moved, true) {
		search = " LEFT JOIN LATERAL (" + locate("s.moved", "s.g", commune) + ") l ON true"
		commune = "CASE WHEN s.moved THEN l.commune ELSE " + commune + " END"
		abroadOf = "CASE WHEN s.moved THEN l.etranger ELSE s.abroad END"
	}
	batch.Queue(`
		INSERT INTO parcel (parcellaire_id, id, oc, reader_oc, published, tile_id, cell_x, cell_y, geom, declared, geometry_status,
			name, numero_pacage, numero_ilot, numero_parcelle, en_attente_pac, references_cadastrales, crops, code_culture_pac,
			code_precision_pac, level, engaged_on, annotations, commentaire, notes_auditeur, commune, etranger, origine, surface_m2,
			revision, created_at)
		SELECT v.id, s.id, v.oc, v.reader_oc, v.published, s.tile_id, s.cell_x, s.cell_y, s.g, s.declared::geometry, s.status,
			s.name, s.pacage, s.ilot, s.numero, s.pending, coalesce(string_to_array(nullif(s.cadastre, ''), ','), '{}'), s.crops::jsonb, s.culture,
			s.precis, s.level, s.engaged, s.annotations::jsonb, s.comment, s.notes,
			`+commune+`, `+abroadOf+`, s.origin, s.surface, s.revision, coalesce(s.created, now())
		FROM (
			SELECT *, geom::geometry AS g
			FROM unnest(@ids::text[], @tile_ids::bigint[], @cell_x::int[], @cell_y::int[], @geoms::bytea[], @declared::bytea[], @status::text[],
				@names::text[], @pacages::text[], @ilots::text[], @numeros::text[], @pending::bool[], @cadastre::text[], @crops::text[],
				@cultures::text[], @precisions::text[], @levels::text[], @engaged::date[], @annotations::text[], @comments::text[],
				@notes::text[], @communes::text[], @abroad::bool[], @origins::text[], @surfaces::float8[], @revisions::bigint[],
				@created::timestamptz[], @moved::bool[])
				AS s (id, tile_id, cell_x, cell_y, geom, declared, status, name, pacage, ilot, numero, pending, cadastre, crops,
					culture, precis, level, engaged, annotations, comment, notes, commune, abroad, origin, surface, revision, created, moved)
		) s
		JOIN parcellaire v ON v.id = @parcellaire`+search+onConflict,
		pgx.NamedArgs{
			"parcellaire": string(v.ID), "ids": ids, "tile_ids": tileIDs, "cell_x": cellX, "cell_y": cellY, "geoms": geoms, "declared": declared,
			"status": status, "names": names, "pacages": pacages, "ilots": ilots, "numeros": numeros, "pending": pending,
			"cadastre": cadastre, "crops": crops, "cultures": cultures, "precisions": precisions, "levels": levels, "engaged": engaged,
			"annotations": annotations, "comments": comments, "notes": notes, "communes": communes, "abroad": abroad, "origins": origins,
			"surfaces": surfaces, "revisions": revisions, "created": created, "moved": moved,
		})
	return nil
}

func queueEvent(batch *pgx.Batch, p *sillon.Parcellaire, e *sillon.Event) {
	batch.Queue(`
		INSERT INTO event (parcellaire_id, oc, type, actor_id, actor_role, actor_oc, state, feature_ids, before, after, reason, request_id)
		VALUES (@parcellaire, @oc, @type, @actor, @role, @actor_oc, @state, coalesce(@features::text[], '{}'), @before, @after, @reason, @request)`,
		pgx.NamedArgs{
			"parcellaire": string(p.ID), "oc": zeroNull(p.OC), "type": string(e.Type), "actor": e.Actor.ID, "role": e.Actor.Roles.String(),
			"actor_oc": zeroNull(e.Actor.OC), "state": string(e.State), "features": e.FeatureIDs, "before": e.Before, "after": e.After,
			"reason": e.Reason, "request": e.RequestID,
		})
}

// zeroNull stores a zero as NULL.
func zeroNull[T int | sillon.OC](v T) *T {
	if v == 0 {
		return nil
	}
	return &v
}
