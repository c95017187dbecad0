package demo

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

const (
	slotSide  = 2600.0 // metres between the middles of two slots
	farmSide  = 2350.0 // metres, the widest landscape a farm is cut from
	seatRange = 10.0   // km within which a farm has its seat in the town
	townRange = 14.0   // km at which the pull of a town has fallen to a quarter
)

// A slot is a square of slotSide metres kept for a single farm.
type slot struct {
	lon, lat float64 // middle, degrees
	insee    string  // commune of the seat; empty is unknown
	terroir  *terroir
	turn     float64 // the lower, the sooner it is taken
}

// slots returns the slots of France in the order in which farms take them: a
// weighted draw without replacement, so that the first farms show the same
// density as the last ones.
func slots(seed uint64) []slot {
	var all []slot
	turn := func(weight float64) float64 {
		u := float64(mix(seed^mix(uint64(len(all))))>>11+1) / (1 << 53)
		return -math.Log(u) / weight
	}
	south, north := landSouth, landSouth+landStep*float64(len(landSpans))
	for row := 0; ; row++ {
		perLon, perLat := metresPerDegree(south)
		lat := south + slotSide/2/perLat
		row := landSpans[min(int((lat-landSouth)/landStep), len(landSpans)-1)]
		for i := 0; i < len(row); i += 2 {
			for lon := float64(row[i]) / 100; lon < float64(row[i+1])/100; lon += slotSide / perLon {
				s := slot{lon: lon, lat: lat}
				s.turn = turn(s.settle())
				all = append(all, s)
			}
		}
		if south += slotSide / perLat; south >= north {
			break
		}
	}
	for _, o := range farOff {
		perLon, perLat := metresPerDegree(o.lat)
		n := int(o.km * 1000 / slotSide)
		for y := -n; y <= n; y++ {
			for x := -n; x <= n; x++ {
				if x*x+y*y > n*n {
					continue
				}
				s := slot{
					lon: o.lon + float64(x)*slotSide/perLon, lat: o.lat + float64(y)*slotSide/perLat,
					insee: o.insee, terroir: &tropics,
				}
				s.turn = turn(20) // a few in each territory from the first hundreds of farms on
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b slot) int { return cmp.Compare(a.turn, b.turn) })
	return all
}

// settle gives s its terroir and seat, and returns how dense farms are there.
func (s *slot) settle() float64 {
	const kmPerDegree, far = 111.2, 80 // a town farther than that pulls no more
	kmPerLon := kmPerDegree * math.Cos(s.lat*math.Pi/180)
	weight, most, nearest := 0.12, 0.0, seatRange*seatRange
	for i := range anchors {
		a := &anchors[i]
		x, y := (a.lon-s.lon)*kmPerLon, (a.lat-s.lat)*kmPerDegree
		if max(math.Abs(x), math.Abs(y)) > far {
			continue
		}
		square := x*x + y*y
		q := 1 + square/(townRange*townRange)
		pull := a.weight / (q * q)
		weight += pull
		if pull > most {
			most, s.terroir = pull, a.terroir
		}
		if square < nearest {
			nearest, s.insee = square, a.insee
		}
	}
	if s.terroir == nil {
		s.terroir = &pasture
	}
	for _, v := range voids {
		x, y := (v.lon-s.lon)*kmPerLon, (v.lat-s.lat)*kmPerDegree
		if q := (x*x + y*y) / (v.km * v.km); q < 4 {
			weight *= 1 - 0.98*math.Exp(-q*q)
		}
	}
	return weight
}

// metresPerDegree is the length of a degree of longitude and of latitude at
// lat, on the ellipsoid.
func metresPerDegree(lat float64) (lonwards, latwards float64) {
	p := lat * math.Pi / 180
	return 111412.84*math.Cos(p) - 93.5*math.Cos(3*p), 111132.92 - 559.82*math.Cos(2*p) + 1.175*math.Cos(4*p)
}

// A frame turns metres east and north of its middle into degrees.
type frame struct{ lon, lat, perLon, perLat float64 }

func frameAt(lon, lat float64) frame {
	perLon, perLat := metresPerDegree(lat)
	return frame{lon, lat, perLon, perLat}
}

// degrees rounds to 9 decimals, as geometry is stored (domain.md §8).
func (f frame) degrees(p point) orb.Point {
	return orb.Point{round9(f.lon + p.x/f.perLon), round9(f.lat + p.y/f.perLat)}
}

func round9(x float64) float64 { return math.Round(x*1e9) / 1e9 }
