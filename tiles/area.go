package tiles

import (
	"context"
	"fmt"
	"math"

	"sillon/geo/mvt"
)

// An AreaSource yields what tiles of areas are made of, as a Source does.
type AreaSource interface {
	// Areas yields the areas of a tileset whose box meets what a tile draws, in
	// the order of their codes.
	Areas(ctx context.Context, layer Layer, a Address, f func(*Area) error) error
}

// An Area is a commune or a département. It has its shape in one of two forms,
// as a Feature does.
type Area struct {
	Code, Name string
	EWKB       []byte
	Shape      mvt.Shape
	Sums       Sums // of a département
}

// Box is the box of an area's Shape.
func (a *Area) Box() Box { return boxOf(a.Shape.Points) }

// Sums are parcels counted, and their surfaces.
type Sums struct {
	Count    int
	Surfaces Surfaces
}

// The attributes of a département by level, and of a cell, in the order of
// Surfaces.
var (
	hectareKeys = [...]string{"ha_AB", "ha_C1", "ha_C2", "ha_C3", "ha_CONV", "ha_autre"}
	shareKeys   = [...]string{"part_AB", "part_C1", "part_C2", "part_C3", "part_CONV", "part_autre"}
)

// list is the surfaces in the order of the keys.
func (s *Surfaces) list() [len(hectareKeys)]int64 {
	return [...]int64{s.AB, s.C1, s.C2, s.C3, s.CONV, s.Other}
}

func (e *encoder) areas(ctx context.Context, src AreaSource, layer Layer, a Address) error {
	l := &e.layer
	name := vectorCommunes
	if layer == LayerDepartements {
		name = vectorDepartements
	}
	if err := l.Begin(name, a.Z, a.X, a.Y, e.detail); err != nil {
		return err
	}
	code, called := l.Key("code"), l.Key("nom")
	var count, total mvt.Key
	var hectare, share [len(hectareKeys)]mvt.Key
	if layer == LayerDepartements {
		count, total = l.Key("nombre"), l.Key("ha")
		for i := range hectare {
			hectare[i], share[i] = l.Key(hectareKeys[i]), l.Key(shareKeys[i])
		}
	}
	return src.Areas(ctx, layer, a, func(area *Area) error {
		ok, err := e.shape(&Feature{EWKB: area.EWKB, Shape: area.Shape})
		if err != nil {
			return fmt.Errorf("%s %s: %w", layer, area.Code, err)
		}
		if !ok {
			return nil
		}
		l.String(code, area.Code)
		l.String(called, area.Name)
		if layer == LayerDepartements {
			all := area.Sums.Surfaces.Total()
			l.Sint(count, int64(area.Sums.Count))
			l.Double(total, hectares(all))
			for i, dm2 := range area.Sums.Surfaces.list() {
				if ha := hectares(dm2); ha > 0 {
					l.Double(hectare[i], ha)
					l.Double(share[i], math.Round(float64(dm2)/float64(all)*1000)/10)
				}
			}
		}
		l.Add(areaID(area.Code))
		return nil
	})
}

// areaID makes a code, "26", "2A", "974" or "26113", a number of its own.
func areaID(code string) uint64 {
	var id uint64
	for _, c := range []byte(code) {
		id = id<<8 | uint64(c)
	}
	return id
}
