// Package tiles says what a tile of the map holds, and writes it. It knows no
// farm: a feature has an id, a shape and a few attributes, and who may see it
// is a Scope that only a Source understands.
//
// There are two tilesets. LayerParcelles draws square cells, with their count
// and their hectares, up to zoom 9, and the parcels themselves from zoom 10 to
// 16; LayerDepartements draws the départements up to zoom 12. Encode makes a
// tile from a Source; TileJSON describes a tileset to map libraries.
package tiles
