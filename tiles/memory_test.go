package tiles_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sillon/geo/mvt"
	"sillon/sillon"
	"sillon/tiles"
)

func load(m *tiles.Memory, rows []tiles.Row) error {
	return m.Load(context.Background(), func(add func(*tiles.Row) error) error {
		for i := range rows {
			if err := add(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestMemoryIsTheModel changes a store and its model in the same way, and
// finds the same tiles in both.
func TestMemoryIsTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
		m.Resize(1+rnd.IntN(60), 1+rnd.IntN(40), 1+rnd.IntN(5), 1+rnd.IntN(8))
		m.SetCertifiers(names)
		keys := int64(rapid.IntRange(1, 400).Draw(rt, "keys"))
		want := newModel()
		fill := func(n int) []tiles.Row {
			var rows []tiles.Row
			for range n {
				rows = append(rows, randomRow(t, rnd, rnd.Int64N(keys)))
			}
			return rows
		}
		reload := func() {
			want = newModel()
			want.apply(fill(rnd.IntN(300)), nil)
			var rows []tiles.Row
			for _, r := range want.rows {
				rows = append(rows, r)
			}
			if err := load(m, rows); err != nil {
				rt.Fatal(err)
			}
		}
		reload()
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rnd.IntN(12) {
			case 0:
				reload()
			case 1:
				m.Settle()
			default:
				var gone []int64
				for range max(0, rnd.IntN(30)-15) {
					gone = append(gone, rnd.Int64N(keys))
				}
				rows := fill(rnd.IntN(pick(rnd, 3, 30, 200)))
				order := cmpopts.SortSlices(func(a, b tiles.Change) bool {
					return slices.Compare(numbers(a), numbers(b)) < 0
				})
				if diff := cmp.Diff(want.apply(rows, gone), m.Apply(rows, gone), order, cmpopts.EquateEmpty()); diff != "" {
					rt.Fatalf("changes (-want +got):\n%s", diff)
				}
				for i := range rows {
					clear(rows[i].EWKB) // the store may not need it any more
				}
			}
			if got := m.Stats().Parcels; got != len(want.rows) {
				rt.Fatalf("%d parcels, want %d", got, len(want.rows))
			}
			for range 3 {
				q := randomQuery(rnd)
				same(rt, t.Context(), m, want, &q, randomAddress(rnd))
			}
		}
		m.Settle()
		for _, z := range []uint32{0, 6, 9, 10, 12, 16} {
			q := tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeAll}}
			same(rt, t.Context(), m, want, &q, at(z, 4.9, 44.7))
		}
	})
}

func numbers(c tiles.Change) []uint32 {
	n := []uint32{c.Before.MinX, c.Before.MinY, c.Before.MaxX, c.Before.MaxY, c.After.MinX, c.After.MinY, c.After.MaxX, c.After.MaxY, 0, 0}
	if c.WasThere {
		n[8] = 1
	}
	if c.IsThere {
		n[9] = 1
	}
	return n
}

// TestCompaction edits a store until its base has been made again and again.
func TestCompaction(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
	m.Resize(500, 100, 3, 8)
	want := newModel()
	var rows []tiles.Row
	for key := range int64(2_000) {
		rows = append(rows, randomRow(t, rnd, key))
	}
	want.apply(rows, nil)
	if err := load(m, rows); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		rows = rows[:0]
		var gone []int64
		for range 30 {
			rows = append(rows, randomRow(t, rnd, rnd.Int64N(3_000)))
			gone = append(gone, rnd.Int64N(3_000))
		}
		want.apply(rows, gone)
		m.Apply(rows, gone)
	}
	m.Settle()
	stats := m.Stats()
	if stats.Compactions == 0 || stats.Segments > 60 || stats.Parcels != len(want.rows) || stats.Bytes < int64(100*stats.Parcels) {
		t.Errorf("%+v, want %d parcels", stats, len(want.rows))
	}
	for z := range uint32(17) {
		for _, scope := range []tiles.Scope{tiles.Public, {Kind: tiles.ScopeCertifier, OC: 3}} {
			same(t, t.Context(), m, want, &tiles.Query{Scope: scope}, at(z, 4.9, 44.7))
		}
	}
}

