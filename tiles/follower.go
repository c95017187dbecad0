package tiles

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sillon/sillon"
	"sillon/store"
)

const (
	// StaleAfter is how old the last complete look at the changes may be: after
	// that a Follower has no source, and tiles come from the database. A writer
	// need not wait longer for its own change (CatchUp).
	StaleAfter = 5 * time.Second

	pollEvery = time.Second // a look although nothing was told
	// gathering is how long notifications are awaited after a first, so that a
	// push does not make a look of each record.
	gathering = 10 * time.Millisecond
	// mostChanges is how many parcels are read one by one; more are faster loaded
	// with all the others.
	mostChanges   = 200_000
	lookTimeout   = 30 * time.Second
	shortestPause = time.Second // between two tries to load, or to listen
	longestPause  = 30 * time.Second
)

// FollowerOptions are what a Follower needs besides the database. Its functions
// are called one after the other, before any CatchUp that saw the change
// returns, and must not call the Follower.
type FollowerOptions struct {
	Limit int64 // bytes that the parcels may take in memory; 0 keeps none there
	Log   *slog.Logger

	// OnChange is told what changed, once the source shows it.
	OnChange func([]Change)
	// OnReload is told that any parcel may have changed. Without a source that is
	// all there is to say.
	OnReload func()
	// OnTables is told which other tables changed: certifier, cpf, commune,
	// departement, region.
	OnTables func(names []string)
}

// A Follower keeps the published parcels in memory as they are in the database.
// It loads them, then reads each change that it is told of (store.ChangeChannel),
// and looks by itself every second.
type Follower struct {
	db *store.DB
	o  FollowerOptions

	mu      sync.Mutex
	running bool
	next    *look // that callers wait for; nil is none
	kick    chan struct{}

	now       atomic.Pointer[view]
	listening atomic.Bool
	reloads   atomic.Int64

	// Of Run alone.
	memory  *Memory // loaded, perhaps not shown yet
	since   store.TileSnapshot
	loading bool
	off     bool // for good: there is no room
	pause   time.Duration
	retry   time.Time // when to load again after a failure
	failing bool      // the last look failed, and that was said
}

// A look is one reading of the changes.
type look struct {
	done chan struct{}
	err  error
}

// A view is what there is to see of a Follower.
type view struct {
	memory *Memory   // nil while there is none to show
	asOf   time.Time // what was committed by then is in memory; zero is unknown
	since  store.TileSnapshot
	off    bool
}

// NewFollower returns a Follower that does nothing until Run.
func NewFollower(db *store.DB, o FollowerOptions) *Follower {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Follower{db: db, o: o, kick: make(chan struct{}, 1), off: o.Limit <= 0}
	f.now.Store(&view{off: f.off})
	return f
}

// Source returns the parcels as they are now, for one tile. ok is false while
// they are not in memory, or memory may be behind the database: then the
// database must be read.
func (f *Follower) Source() (s *Snapshot, ok bool) {
	v := f.now.Load()
	if v.memory == nil || !v.fresh() {
		return nil, false
	}
	return v.memory.Snapshot()
}

// Fresh reports whether the functions of the options have been told of every
// change of the last moments. While they are not, no finished tile may be used
// again.
func (f *Follower) Fresh() bool { return f.now.Load().fresh() }

func (v *view) fresh() bool { return !v.asOf.IsZero() && time.Since(v.asOf) < StaleAfter }

// CatchUp returns once all that was committed before the call is in the source,
// and told. It shares the work of those who call at the same time. When it
// fails, or ctx ends after StaleAfter, there is no source that lacks the
// change. It does nothing unless Run runs.
func (f *Follower) CatchUp(ctx context.Context) error {
	f.mu.Lock()
	if !f.running {
		f.mu.Unlock()
		return nil
	}
	l := f.next
	if l == nil {
		l = &look{done: make(chan struct{})}
		f.next = l
		wake(f.kick)
	}
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is told already
	}
}

// A loadResult is what came of loading.
type loadResult struct {
	memory *Memory
	since  store.TileSnapshot
	err    error
}

