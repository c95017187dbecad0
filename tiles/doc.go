// Package tiles says what a tile of the map holds, and writes it. It knows no
// farm: a feature has an id, a shape and a few attributes, and who may see it
// is a Scope that only a Source understands.
//
// There are three tilesets. LayerParcelles draws square cells, with their count
// and their hectares, up to zoom 9, and the parcels themselves from zoom 10 to
// 16; LayerDepartements draws the départements, with theirs, up to zoom 12;
// LayerCommunes draws the communes. Encode makes a tile of parcels from a
// Source, EncodeAreas one of areas, and a Cache keeps them; TileJSON describes a
// tileset to map libraries, and Style is a map of them.
//
// Memory is the Source that holds all published parcels: about 165 bytes for
// one of ten corners. Readers take a Snapshot and never wait, edits are applied
// in one step, and whatever source has the same parcels gives the same bytes.
package tiles
