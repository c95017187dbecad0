package tiles

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"sillon/geo/mvt"
)

func key(z, x, y uint32) Key { return Key{Layer: LayerParcelles, Address: Address{z, x, y}} }

// over is the tile of a zoom over world coordinates.
func over(z, x, y uint32) Key { return key(z, x>>(mvt.WorldBits-z), y>>(mvt.WorldBits-z)) }

// ask is Find and Finish.
func ask(t testing.TB, c *Cache, k Key, encode func(context.Context) (*Tile, error)) *Tile {
	t.Helper()
	f := c.Find(k)
	tile, err := c.Finish(t.Context(), &f, encode)
	if err != nil {
		t.Fatal(err)
	}
	return tile
}

func made(b []byte) func(context.Context) (*Tile, error) {
	return func(context.Context) (*Tile, error) { return &Tile{Bytes: b}, nil }
}

// A field of 200 m near Valence, in world coordinates.
const (
	fieldX, fieldY = 2206203955, 1546199333
	fieldSide      = 200 * (1 << 32) / 40_075_016
)

func here(dx, dy uint32) Change {
	b := Box{fieldX + dx, fieldY + dy, fieldX + dx + fieldSide, fieldY + dy + fieldSide}
	return Change{Before: b, After: b, WasThere: true, IsThere: true}
}

func TestCacheKeepsATile(t *testing.T) {
	t.Parallel()
	c := NewCache(1 << 20)
	k := over(14, fieldX, fieldY)
	f := c.Find(k)
	promised := c.ETag(&f, Gzip)
	first := ask(t, c, k, made([]byte("one")))
	if f := c.Find(k); f.Tile != first || c.ETag(&f, Gzip) != promised || first.ETag(Gzip) != promised {
		t.Errorf("found %v with %s, want %v with %s", f.Tile, c.ETag(&f, Gzip), first, promised)
	}
	if again := ask(t, c, k, made([]byte("two"))); again != first {
		t.Errorf("encoded again: %s", again.Bytes)
	}
	private := k
	private.Query = "oc=1"
	if other := ask(t, c, private, made([]byte("two"))); other == first || other.ETag(Gzip) == first.ETag(Gzip) {
		t.Error("another query gets the tile")
	}
	if first.ETag(Identity) == first.ETag(Zstd) || NewCache(1).node == c.node {
		t.Error("tags are not apart")
	}
}

func TestCacheOffSharesNothing(t *testing.T) {
	t.Parallel()
	c := NewCache(0)
	k := over(14, fieldX, fieldY)
	a, b := ask(t, c, k, made([]byte("one"))), ask(t, c, k, made([]byte("two")))
	if a == b || a.ETag(Gzip) != b.ETag(Gzip) {
		t.Errorf("%s %s, %s %s", a.Bytes, a.ETag(Gzip), b.Bytes, b.ETag(Gzip))
	}
	c.Invalidate([]Change{here(0, 0)})
	if f := c.Find(k); c.ETag(&f, Gzip) == a.ETag(Gzip) {
		t.Error("the change has no tag of its own")
	}
	if st := c.Stats(); st.Tiles != 0 || st.Bytes != 0 || st.Misses != 2 {
		t.Errorf("%+v", st)
	}
}

