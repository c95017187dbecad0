package sillon

// MixiteOf derives the mixité of a parcellaire from its live parcels
// (domain.md §6).
func MixiteOf(parcels []Parcel) Mixite {
	var n, organic, converting int
	for i := range parcels {
		if parcels[i].isStrip() {
			continue // a buffer strip says nothing about the farm
		}
		n++
		switch parcels[i].Level {
		case LevelCONV:
			return MixiteMIXTE
		case LevelAB:
			organic++
		case LevelC1, LevelC2, LevelC3:
			converting++
		case LevelEngaged, LevelUnknown: // counted in n alone: it cannot be told yet
		}
	}
	switch {
	case n == 0 || organic+converting < n:
		return MixiteUnknown
	case converting == 0:
		return MixiteAB
	default:
		return MixiteABCONV
	}
}
