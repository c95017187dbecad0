package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/geo"
	"sillon/sillon"
)

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
// round trip. The number of statements depends neither on the number of parcels
// nor on that of parcellaires, as long as these are of a farm each; those of one
// farm are written in their order. The caller has locked the parcellaires, or
// made them, and computed their totals and revisions.
func (tx *Tx) Save(ctx context.Context, savings ...Saving) error {
	batch := &pgx.Batch{}
	for len(savings) > 0 {
		n := farmsOnce(savings)
		if err := queueSavings(batch, savings[:n]); err != nil {
			return err
		}
		savings = savings[n:]
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save parcellaires: %w", err)
	}
	return nil
}

// farmsOnce is how many savings there are before a farm comes again.
func farmsOnce(savings []Saving) int {
	seen := make(map[sillon.NumeroBio]bool, len(savings))
	for i, s := range savings {
		if seen[s.Parcellaire.NumeroBio] {
			return i
		}
		seen[s.Parcellaire.NumeroBio] = true
	}
	return len(savings)
}

// queueSavings adds to batch the statements that write savings of a farm each.
func queueSavings(batch *pgx.Batch, savings []Saving) error {
	var fresh, stored, events []Saving
	var taken, certified, owners, removed []string
	for _, s := range savings {
		if s.New {
			fresh = append(fresh, s)
		} else {
			stored = append(stored, s)
			if s.Parcellaire.State == sillon.StateCertified {
				certified = append(certified, string(s.Parcellaire.NumeroBio))
			}
		}
		if s.TakenOver {
			taken = append(taken, string(s.Parcellaire.ID))
		}
		for _, id := range s.Removed {
			owners, removed = append(owners, string(s.Parcellaire.ID)), append(removed, id)
		}
		if s.Event != nil {
			events = append(events, s)
		}
	}
	if err := queueVersions(batch, fresh, stored); err != nil {
		return err
	}
	if len(taken) > 0 {
		batch.Queue(`
			UPDATE parcel p SET oc = v.oc, reader_oc = v.reader_oc
			FROM parcellaire v WHERE v.id = ANY($1::uuid[]) AND p.parcellaire_id = v.id`, taken)
	}
	if len(certified) > 0 { // once the parcels are of whom their version is
		batch.Queue(`SELECT publish(n) FROM unnest($1::text[]) AS n`, certified)
	}
	if len(removed) > 0 {
		batch.Queue(`
			UPDATE parcel p SET deleted_at = now(), updated_at = now(), revision = p.revision + 1
			FROM unnest($1::uuid[], $2::text[]) AS r (parcellaire, id)
			WHERE p.parcellaire_id = r.parcellaire AND p.id = r.id AND p.deleted_at IS NULL`, owners, removed)
	}
	for _, some := range [][]Saving{fresh, stored} {
		if err := queueParcels(batch, some); err != nil {
			return err
		}
	}
	if len(events) > 0 {
		queueEvents(batch, events)
	}
	return nil
}

