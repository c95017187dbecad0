package tiles

import (
	"maps"
	"strings"
)

// The names of the layers inside the tiles.
const (
	vectorMailles      = "mailles"
	vectorParcelles    = "parcelles"
	vectorCommunes     = "communes"
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

// DescriptionOptions say for whom a tileset is described.
type DescriptionOptions struct {
	PublicURL string // where the site is, without a path: TileJSON wants the addresses of tiles whole
	Query     string // of the tiles' addresses, encoded; may be empty
	Scope     Scope
}

// TileJSON describes a tileset to map libraries. ok is false if there is no
// such tileset.
func TileJSON(layer Layer, o DescriptionOptions) (d Description, ok bool) {
	address := strings.TrimSuffix(o.PublicURL, "/") + "/tiles/" + string(layer) + "/{z}/{x}/{y}.mvt"
	if o.Query != "" {
		address += "?" + o.Query
	}
	d = Description{
		TileJSON:    "3.0.0",
		Attribution: "Sillon · Licence Ouverte",
		Tiles:       []string{address},
		Bounds:      [4]float64{-63.2, -21.5, 56, 51.2}, // France with overseas, west of the antimeridian
	}
	d.MinZoom, d.MaxZoom, ok = layer.Zooms()
	switch layer {
	case LayerParcelles:
		d.Name = "Parcelles biologiques"
		d.VectorLayers = []VectorLayer{mailles, parcellesFor(o.Scope)}
	case LayerCommunes:
		d.Name = "Communes"
		d.VectorLayers = []VectorLayer{communes}
	case LayerDepartements:
		d.Name = "Départements"
		d.VectorLayers = []VectorLayer{departements}
	}
	return d, ok
}

// parcellesFor is the layer of parcels with what a scope lets see.
func parcellesFor(scope Scope) VectorLayer {
	l := parcelles
	if !scope.Private() {
		return l
	}
	l.Fields = maps.Clone(l.Fields)
	maps.Copy(l.Fields, map[string]string{
		"numeroBio":       "Exploitation, à partir du zoom 12",
		"parcellaire":     "Identifiant du parcellaire, à partir du zoom 12",
		"parcelle":        "Identifiant de la parcelle dans le parcellaire, à partir du zoom 12",
		"libelle":         "Îlot et parcelle PAC, sinon nom, à partir du zoom 12",
		"statut":          "Statut du parcellaire, à partir du zoom 12",
		"geometrieStatut": "Géométrie corrigee ou a_verifier, absent si valide, à partir du zoom 12",
	})
	if scope.Kind == ScopeAll {
		l.Fields["certificateur"] = "Certificateur du parcellaire"
	}
	return l
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
			"surface": "Surface en hectares, à partir du zoom 12 : 2 décimales, ou 4 pour qui voit les exploitations",
		},
	}
	communes = VectorLayer{
		ID: vectorCommunes, Description: "Communes", MinZoom: minZoomCommunes, MaxZoom: maxZoomCommunes,
		Fields: map[string]string{"code": "Code INSEE", "nom": "Nom"},
	}
	departements = VectorLayer{
		ID: vectorDepartements, Description: "Départements", MinZoom: 0, MaxZoom: maxZoomDepartements,
		Fields: map[string]string{
			"code":       "Code INSEE",
			"nom":        "Nom",
			"nombre":     "Nombre de parcelles",
			"ha":         "Surface totale des parcelles en hectares",
			"ha_AB":      "Hectares en agriculture biologique, absent si nul, comme les suivants",
			"ha_C1":      "Hectares en première année de conversion",
			"ha_C2":      "Hectares en deuxième année de conversion",
			"ha_C3":      "Hectares en troisième année de conversion",
			"ha_CONV":    "Hectares en conventionnel",
			"ha_autre":   "Hectares de niveau inconnu ou à préciser",
			"part_AB":    "Part de la surface totale en agriculture biologique, en pour cent, absente si nulle, comme les suivantes",
			"part_C1":    "Part en première année de conversion",
			"part_C2":    "Part en deuxième année de conversion",
			"part_C3":    "Part en troisième année de conversion",
			"part_CONV":  "Part en conventionnel",
			"part_autre": "Part de niveau inconnu ou à préciser",
		},
	}
)
