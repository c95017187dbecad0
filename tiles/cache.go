package tiles

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	cacheShards = 64
	// versionsPerShard bounds the versions that a shard remembers one by one.
	// Past it all its tiles count as changed once, which costs an encoding
	// each and tells nothing wrong.
	versionsPerShard = 8192
	// mostTouched is how many tiles a batch of changes may touch one by one:
	// past it the whole tileset counts as changed.
	mostTouched = 4096
	// entryOverhead is what an entry weighs besides its bytes.
	entryOverhead = 512
)

// A Key names a tile: what is looked at, how, and where.
type Key struct {
	Layer   Layer
	Query   string // by Query.Key
	Address Address
}

// A Cache keeps finished tiles, and knows by its version whether a tile is
// still right. Invalidate must be called after the source shows a change and
// before the change is told to anybody: from then on nobody gets a tile of
// before, even one whose encoding was under way.
//
// It is safe for concurrent use, and holds no lock while a tile is encoded.
type Cache struct {
	limit int64
	node  string // makes the tags of a process its own

	// clock counts the changes. A tile's version is the last of them that
	// touched it, its shard or its tileset.
	clock  atomic.Uint64
	layers [layerCount]struct{ all, any atomic.Uint64 }
	shards [cacheShards]shard

	size                       atomic.Int64
	hits, misses, joins, drops atomic.Uint64
	hand                       atomic.Uint32 // the shard that gives up a tile next
}

type shard struct {
	sync.Mutex
	all      uint64 // version of the tiles that versions does not have
	versions map[uint64]uint64
	entries  map[Key]*entry
	recent   list.List // of *entry, the last used first
	flights  map[flight]*landing
}

// An entry is a tile of a version.
type entry struct {
	key     Key
	version uint64
	tile    *Tile
	cost    int64
	place   *list.Element
}

// A flight is an encoding under way, which those who want the same version of
// the same tile wait for.
type flight struct {
	key     Key
	version uint64
}

type landing struct {
	done chan struct{}
	tile *Tile
	err  error
}

// NewCache returns a cache of at most limit bytes. One of 0 bytes keeps no
// tile and shares no encoding, and still knows versions.
func NewCache(limit int64) *Cache {
	c := &Cache{limit: limit, node: rand.Text()[:12]}
	for i := range c.shards {
		s := &c.shards[i]
		s.versions, s.entries, s.flights = map[uint64]uint64{}, map[Key]*entry{}, map[flight]*landing{}
	}
	return c
}

// A Finding is what a Cache knows of a tile: its version, and so its ETags,
// and the tile itself if it is there.
type Finding struct {
	Tile    *Tile // nil if it is not there
	key     Key
	version uint64
	tag     string
}

// Find looks for a tile.
func (c *Cache) Find(k Key) Finding {
	n, code := k.Layer.index(), k.code()
	f := Finding{key: k}
	all := c.layers[n].all.Load()
	s := c.shard(code)
	s.Lock()
	f.version = max(all, s.version(code))
	if e := s.entries[k]; e != nil && e.version == f.version {
		s.recent.MoveToFront(e.place)
		f.Tile = e.tile
	}
	s.Unlock()
	if f.Tile != nil {
		c.hits.Add(1)
	}
	return f
}

// ETag is the one that the tile has, or will have, in a coding.
func (c *Cache) ETag(f *Finding, coding Coding) string {
	if f.Tile != nil {
		return f.Tile.ETag(coding)
	}
	return coding.tag(c.tag(f))
}

// tag is what the ETags of a version are made of. It says nothing of the bytes,
// so that it is known before them.
func (c *Cache) tag(f *Finding) string {
	if f.tag == "" {
		b := append(make([]byte, 0, 48), c.node...)
		b = strconv.AppendUint(append(b, '-'), f.version, 36)
		if f.key.Query != "" {
			h := fnv.New64a()
			_, _ = h.Write([]byte(f.key.Query)) // a hash takes everything
			b = strconv.AppendUint(append(b, '-'), h.Sum64(), 36)
		}
		f.tag = string(b)
	}
	return f.tag
}