// queueVersions adds the statements that write parcellaires themselves. New
// ones get the mark of what the public sees where they deserve it.
func queueVersions(batch *pgx.Batch, fresh, stored []Saving) error {
	const rows = `
		unnest(@ids::uuid[], @numeros::text[], @ocs::int[], @names::text[], @years::int[], @states::text[], @audits::date[], @from::date[],
			@until::date[], @notes::text[], @demandes::text[], @metadata::text[], @mixites::text[], @surfaces::float8[], @counts::int[],
			@revisions::bigint[], @created::timestamptz[])
			AS s (id, numero, oc, name, year, state, audit, since, until, notes, demandes, metadata, mixite, surface, count, revision, created)`
	if len(fresh) > 0 {
		args, err := versionArgs(fresh)
		if err != nil {
			return err
		}
		batch.Queue(`
			INSERT INTO parcellaire (id, numero_bio, oc, reader_oc, name, year, state, audit_date, certified_from, certified_until,
				audit_notes, audit_demandes, metadata, mixite, surface_m2, parcel_count, revision, created_at, published)
			SELECT s.id, s.numero, s.oc, CASE WHEN f.current_state <> 'NON ENGAGEE' THEN nullif(f.current_oc, s.oc) END,
				s.name, s.year, s.state, s.audit, s.since, s.until, s.notes, s.demandes, s.metadata::jsonb, s.mixite, s.surface, s.count,
				s.revision, coalesce(s.created, now()), coalesce(p.latest, false)
			FROM `+rows+`
			LEFT JOIN supersede(@certified::text[], @since::date[], @audited::date[]) p ON p.numero = s.numero
			LEFT JOIN farm f ON f.numero_bio = s.numero`, args)
	}
	if len(stored) > 0 {
		args, err := versionArgs(stored)
		if err != nil {
			return err
		}
		batch.Queue(`
			UPDATE parcellaire v SET oc = s.oc, reader_oc = nullif(v.reader_oc, s.oc), name = s.name, year = s.year, state = s.state,
				audit_date = s.audit, certified_from = s.since, certified_until = s.until, audit_notes = s.notes, audit_demandes = s.demandes,
				metadata = s.metadata::jsonb, mixite = s.mixite, surface_m2 = s.surface, parcel_count = s.count, revision = s.revision,
				updated_at = now()
			FROM `+rows+`
			WHERE v.id = s.id`, args)
	}
	return nil
}

// versionArgs are the columns of parcellaires, and apart those by which the
// certified ones are ranked.
func versionArgs(savings []Saving) (pgx.NamedArgs, error) {
	n := len(savings)
	var (
		ids, numeros, names, states        = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		notes, demandes, metadata, mixites = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		ocs                                = make([]*sillon.OC, n)
		years                              = make([]*int, n)
		audits, from, until                = make([]sillon.Date, n), make([]sillon.Date, n), make([]sillon.Date, n)
		surfaces                           = make([]float64, n)
		counts                             = make([]int, n)
		revisions                          = make([]int64, n)
		created                            = make([]*time.Time, n)
		certified                          = make([]string, 0, n)
		since, audited                     = make([]sillon.Date, 0, n), make([]sillon.Date, 0, n)
	)
	for i, s := range savings {
		p := s.Parcellaire
		m, err := json.Marshal(p.Metadata)
		if err != nil {
			return nil, fmt.Errorf("encode metadata of %s: %w", p.ID, err)
		}
		ids[i], numeros[i], names[i], states[i] = string(p.ID), string(p.NumeroBio), p.Name, string(p.State)
		notes[i], demandes[i], metadata[i], mixites[i] = p.AuditNotes, p.AuditDemandes, string(m), string(p.Mixite)
		ocs[i], years[i], audits[i], from[i], until[i] = zeroNull(p.OC), zeroNull(p.Year), p.AuditDate, p.CertifiedFrom, p.CertifiedUntil
		surfaces[i], counts[i], revisions[i], created[i] = p.SurfaceM2, p.ParcelCount, p.Revision, nullTime(p.CreatedAt)
		if p.State == sillon.StateCertified {
			certified, since, audited = append(certified, numeros[i]), append(since, p.CertifiedFrom), append(audited, p.AuditDate)
		}
	}
	return pgx.NamedArgs{
		"ids": ids, "numeros": numeros, "ocs": ocs, "names": names, "years": years, "states": states, "audits": audits, "from": from,
		"until": until, "notes": notes, "demandes": demandes, "metadata": metadata, "mixites": mixites, "surfaces": surfaces, "counts": counts,
		"revisions": revisions, "created": created, "certified": certified, "since": since, "audited": audited,
	}, nil
}

