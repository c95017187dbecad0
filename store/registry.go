package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/sillon"
)

// A FarmSheet is all that the registry knows of a farm, as far as the scope
// sees it.
type FarmSheet struct {
	Farm      sillon.Farm       // its links, the newest first
	Current   *sillon.Link      // the present one (domain.md §3.2); nil for none
	History   []LinkState       // what the links have been, the newest first; national scope only
	Latest    *SheetParcellaire // nil for none
	Revision  int64
	UpdatedAt time.Time
}

// A LinkState is a link as it was from an instant on.
type LinkState struct {
	sillon.Link
	RecordedAt time.Time
}

// A SheetParcellaire is the latest parcellaire of a farm: a draft never hides
// an audited or certified one (domain.md §14).
type SheetParcellaire struct {
	ID          sillon.ParcellaireID
	State       sillon.State
	AuditDate   sillon.Date
	SurfaceM2   float64
	ParcelCount int
	Revision    int64
}

const farmColumns = `
	f.numero_bio, f.name, f.trade_name, f.siret, f.pacages, f.address, f.postal_code, f.commune, f.production, f.revision, f.updated_at`

func farmFields(s *FarmSheet) []any {
	f := &s.Farm
	return []any{
		&f.NumeroBio, &f.Name, &f.TradeName, &f.Siret, &f.Pacages, &f.Address, &f.PostalCode, &f.Commune, &f.Production, &s.Revision, &s.UpdatedAt,
	}
}

const linkColumns = `c.id, c.name, l.numero_client, l.state, l.start, l.stop`

func linkFields(l *sillon.Link) []any {
	return []any{&l.Certifier.ID, &l.Certifier.Name, &l.NumeroClient, &l.State, &l.Start, &l.Stop}
}

// FarmSheet returns a farm in scope, or sillon.ErrNotFound, with its links, and
// with their history when asked.
func (tx *Tx) FarmSheet(ctx context.Context, numero sillon.NumeroBio, history bool) (*FarmSheet, error) {
	var s FarmSheet
	var oc *sillon.OC
	var name, state *string
	var client string
	var id, versionState *string
	var audit sillon.Date
	var surface *float64
	var count *int
	var revision *int64
	err := tx.QueryRow(ctx, `
		SELECT `+farmColumns+`, f.current_oc, c.name, f.numero_client, f.shown_state,
			v.id::text, v.state, v.audit_date, v.surface_m2, v.parcel_count, v.revision
		FROM farm f
		LEFT JOIN certifier c ON c.id = f.current_oc
		LEFT JOIN LATERAL (
			SELECT id, state, audit_date, surface_m2, parcel_count, revision
			FROM parcellaire
			WHERE numero_bio = f.numero_bio AND deleted_at IS NULL
			ORDER BY state = 'OPERATOR_DRAFT', coalesce(certified_from, audit_date, created_at::date) DESC, created_at DESC, id
			LIMIT 1
		) v ON true
		WHERE f.numero_bio = $1`, string(numero)).
		Scan(append(farmFields(&s), &oc, &name, &client, &state, &id, &versionState, &audit, &surface, &count, &revision)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, sillon.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("farm %s: %w", numero, err)
	}
	if oc != nil {
		s.Current = &sillon.Link{Certifier: sillon.Certifier{ID: *oc, Name: *name}, NumeroClient: client, State: sillon.LinkState(*state)}
	}
	if id != nil {
		s.Latest = &SheetParcellaire{
			ID: sillon.ParcellaireID(*id), State: sillon.State(*versionState), AuditDate: audit, SurfaceM2: *surface, ParcelCount: *count,
			Revision: *revision,
		}
	}
	if s.Farm.Links, err = tx.links(ctx, numero); err != nil || !history {
		return &s, err
	}
	rows, _ := tx.Query(ctx, `
		SELECT `+linkColumns+`, l.recorded_at
		FROM link_history l
		JOIN certifier c ON c.id = l.oc
		WHERE l.numero_bio = $1
		ORDER BY l.id DESC`, string(numero))
	s.History, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l LinkState, err error) {
		return l, row.Scan(append(linkFields(&l.Link), &l.RecordedAt)...)
	})
	if err != nil {
		return nil, fmt.Errorf("history of the links of %s: %w", numero, err)
	}
	return &s, nil
}

// links returns those of a farm, the newest first.
func (tx *Tx) links(ctx context.Context, numero sillon.NumeroBio) ([]sillon.Link, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+linkColumns+`, l.changed_at
		FROM link l
		JOIN certifier c ON c.id = l.oc
		WHERE l.numero_bio = $1
		ORDER BY coalesce(l.stop, l.start, l.created_at::date) DESC, l.created_at DESC, l.id DESC`, string(numero))
	links, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l sillon.Link, err error) {
		return l, row.Scan(append(linkFields(&l), &l.ChangedAt)...)
	})
	if err != nil {
		return nil, fmt.Errorf("links of %s: %w", numero, err)
	}
	return links, nil
}

