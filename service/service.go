// Package service holds the use cases: one method per thing that an actor
// does. Each asks the policy first, then works in one transaction of the store.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
	_ "time/tzdata" // Europe/Paris must exist wherever the service runs

	"sillon/geo"
	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
	"sillon/tiles"
	"sillon/upstream"
)

// Options are what a Service needs besides its store.
type Options struct {
	IsCPF    func(code string) bool                    // tells the codes of the nomenclature
	Crop     func(code string) (sillon.CropCode, bool) // looks them up, for documents
	Limits   exchange.Limits                           // of a push; zero fields are the contract's
	SpoolDir string                                    // for bodies being received; empty is the system's
	Log      *slog.Logger
	Now      func() time.Time // for the days of documents and versions; nil is time.Now
	// Heartbeat is how often a reader of a stream with no news gets a sign of
	// life; 0 is the contract's 15 s.
	Heartbeat time.Duration
	// Secret encrypts the secrets of webhooks; without one there are none.
	Secret []byte
	// Poster sends to webhooks; nil is one that reaches the public Internet alone.
	Poster *upstream.Poster
	// Directory is followed when there is one; a reading of it that is
	// DirectoryEvery old is done again.
	Directory      Directory
	DirectoryEvery time.Duration
	// Background is the one of the map, when none is asked for; a tiles.Background… or "".
	Background string
	// Tiles keeps the parcels in memory for tiles; nil has them read from PostGIS.
	Tiles *tiles.Follower
	// TilesCache keeps finished tiles, and is told of changes by Tiles
	// (Cache.Follow); nil keeps none, and knows of none before it is made.
	TilesCache *tiles.Cache
}

// A Service answers for the whole domain. It is safe for concurrent use.
type Service struct {
	db    *store.DB
	opts  Options
	paris *time.Location
	land  groundCache
	trail trail
	work  work
	tiles tileState

	progress *progressFeed
	sealer   *sealer // nil without a secret
	posts    postCount
}

// New returns a service on db.
func New(db *store.DB, opts Options) (*Service, error) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Heartbeat == 0 {
		opts.Heartbeat = heartbeat
	}
	s := &Service{db: db, opts: opts, paris: paris, trail: newTrail(), progress: newProgressFeed(db, opts.Log)}
	s.tiles.cache = opts.TilesCache
	if opts.Poster == nil {
		s.opts.Poster = upstream.NewPoster(upstream.Options{})
	}
	if len(opts.Secret) > 0 {
		if s.sealer, err = newSealer(opts.Secret); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// scopeOf is what row-level security lets an actor see. The rows of a farmer,
// or of a user without certifier, are those of no tenant: none.
func scopeOf(a sillon.Actor) store.Scope {
	switch {
	case a.Roles&(sillon.RoleAgenceBio|sillon.RoleINAO) != 0:
		return store.National
	case a.Roles&(sillon.CertifierRoles|sillon.RoleFarmer) != 0:
		return store.Tenant(a.OC)
	}
	return store.Open
}

// reachesFarms reports whether an actor has a scope with farms in it: those of
// a farmer are not known.
func reachesFarms(a sillon.Actor) bool { return scopeOf(a) != store.Open }

// readyWithin is how long the database may take to answer before it counts as
// down: a probe that hangs tells nothing.
const readyWithin = 3 * time.Second

// A Readiness is what a service that works lacks all the same.
type Readiness struct {
	Missing []string  // reference data that is not loaded: communes, departements, regions
	Tiles   *TileFeed // nil when the node keeps no tiles
}

// Ready reports how the service is, or what keeps it from its work.
func (s *Service) Ready(ctx context.Context) (r Readiness, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		return r, sillon.ErrUnavailable.Because(err)
	}
	loaded := map[string]bool{}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		loads, err := tx.Loads(ctx)
		if err != nil {
			return err
		}
		for _, l := range loads {
			loaded[l.Kind] = true
		}
		r.Tiles, err = s.tileFeed(ctx, tx)
		return err
	})
	if err != nil {
		return r, sillon.ErrUnavailable.Because(err)
	}
	for _, kind := range []string{"communes", "departements", "regions"} {
		if !loaded[kind] {
			r.Missing = append(r.Missing, kind)
		}
	}
	return r, nil
}

// A ground is what the service holds in memory of the communes: it is made
// again when they are loaded again.
type ground struct {
	land  *geo.Land  // nil while no communes are loaded
	cover *geo.Cover // likewise
}

// groundFresh is how long the ground is trusted without asking whether the
// communes were loaded again.
const groundFresh = 15 * time.Second

// groundCache holds the ground.
type groundCache struct {
	sync.Mutex
	ground
	load    int64
	checked time.Time
}

// groundNow returns the ground of the communes loaded now.
func (s *Service) groundNow(ctx context.Context) (ground, error) {
	c := &s.land
	c.Lock()
	defer c.Unlock()
	if !c.checked.IsZero() && time.Since(c.checked) < groundFresh {
		return c.ground, nil
	}
	err := s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		land, load, err := tx.Land(ctx, c.load)
		if err != nil {
			return err
		}
		switch {
		case load == 0:
			c.ground = ground{}
		case land != nil:
			cover := geo.NewCover()
			if err := tx.ActiveCommunes(ctx, cover.Add); err != nil {
				return err
			}
			c.ground = ground{land, cover}
		}
		c.load = load
		return nil
	})
	if err != nil {
		return ground{}, fmt.Errorf("communes in memory: %w", err)
	}
	c.checked = time.Now()
	return c.ground, nil
}
