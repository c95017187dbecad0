package service

import (
	"context"
	"time"

	"sillon/store"
	"sillon/tiles"
)

// A TileState is where the tiles of parcels come from, and why.
type TileState = tiles.FollowerState

// The states: from PostGIS, because no memory is there for parcels, because they
// are not loaded yet, because memory is behind; or from memory.
const (
	TilesOff     = tiles.FollowerOff
	TilesLoading = tiles.FollowerLoading
	TilesBehind  = tiles.FollowerBehind
	TilesReady   = tiles.FollowerReady
)

// A TileFeed is how well this node keeps the parcels in memory.
type TileFeed struct {
	State     TileState
	Listening bool          // it is told of changes; else it looks every second
	Changes   int64         // committed and not seen yet
	Lag       time.Duration // since the first of them began
	Parcels   int
	Bytes     int64
	Reloads   int64 // how often all parcels were read
}

// tileFeed returns how the node follows, or nil when it does not.
func (s *Service) tileFeed(ctx context.Context, tx *store.Tx) (*TileFeed, error) {
	if s.opts.Tiles == nil {
		return nil, nil //nolint:nilnil // a node without tiles has none
	}
	status := s.opts.Tiles.Status()
	f := &TileFeed{
		State: status.State, Listening: status.Listening, Reloads: status.Reloads,
		Parcels: status.Memory.Parcels, Bytes: status.Memory.Bytes,
	}
	var err error
	f.Changes, f.Lag, err = tx.TileLag(ctx, status.Since)
	return f, err
}

// caughtUp returns once the tiles of this node show all that is committed, so
// that whoever is answered next finds it there (domain.md §16). If that takes
// too long they come from PostGIS, and show it as well.
func (s *Service) caughtUp(ctx context.Context) {
	if s.opts.Tiles == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tiles.StaleAfter)
	defer cancel()
	if err := s.opts.Tiles.CatchUp(ctx); err != nil {
		s.opts.Log.WarnContext(ctx, "tiles not caught up", "err", err)
	}
}

// tileSource is what a tile of parcels is made of: those in memory, when they
// are there and have all that is committed.
func (s *Service) tileSource(t *FoundTile) tiles.Source {
	if s.opts.Tiles != nil && t.query.Scope.Kind != tiles.ScopeVersion {
		if src, ok := s.opts.Tiles.Source(); ok {
			return src
		}
	}
	return postgis{s.db, t.scope, s.cropNames}
}

// tilesFresh reports whether the cache of tiles is told what changes.
func (s *Service) tilesFresh() bool {
	return s.tiles.cache != nil && s.opts.Tiles != nil && s.opts.Tiles.Fresh()
}