// queueParcels adds the one statement that inserts, updates and revives the
// parcels of savings, all new or all not, and finds the commune of those that
// moved. New versions hold none yet, which spares the search for them.
func queueParcels(batch *pgx.Batch, savings []Saving) error {
	n := 0
	for _, s := range savings {
		n += len(s.Written)
	}
	if n == 0 {
		return nil
	}
	var (
		versions                                    = make([]string, len(savings))
		owners                                      = make([]int32, n)
		moved                                       = make([]bool, n)
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
	i := 0
	for v, s := range savings {
		versions[v] = string(s.Parcellaire.ID)
		for k := range s.Written {
			p := &s.Written[k]
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
			crops[i] = encodeCrops(p.Crops)
			ids[i], status[i], names[i], pacages[i] = p.ID, string(p.GeometryStatus), p.Name, p.NumeroPacage
			ilots[i], numeros[i], cadastre[i] = p.NumeroIlot, p.NumeroParcelle, joinArray(p.ReferencesCadastrales)
			cultures[i], precisions[i], levels[i] = p.CodeCulturePAC, p.CodePrecisionPAC, string(p.Level)
			notes[i], comments[i], communes[i], origins[i] = p.NotesAuditeur, p.Commentaire, p.Commune, string(p.Origin)
			pending[i], abroad[i], engaged[i], surfaces[i] = p.EnAttentePAC, p.Etranger, p.EngagedOn, p.SurfaceM2
			tileIDs[i], revisions[i], created[i] = rand.Int64N(1<<53-1)+1, p.Revision, nullTime(p.CreatedAt)
			cellX[i], cellY[i] = geo.CellOf(p.Geometry)
			owners[i], moved[i] = int32(v+1), s.Moved[k] //nolint:gosec // few
			i++
		}
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
	if savings[0].New {
		onConflict = ""
	}
	// The search costs its place in the plan even when it is for nothing.
	commune, abroadOf, search := "nullif(s.commune, '')", "s.abroad", ""
	if slices.Contains(moved, true) {
		search = " LEFT JOIN LATERAL (" + locate("s.moved", "s.g", commune) + ") l ON true"
		commune = "CASE WHEN s.moved THEN l.commune ELSE " + commune + " END"
		abroadOf = "CASE WHEN s.moved THEN l.etranger ELSE s.abroad END"
	}
	// A join could bring the parcels out of order, in which they are read again.
	batch.Queue(`
		INSERT INTO parcel (parcellaire_id, id, oc, reader_oc, published, tile_id, cell_x, cell_y, geom, declared, geometry_status,
			name, numero_pacage, numero_ilot, numero_parcelle, en_attente_pac, references_cadastrales, crops, code_culture_pac,
			code_precision_pac, level, engaged_on, annotations, commentaire, notes_auditeur, commune, etranger, origine, surface_m2,
			revision, created_at)
		SELECT (@versions::uuid[])[s.owner], s.id, v.oc[s.owner], v.reader_oc[s.owner], v.published[s.owner], s.tile_id, s.cell_x, s.cell_y, s.g, s.declared::geometry, s.status,
			s.name, s.pacage, s.ilot, s.numero, s.pending, coalesce(string_to_array(nullif(s.cadastre, ''), ','), '{}'), s.crops::jsonb, s.culture,
			s.precis, s.level, s.engaged, s.annotations::jsonb, s.comment, s.notes,
			`+commune+`, `+abroadOf+`, s.origin, s.surface, s.revision, coalesce(s.created, now())
		FROM (
			SELECT *, geom::geometry AS g
			FROM unnest(@owners::int[], @ids::text[], @tile_ids::bigint[], @cell_x::int[], @cell_y::int[], @geoms::bytea[], @declared::bytea[],
				@status::text[], @names::text[], @pacages::text[], @ilots::text[], @numeros::text[], @pending::bool[], @cadastre::text[], @crops::text[],
				@cultures::text[], @precisions::text[], @levels::text[], @engaged::date[], @annotations::text[], @comments::text[],
				@notes::text[], @communes::text[], @abroad::bool[], @origins::text[], @surfaces::float8[], @revisions::bigint[],
				@created::timestamptz[], @moved::bool[])
				AS s (owner, id, tile_id, cell_x, cell_y, geom, declared, status, name, pacage, ilot, numero, pending, cadastre, crops,
					culture, precis, level, engaged, annotations, comment, notes, commune, abroad, origin, surface, revision, created, moved)
		) s
		CROSS JOIN (
			SELECT array_agg(v.oc ORDER BY q.ord) AS oc, array_agg(v.reader_oc ORDER BY q.ord) AS reader_oc, array_agg(v.published ORDER BY q.ord) AS published
			FROM unnest(@versions::uuid[]) WITH ORDINALITY AS q (id, ord)
			LEFT JOIN parcellaire v ON v.id = q.id
		) v`+search+onConflict,
		pgx.NamedArgs{
			"versions": versions, "owners": owners, "ids": ids, "tile_ids": tileIDs, "cell_x": cellX, "cell_y": cellY, "geoms": geoms,
			"declared": declared, "status": status, "names": names, "pacages": pacages, "ilots": ilots, "numeros": numeros, "pending": pending,
			"cadastre": cadastre, "crops": crops, "cultures": cultures, "precisions": precisions, "levels": levels, "engaged": engaged,
			"annotations": annotations, "comments": comments, "notes": notes, "communes": communes, "abroad": abroad, "origins": origins,
			"surfaces": surfaces, "revisions": revisions, "created": created, "moved": moved,
		})
	return nil
}

// queueEvents adds the statement that tells what the savings change.
func queueEvents(batch *pgx.Batch, savings []Saving) {
	n := len(savings)
	var (
		versions, types, actors, roles     = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		states, features, reasons, request = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		before, after                      = make([]*string, n), make([]*string, n)
		ocs, actorOCs                      = make([]*sillon.OC, n), make([]*sillon.OC, n)
	)
	for i, s := range savings {
		p, e := s.Parcellaire, s.Event
		versions[i], types[i], actors[i], roles[i] = string(p.ID), string(e.Type), e.Actor.ID, e.Actor.Roles.String()
		states[i], features[i], reasons[i], request[i] = string(e.State), arrayText(e.FeatureIDs), e.Reason, e.RequestID
		before[i], after[i] = nullText(string(e.Before)), nullText(string(e.After))
		ocs[i], actorOCs[i] = zeroNull(p.OC), zeroNull(e.Actor.OC)
	}
	batch.Queue(`
		INSERT INTO event (parcellaire_id, oc, type, actor_id, actor_role, actor_oc, state, feature_ids, before, after, reason, request_id)
		SELECT s.version, s.oc, s.type, s.actor, s.role, s.actor_oc, s.state, s.features::text[], s.before::json, s.after::json, s.reason, s.request
		FROM unnest(@versions::uuid[], @ocs::int[], @types::text[], @actors::text[], @roles::text[], @actor_ocs::int[], @states::text[],
			@features::text[], @before::text[], @after::text[], @reasons::text[], @requests::text[])
			AS s (version, oc, type, actor, role, actor_oc, state, features, before, after, reason, request)`,
		pgx.NamedArgs{
			"versions": versions, "ocs": ocs, "types": types, "actors": actors, "roles": roles, "actor_ocs": actorOCs, "states": states,
			"features": features, "before": before, "after": after, "reasons": reasons, "requests": request,
		})
}

// arrayText is the text of a text[]: PostgreSQL has no arrays of arrays of
// different lengths.
func arrayText(values []string) string {
	b := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		for _, c := range []byte(v) {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
		}
		b = append(b, '"')
	}
	return string(append(b, '}'))
}

// zeroNull stores a zero as NULL.
func zeroNull[T int | sillon.OC](v T) *T {
	if v == 0 {
		return nil
	}
	return &v
}
