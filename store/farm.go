package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/paulmach/orb"

	"sillon/sillon"
)

// A Verdict is what the registry says of one record of a push.
type Verdict struct {
	Known      bool       // the farm is in the registry
	Production bool       // it notified an activity of production
	Bound      bool       // some certifier has it now
	Mine       bool       // the tenant has it now, under the client number given
	Home       *orb.Point // lon/lat of the middle of its commune, when known to the tenant
}

// Verdicts answers for each farm number and client number, in their order,
// with one statement.
func (tx *Tx) Verdicts(ctx context.Context, numeros, clients []string) ([]Verdict, error) {
	rows, _ := tx.Query(ctx, `
		SELECT known, production, bound, mine, lon, lat
		FROM registry_verdict($1, $2)`, numeros, clients)
	verdicts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Verdict, error) {
		var v Verdict
		var lon, lat *float64
		err := row.Scan(&v.Known, &v.Production, &v.Bound, &v.Mine, &lon, &lat)
		if lon != nil && lat != nil {
			v.Home = &orb.Point{*lon, *lat}
		}
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("registry verdicts: %w", err)
	}
	return verdicts, nil
}

// SaveFarms writes farms and their links: those there are get the values
// given, those there are not are created, as are certifiers. Nothing is
// removed. It then derives the current certifier of each farm and shows the
// farm's parcellaires to it (domain.md §3.2–§3.3). The number of statements
// does not depend on the number of farms.
func (tx *Tx) SaveFarms(ctx context.Context, farms []sillon.Farm) error {
	if err := tx.saveCertifiers(ctx, farms); err != nil {
		return err
	}
	n := len(farms)
	numeros, names, trades, sirets := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	pacages, addresses, codes, communes := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	production := make([]bool, n)
	var linkNumero, linkName, linkClient, linkState []string
	var linkOC []int32
	var starts, stops []sillon.Date
	var changes []*time.Time
	for i, f := range farms {
		numeros[i], names[i], trades[i], sirets[i] = string(f.NumeroBio), f.Name, f.TradeName, f.Siret
		pacages[i] = joinArray(f.Pacages)
		addresses[i], codes[i], communes[i], production[i] = f.Address, f.PostalCode, f.Commune, f.Production
		for _, l := range f.Links {
			linkNumero = append(linkNumero, string(f.NumeroBio))
			linkOC = append(linkOC, int32(l.Certifier.ID))
			linkName = append(linkName, l.Certifier.Name)
			linkClient = append(linkClient, l.NumeroClient)
			linkState = append(linkState, string(l.State))
			starts, stops, changes = append(starts, l.Start), append(stops, l.Stop), append(changes, nullTime(l.ChangedAt))
		}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO farm (numero_bio, name, trade_name, siret, pacages, address, postal_code, commune, production)
		SELECT n, name, trade, siret, coalesce(string_to_array(nullif(pacages, ''), ','), '{}'), address, code, commune, production
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bool[])
			AS f (n, name, trade, siret, pacages, address, code, commune, production)
		ON CONFLICT (numero_bio) DO UPDATE SET
			name = coalesce(nullif(excluded.name, ''), farm.name),
			trade_name = coalesce(nullif(excluded.trade_name, ''), farm.trade_name),
			siret = coalesce(nullif(excluded.siret, ''), farm.siret),
			pacages = CASE WHEN excluded.pacages = '{}' THEN farm.pacages ELSE excluded.pacages END,
			address = coalesce(nullif(excluded.address, ''), farm.address),
			postal_code = coalesce(nullif(excluded.postal_code, ''), farm.postal_code),
			commune = coalesce(nullif(excluded.commune, ''), farm.commune),
			production = excluded.production, updated_at = now()`,
		numeros, names, trades, sirets, pacages, addresses, codes, communes, production); err != nil {
		return fmt.Errorf("save farms: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO link (oc, numero_bio, numero_client, state, start, stop, changed_at)
		SELECT DISTINCT ON (c.id, l.n, l.start) c.id, l.n, coalesce(nullif(l.client, ''), (
				-- The open directory has no client numbers, and days of its own.
				SELECT k.numero_client FROM link k
				WHERE k.numero_bio = l.n AND k.oc = c.id AND k.numero_client <> ''
				ORDER BY k.start IS NOT DISTINCT FROM l.start DESC, coalesce(k.stop, k.start, k.created_at::date) DESC, k.id DESC
				LIMIT 1
			), ''), l.state, l.start, l.stop, coalesce(l.changed, now())
		FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::date[], $7::date[], $8::timestamptz[])
			WITH ORDINALITY AS l (n, oc, name, client, state, start, stop, changed, ord)
		JOIN certifier c ON CASE WHEN l.oc > 0 THEN c.id = l.oc ELSE lower(c.name) = lower(l.name) END
		ORDER BY c.id, l.n, l.start, l.ord DESC
		ON CONFLICT (oc, numero_bio, start) DO UPDATE SET
			numero_client = coalesce(nullif(excluded.numero_client, ''), link.numero_client),
			state = excluded.state, stop = excluded.stop, updated_at = now(),
			changed_at = CASE WHEN link.state <> excluded.state OR excluded.changed_at <> now() THEN excluded.changed_at ELSE link.changed_at END
		WHERE (link.numero_client, link.state, link.stop) IS DISTINCT FROM
				(coalesce(nullif(excluded.numero_client, ''), link.numero_client), excluded.state, excluded.stop)
			OR excluded.changed_at NOT IN (now(), link.changed_at)`,
		linkNumero, linkOC, linkName, linkClient, linkState, starts, stops, changes); err != nil {
		return fmt.Errorf("save links: %w", err)
	}
	return tx.deriveCurrentLinks(ctx, numeros)
}