// errNotLanded is the end of an encoding that panicked.
var errNotLanded = errors.New("the encoding of a tile did not end")

// Finish returns the tile that was looked for: the one that is there, else one
// that encode makes, of the version found or later. Of those who want a version
// one encodes, and the others wait for it; when its context ends, another one
// takes over. The tile is kept unless it changed meanwhile.
func (c *Cache) Finish(ctx context.Context, f *Finding, encode func(context.Context) (*Tile, error)) (*Tile, error) {
	if f.Tile != nil {
		return f.Tile, nil
	}
	if c.limit == 0 {
		c.misses.Add(1)
		t, err := encode(ctx)
		if err == nil {
			t.tag = c.tag(f)
		}
		return t, err
	}
	id := flight{f.key, f.version}
	s := c.shard(f.key.code())
	for {
		s.Lock()
		if e := s.entries[f.key]; e != nil && e.version == f.version {
			s.Unlock()
			c.joins.Add(1)
			return e.tile, nil
		}
		l, joined := s.flights[id]
		if !joined {
			l = &landing{done: make(chan struct{}), err: errNotLanded}
			s.flights[id] = l
		}
		s.Unlock()
		if !joined {
			c.misses.Add(1)
			return c.lead(ctx, f, id, l, encode)
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if l.err == nil {
			c.joins.Add(1)
			return l.tile, nil
		}
		if !errors.Is(l.err, context.Canceled) && !errors.Is(l.err, context.DeadlineExceeded) && !errors.Is(l.err, errNotLanded) {
			return nil, l.err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// lead encodes a tile for all who wait for it, and keeps it.
func (c *Cache) lead(ctx context.Context, f *Finding, id flight, l *landing, encode func(context.Context) (*Tile, error)) (*Tile, error) {
	s := c.shard(f.key.code())
	defer func() {
		s.Lock()
		delete(s.flights, id)
		s.Unlock()
		close(l.done)
	}()
	t, err := encode(ctx)
	if err == nil {
		t.tag = c.tag(f)
		if len(t.Bytes) > 0 {
			_ = t.Body(Gzip) // nearly everybody wants it
		}
		l.tile = t
		c.keep(f, t)
	}
	l.err = err
	return t, err
}

// keep stores a tile, unless its version is past.
func (c *Cache) keep(f *Finding, t *Tile) {
	e := &entry{key: f.key, version: f.version, tile: t, cost: t.size() + int64(len(f.key.Query)) + entryOverhead}
	if e.cost > c.limit {
		return
	}
	t.grew = func(n int) { c.grow(e, int64(n)) }
	code := f.key.code()
	s := c.shard(code)
	s.Lock()
	if max(c.layers[f.key.Layer.index()].all.Load(), s.version(code)) != f.version {
		s.Unlock()
		c.drops.Add(1)
		return
	}
	c.size.Add(e.cost)
	if old := s.entries[e.key]; old != nil {
		c.remove(s, old)
	}
	e.place = s.recent.PushFront(e)
	s.entries[e.key] = e
	s.Unlock()
	c.shrink()
}

// grow notes that a tile that is kept weighs more.
func (c *Cache) grow(e *entry, n int64) {
	s := c.shard(e.key.code())
	s.Lock()
	if s.entries[e.key] == e {
		e.cost += n
		c.size.Add(n)
	}
	s.Unlock()
	c.shrink()
}

// shrink removes tiles until the rest is within the limit. The shards take
// turns, each giving up what it has not used for the longest.
func (c *Cache) shrink() {
	for c.size.Load() > c.limit {
		s := &c.shards[c.hand.Add(1)%cacheShards]
		s.Lock()
		if last := s.recent.Back(); last != nil {
			c.remove(s, last.Value.(*entry))
		}
		s.Unlock()
	}
}

// remove takes an entry from its shard, which is locked.
func (c *Cache) remove(s *shard, e *entry) {
	delete(s.entries, e.key)
	s.recent.Remove(e.place)
	c.size.Add(-e.cost)
}

// Invalidate makes the tiles that changes touch count as changed, from before
// it returns.
func (c *Cache) Invalidate(changes []Change) {
	if len(changes) == 0 {
		return
	}
	touched := 0
	for i := range changes {
		if touched += changes[i].tiles(nil); touched > mostTouched {
			c.InvalidateLayer(LayerParcelles)
			c.InvalidateLayer(LayerDepartements)
			return
		}
	}
	now := c.clock.Add(1)
	for i := range changes {
		changes[i].tiles(func(a Address) {
			code := Key{Layer: LayerParcelles, Address: a}.code()
			s := c.shard(code)
			s.Lock()
			if len(s.versions) >= versionsPerShard {
				if _, known := s.versions[code]; !known {
					clear(s.versions)
					s.all = max(s.all, now)
				}
			}
			s.versions[code] = max(s.versions[code], now)
			s.Unlock()
		})
	}
	advance(&c.layers[LayerParcelles.index()].any, now)
	c.InvalidateLayer(LayerDepartements) // they tell sums
}

// Follow has the cache told what a Follower with these options finds changed.
func (c *Cache) Follow(o *FollowerOptions) {
	o.OnChange = c.Invalidate
	o.OnReload = func() {
		c.InvalidateLayer(LayerParcelles)
		c.InvalidateLayer(LayerDepartements)
	}
	o.OnTables = func(names []string) {
		for _, name := range names {
			switch name {
			case "certifier":
				c.InvalidateLayer(LayerParcelles) // some tell their names
			case "commune":
				c.InvalidateLayer(LayerCommunes)
			case "departement":
				c.InvalidateLayer(LayerDepartements)
			}
		}
	}
}

// Epoch changes when all the tiles of a tileset count as changed.
func (c *Cache) Epoch(layer Layer) uint64 { return c.layers[layer.index()].all.Load() }

// InvalidateLayer makes all the tiles of a tileset count as changed.
func (c *Cache) InvalidateLayer(layer Layer) {
	l := &c.layers[layer.index()]
	now := c.clock.Add(1)
	advance(&l.all, now)
	advance(&l.any, now)
}

// advance sets v to now, unless it is past it.
func advance(v *atomic.Uint64, now uint64) {
	for {
		was := v.Load()
		if was >= now || v.CompareAndSwap(was, now) {
			return
		}
	}
}

// LayerVersion changes whenever a tile of the tileset does. What was read
// before a tile was looked for names no later state than the tile's.
func (c *Cache) LayerVersion(layer Layer) string {
	b := append(make([]byte, 0, 32), c.node...)
	return string(strconv.AppendUint(append(b, '-'), c.layers[layer.index()].any.Load(), 36))
}

// CacheStats are the figures of a Cache.
type CacheStats struct {
	Tiles  int
	Bytes  int64
	Hits   uint64 // tiles that were there
	Joins  uint64 // tiles that somebody else was making
	Misses uint64 // tiles that were made
	Drops  uint64 // tiles that changed while they were made
}

// Stats returns the figures of the cache.
func (c *Cache) Stats() CacheStats {
	st := CacheStats{Bytes: c.size.Load(), Hits: c.hits.Load(), Joins: c.joins.Load(), Misses: c.misses.Load(), Drops: c.drops.Load()}
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		st.Tiles += len(s.entries)
		s.Unlock()
	}
	return st
}

// version is that of the tile of a code as far as the shard knows. The shard is
// locked.
func (s *shard) version(code uint64) uint64 { return max(s.all, s.versions[code]) }

// code packs what a version is of: all the ways to look at a tile share it.
func (k Key) code() uint64 {
	return uint64(k.Layer.index())<<50 | uint64(k.Address.Z)<<44 | uint64(k.Address.X)<<22 | uint64(k.Address.Y)
}

func (c *Cache) shard(code uint64) *shard {
	return &c.shards[code*0x9e3779b97f4a7c15>>(64-6)]
}
