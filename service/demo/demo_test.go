package demo_test

import (
	"iter"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/peterstace/simplefeatures/geom"

	"sillon/reference"
	"sillon/service/demo"
	"sillon/sillon"
)

const seed = 1

func farms(seed uint64, parcels int) []demo.Farm {
	var all []demo.Farm
	for f := range demo.Farms(seed, parcels) {
		all = append(all, f)
	}
	return all
}

// versions walks the versions of the farms that hold so many parcels.
func versions(parcels int) iter.Seq[demo.Version] {
	return func(yield func(demo.Version) bool) {
		for f := range demo.Farms(seed, parcels) {
			for _, v := range f.Versions {
				if !yield(v) {
					return
				}
			}
		}
	}
}

func newest(f demo.Farm) demo.Version { return f.Versions[len(f.Versions)-1] }

func polygons(g orb.Geometry) orb.MultiPolygon {
	switch g := g.(type) {
	case orb.Polygon:
		return orb.MultiPolygon{g}
	case orb.MultiPolygon:
		return g
	}
	return nil
}

// checked is g for another library, which refuses what is not valid.
func checked(t *testing.T, g orb.Geometry) geom.Geometry {
	t.Helper()
	b, err := wkb.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	checked, err := geom.UnmarshalWKB(b)
	if err != nil {
		t.Fatalf("%v: %v", g, err)
	}
	return checked
}

func TestOneSeedGivesTheSameFarms(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(farms(seed, 1000), farms(seed, 1000)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(farms(seed, 100), farms(seed+1, 100)) {
		t.Error("two seeds give the same farms")
	}
}

func TestAFarmDoesNotDependOnHowManyFollow(t *testing.T) {
	t.Parallel()
	few, many := farms(seed, 1000), farms(seed, 3000)
	whole := len(few) - 1 // the last one may be cut
	if diff := cmp.Diff(few[:whole], many[:whole]); diff != "" {
		t.Error(diff)
	}
}

func TestParcelsAreCountedExactly(t *testing.T) {
	t.Parallel()
	for _, want := range []int{-1, 0, 1, 7, 100, 101, 10_000} {
		got := 0
		for f := range demo.Farms(seed, want) {
			if len(f.Versions) == 0 {
				t.Errorf("%d parcels: farm %s has no version", want, f.NumeroBio)
			}
			for _, v := range f.Versions {
				got += len(v.Parcels)
				if v.ParcelCount != len(v.Parcels) || v.Mixite != sillon.MixiteOf(v.Parcels) {
					t.Errorf("%d parcels: version %s of farm %s is not tallied", want, v.ID, f.NumeroBio)
				}
			}
		}
		if got != max(0, want) {
			t.Errorf("got %d parcels, want %d", got, want)
		}
	}
}

func TestFarmsStopWhenAsked(t *testing.T) {
	t.Parallel()
	n := 0
	for range demo.Farms(seed, 10_000) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("got %d farms, want 3", n)
	}
}

func TestParcelsAreValid(t *testing.T) {
	t.Parallel()
	for v := range versions(4000) {
		for _, p := range v.Parcels {
			checked(t, p.Geometry)
			for _, polygon := range polygons(p.Geometry) {
				for i, ring := range polygon {
					want := orb.CCW
					if i > 0 {
						want = orb.CW
					}
					if ring.Orientation() != want {
						t.Errorf("ring %d of parcel %s turns the wrong way", i, p.ID)
					}
					if len(ring) < 6 || len(ring) > 40 {
						t.Errorf("ring %d of parcel %s has %d positions", i, p.ID, len(ring))
					}
					for _, q := range ring {
						if q != (orb.Point{math.Round(q[0]*1e9) / 1e9, math.Round(q[1]*1e9) / 1e9}) {
							t.Fatalf("position %v has more than 9 decimals", q)
						}
					}
				}
			}
		}
	}
}

func TestShapesAreVaried(t *testing.T) {
	t.Parallel()
	var all, ponds, parts, positions int
	for v := range versions(20_000) {
		for _, p := range v.Parcels {
			all++
			for _, polygon := range polygons(p.Geometry) {
				positions += len(polygon[0])
				if len(polygon) > 1 {
					ponds++
				}
			}
			if p.Geometry.GeoJSONType() == "MultiPolygon" {
				parts++
			}
		}
	}
	within := func(what string, n int, low, high float64) {
		t.Helper()
		if share := float64(n) / float64(all); share < low || share > high {
			t.Errorf("%s: got %.3f a parcel, want %.3f to %.3f", what, share, low, high)
		}
	}
	within("holes", ponds, 0.008, 0.03)
	within("multi-parts", parts, 0.008, 0.03)
	within("positions", positions, 11, 17)
}