// saveCertifiers creates the certifiers that farms name. One with an id takes
// the name given, which is sillon.ErrFarmsRefused when another id has it; one
// without is known by its name.
func (tx *Tx) saveCertifiers(ctx context.Context, farms []sillon.Farm) error {
	named := map[sillon.OC]string{}
	unnamed := map[string]bool{}
	for _, f := range farms {
		for _, l := range f.Links {
			if l.Certifier.ID != 0 {
				if l.Certifier.Name != "" || named[l.Certifier.ID] == "" {
					named[l.Certifier.ID] = l.Certifier.Name
				}
			} else {
				unnamed[l.Certifier.Name] = true
			}
		}
	}
	var ids []int32
	var names, others []string
	for id, name := range named {
		ids, names = append(ids, int32(id)), append(names, name)
	}
	for name := range unnamed {
		others = append(others, name)
	}
	if _, err := tx.Exec(ctx, `
		WITH given AS (
			INSERT INTO certifier (id, name)
			SELECT id, coalesce(nullif(name, ''), 'Certificateur ' || id) FROM unnest($1::int[], $2::text[]) AS c (id, name)
			ORDER BY id
			ON CONFLICT (id) DO UPDATE SET name = excluded.name
				WHERE excluded.name <> certifier.name AND excluded.name <> 'Certificateur ' || certifier.id
			RETURNING id
		)
		SELECT setval(pg_get_serial_sequence('certifier', 'id'),
			greatest((SELECT coalesce(max(id), 1) FROM certifier), (SELECT coalesce(max(id), 1) FROM given)))`,
		ids, names); err != nil {
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "certifier_name_key" {
			return sillon.ErrFarmsRefused.Saying(sillon.CertifierNameTaken).Because(err)
		}
		return fmt.Errorf("save certifiers: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO certifier (name)
		SELECT name FROM unnest($1::text[]) AS c (name) ORDER BY name
		ON CONFLICT (lower(name)) DO NOTHING`, others); err != nil {
		return fmt.Errorf("save certifiers by name: %w", err)
	}
	return nil
}

// deriveCurrentLinks applies domain.md §3.2 to farms, then lets their present
// certifier, and no other, read what the former ones left (§3.3).
func (tx *Tx) deriveCurrentLinks(ctx context.Context, numeros []string) error {
	batch := &pgx.Batch{}
	batch.Queue(`
		WITH candidate AS (
			SELECT l.*, count(*) FILTER (WHERE l.state <> 'BROUILLON') OVER (PARTITION BY l.numero_bio) AS firm
			FROM link l
			WHERE l.numero_bio = ANY($1)
				AND NOT (l.state = 'NON ENGAGEE' AND l.updated_at < now() - interval '6 months')
		), recent AS (
			SELECT DISTINCT ON (numero_bio, oc) *
			FROM candidate
			WHERE state <> 'BROUILLON' OR firm = 0
			ORDER BY numero_bio, oc, coalesce(stop, start, created_at::date) DESC, created_at DESC, id DESC
		), chosen AS (
			SELECT DISTINCT ON (numero_bio) numero_bio, oc, numero_client, state, state AS shown
			FROM recent
			ORDER BY numero_bio, array_position($2::text[], state), changed_at DESC, id DESC
		), last AS (
			-- Nothing but stale links is left.
			SELECT DISTINCT ON (numero_bio) numero_bio, oc, numero_client, state, 'ARRETEE' AS shown
			FROM link
			WHERE numero_bio = ANY($1) AND NOT EXISTS (SELECT FROM chosen WHERE chosen.numero_bio = link.numero_bio)
			ORDER BY numero_bio, changed_at DESC, id DESC
		)
		UPDATE farm f SET
			current_oc = c.oc, numero_client = coalesce(c.numero_client, ''), current_state = c.state, shown_state = c.shown,
			ocs = ARRAY(SELECT DISTINCT oc FROM link WHERE link.numero_bio = f.numero_bio ORDER BY oc)
		FROM (SELECT n AS numero FROM unnest($1::text[]) AS n) asked
		LEFT JOIN (SELECT * FROM chosen UNION ALL SELECT * FROM last) c ON c.numero_bio = asked.numero
		WHERE f.numero_bio = asked.numero`, numeros, linkOrder())
	const reader = `nullif(CASE WHEN f.current_state <> 'NON ENGAGEE' THEN f.current_oc END, v.oc)`
	batch.Queue(`
		UPDATE parcellaire v SET reader_oc = `+reader+`
		FROM farm f
		WHERE v.numero_bio = ANY($1) AND f.numero_bio = v.numero_bio AND v.reader_oc IS DISTINCT FROM `+reader, numeros)
	batch.Queue(`
		UPDATE parcel p SET reader_oc = v.reader_oc
		FROM parcellaire v
		WHERE v.numero_bio = ANY($1) AND p.parcellaire_id = v.id AND p.reader_oc IS DISTINCT FROM v.reader_oc`, numeros)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("derive current links: %w", err)
	}
	return nil
}

// AgeLinks derives the current links of at most limit farms, after a farm
// number, that have a link which may have got stale with time alone. It returns
// the last of their numbers, "" when there are no more.
func (tx *Tx) AgeLinks(ctx context.Context, after string, limit int) (last string, err error) {
	rows, _ := tx.Query(ctx, `
		SELECT DISTINCT numero_bio
		FROM link
		WHERE state = 'NON ENGAGEE' AND updated_at < now() - interval '6 months' AND numero_bio > $1
		ORDER BY numero_bio
		LIMIT $2`, after, limit)
	numeros, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("links that age: %w", err)
	}
	if len(numeros) == 0 {
		return "", nil
	}
	return numeros[len(numeros)-1], tx.deriveCurrentLinks(ctx, numeros)
}

// A FarmRow is a farm of a list, with its latest parcellaire.
type FarmRow struct {
	NumeroBio     sillon.NumeroBio
	Name          string
	TradeName     string
	Siret         string
	Commune       string
	Departement   string
	OC            *sillon.OC
	OCLabel       *string
	LinkState     *string
	ParcellaireID *string
	State         *sillon.State
	AuditDate     sillon.Date
	SurfaceM2     *float64
	ParcelCount   *int
}

// FarmQuery is a page of farms: those after a farm number, at most limit,
// whose text fields contain Search and which are in Departement, when given.
type FarmQuery struct {
	Search      string
	Departement string
	After       string
	Limit       int
}

// Farms returns a page of the farms in scope, by farm number.
func (tx *Tx) Farms(ctx context.Context, q FarmQuery) ([]FarmRow, error) {
	rows, err := all[FarmRow](ctx, tx, `
		SELECT f.numero_bio, f.name, f.trade_name, f.siret, f.commune, d.departement,
			f.current_oc AS oc, c.name AS oc_label, f.shown_state AS link_state,
			v.id::text AS parcellaire_id, v.state, v.audit_date, v.surface_m2, v.parcel_count
		FROM farm f
		CROSS JOIN LATERAL (
			SELECT left(f.commune, CASE WHEN f.commune ~ '^9[78]' THEN 3 ELSE 2 END) AS departement
		) d
		LEFT JOIN certifier c ON c.id = f.current_oc
		LEFT JOIN LATERAL (
			SELECT id, state, audit_date, surface_m2, parcel_count
			FROM parcellaire
			WHERE numero_bio = f.numero_bio AND deleted_at IS NULL
			ORDER BY state = 'OPERATOR_DRAFT', coalesce(certified_from, audit_date, created_at::date) DESC
			LIMIT 1
		) v ON true
		WHERE f.numero_bio > @after
			AND (@departement = '' OR d.departement = @departement)
			AND (@search = '' OR f.numero_bio = @search OR f.siret = @search
				OR strpos(lower(f.name), lower(@search)) > 0 OR strpos(lower(f.trade_name), lower(@search)) > 0)
		ORDER BY f.numero_bio
		LIMIT @limit`, pgx.NamedArgs{
		"after": q.After, "departement": q.Departement, "search": q.Search, "limit": q.Limit,
	})
	if err != nil {
		return nil, fmt.Errorf("farms after %q: %w", q.After, err)
	}
	return rows, nil
}

// Certifier returns a certifier, or sillon.ErrNotFound.
func (tx *Tx) Certifier(ctx context.Context, oc sillon.OC) (*sillon.Certifier, error) {
	return one[sillon.Certifier](ctx, tx, sillon.ErrNotFound,
		`SELECT id, name FROM certifier WHERE id = @oc`, pgx.NamedArgs{"oc": oc})
}

func linkOrder() []string {
	order := make([]string, len(sillon.LinkStates))
	for i, s := range sillon.LinkStates {
		order[i] = string(s)
	}
	return order
}

// joinArray packs short codes for string_to_array: PostgreSQL has no arrays of
// arrays of different lengths.
func joinArray(codes []string) string {
	var b []byte
	for i, c := range codes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c...)
	}
	return string(b)
}

// HasFarm reports whether a farm is in scope.
func (tx *Tx) HasFarm(ctx context.Context, numero sillon.NumeroBio) (bool, error) {
	var there bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM farm WHERE numero_bio = $1)`, string(numero)).Scan(&there); err != nil {
		return false, fmt.Errorf("look for farm %s: %w", numero, err)
	}
	return there, nil
}