// TestCompactionForgets gives the memory of parcels back that are taken out.
func TestCompactionForgets(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
	m.Resize(100, 100, 3, 8)
	want := newModel()
	var rows []tiles.Row
	var gone []int64
	for key := range int64(1_000) {
		rows = append(rows, randomRow(t, rnd, key))
		if key%4 > 0 {
			gone = append(gone, key)
		}
	}
	want.apply(rows, gone)
	if err := load(m, rows); err != nil {
		t.Fatal(err)
	}
	before := m.Stats().Bytes
	m.Apply(nil, gone)
	m.Settle()
	if s := m.Stats(); s.Parcels != 250 || s.Bytes > before/2 {
		t.Errorf("%+v, %d bytes before", s, before)
	}
	for z := range uint32(17) {
		same(t, t.Context(), m, want, &tiles.Query{Scope: tiles.Public}, at(z, 4.9, 44.7))
	}
}

func TestMemoryOff(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{})
	a := at(12, 4.9, 44.7)
	if m.Ready() || m.Apply([]tiles.Row{randomRow(t, rnd, 1)}, []int64{2}) != nil || m.Stats() != (tiles.MemoryStats{}) {
		t.Error("a store holds something before it is loaded")
	}
	if _, ok := m.Snapshot(); ok {
		t.Error("a snapshot of nothing")
	}
	for _, z := range []uint32{5, 12} {
		if _, err := tiles.Encode(t.Context(), m, &tiles.Query{Scope: tiles.Public}, at(z, 4.9, 44.7)); !errors.Is(err, tiles.ErrOff) {
			t.Errorf("zoom %d: %v, want %v", z, err, tiles.ErrOff)
		}
	}
	if err := load(m, nil); err != nil || !m.Ready() {
		t.Fatal(err)
	}
	if tile, err := tiles.Encode(t.Context(), m, &tiles.Query{Scope: tiles.Public}, a); err != nil || len(tile.Bytes) != 0 {
		t.Errorf("%v, %v, want an empty tile", tile, err)
	}
}

func TestLoadFails(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	rows := make([]tiles.Row, 2_000)
	for i := range rows {
		rows[i] = randomRow(t, rnd, int64(i))
	}
	unreadable := slices.Clone(rows)
	unreadable[1_000].EWKB = unreadable[1_000].EWKB[:20]
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("connection lost")
	tests := []struct {
		name  string
		ctx   context.Context
		limit int64
		rows  []tiles.Row
		err   error
		want  error
		ready bool
	}{
		{"all is well", t.Context(), 0, rows, nil, nil, true},
		{"enough memory", t.Context(), 4_000_000, rows, nil, nil, true},
		{"too little memory", t.Context(), 200_000, rows, nil, tiles.ErrMemory, false},
		{"room for the new parcels only", t.Context(), 800_000, rows, nil, nil, true},
		{"unreadable", t.Context(), 0, unreadable, nil, mvt.ErrEWKB, true},
		{"stopped", cancelled, 0, rows, nil, context.Canceled, true},
		{"rows end badly", t.Context(), 0, rows, broken, broken, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := tiles.NewMemory(tiles.MemoryOptions{Limit: tt.limit, Crops: crops})
			if err := load(m, rows[:100]); err != nil {
				t.Fatal(err)
			}
			err := m.Load(tt.ctx, func(add func(*tiles.Row) error) error {
				for i := range tt.rows {
					if add(&tt.rows[i]) != nil {
						break // whatever add said
					}
				}
				return tt.err
			})
			if !errors.Is(err, tt.want) || m.Ready() != tt.ready {
				t.Errorf("%v, ready %v, want %v, ready %v", err, m.Ready(), tt.want, tt.ready)
			}
			if n := m.Stats().Parcels; tt.ready && (err == nil && n != len(rows) || err != nil && n != 100) {
				t.Errorf("%d parcels", n)
			}
			if bytes := m.Stats().Bytes; tt.limit > 0 && bytes > tt.limit {
				t.Errorf("%d bytes, want %d at the most", bytes, tt.limit)
			}
		})
	}
}

// TestMemoryGrowsPastItsLimit turns the store off when edits make it too large.
func TestMemoryGrowsPastItsLimit(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{Limit: 100_000})
	if err := load(m, nil); err != nil {
		t.Fatal(err)
	}
	for key := int64(0); m.Ready(); key++ {
		if key == 10_000 {
			t.Fatal("no limit")
		}
		m.Apply([]tiles.Row{randomRow(t, rnd, key)}, nil)
	}
}

