// Package mvt writes Mapbox Vector Tiles 2.1 by hand, straight from the EWKB
// that PostGIS stores: no geometry value, no protobuf library, no allocation
// per feature.
//
// A Layer is one layer of one tile. A feature is written in three steps: its
// shape, its attributes, and Add:
//
//	l.Begin("parcelles", z, x, y, mvt.Fine)
//	level := l.Key("niveau")
//	for … {
//		ok, err := l.Polygons(ewkb)
//		if err != nil { … }
//		if !ok {
//			continue // nothing of it is in this tile
//		}
//		l.String(level, "AB")
//		l.Add(id)
//	}
//	tile = l.Append(tile)
//
// # Coordinates
//
// Longitude and latitude become whole coordinates of a world of 2³² units a
// side (9 mm at the equator) by World, which depends on no tile, and these the
// units of the tile by a shift. So whoever keeps a Shape, which is in world
// coordinates, in memory gets from Layer.Shape the bytes that Layer.Polygons
// gives for its EWKB. In a tile, x grows eastwards and y southwards, from 0 to
// Extent, with Buffer units more on each side.
//
// # Shapes
//
// A ring is snapped to the grid, freed of repeated and collinear points,
// simplified, clipped, and, if it then touches or crosses itself, cut where it
// does. Exterior rings leave with a positive area in tile space (clockwise on
// the screen), interior rings with a negative one.
package mvt