// TestChangeTouchesExactlyItsTiles holds what a change touches to the boxes of
// all tiles around it.
func TestChangeTouchesExactlyItsTiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change Change
		least  int
		most   int
	}{
		{"an edit in the middle of a tile", here(60_000, 60_000), 17, 21},
		{"a new parcel", Change{After: here(60_000, 60_000).After, IsThere: true}, 17, 21},
		{"a parcel that is gone", Change{Before: here(60_000, 60_000).Before, WasThere: true}, 17, 21},
		{"a parcel that moved away", Change{Before: here(0, 0).Before, After: here(1<<26, 0).After, WasThere: true, IsThere: true}, 24, 42},
		{"nothing that was or is there", Change{Before: here(0, 0).Before}, 0, 0},
		{"the corner of the world", Change{After: Box{0, 0, 5, 5}, IsThere: true}, 17, 17},
		{"the other corner", Change{After: Box{1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, IsThere: true}, 17, 17},
		{"on the border of tiles", Change{After: Box{1<<31 - 10, 1<<31 - 10, 1<<31 + 10, 1<<31 + 10}, IsThere: true}, 1 + 16*4, 1 + 16*4},
		{"in the buffer of the next tile", Change{After: Box{1<<31 + 10, 1<<30 + 1<<20, 1<<31 + 20, 1<<30 + 1<<20}, IsThere: true}, 24, 40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			touched := map[Address]bool{}
			counted := tt.change.tiles(func(a Address) {
				if touched[a] {
					t.Errorf("%s twice", a)
				}
				touched[a] = true
			})
			if n := tt.change.tiles(nil); n != len(touched) || counted != n || n < tt.least || n > tt.most {
				t.Errorf("%d tiles, counted %d, want %d to %d", len(touched), n, tt.least, tt.most)
			}
			shows := func(b Box, a Address) bool {
				if a.Z > maxZoomCells {
					return b.Meets(a.Box())
				}
				side := uint32(1<<(mvt.WorldBits-a.Z) - 1)
				x, y := a.X<<(mvt.WorldBits-a.Z), a.Y<<(mvt.WorldBits-a.Z)
				return b.Meets(Box{x, y, x + side, y + side})
			}
			for z := uint32(0); z <= maxZoomParcels; z++ {
				near := map[Address]bool{}
				for _, b := range []Box{tt.change.Before, tt.change.After} {
					for dx := -3; dx <= 3; dx++ {
						for dy := -3; dy <= 3; dy++ {
							a := Address{z, b.MinX>>(mvt.WorldBits-z) + uint32(dx), b.MinY>>(mvt.WorldBits-z) + uint32(dy)}
							near[a] = a.valid()
						}
					}
				}
				for a, valid := range near {
					want := valid && (tt.change.WasThere && shows(tt.change.Before, a) || tt.change.IsThere && shows(tt.change.After, a))
					if touched[a] != want {
						t.Errorf("%s touched: %t, want %t", a, touched[a], want)
					}
				}
			}
		})
	}
}

func TestInvalidateIsExact(t *testing.T) {
	t.Parallel()
	c := NewCache(64 << 20)
	change := here(0, 0)
	touched := map[Key]bool{}
	change.tiles(func(a Address) { touched[Key{Layer: LayerParcelles, Address: a}] = true })
	var keys []Key
	for z := uint32(0); z <= maxZoomParcels; z++ {
		k := over(z, fieldX, fieldY)
		for dx := range uint32(5) {
			for dy := range uint32(5) {
				n := k
				n.Address.X, n.Address.Y = k.Address.X+dx-2, k.Address.Y+dy-2
				if n.Address.valid() {
					keys = append(keys, n)
				}
			}
		}
	}
	before := map[Key]*Tile{}
	for _, k := range keys {
		before[k] = ask(t, c, k, made([]byte(fmt.Sprint(k))))
	}
	departement := Key{Layer: LayerDepartements, Address: Address{3, 4, 2}}
	commune := Key{Layer: LayerCommunes, Address: Address{8, 128, 90}}
	before[departement], before[commune] = ask(t, c, departement, made(nil)), ask(t, c, commune, made(nil))
	version := c.LayerVersion(LayerParcelles)
	c.Invalidate([]Change{change})
	if c.LayerVersion(LayerParcelles) == version {
		t.Error("the tileset has its version still")
	}
	for _, k := range keys {
		if f := c.Find(k); (f.Tile == nil) != touched[k] || f.Tile != nil && f.Tile != before[k] || (c.ETag(&f, Gzip) != before[k].ETag(Gzip)) != touched[k] {
			t.Errorf("%v: %v with %s, touched %t", k, f.Tile, c.ETag(&f, Gzip), touched[k])
		}
	}
	if f := c.Find(departement); f.Tile != nil {
		t.Error("the hectares of a département are those of before")
	}
	if f := c.Find(commune); f.Tile == nil {
		t.Error("a commune changed with a parcel")
	}
}