func TestParcelsOfAVersionDoNotOverlap(t *testing.T) {
	t.Parallel()
	for v := range versions(2500) {
		shapes := make([]geom.Geometry, len(v.Parcels))
		for i, p := range v.Parcels {
			shapes[i] = checked(t, p.Geometry)
			for j, q := range v.Parcels[:i] {
				if !p.Geometry.Bound().Intersects(q.Geometry.Bound()) {
					continue
				}
				common, err := geom.Intersection(shapes[i], shapes[j])
				if err != nil {
					t.Fatal(err)
				}
				const squareMetre = 1e-10 // square degrees, about
				if common.Area() > squareMetre/100 {
					t.Errorf("version %s: parcels %s and %s overlap", v.ID, p.ID, q.ID)
				}
			}
		}
	}
}

func TestNeighboursShareTheirBorders(t *testing.T) {
	t.Parallel()
	var all, sharing int
	for v := range versions(5000) {
		owner := map[[2]orb.Point]string{}
		for _, p := range v.Parcels {
			for _, polygon := range polygons(p.Geometry) {
				for i, q := range polygon[0][1:] {
					s := [2]orb.Point{polygon[0][i], q}
					if other, taken := owner[s]; taken {
						t.Errorf("version %s: %s and %s walk one segment the same way", v.ID, other, p.ID)
					}
					owner[s] = p.ID
				}
			}
		}
		shares := map[string]bool{}
		for s, id := range owner {
			if _, ok := owner[[2]orb.Point{s[1], s[0]}]; ok {
				shares[id] = true
			}
		}
		all += len(v.Parcels)
		sharing += len(shares)
	}
	if sharing*10 < all*8 {
		t.Errorf("%d of %d parcels share a border, want four in five", sharing, all)
	}
}

func bound(v demo.Version) orb.Bound {
	b := v.Parcels[0].Geometry.Bound()
	for _, p := range v.Parcels[1:] {
		b = b.Union(p.Geometry.Bound())
	}
	return b
}

func TestFarmsStandApart(t *testing.T) {
	t.Parallel()
	var bounds []orb.Bound
	for f := range demo.Farms(seed, 60_000) {
		b := bound(newest(f))
		for i, other := range bounds {
			if b.Intersects(other) {
				t.Errorf("farms %s and %d meet", f.NumeroBio, demo.FirstNumeroBio+i)
			}
		}
		bounds = append(bounds, b)
	}
}

func TestFarmsStandInFrance(t *testing.T) {
	t.Parallel()
	boxes := map[string]orb.Bound{ // certifier-exchange.md §3
		"metropole": {Min: orb.Point{-5.1412, 41.334}, Max: orb.Point{9.5597, 51.0888}},
		"antilles":  {Min: orb.Point{-61.8098, 14.3947}, Max: orb.Point{-60.8106, 16.511}},
		"guyane":    {Min: orb.Point{-54.6023, 2.1111}, Max: orb.Point{-51.619, 5.7487}},
		"reunion":   {Min: orb.Point{55.2166, -21.3891}, Max: orb.Point{55.8366, -20.8721}},
		"mayotte":   {Min: orb.Point{45.0185, -13.0001}, Max: orb.Point{45.298, -12.6366}},
	}
	count := map[string]int{}
	all := 0
	for f := range demo.Farms(seed, 40_000) {
		b := bound(newest(f))
		place := ""
		for name, box := range boxes {
			if box.Contains(b.Min) && box.Contains(b.Max) {
				place = name
			}
		}
		if place == "" {
			t.Errorf("farm %s stands abroad, at %v", f.NumeroBio, b.Center())
		}
		count[place]++
		all++
	}
	for name := range boxes {
		if count[name] == 0 {
			t.Errorf("no farm in %s", name)
		}
	}
	if count["metropole"]*10 < all*9 {
		t.Errorf("%d farms of %d in mainland France, want nine in ten", count["metropole"], all)
	}
}

