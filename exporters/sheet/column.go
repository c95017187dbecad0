package sheet

import "sillon/sillon"

// The columns that several layouts have, under titles of their own.

func parcelID(t string) column {
	return column{t, 38, func(r *row) any { return r.parcel.ID }}
}

func ilot(t string) column {
	return column{t, 9, func(r *row) any { return r.parcel.NumeroIlot }}
}

func numero(t string) column {
	return column{t, 11, func(r *row) any { return r.parcel.NumeroParcelle }}
}

func surface(t string) column {
	return column{t, 12, func(r *row) any { return ha(r.parcel.SurfaceM2) }}
}

func level(t string) column {
	return column{t, 12, func(r *row) any { return string(r.parcel.Level) }}
}

func engaged(t string) column {
	return column{t, 14, func(r *row) any { return r.parcel.EngagedOn }}
}

func cropCode(t string) column {
	return column{t, 14, func(r *row) any { return mainCrop(r.parcel) }}
}

func cropLabel(t string) column {
	return column{t, 28, func(r *row) any { return r.mainLabel(r.parcel) }}
}

func communeLabel(t string) column {
	return column{t, 22, func(r *row) any { return r.Communes[r.parcel.Commune] }}
}

func previous(t string) column {
	return column{t, 22, func(r *row) any { return r.labels(r.Past[r.parcel.ID].Previous) }}
}

func beforePrevious(t string) column {
	return column{t, 22, func(r *row) any { return r.labels(r.Past[r.parcel.ID].BeforePrevious) }}
}

// levelColumn holds the surface of the parcels at a level.
func levelColumn(t string, l sillon.Level) column {
	return column{t, 10, func(r *row) any {
		if r.parcel.Level != l {
			return nil
		}
		return ha(r.parcel.SurfaceM2)
	}}
}

// levelName is how layouts call a level.
func levelName(l sillon.Level) string {
	if l == sillon.LevelCONV {
		return "C0"
	}
	return string(l)
}

// levelColumns are five, from conventional to conversion.
func levelColumns() []column {
	var list []column
	for _, l := range []sillon.Level{sillon.LevelCONV, sillon.LevelAB, sillon.LevelC1, sillon.LevelC2, sillon.LevelC3} {
		list = append(list, levelColumn(levelName(l), l))
	}
	return list
}