// Run follows the database until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.mu.Lock()
	f.running = true
	f.mu.Unlock()
	defer f.stop()
	if f.off {
		f.o.Log.InfoContext(ctx, "tiles come from PostGIS: no memory is given to parcels (--tiles-memory)")
	}
	told := make(chan struct{}, 1)
	helpers.Go(func() { f.listen(ctx, told) })
	loaded := make(chan loadResult, 1)
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	gather := time.NewTimer(0) // the first look is at once
	defer gather.Stop()
	gathered := true
	for {
		if !f.off && f.memory == nil && !f.loading && time.Now().After(f.retry) {
			f.loading = true
			helpers.Go(func() { loaded <- f.load(ctx) })
		}
		select {
		case <-ctx.Done():
			return
		case <-told:
			if !gathered {
				gather.Reset(gathering)
				gathered = true
			}
			continue
		case <-gather.C:
			gathered = false
		case <-f.kick:
		case <-poll.C:
		case l := <-loaded:
			f.take(ctx, l)
		}
		f.look(ctx)
	}
}

// stop lets nobody wait for a look that will not be.
func (f *Follower) stop() {
	f.now.Store(&view{off: f.off})
	f.listening.Store(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = false
	if f.next != nil {
		close(f.next.done)
		f.next = nil
	}
}

// listen has told woken by each change that another session commits, on any
// connection there is.
func (f *Follower) listen(ctx context.Context, told chan<- struct{}) {
	var wait time.Duration
	for ctx.Err() == nil {
		err := f.db.Listen(ctx, store.ChangeChannel, func(string) {
			if !f.listening.Load() && wait > 0 {
				f.o.Log.InfoContext(ctx, "listening to changes of tiles again")
			}
			f.listening.Store(true)
			wait = 0
			wake(told)
		})
		f.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		if wait == 0 {
			f.o.Log.WarnContext(ctx, "changes of tiles are not told, only looked for every second", "err", err)
		}
		wait = longer(wait)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// longer is the next pause after one.
func longer(d time.Duration) time.Duration { return min(max(2*d, shortestPause), longestPause) }

// load reads all parcels.
func (f *Follower) load(ctx context.Context) loadResult {
	// Before anything is read: what changes while it is read is looked at again.
	since, err := f.db.TileSnapshot(ctx)
	if err != nil {
		return loadResult{err: err}
	}
	names, crops, err := f.names(ctx)
	if err != nil {
		return loadResult{err: err}
	}
	m := NewMemory(MemoryOptions{Limit: f.o.Limit, Crops: crops, Log: f.o.Log})
	m.SetCertifiers(names)
	if err := m.Load(ctx, func(add func(*Row) error) error {
		_, err := f.db.LoadTiles(ctx, func(t *store.TileRow) error {
			r := rowOf(t)
			return add(&r)
		})
		return err
	}); err != nil {
		return loadResult{err: err}
	}
	return loadResult{memory: m, since: since}
}

// names reads what parcels are called by.
func (f *Follower) names(ctx context.Context) (certifiers map[sillon.OC]string, crops map[string]Crop, err error) {
	err = f.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		codes, err := tx.CropCodes(ctx)
		if err != nil {
			return err
		}
		crops = CropsOf(codes)
		certifiers, err = tx.Certifiers(ctx)
		return err
	})
	return certifiers, crops, err
}

// take takes over what was loaded. It is shown once the changes since are read.
func (f *Follower) take(ctx context.Context, l loadResult) {
	f.loading = false
	switch {
	case l.err == nil:
		f.memory, f.since, f.pause = l.memory, l.since, 0
		f.reloads.Add(1)
	case ctx.Err() != nil:
	case errors.Is(l.err, ErrMemory):
		f.off = true
		f.o.Log.WarnContext(ctx, "tiles come from PostGIS: the parcels do not fit in the memory given to them (--tiles-memory)", "err", l.err)
	default:
		f.pause = longer(f.pause)
		f.retry = time.Now().Add(f.pause)
		f.o.Log.WarnContext(ctx, "parcels not loaded, tiles come from PostGIS", "again", f.pause, "err", l.err)
	}
}

// look reads the changes, for whoever waits for it and all the others.
func (f *Follower) look(ctx context.Context) {
	f.mu.Lock()
	l := f.next
	f.next = nil
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	begin := time.Now()
	err := f.read(ctx)
	v := &view{memory: f.memory, asOf: begin, since: f.since, off: f.off}
	if err != nil {
		v.asOf = time.Time{}
	}
	f.now.Store(v)
	if l != nil {
		l.err = err
		close(l.done)
	}
	if failed := err != nil && !errors.Is(err, context.Canceled); failed != f.failing {
		f.failing = failed
		if failed {
			f.o.Log.WarnContext(ctx, "changes of tiles not read, tiles come from PostGIS", "err", err)
		} else {
			f.o.Log.InfoContext(ctx, "changes of tiles are read again")
		}
	}
}

// read brings memory, and those who are told, to the present.
func (f *Follower) read(ctx context.Context) error {
	limit := mostChanges
	if f.memory == nil {
		limit = 0 // what changed is of no use: that something did is
	}
	c, err := f.db.TileChanges(ctx, f.since, limit)
	if err != nil {
		return err
	}
	for _, table := range c.Tables {
		switch {
		case table == "cpf":
			c.Reset = true
		case table == "certifier" && f.memory != nil && !c.Reset:
			names, _, err := f.names(ctx)
			if err != nil {
				return err
			}
			f.memory.SetCertifiers(names)
		}
	}
	// All that can fail is done: what follows happens once for each change.
	f.since = c.Next
	switch {
	case c.Reset:
		f.memory = nil // makes room before the next is loaded
		f.now.Store(&view{since: f.since, off: f.off})
		if f.o.OnReload != nil {
			f.o.OnReload()
		}
	case f.memory != nil && len(c.Rows)+len(c.Gone) > 0:
		f.apply(&c)
	}
	if len(c.Tables) > 0 && f.o.OnTables != nil {
		f.o.OnTables(c.Tables)
	}
	return nil
}

// apply changes memory, and tells what changed.
func (f *Follower) apply(c *store.TileChanges) {
	rows := make([]Row, len(c.Rows))
	for i := range c.Rows {
		rows[i] = rowOf(&c.Rows[i])
	}
	changes := f.memory.Apply(rows, c.Gone)
	if !f.memory.Ready() {
		f.memory, f.off = nil, true // it has said why
		if f.o.OnReload != nil {
			f.o.OnReload()
		}
		return
	}
	if f.o.OnChange != nil {
		f.o.OnChange(changes)
	}
}

// rowOf shares the memory of t.
func rowOf(t *store.TileRow) Row {
	return Row{
		Key: t.Key, ID: uint64(t.ID), CellX: uint32(t.CellX), CellY: uint32(t.CellY), EWKB: t.EWKB, //nolint:gosec // none is negative: parcel's checks, geo.CellOf
		Level: t.Level, CPF: t.CPF, SurfaceM2: t.SurfaceM2, Year: t.Year, Departement: t.Departement, OC: t.OC, Reader: t.Reader,
		Farm: t.Farm, Version: t.Version, State: t.State, Parcel: t.Parcel, Label: t.Label, GeometryStatus: sillon.GeometryStatus(t.GeometryStatus),
	}
}

// A FollowerState is where tiles come from, and why.
type FollowerState int

// The states. The zero state is unknown.
const (
	_               FollowerState = iota
	FollowerOff                   // from the database: memory is not to be used, or too small
	FollowerLoading               // from the database, until the parcels are loaded
	FollowerBehind                // from the database: memory may lack changes
	FollowerReady                 // from memory
)

// A FollowerStatus is how a Follower is.
type FollowerStatus struct {
	State     FollowerState
	Listening bool
	// Age is how long ago the last complete look at the changes began: what was
	// committed before is in memory. Without one it is since the start of time.
	Age     time.Duration
	Since   store.TileSnapshot // what that look saw
	Reloads int64              // loads so far
	Memory  MemoryStats
}

// Status returns how the Follower is.
func (f *Follower) Status() FollowerStatus {
	v := f.now.Load()
	s := FollowerStatus{State: FollowerLoading, Listening: f.listening.Load(), Age: time.Since(v.asOf), Since: v.since, Reloads: f.reloads.Load()}
	switch {
	case v.off:
		s.State = FollowerOff
	case v.memory != nil && v.fresh():
		s.State = FollowerReady
	case v.memory != nil:
		s.State = FollowerBehind
	}
	if v.memory != nil {
		s.Memory = v.memory.Stats()
	}
	return s
}
