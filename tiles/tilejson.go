package tiles

import "strings"

// The names of the layers inside the tiles.
const (
	vectorMailles      = "mailles"
	vectorParcelles    = "parcelles"
	vectorDepartements = "departements"
)

// A Description is a TileJSON 3.0.0 document.
type Description struct {
	TileJSON     string        `json:"tilejson"`
	Name         string        `json:"name"`
	Attribution  string        `json:"attribution"`
	Tiles        []string      `json:"tiles"`
	Bounds       [4]float64    `json:"bounds"` // west, south, east, north
	MinZoom      uint32        `json:"minzoom"`
	MaxZoom      uint32        `json:"maxzoom"`
	VectorLayers []VectorLayer `json:"vector_layers"`
}

// A VectorLayer tells what a layer inside the tiles holds, and at which zooms.
type VectorLayer struct {
	ID          string            `json:"id"`
	Description string            `json:"description"`
	MinZoom     uint32            `json:"minzoom"`
	MaxZoom     uint32            `json:"maxzoom"`
	Fields      map[string]string `json:"fields"`
}

// TileJSON describes a tileset to map libraries. publicURL is where the site
// is, without a path: TileJSON wants the addresses of tiles whole. ok is false
// if there is no such tileset.
func TileJSON(layer Layer, publicURL string) (d Description, ok bool) {
	d = Description{
		TileJSON:    "3.0.0",
		Attribution: "Sillon · Licence Ouverte",
		Tiles:       []string{strings.TrimSuffix(publicURL, "/") + "/tiles/" + string(layer) + "/{z}/{x}/{y}.mvt"},
		Bounds:      [4]float64{-63.2, -21.5, 56, 51.2}, // France with overseas, west of the antimeridian
	}
	d.MaxZoom, ok = layer.MaxZoom()
	switch layer {
	case LayerParcelles:
		d.Name = "Parcelles biologiques"
		d.VectorLayers = []VectorLayer{mailles, parcelles}
	case LayerDepartements:
		d.Name = "Départements"
		d.VectorLayers = []VectorLayer{departements}
	case LayerCommunes:
	}
	return d, ok
}

var (
	mailles = VectorLayer{
		ID: vectorMailles, Description: "Surfaces par maille", MinZoom: 0, MaxZoom: maxZoomCells,
		Fields: map[string]string{
			"nombre":   "Nombre de parcelles",
			"ha":       "Surface totale en hectares",
			"niveau":   "Niveau de conversion de la plus grande surface",
			"ha_AB":    "Hectares en agriculture biologique, absent si nul, comme les suivants",
			"ha_C1":    "Hectares en première année de conversion",
			"ha_C2":    "Hectares en deuxième année de conversion",
			"ha_C3":    "Hectares en troisième année de conversion",
			"ha_CONV":  "Hectares en conventionnel",
			"ha_autre": "Hectares de niveau inconnu ou à préciser",
		},
	}
	parcelles = VectorLayer{
		ID: vectorParcelles, Description: "Parcelles", MinZoom: maxZoomCells + 1, MaxZoom: maxZoomParcels,
		Fields: map[string]string{
			"niveau":  "Niveau de conversion : CONV, C1, C2, C3, AB ou AB? (à préciser)",
			"groupe":  "Groupe de cultures",
			"cpf":     "Code CPF de la culture principale, à partir du zoom 12",
			"culture": "Culture principale, à partir du zoom 12",
			"surface": "Surface en hectares, à partir du zoom 12",
		},
	}
	departements = VectorLayer{
		ID: vectorDepartements, Description: "Départements", MinZoom: 0, MaxZoom: maxZoomDepartements,
		Fields: map[string]string{"code": "Code INSEE", "nom": "Nom"},
	}
)