// LockFarm keeps other edits of a farm waiting until the transaction ends, and
// returns the farm with its links, its revision, and when it was last changed;
// the revision is 0 when there is no such farm.
func (tx *Tx) LockFarm(ctx context.Context, numero sillon.NumeroBio) (FarmSheet, error) {
	// A farm that is not there yet has no row to lock.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('farm ' || $1, 0))`, string(numero)); err != nil {
		return FarmSheet{}, fmt.Errorf("lock farm %s: %w", numero, err)
	}
	var s FarmSheet
	err := tx.QueryRow(ctx, `SELECT `+farmColumns+` FROM farm f WHERE f.numero_bio = $1 FOR NO KEY UPDATE`, string(numero)).Scan(farmFields(&s)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return FarmSheet{}, nil
	}
	if err != nil {
		return FarmSheet{}, fmt.Errorf("lock farm %s: %w", numero, err)
	}
	s.Farm.Links, err = tx.links(ctx, numero)
	return s, err
}

// PutFarm writes a farm as it is given, but for its links.
func (tx *Tx) PutFarm(ctx context.Context, f sillon.Farm) error {
	if f.Pacages == nil {
		f.Pacages = []string{}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO farm (numero_bio, name, trade_name, siret, pacages, address, postal_code, commune, production)
		VALUES (@numero, @name, @trade, @siret, @pacages, @address, @code, @commune, @production)
		ON CONFLICT (numero_bio) DO UPDATE SET
			name = excluded.name, trade_name = excluded.trade_name, siret = excluded.siret, pacages = excluded.pacages,
			address = excluded.address, postal_code = excluded.postal_code, commune = excluded.commune, production = excluded.production`,
		pgx.NamedArgs{
			"numero": string(f.NumeroBio), "name": f.Name, "trade": f.TradeName, "siret": f.Siret, "pacages": f.Pacages, "address": f.Address,
			"code": f.PostalCode, "commune": f.Commune, "production": f.Production,
		}); err != nil {
		return fmt.Errorf("put farm %s: %w", f.NumeroBio, err)
	}
	return nil
}

// PutLink writes a link as it is given; its certifier and its start tell which
// one. It then derives what SaveFarms derives.
func (tx *Tx) PutLink(ctx context.Context, numero sillon.NumeroBio, l sillon.Link) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO link (oc, numero_bio, numero_client, state, start, stop, changed_at)
		VALUES (@oc, @numero, @client, @state, @start, @stop, @changed)
		ON CONFLICT (oc, numero_bio, start) DO UPDATE SET
			numero_client = excluded.numero_client, state = excluded.state, stop = excluded.stop, changed_at = excluded.changed_at,
			updated_at = now()
		WHERE (link.numero_client, link.state, link.stop, link.changed_at)
			IS DISTINCT FROM (excluded.numero_client, excluded.state, excluded.stop, excluded.changed_at)`,
		pgx.NamedArgs{
			"oc": l.Certifier.ID, "numero": string(numero), "client": l.NumeroClient, "state": string(l.State), "start": l.Start, "stop": l.Stop,
			"changed": l.ChangedAt,
		}); err != nil {
		return fmt.Errorf("put link of %s to certifier %d: %w", numero, l.Certifier.ID, err)
	}
	return tx.deriveCurrentLinks(ctx, []string{string(numero)})
}

// Reading is where the reading of the open directory stands.
type Reading struct {
	Position int // farms read of the directory
	Farms    int // stored
	Refused  int // left out
	EndedAt  *time.Time
}

// DirectoryReading returns where the reading of the directory stands; the zero
// Reading begins.
func (tx *Tx) DirectoryReading(ctx context.Context) (r Reading, err error) {
	err = tx.QueryRow(ctx, `SELECT position, farms, refused, ended_at FROM directory_sync`).Scan(&r.Position, &r.Farms, &r.Refused, &r.EndedAt)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("reading of the directory: %w", err)
	}
	return r, nil
}

// NoteReading keeps where the reading of the directory stands.
func (tx *Tx) NoteReading(ctx context.Context, r Reading) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO directory_sync (position, farms, refused, ended_at) VALUES (@position, @farms, @refused, @ended)
		ON CONFLICT (only_row) DO UPDATE SET
			position = excluded.position, farms = excluded.farms, refused = excluded.refused, ended_at = excluded.ended_at,
			started_at = CASE WHEN directory_sync.ended_at IS NULL THEN directory_sync.started_at ELSE now() END`,
		pgx.NamedArgs{"position": r.Position, "farms": r.Farms, "refused": r.Refused, "ended": r.EndedAt}); err != nil {
		return fmt.Errorf("note the reading of the directory: %w", err)
	}
	return nil
}
