// Package demo invents farms that look real: fields that share their borders,
// crops of the region, years of conversion, certifiers who follow one another.
// It is pure: the same seed gives the same farms, and nothing is read or
// written. Names, numbers and certifiers are fictitious.
package demo

import (
	"iter"
	"math/rand/v2"

	"sillon/sillon"
)

// LastYear is the newest year of control of the farms.
const LastYear = 2026

// FirstNumeroBio is the numéro bio of the first farm; the others follow.
const FirstNumeroBio = 900001

// A Farm is a farm of the registry with its versions, the oldest first.
type Farm struct {
	sillon.Farm
	Versions []Version
}

// A Version is a parcellaire with its parcels. Surfaces, revisions and times of
// creation are left to whoever stores it. Versions of one farm share their
// geometries, which must not be changed in place.
type Version struct {
	sillon.Parcellaire
	Parcels []sillon.Parcel
}

// Farms yields farms that hold, over all their versions, exactly parcels
// parcels. Farm number i depends on seed and i alone, whatever parcels is: only
// the last farm may be cut short. Farms do not overlap up to about three
// million parcels; beyond, places are used again.
//
// Each farm is made when it is asked for, so that memory stays flat.
func Farms(seed uint64, parcels int) iter.Seq[Farm] {
	return func(yield func(Farm) bool) {
		if parcels <= 0 {
			return
		}
		places := slots(seed)
		pcg := rand.NewPCG(0, 0)
		m := maker{rng: rand.New(pcg)}
		for i, left := 0, parcels; left > 0; i++ {
			pcg.Seed(mix(seed), mix(seed^mix(uint64(i))))
			f := m.farm(seed, i, places[i%len(places)])
			left -= f.cut(left)
			if !yield(f) {
				return
			}
		}
	}
}

// cut shortens f to at most left parcels, the newest versions first, and
// returns how many it holds.
func (f *Farm) cut(left int) int {
	n := 0
	for i := len(f.Versions) - 1; i >= 0; i-- {
		v := &f.Versions[i]
		if n+len(v.Parcels) > left {
			v.Parcels = v.Parcels[:left-n]
			v.tally()
		}
		if len(v.Parcels) == 0 {
			f.Versions = f.Versions[i+1:]
			break
		}
		n += len(v.Parcels)
	}
	return n
}

// tally derives from the parcels of v what it says of them.
func (v *Version) tally() {
	v.ParcelCount = len(v.Parcels)
	v.Mixite = sillon.MixiteOf(v.Parcels)
}

// mix scrambles the bits of x, so that neighbouring numbers give unlike seeds.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
