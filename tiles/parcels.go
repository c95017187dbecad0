package tiles

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sillon/geo/mvt"
	"sillon/sillon"
)

// parcelKeys are the attributes of parcels.
type parcelKeys struct {
	level, group, certifier, cpf, crop, surface         mvt.Key
	farm, version, parcel, label, state, geometryStatus mvt.Key
}

func (e *encoder) parcels(ctx context.Context, src Source, q *Query, a Address) error {
	l, k := &e.layer, &e.keys
	if err := l.Begin(vectorParcelles, a.Z, a.X, a.Y, e.detail); err != nil {
		return err
	}
	e.kinds.begin()
	crops, private := a.Z >= minZoomCrops, q.Scope.Private()
	certifiers := q.Scope.Kind == ScopeAll && !e.bare
	k.level = l.Key("niveau")
	if !e.bare {
		k.group = l.Key("groupe")
	}
	if certifiers {
		k.certifier = l.Key("certificateur")
	}
	if crops {
		k.cpf, k.crop, k.surface = l.Key("cpf"), l.Key("culture"), l.Key("surface")
	}
	if crops && private {
		k.farm, k.version, k.parcel = l.Key("numeroBio"), l.Key("parcellaire"), l.Key("parcelle")
		k.label, k.state, k.geometryStatus = l.Key("libelle"), l.Key("statut"), l.Key("geometrieStatut")
	}
	return src.Parcels(ctx, q, a, func(f *Feature) error {
		ok, err := e.shape(f)
		if err != nil {
			return fmt.Errorf("parcel %d: %w", f.ID, err)
		}
		if !ok {
			return nil
		}
		if tags, known := e.kinds.of(f.Kind); known {
			l.Repeat(tags)
		} else {
			e.kind(f, crops)
			e.kinds.keep(f.Kind, l.Tags())
		}
		if crops {
			l.Double(k.surface, shownSurface(f.SurfaceM2, private))
		}
		if certifiers {
			e.text(k.certifier, f.Certifier)
		}
		if crops && private {
			e.text(k.farm, f.Farm)
			e.text(k.version, f.Version)
			e.text(k.parcel, f.Parcel)
			e.text(k.label, f.Label)
			e.text(k.state, f.State)
			if f.GeometryStatus != string(sillon.GeometryValid) {
				e.text(k.geometryStatus, f.GeometryStatus)
			}
		}
		l.Add(f.ID)
		return nil
	})
}

// kind writes what a parcel has in common with others of its level and crop.
func (e *encoder) kind(f *Feature, crops bool) {
	e.text(e.keys.level, f.Level)
	if !e.bare {
		e.text(e.keys.group, f.Group)
	}
	if crops {
		e.text(e.keys.cpf, f.CPF)
		e.text(e.keys.crop, f.Culture)
	}
}

// text writes an attribute, unless it is empty.
func (e *encoder) text(k mvt.Key, s string) {
	if s != "" {
		e.layer.String(k, s)
	}
}

// shownSurface rounds a surface, to be given in hectares: to a hundredth for
// everybody, to the square metre for those who may know the farm.
func shownSurface(m2 float64, private bool) float64 {
	if private {
		return math.Round(m2) / 1e4
	}
	return math.Round(m2/100) / 100
}

// kinds remembers the attributes of each Feature.Kind of a tile.
type kinds struct {
	spans []kindSpan // by kind
	tags  []byte
	tile  uint32
}

type kindSpan struct{ from, to, tile uint32 }

func (k *kinds) begin() {
	k.tags = k.tags[:0]
	if k.tile++; k.tile == 0 {
		clear(k.spans)
		k.tile = 1
	}
}

func (k *kinds) of(kind uint32) (tags []byte, known bool) {
	if kind == 0 || int(kind) >= len(k.spans) || k.spans[kind].tile != k.tile {
		return nil, false
	}
	return k.tags[k.spans[kind].from:k.spans[kind].to], true
}

func (k *kinds) keep(kind uint32, tags []byte) {
	if kind == 0 || kind > maxKinds {
		return
	}
	if int(kind) >= len(k.spans) {
		k.spans = slices.Grow(k.spans, int(kind)+1-len(k.spans))[:kind+1]
	}
	from := uint32(len(k.tags))
	k.tags = append(k.tags, tags...)
	k.spans[kind] = kindSpan{from, uint32(len(k.tags)), k.tile}
}

// maxKinds bounds the memory of kinds: there are some hundreds of crops.
const maxKinds = 1 << 16

func (e *encoder) shape(f *Feature) (ok bool, err error) {
	if f.EWKB == nil {
		return e.layer.Shape(f.Shape), nil
	}
	return e.layer.Polygons(f.EWKB)
}
