package tiles_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"sillon/geo"
	"sillon/geo/mvt"
	"sillon/sillon"
	"sillon/tiles"
)

// A model is a Source that does what Memory does, in the simplest way, from
// the EWKB.
type model struct {
	rows  map[int64]tiles.Row
	boxes map[int64]tiles.Box
	names map[sillon.OC]string
}

func newModel() *model {
	return &model{rows: map[int64]tiles.Row{}, boxes: map[int64]tiles.Box{}, names: names}
}

func (m *model) apply(rows []tiles.Row, gone []int64) []tiles.Change {
	before := maps.Clone(m.boxes)
	touched := map[int64]bool{}
	for _, r := range rows {
		r.EWKB = bytes.Clone(r.EWKB)
		m.rows[r.Key], m.boxes[r.Key], touched[r.Key] = r, boxOf(&r), true
	}
	for _, key := range gone {
		touched[key] = true
		delete(m.rows, key)
		delete(m.boxes, key)
	}
	var changes []tiles.Change
	for key := range touched {
		var c tiles.Change
		if b, ok := before[key]; ok {
			c.Before, c.WasThere = b, true
		}
		if b, ok := m.boxes[key]; ok {
			c.After, c.IsThere = b, true
		}
		if c.WasThere || c.IsThere {
			changes = append(changes, c)
		}
	}
	return changes
}

func boxOf(r *tiles.Row) tiles.Box {
	g, _, err := ewkb.Unmarshal(r.EWKB)
	if err != nil {
		panic(err)
	}
	b := g.Bound()
	x0, y0 := mvt.World(b.Min[0], b.Max[1])
	x1, y1 := mvt.World(b.Max[0], b.Min[1])
	return tiles.Box{MinX: x0, MinY: y0, MaxX: x1, MaxY: y1}
}

// seen lists the rows of a query in the order of a Source.
func (m *model) seen(q *tiles.Query) []tiles.Row {
	f := &q.Filter
	var out []tiles.Row
	for _, r := range m.rows {
		switch q.Scope.Kind {
		case tiles.ScopePublic, tiles.ScopeAll:
		case tiles.ScopeCertifier:
			if r.OC != q.Scope.OC && r.Reader != q.Scope.OC {
				continue
			}
		case tiles.ScopeFarm:
			if r.Farm != q.Scope.Farm {
				continue
			}
		case tiles.ScopeNone, tiles.ScopeVersion:
			continue
		}
		if (len(f.Levels) == 0 || slices.Contains(f.Levels, string(r.Level))) &&
			(len(f.Crops) == 0 || slices.ContainsFunc(f.Crops, func(c string) bool { return sillon.CPFUnder(r.CPF, c) })) &&
			(len(f.Years) == 0 || slices.Contains(f.Years, r.Year)) &&
			(len(f.Departements) == 0 || slices.Contains(f.Departements, r.Departement)) {
			out = append(out, r)
		}
	}
	place := func(r *tiles.Row) uint32 { return tiles.CellOrder(r.CellX, r.CellY, geo.CellZoom) }
	slices.SortFunc(out, func(a, b tiles.Row) int { return cmp.Or(cmp.Compare(place(&a), place(&b)), cmp.Compare(a.ID, b.ID)) })
	return out
}