func TestVersionsFollowTheRules(t *testing.T) {
	t.Parallel()
	states, years := make(map[sillon.State]int), make(map[int]int)
	owners := map[sillon.OC]int{}
	for f := range demo.Farms(seed, 20_000) {
		audits := map[sillon.Date]bool{}
		before := map[string]sillon.Parcel{}
		for i, v := range f.Versions {
			states[v.State]++
			years[v.Year]++
			owners[v.OC]++
			certified := v.State == sillon.StateCertified
			if certified == v.CertifiedFrom.IsZero() || certified == v.CertifiedUntil.IsZero() {
				t.Errorf("%s version %s: valid from %q until %q", v.State, v.ID, v.CertifiedFrom, v.CertifiedUntil)
			}
			if i < len(f.Versions)-1 && (!certified || v.Year >= f.Versions[i+1].Year) {
				t.Errorf("version %s is out of order", v.ID)
			}
			if (v.State == sillon.StateDraft) != v.AuditDate.IsZero() || audits[v.AuditDate] {
				t.Errorf("%s version %s: audit date %q", v.State, v.ID, v.AuditDate)
			}
			audits[v.AuditDate] = true
			ids := map[string]bool{}
			for _, p := range v.Parcels {
				if ids[p.ID] {
					t.Errorf("version %s: two parcels %s", v.ID, p.ID)
				}
				ids[p.ID] = true
				if p.Level.IsConverting() && p.EngagedOn.IsZero() {
					t.Errorf("version %s: parcel %s is %s since no day", v.ID, p.ID, p.Level)
				}
				if old, ok := before[p.ID]; ok && stage[p.Level] < stage[old.Level] {
					t.Errorf("version %s: parcel %s went from %s to %s", v.ID, p.ID, old.Level, p.Level)
				}
				before[p.ID] = p
			}
		}
	}
	for _, s := range sillon.States {
		if states[s] == 0 {
			t.Errorf("no version is %s", s)
		}
	}
	if len(years) < 3 || years[demo.LastYear] == 0 || len(owners) != len(demo.Certifiers()) {
		t.Errorf("years %v, certifiers %v", years, owners)
	}
}

// stage orders the levels; what a CAP declaration tells of AB is AB?.
var stage = map[sillon.Level]int{
	sillon.LevelUnknown: -1, sillon.LevelCONV: 0, sillon.LevelC1: 1, sillon.LevelC2: 2, sillon.LevelC3: 3,
	sillon.LevelAB: 4, sillon.LevelEngaged: 4,
}

func TestLinksNameTheOwnersOfVersions(t *testing.T) {
	t.Parallel()
	changed := 0
	for f := range demo.Farms(seed, 10_000) {
		linked := map[sillon.OC]bool{}
		for i, l := range f.Links {
			linked[l.Certifier.ID] = true
			last := i == len(f.Links)-1
			if last != (l.State == sillon.LinkEngaged) || last != l.Stop.IsZero() {
				t.Errorf("farm %s: link %+v", f.NumeroBio, l)
			}
			if i > 0 && !f.Links[i-1].Stop.Before(l.Start) {
				t.Errorf("farm %s: links overlap", f.NumeroBio)
			}
		}
		if len(f.Links) > 1 {
			changed++
		}
		for _, v := range f.Versions {
			if !linked[v.OC] {
				t.Errorf("farm %s: version of a stranger, %d", f.NumeroBio, v.OC)
			}
		}
	}
	if changed == 0 {
		t.Error("no farm changed its certifier")
	}
}

func TestCropsAreInTheNomenclature(t *testing.T) {
	t.Parallel()
	known, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	pac := map[string]bool{}
	for _, c := range known.CAPs() {
		pac[c.Code] = true
	}
	grown := map[string]bool{}
	for v := range versions(40_000) {
		for _, p := range v.Parcels {
			for _, c := range p.Crops {
				grown[c.CPF] = true
			}
			if !pac[p.CodeCulturePAC] {
				t.Errorf("%q is not a code of the CAP", p.CodeCulturePAC)
			}
		}
	}
	for code := range grown {
		if c, ok := known.CPF(code); !ok || c.HasChildren {
			t.Errorf("%q is not a precise code of the CPF", code)
		}
	}
	if len(grown) < 40 {
		t.Errorf("%d crops, want 40", len(grown))
	}
}

func TestNumbersLookReal(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for f := range demo.Farms(seed, 10_000) {
		if len(f.Siret) != 14 || !luhn(f.Siret) || !luhn(f.Siret[:9]) {
			t.Errorf("farm %s: SIRET %q", f.NumeroBio, f.Siret)
		}
		if len(f.Pacages) != 1 || len(f.Pacages[0]) != 9 {
			t.Errorf("farm %s: pacages %q", f.NumeroBio, f.Pacages)
		}
		for _, n := range []string{string(f.NumeroBio), f.Siret, f.Pacages[0], f.Links[0].NumeroClient} {
			if seen[n] {
				t.Errorf("farm %s: %q is given twice", f.NumeroBio, n)
			}
			seen[n] = true
		}
		for _, v := range f.Versions {
			for _, id := range append(crops(v), string(v.ID)) {
				if seen[id] {
					t.Fatalf("farm %s: id %s is given twice", f.NumeroBio, id)
				}
				seen[id] = true
			}
		}
	}
}

func crops(v demo.Version) (ids []string) {
	for _, p := range v.Parcels {
		for _, c := range p.Crops {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func BenchmarkFarms(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for f := range demo.Farms(seed, math.MaxInt) {
		for _, v := range f.Versions {
			n += len(v.Parcels)
		}
		if n >= b.N {
			break
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "parcels/s")
}

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		for range demo.Farms(seed, 10_000) {
		}
	}
}