func TestApplyTakesOutWhatItCannotRead(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{})
	r := randomRow(t, rnd, 1)
	if err := load(m, []tiles.Row{r}); err != nil {
		t.Fatal(err)
	}
	before := boxOf(&r)
	r.EWKB = bytes.Clone(r.EWKB[:30])
	want := []tiles.Change{{Before: before, WasThere: true}}
	if diff := cmp.Diff(want, m.Apply([]tiles.Row{r}, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := m.Stats().Parcels; n != 0 {
		t.Errorf("%d parcels", n)
	}
}

// TestSnapshotStays finds in a snapshot what was there when it was taken.
func TestSnapshotStays(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	m := tiles.NewMemory(tiles.MemoryOptions{Crops: crops})
	m.Resize(10, 10, 2, 8)
	m.SetCertifiers(names)
	then := newModel()
	var rows []tiles.Row
	for key := range int64(100) {
		rows = append(rows, randomRow(t, rnd, key))
	}
	then.apply(rows, nil)
	if err := load(m, rows); err != nil {
		t.Fatal(err)
	}
	s, _ := m.Snapshot()
	for range 100 {
		m.Apply([]tiles.Row{randomRow(t, rnd, rnd.Int64N(100))}, []int64{rnd.Int64N(100)})
	}
	m.SetCertifiers(map[sillon.OC]string{1: "Autre"})
	m.Settle()
	if err := load(m, nil); err != nil {
		t.Fatal(err)
	}
	for z := range uint32(17) {
		same(t, t.Context(), s, then, &tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeAll}}, at(z, 4.9, 44.7))
	}
}

func TestCellOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zoom := uint32(rapid.IntRange(0, 15).Draw(t, "zoom"))
		x := rapid.Uint32Range(0, 1<<zoom-1).Draw(t, "x")
		y := rapid.Uint32Range(0, 1<<zoom-1).Draw(t, "y")
		order := tiles.CellOrder(x, y, zoom)
		if gotX, gotY := tiles.CellAt(order, zoom); gotX != x || gotY != y || order>>(2*zoom) != 0 {
			t.Fatalf("cell %d/%d at %d is %d/%d", x, y, order, gotX, gotY)
		}
		if zoom > 0 && order>>2 != tiles.CellOrder(x>>1, y>>1, zoom-1) {
			t.Fatalf("cell %d/%d is not next to its neighbours", x, y)
		}
		if order > 0 {
			nearX, nearY := tiles.CellAt(order-1, zoom)
			if max(nearX, x)-min(nearX, x)+max(nearY, y)-min(nearY, y) != 1 {
				t.Fatalf("%d/%d follows %d/%d", x, y, nearX, nearY)
			}
		}
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		box := func(size uint32) tiles.Box {
			x, y := rnd.Uint32N(1000), rnd.Uint32N(1000)
			return tiles.Box{MinX: x, MinY: y, MaxX: x + rnd.Uint32N(size), MaxY: y + rnd.Uint32N(size)}
		}
		boxes := make([]tiles.Box, rapid.IntRange(0, 5_000).Draw(t, "boxes"))
		for i := range boxes {
			boxes[i] = box(50)
		}
		for range 10 {
			b := box(uint32(1 + rnd.IntN(1000)))
			var want []uint32
			for i := range boxes {
				if boxes[i].Meets(b) {
					want = append(want, uint32(i))
				}
			}
			if got := tiles.Search(boxes, b); !slices.Equal(got, want) {
				t.Fatalf("%d boxes, want %d", len(got), len(want))
			}
		}
	})
}

// TestBoxTiles finds each tile that draws something of a shape among those of
// its box.
func TestBoxTiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		r := randomRow(t, rnd, 1)
		src := newModel()
		src.apply([]tiles.Row{r}, nil)
		src.boxes[1] = tiles.Box{MaxX: 1<<32 - 1, MaxY: 1<<32 - 1} // yield it for each tile
		z := uint32(10 + rnd.IntN(7))
		first, last := boxOf(&r).Tiles(z)
		for x := first.X - 1; x <= last.X+1; x++ {
			for y := first.Y - 1; y <= last.Y+1; y++ {
				if x >= first.X && x <= last.X && y >= first.Y && y <= last.Y {
					continue
				}
				tile, err := tiles.Encode(t.Context(), src, &tiles.Query{Scope: tiles.Public}, tiles.Address{Z: z, X: x, Y: y})
				if err != nil || len(tile.Bytes) > 0 {
					rt.Fatalf("tile %d/%d/%d of a shape in %v to %v: %v, %v", z, x, y, first, last, tile, err)
				}
			}
		}
	})
}