func (m *model) Parcels(_ context.Context, q *tiles.Query, a tiles.Address, f func(*tiles.Feature) error) error {
	for _, r := range m.seen(q) {
		if !m.boxes[r.Key].Meets(a.Box()) {
			continue
		}
		out := tiles.Feature{ID: r.ID, EWKB: r.EWKB, Level: string(r.Level), CPF: r.CPF, Culture: crops[r.CPF].Label, Group: crops[r.CPF].Group, SurfaceM2: r.SurfaceM2}
		if q.Scope.Private() {
			out.Farm, out.Version, out.State = string(r.Farm), string(r.Version), string(r.State)
			out.Parcel, out.Label, out.GeometryStatus = r.Parcel, r.Label, string(r.GeometryStatus)
		}
		if q.Scope.Kind == tiles.ScopeAll {
			out.Certifier = m.names[r.OC]
		}
		if err := f(&out); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) Cells(_ context.Context, q *tiles.Query, a tiles.Address, f func(*tiles.Cell) error) error {
	zoom := a.Z + tiles.CellBits
	cells := map[uint32]*tiles.Cell{}
	for _, r := range m.seen(q) {
		x, y := r.CellX>>(geo.CellZoom-zoom), r.CellY>>(geo.CellZoom-zoom)
		if x>>tiles.CellBits != a.X || y>>tiles.CellBits != a.Y {
			continue
		}
		order := tiles.CellOrder(x, y, zoom)
		if cells[order] == nil {
			cells[order] = &tiles.Cell{X: x, Y: y}
		}
		cells[order].Count++
		cells[order].Surfaces.Add(r.Level, tiles.SquareDecimetres(r.SurfaceM2))
	}
	for _, order := range slices.Sorted(maps.Keys(cells)) {
		if err := f(cells[order]); err != nil {
			return err
		}
	}
	return nil
}

// crops are those of the rows of randomRow, but for one that is not known.
var crops = map[string]tiles.Crop{
	"01.11.11":    {Label: "Blé dur", Group: "Grandes Cultures"},
	"01.11.12":    {Label: "Blé tendre", Group: "Grandes Cultures"},
	"01.11.31":    {Label: "Orge", Group: "Grandes Cultures"},
	"01.11.31.1":  {Label: "Orge de brasserie", Group: "Grandes Cultures"},
	"01.19.10.2":  {Label: "Betterave fourragère", Group: "Fourrages"},
	"01.19.10.21": {Label: "Sainfoin", Group: "Fourrages"},
	"01.21.1":     {Label: "Raisin de table", Group: "Vignes"},
	"01.21.12":    {Label: "Raisin de cuve", Group: "Vignes"},
}

var (
	cropCodes = append(slices.Sorted(maps.Keys(crops)), "", "99.99")
	names     = map[sillon.OC]string{1: "Premier certificateur", 2: "Deuxième certificateur"}
)

// ring is a ring seen from its middle, in degrees.
func ring(rnd *rand.Rand, lon, lat, radius float64, corners int, clockwise bool) orb.Ring {
	var r orb.Ring
	for i := range corners {
		sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.7*rnd.Float64()) / float64(corners))
		d := radius * (0.6 + 0.4*rnd.Float64())
		r = append(r, orb.Point{lon + d*cos, lat + 0.7*d*sin})
	}
	r = append(r, r[0])
	if clockwise {
		r.Reverse()
	}
	return r
}

