package service

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sillon/sillon"
	"sillon/store"
)

// What the trail may grow by, however often who is refused tries: rows that
// tell one thing, then rows that only count. At its worst that is 20 MB a day.
const (
	refusalsPerSecond = 1
	refusalsAtOnce    = 2000
	readsPerSecond    = 50
	readsAtOnce       = 10_000
	mostCounts        = 200 // rows that only count, between two times they are written
	traceEvery        = time.Second
	countEvery        = time.Minute
)

// A Trace is a row of the trail.
type Trace = store.Trace

// A TraceQuery selects a page of the trail.
type TraceQuery = store.TraceQuery

// MostTraces is the size of the largest page of the trail.
const MostTraces = 200

// trail holds the traces that are not written yet. They are written after, and
// apart from, what they tell of: a refused request has no transaction to be in.
type trail struct {
	sync.Mutex
	told     map[store.Trace]*store.Trace // by what they tell, without its time and request
	counted  map[store.Trace]*store.Trace // the same, of what there is no room to tell
	refusals *rate.Limiter
	reads    *rate.Limiter
}

func newTrail() trail {
	return trail{
		told: map[store.Trace]*store.Trace{}, counted: map[store.Trace]*store.Trace{},
		refusals: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce), reads: rate.NewLimiter(readsPerSecond, readsAtOnce),
	}
}

// Note takes something into the trail, to be written within a second. What
// happens again meanwhile is counted in one row; what comes too fast is
// counted without its resource and route.
func (s *Service) Note(a sillon.Actor, t store.Trace) {
	t.ID, t.Times, t.At = 0, 1, s.opts.Now()
	t.ActorID, t.ActorRole, t.OC = a.ID, roleOf(a), nil
	key := t
	key.At, key.RequestID = time.Time{}, ""
	s.trail.Lock()
	defer s.trail.Unlock()
	if known := s.trail.told[key]; known != nil {
		known.Times++
		return
	}
	room := s.trail.refusals
	if t.Kind != sillon.TraceRefusal {
		room = s.trail.reads
	}
	if a.OC != 0 {
		t.OC = &a.OC
	}
	if t.Kind == sillon.TraceAdministration || room.Allow() {
		s.trail.told[key] = &t
		return
	}
	s.trail.count(t)
}

// count takes a trace of which only the actor and the code are kept, or the
// code alone when there are too many actors.
func (t *trail) count(trace store.Trace) {
	trace.Action, trace.Resource, trace.Method, trace.Route, trace.RequestID = "", "", "", "", ""
	key := trace
	key.At, key.OC = time.Time{}, nil
	if t.counted[key] == nil && len(t.counted) >= mostCounts {
		trace.ActorID, trace.ActorRole, trace.OC = "", "", nil
		key.ActorID, key.ActorRole = "", ""
	}
	if known := t.counted[key]; known != nil {
		known.Times++
		return
	}
	t.counted[key] = &trace
}

// roleOf is the role of an actor as the trail has it.
func roleOf(a sillon.Actor) string {
	switch {
	case a.IsSystem():
		return "system"
	case a.Roles == 0:
		return sillon.RolePublic.String()
	}
	return a.Roles.String()
}

// KeepTrail writes what was noted, every second until ctx ends, then what is
// left. A database that does not answer delays the traces, and ends nothing.
func (s *Service) KeepTrail(ctx context.Context) error {
	tick := time.NewTicker(traceEvery)
	defer tick.Stop()
	counts := time.Now()
	for {
		select {
		case <-tick.C:
			all := time.Since(counts) >= countEvery
			if all {
				counts = time.Now()
			}
			if err := s.writeTrail(ctx, all); err != nil {
				s.opts.Log.WarnContext(ctx, "trail not written yet", "err", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.FlushTrail(last)
		}
	}
}

// FlushTrail writes everything that was noted.
func (s *Service) FlushTrail(ctx context.Context) error { return s.writeTrail(ctx, true) }

// writeTrail writes what was noted, and when all is set what was only counted.
func (s *Service) writeTrail(ctx context.Context, all bool) error {
	s.trail.Lock()
	told, counted := s.trail.told, map[store.Trace]*store.Trace{}
	s.trail.told = map[store.Trace]*store.Trace{}
	if all {
		counted, s.trail.counted = s.trail.counted, map[store.Trace]*store.Trace{}
	}
	s.trail.Unlock()
	traces := make([]store.Trace, 0, len(told)+len(counted))
	for t := range maps.Values(told) {
		traces = append(traces, *t)
	}
	for t := range maps.Values(counted) {
		traces = append(traces, *t)
	}
	if len(traces) == 0 {
		return nil
	}
	slices.SortFunc(traces, func(a, b store.Trace) int { return a.At.Compare(b.At) })
	err := s.db.InTx(ctx, store.System, func(tx *store.Tx) error { return tx.InsertTraces(ctx, traces...) })
	if err != nil {
		s.trail.putBack(told, counted)
	}
	return err
}

// putBack keeps for later what could not be written.
func (t *trail) putBack(told, counted map[store.Trace]*store.Trace) {
	t.Lock()
	defer t.Unlock()
	for _, back := range []struct{ from, to map[store.Trace]*store.Trace }{{told, t.told}, {counted, t.counted}} {
		for key, trace := range back.from {
			if later := back.to[key]; later != nil {
				trace.Times += later.Times
			}
			back.to[key] = trace
		}
	}
}

// Trail reads a page of the trail, newest first; more says that the next page
// has something. agence_bio sees only what was administered (domain.md §2).
func (s *Service) Trail(ctx context.Context, a sillon.Actor, q TraceQuery) (traces []store.Trace, more bool, err error) {
	if err := sillon.May(a, sillon.ActionReadTrail, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	if a.Roles&sillon.RoleINAO == 0 {
		if q.Kind != "" && q.Kind != sillon.TraceAdministration {
			return nil, false, sillon.ErrForbidden
		}
		q.Kind = sillon.TraceAdministration
	}
	limit := q.Limit
	q.Limit++
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		traces, err = tx.Traces(ctx, q)
		return err
	})
	if len(traces) > limit {
		return traces[:limit], true, err
	}
	return traces, false, err
}

// administered is what the trail says of something done in the transaction at
// hand, which it stands or falls with.
func (s *Service) administered(ctx context.Context, tx *store.Tx, a sillon.Actor, action, resource, request string) error {
	return tx.InsertTraces(ctx, store.Trace{
		At: s.opts.Now(), Kind: sillon.TraceAdministration, ActorID: a.ID, ActorRole: roleOf(a), Action: action, Resource: resource,
		RequestID: request, Times: 1,
	})
}
