package service

import (
	"context"
	"maps"
	"sync"

	"sillon/sillon"
	"sillon/store"
	"sillon/tiles"
)

// A Load is how busy a node is, and what it did since it started.
type Load struct {
	store.QueueLoad // of all nodes; zero when the database did not answer
	Pool            store.PoolLoad
	Tiles           *TileFeed        // nil when the node keeps no parcels, or the database did not answer
	Kept            tiles.CacheStats // of finished tiles
	Work
}

// Work is what a node did of pushes since it started.
type Work struct {
	Stored, Refused int64            // records
	Parcels         int64            // of the records stored
	Issues          map[string]int64 // by code
}

// work counts.
type work struct {
	sync.Mutex
	Work
}

// checked counts what is wrong in the records of a push.
func (w *work) checked(refused int, issues []store.LoggedIssue) {
	w.Lock()
	defer w.Unlock()
	w.Refused += int64(refused)
	for _, l := range issues {
		w.issue(l.Issue)
	}
}

// settled counts a record that is stored, or refused when it is not.
func (w *work) settled(stored bool, parcels int, issues []sillon.Issue) {
	w.Lock()
	defer w.Unlock()
	if stored {
		w.Stored++
		w.Parcels += int64(parcels)
	} else {
		w.Refused++
	}
	for _, issue := range issues {
		w.issue(issue)
	}
}

func (w *work) issue(i sillon.Issue) {
	if w.Issues == nil {
		w.Issues = map[string]int64{}
	}
	w.Issues[i.Code]++
}

// Load reads how busy the node is. When the database does not answer, what it
// knows is missing and the rest is there.
func (s *Service) Load(ctx context.Context) (Load, error) {
	s.work.Lock()
	l := Load{Work: s.work.Work}
	l.Issues = maps.Clone(l.Issues)
	s.work.Unlock()
	if s.tiles.cache != nil {
		l.Kept = s.tiles.cache.Stats()
	}
	err := s.db.InTx(ctx, store.System, func(tx *store.Tx) (err error) {
		if l.QueueLoad, err = tx.QueueLoad(ctx); err != nil {
			return err
		}
		l.Tiles, err = s.tileFeed(ctx, tx)
		return err
	})
	l.Pool = s.db.PoolLoad()
	return l, err
}