func TestInvalidateManyIsOneChangeOfTheTileset(t *testing.T) {
	t.Parallel()
	c := NewCache(64 << 20)
	far, commune := key(16, 7, 7), Key{Layer: LayerCommunes, Address: Address{8, 128, 90}}
	ask(t, c, far, made(nil))
	ask(t, c, commune, made(nil))
	var many []Change
	for i := range uint32(1000) {
		many = append(many, here(i<<16, i<<14))
	}
	c.Invalidate(many)
	if f := c.Find(far); f.Tile != nil {
		t.Error("a batch of thousands is not a change of all")
	}
	if f := c.Find(commune); f.Tile == nil {
		t.Error("it is one of communes too")
	}
	for i := range c.shards {
		if n := len(c.shards[i].versions); n != 0 {
			t.Fatalf("%d versions", n)
		}
	}
	ask(t, c, far, made(nil))
	c.Invalidate([]Change{{After: Box{MaxX: 1<<32 - 1, MaxY: 1<<32 - 1}, IsThere: true}})
	if f := c.Find(far); f.Tile != nil {
		t.Error("a change of the whole world leaves a tile")
	}
}

// TestVersionsAreBounded edits more places than a cache remembers: what is
// forgotten counts as changed.
func TestVersionsAreBounded(t *testing.T) {
	t.Parallel()
	c := NewCache(1 << 20)
	rnd := rand.New(rand.NewPCG(1, 2))
	kept := key(16, 7, 7)
	first := ask(t, c, kept, made(nil))
	place := here(0, 0)
	c.Invalidate([]Change{place})
	edited := over(16, fieldX, fieldY)
	old := c.Find(edited)
	for range 60_000 {
		x, y := rnd.Uint32(), rnd.Uint32()
		c.Invalidate([]Change{{After: Box{x, y, x, y}, IsThere: true}})
	}
	for i := range c.shards {
		if n := len(c.shards[i].versions); n > versionsPerShard {
			t.Fatalf("%d versions in a shard", n)
		}
	}
	if f := c.Find(edited); f.version < old.version {
		t.Errorf("version %d after %d", f.version, old.version)
	}
	if again := ask(t, c, kept, made(nil)); again == first && len(c.shard(kept.code()).versions) < 100 {
		t.Error("a tile outlived the versions of its shard")
	}
}

func TestATileThatChangedMeanwhileIsNotKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Cache)
	}{
		{"an edit", func(c *Cache) { c.Invalidate([]Change{here(0, 0)}) }},
		{"a bulk change", func(c *Cache) { c.InvalidateLayer(LayerParcelles) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewCache(1 << 20)
			k := over(14, fieldX, fieldY)
			tile := ask(t, c, k, func(context.Context) (*Tile, error) {
				tt.change(c)
				return &Tile{Bytes: []byte("before")}, nil
			})
			if string(tile.Bytes) != "before" {
				t.Errorf("served %q", tile.Bytes)
			}
			f := c.Find(k)
			if f.Tile != nil || c.ETag(&f, Identity) == tile.ETag(Identity) {
				t.Error("the tile of before is kept")
			}
			if st := c.Stats(); st.Drops != 1 || st.Bytes != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestOneEncodingHoweverManyWait(t *testing.T) {
	t.Parallel()
	c := NewCache(1 << 20)
	k := over(14, fieldX, fieldY)
	var encodings, waiting atomic.Int32
	const clients = 20
	begun, end := make(chan struct{}), make(chan struct{})
	var g sync.WaitGroup
	client := func() {
		f := c.Find(k)
		waiting.Add(1)
		tile, err := c.Finish(t.Context(), &f, func(context.Context) (*Tile, error) {
			if encodings.Add(1) == 1 {
				close(begun)
			}
			<-end
			return &Tile{Bytes: []byte("one")}, nil
		})
		if err != nil || string(tile.Bytes) != "one" {
			t.Errorf("%v, %v", tile, err)
		}
	}
	for range clients {
		g.Go(client)
	}
	<-begun
	for waiting.Load() < clients {
		runtime.Gosched()
	}
	close(end)
	g.Wait()
	if n := encodings.Load(); n != 1 {
		t.Errorf("%d encodings", n)
	}
}

func TestAnotherClientTakesOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(cancel context.CancelFunc, ctx context.Context) (*Tile, error)
	}{
		{"the one who encodes goes away", func(cancel context.CancelFunc, ctx context.Context) (*Tile, error) {
			cancel()
			return nil, ctx.Err()
		}},
		{"its encoding panics", func(context.CancelFunc, context.Context) (*Tile, error) { panic("no") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewCache(1 << 20)
			k := over(14, fieldX, fieldY)
			begun, goOn := make(chan struct{}), make(chan struct{})
			var g sync.WaitGroup
			g.Go(func() {
				defer func() { _ = recover() }()
				ctx, cancel := context.WithCancel(t.Context())
				f := c.Find(k)
				if _, err := c.Finish(ctx, &f, func(ctx context.Context) (*Tile, error) {
					close(begun)
					<-goOn
					return tt.end(cancel, ctx)
				}); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			})
			<-begun
			f := c.Find(k)
			g.Go(func() { close(goOn) })
			tile, err := c.Finish(t.Context(), &f, made([]byte("two")))
			if err != nil || string(tile.Bytes) != "two" {
				t.Errorf("%v, %v", tile, err)
			}
			g.Wait()
			if n := len(c.shard(k.code()).flights); n != 0 {
				t.Errorf("%d flights left", n)
			}
		})
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	t.Parallel()
	c := NewCache(1 << 20)
	k := over(14, fieldX, fieldY)
	f := c.Find(k)
	bad := errors.New("no database")
	if _, err := c.Finish(t.Context(), &f, func(context.Context) (*Tile, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
	if tile := ask(t, c, k, made([]byte("one"))); string(tile.Bytes) != "one" {
		t.Errorf("%s", tile.Bytes)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	f = c.Find(key(3, 1, 1))
	if _, err := c.Finish(gone, &f, func(ctx context.Context) (*Tile, error) { return nil, ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestCacheHoldsItsBound(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	c := NewCache(limit)
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	often := key(16, 9, 9)
	ask(t, c, often, made(noise[:1000]))
	for i := range uint32(2000) {
		k := key(16, i, i)
		tile := ask(t, c, k, made(noise[:rnd.IntN(len(noise))]))
		if i%3 == 0 {
			tile.Body(Zstd)
		}
		if st := c.Stats(); st.Bytes > limit || st.Bytes < 0 {
			t.Fatalf("%d bytes after %d tiles", st.Bytes, i)
		}
		ask(t, c, often, made(noise[:1000]))
	}
	counted := int64(0)
	for i := range c.shards {
		s := &c.shards[i]
		if len(s.entries) != s.recent.Len() {
			t.Errorf("%d entries, %d in order", len(s.entries), s.recent.Len())
		}
		for _, e := range s.entries {
			counted += e.cost
			if want := e.tile.size() + entryOverhead; e.cost != want {
				t.Errorf("an entry of %d counts %d", want, e.cost)
			}
		}
	}
	if st := c.Stats(); st.Bytes != counted || st.Tiles == 0 {
		t.Errorf("%d bytes counted, %+v", counted, st)
	}
	big := ask(t, c, key(0, 0, 0), made(make([]byte, limit)))
	if f := c.Find(key(0, 0, 0)); len(big.Bytes) != limit || f.Tile != nil {
		t.Error("a tile larger than the cache is kept")
	}
}

func TestZstdIsMadeOnce(t *testing.T) {
	t.Parallel()
	c := NewCache(1 << 20)
	tile := ask(t, c, key(3, 1, 1), made(bytes.Repeat([]byte("abcdefgh"), 1000)))
	before := c.Stats().Bytes
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() { tile.Body(Zstd) })
	}
	g.Wait()
	if got, want := c.Stats().Bytes, before+int64(len(tile.Body(Zstd))); got != want || len(tile.Body(Zstd)) == 0 {
		t.Errorf("%d bytes, want %d", got, want)
	}
}

// TestNeverAStaleTile is the contract of the cache, tried at random: a source
// whose places have a state each, writers who change a place and invalidate,
// readers who may get no state from before an Invalidate that had returned
// when they asked.
func TestNeverAStaleTile(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{0, 20_000, 1 << 20} {
		t.Run(fmt.Sprintf("%d bytes", limit), func(t *testing.T) {
			t.Parallel()
			c := NewCache(limit)
			const places = 7
			var truth, told [places]atomic.Uint64
			change := func(i int) Change { return here(uint32(i)*fieldSide*40, 0) }
			keys := make([]Key, places)
			for i := range keys {
				keys[i] = over(16, change(i).After.MinX, fieldY)
				if slices.Index(keys[:i], keys[i]) >= 0 {
					t.Fatal("two places in one tile")
				}
			}
			var writers, readers sync.WaitGroup
			var done atomic.Bool
			var stale, wrongTag atomic.Int32
			for w := range uint64(3) {
				writers.Go(func() {
					rnd := rand.New(rand.NewPCG(w, 1))
					for n := 0; !done.Load(); n++ {
						i := rnd.IntN(places)
						state := truth[i].Add(1)
						switch {
						case n%100 == 0:
							c.InvalidateLayer(LayerParcelles)
						case n%7 == 0:
							c.Invalidate([]Change{change(i), change((i + 1) % places)})
						default:
							c.Invalidate([]Change{change(i)})
						}
						advance(&told[i], state)
						for range rnd.IntN(20) {
							runtime.Gosched()
						}
					}
				})
			}
			for r := range uint64(4) {
				readers.Go(func() {
					rnd := rand.New(rand.NewPCG(r, 2))
					held := map[string]uint64{} // the state that a client has under a tag, by place
					for range 5000 {
						i := rnd.IntN(places)
						least := told[i].Load()
						f := c.Find(keys[i])
						tag := fmt.Sprint(i, c.ETag(&f, Gzip))
						if state, ok := held[tag]; ok && state < least {
							wrongTag.Add(1) // a 304 would show it
						}
						tile, err := c.Finish(t.Context(), &f, func(context.Context) (*Tile, error) {
							b := binary.LittleEndian.AppendUint64(nil, truth[i].Load())
							for range rnd.IntN(4) {
								runtime.Gosched()
							}
							return &Tile{Bytes: b}, nil
						})
						if err != nil {
							t.Error(err)
							return
						}
						state := binary.LittleEndian.Uint64(tile.Bytes)
						if state < least {
							stale.Add(1)
						}
						if _, ok := held[tag]; !ok {
							held[tag] = state
						}
						if rnd.IntN(20) == 0 {
							tile.Body(Zstd)
						}
						runtime.Gosched()
					}
				})
			}
			readers.Wait()
			done.Store(true)
			writers.Wait()
			st := c.Stats()
			if stale.Load() > 0 || wrongTag.Load() > 0 {
				t.Errorf("%d stale tiles, %d stale tags of %+v", stale.Load(), wrongTag.Load(), st)
			}
			if st.Bytes > limit {
				t.Errorf("%d bytes", st.Bytes)
			}
			t.Logf("%+v", st)
		})
	}
}

func BenchmarkCacheHit(b *testing.B) {
	c := NewCache(64 << 20)
	k := over(14, fieldX, fieldY)
	ask(b, c, k, made(make([]byte, 50_000)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f := c.Find(k)
			if f.Tile == nil || c.ETag(&f, Gzip) == "" {
				b.Fatal("not there")
			}
		}
	})
}

func BenchmarkInvalidate(b *testing.B) {
	c := NewCache(64 << 20)
	changes := []Change{here(60_000, 60_000)}
	b.ReportMetric(float64(changes[0].tiles(nil)), "tiles")
	b.ReportAllocs()
	for b.Loop() {
		c.Invalidate(changes)
	}
}

func BenchmarkInvalidateElsewhere(b *testing.B) {
	c := NewCache(64 << 20)
	rnd := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		c.Invalidate([]Change{here(rnd.Uint32N(1<<26), rnd.Uint32N(1<<26))})
	}
}

func BenchmarkCompress(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 100_000)
	for i := range body {
		body[i] = byte(rnd.NormFloat64() * 12)
	}
	for name, f := range map[string]func([]byte) []byte{"gzip": compressGzip, "zstd": compressZstd} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = len(f(body))
			}
			b.ReportMetric(float64(n), "bytes")
		})
	}
}