// shapeAt is a polygon around a position: most often one ring, else with holes
// and parts.
func shapeAt(rnd *rand.Rand, lon, lat, radius float64) orb.Geometry {
	part := func(lon, lat float64) orb.Polygon {
		p := orb.Polygon{ring(rnd, lon, lat, radius, 4+rnd.IntN(12), false)}
		for range max(0, rnd.IntN(6)-3) {
			p = append(p, ring(rnd, lon+radius*(0.4*rnd.Float64()-0.2), lat, radius/10, 3+rnd.IntN(4), true))
		}
		return p
	}
	if rnd.IntN(8) > 0 {
		return part(lon, lat)
	}
	var mp orb.MultiPolygon
	for i := range rnd.IntN(3) + 1 {
		mp = append(mp, part(lon+2.5*radius*float64(i), lat))
	}
	return mp
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// randomRow is a row of a key: one of few farms, most of them near each other.
func randomRow(tb testing.TB, rnd *rand.Rand, key int64) tiles.Row {
	tb.Helper()
	lon, lat := 4.9+0.3*rnd.NormFloat64(), 44.7+0.2*rnd.NormFloat64()
	if rnd.IntN(20) == 0 {
		lon, lat = 55.5+0.1*rnd.Float64(), -21.1+0.1*rnd.Float64()
	}
	g := shapeAt(rnd, lon, lat, 0.00003*math.Exp(5*rnd.Float64()))
	return rowOf(tb, rnd, key, g)
}

func rowOf(tb testing.TB, rnd *rand.Rand, key int64, g orb.Geometry) tiles.Row {
	tb.Helper()
	b, err := ewkb.Marshal(g, 4326, pick[binary.ByteOrder](rnd, binary.LittleEndian, binary.LittleEndian, binary.BigEndian))
	if err != nil {
		tb.Fatal(err)
	}
	x, y := geo.CellOf(g)
	farm := rnd.IntN(7)
	oc := sillon.OC(farm%3 + 1)
	r := tiles.Row{
		Key: key, ID: uint64(key)*0x9e3779b97f4a7c15>>12 | 1, CellX: uint32(x), CellY: uint32(y), EWKB: b,
		Level: pick(rnd, append(sillon.Levels, sillon.LevelUnknown)...), CPF: pick(rnd, cropCodes...), SurfaceM2: 50_000 * rnd.Float64(),
		Year: pick(rnd, 0, 2024, 2025), Departement: pick(rnd, "26", "2A", "974", ""), OC: oc, Farm: sillon.NumeroBio(fmt.Sprint(100 + farm)),
		Version: sillon.ParcellaireID(fmt.Sprintf("00000000-0000-0000-0000-%012d", farm)), State: sillon.StateCertified,
		Parcel: fmt.Sprint(key), Label: pick(rnd, "", "1.2", "Sous le bois"),
		GeometryStatus: pick(rnd, sillon.GeometryValid, sillon.GeometryCorrected, sillon.GeometryToCheck),
	}
	if farm == 1 {
		r.Reader = 3
	}
	return r
}

func randomQuery(rnd *rand.Rand) tiles.Query {
	q := tiles.Query{Scope: pick(rnd,
		tiles.Public, tiles.Public, tiles.Scope{}, tiles.Scope{Kind: tiles.ScopeAll}, tiles.Scope{Kind: tiles.ScopeVersion},
		tiles.Scope{Kind: tiles.ScopeCertifier, OC: sillon.OC(1 + rnd.IntN(4))}, tiles.Scope{Kind: tiles.ScopeFarm, Farm: sillon.NumeroBio(fmt.Sprint(100 + rnd.IntN(8)))},
	)}
	f := &q.Filter
	f.Levels = pick(rnd, nil, nil, nil, []string{"AB"}, []string{"C1", "AB?", ""}, []string{"BIO"})
	f.Crops = pick(rnd, nil, nil, nil, []string{"01.11"}, []string{"01.11.31", "01.21.1"}, []string{"01.19.10.2"})
	f.Years = pick(rnd, nil, nil, nil, []int{2025}, []int{2023, 2024})
	f.Departements = pick(rnd, nil, nil, nil, []string{"2A", "26"}, []string{"trop long"}, []string{"01"})
	return q
}

// randomAddress is a tile with parcels of randomRow in it, most often.
func randomAddress(rnd *rand.Rand) tiles.Address {
	z := uint32(rnd.IntN(17))
	if rnd.IntN(10) == 0 {
		return at(z, 55.55, -21.05)
	}
	return at(z, 4.9+0.2*rnd.NormFloat64(), 44.7+0.15*rnd.NormFloat64())
}

// same fails unless two sources make the same tile of a query.
func same(tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}, ctx context.Context, got, want tiles.Source, q *tiles.Query, a tiles.Address,
) {
	tb.Helper()
	g, err := tiles.Encode(ctx, got, q, a)
	if err != nil {
		tb.Fatal(err)
	}
	w, err := tiles.Encode(ctx, want, q, a)
	if err != nil {
		tb.Fatal(err)
	}
	if !bytes.Equal(g.Bytes, w.Bytes) {
		tb.Fatalf("tile %s of %+v: %d bytes, want %d", a, *q, len(g.Bytes), len(w.Bytes))
	}
}
