package tiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"sillon/sillon"
)

// A Theme is what a map is painted by.
type Theme string

// The themes.
const (
	ThemeLevel     Theme = "niveau"
	ThemeCrop      Theme = "culture"       // by group of crops
	ThemeCertifier Theme = "certificateur" // for those whose tiles name certifiers
)

// StyleOptions says for whom a style is written.
type StyleOptions struct {
	PublicURL  string   // scheme and host the browser uses, with or without a final slash
	Theme      Theme    // "" is ThemeLevel
	Background string   // "" for none, BackgroundPlan or BackgroundOrtho
	Certifiers []string // names, for ThemeCertifier: the first have colours of their own
}

var (
	// ErrNoTheme is the failure of a theme that there is not.
	ErrNoTheme = errors.New("no such theme")
	// ErrNoBackground is the failure of a background that there is not.
	ErrNoBackground = errors.New("no such background")
)

// The backgrounds of the Géoplateforme that a style may have (france.md). The
// browser fetches them itself: the server never does.
const (
	BackgroundPlan  = "ign-plan"
	BackgroundOrtho = "ign-ortho"
)

const (
	ignOrigin = "https://data.geopf.fr"
	ignWMTS   = ignOrigin + "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&STYLE=normal" +
		"&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&LAYER="
)

// BackgroundOrigin returns the outside origin that a background is fetched
// from, for the page's Content-Security-Policy; "" when there is none.
func BackgroundOrigin(background string) string {
	if background == "" {
		return ""
	}
	return ignOrigin
}

// levelStyle is how one level is painted and named, on the map as in its
// legend.
type levelStyle struct {
	Code   sillon.Level `json:"code"`
	Label  string       `json:"libelle"`
	Colour string       `json:"couleur"`
	Cells  string       `json:"mailles"` // attribute of a cell that holds its hectares
}

// levelStyles is in the order of the legend, which is that of the parcels' list
// (documents.md). The colours keep apart for every kind of colour vision.
var levelStyles = []levelStyle{
	{sillon.LevelAB, "Agriculture biologique", "#006853", "ha_AB"},
	{sillon.LevelC3, "3e année de conversion", "#c9701a", "ha_C3"},
	{sillon.LevelC2, "2e année de conversion", "#f5a52b", "ha_C2"},
	{sillon.LevelC1, "1re année de conversion", "#f8df8a", "ha_C1"},
	{sillon.LevelCONV, "Conventionnel", "#492a69", "ha_CONV"},
	{sillon.LevelEngaged, "Engagé, niveau à préciser", "#4a85ce", "ha_autre"},
	{sillon.LevelUnknown, "Niveau non renseigné", "#a4a4a1", "ha_autre"},
}

// groupStyles are the groups of crops of the nomenclature, and what is in none.
// Their colours keep apart as those of levels do.
var groupStyles = []class{
	{"Grandes Cultures", "Grandes cultures", "#fff67f"},
	{"Surfaces fourragères", "Surfaces fourragères", "#6fc625"},
	{"Légumes", "Légumes", "#e79dd0"},
	{"Fruits", "Fruits", "#be647f"},
	{"Viticulture", "Viticulture", "#2038a7"},
	{"Plantes à parfums, aromatiques et médicinales et plantes à boissons", "Plantes à parfum, aromatiques, médicinales et à boissons", "#5a68f6"},
	{"Autres surfaces", "Autres surfaces", "#754808"},
	{"", "Culture non renseignée", "#212627"},
}

// certifierColours are those of certifiers, in their order, and last that of
// all the others. They keep apart a little less: there are more of them.
var certifierColours = []string{
	"#08a200", "#5b0aae", "#ffe063", "#b4246b", "#8bb5ff", "#6f3506", "#ffa391", "#162a41", "#7660ba", "#b5eef1", "#000000", "#b3829a",
}

// A class is what one value of the attribute of a theme is painted and called.
type class struct {
	Code   string `json:"code"` // the value; empty is any other
	Label  string `json:"libelle"`
	Colour string `json:"couleur"`
}

// A legend is how a theme paints parcels.
type legend struct {
	Theme     Theme   `json:"theme"`
	Attribute string  `json:"attribut"`
	Classes   []class `json:"classes"` // the last is that of any other value
}

// legendOf is the legend of a theme.
func legendOf(o *StyleOptions) (*legend, error) {
	switch o.Theme {
	case "", ThemeLevel:
		l := &legend{ThemeLevel, "niveau", nil}
		for _, s := range levelStyles {
			l.Classes = append(l.Classes, class{string(s.Code), s.Label, s.Colour})
		}
		return l, nil
	case ThemeCrop:
		return &legend{ThemeCrop, "groupe", groupStyles}, nil
	case ThemeCertifier:
		l := &legend{ThemeCertifier, "certificateur", nil}
		last := len(certifierColours) - 1
		for _, name := range o.Certifiers {
			known := func(c class) bool { return c.Code == name } // an expression has each value once
			if n := len(l.Classes); n < last && name != "" && !slices.ContainsFunc(l.Classes, known) {
				l.Classes = append(l.Classes, class{name, name, certifierColours[n]})
			}
		}
		l.Classes = append(l.Classes, class{"", "Autre certificateur", certifierColours[last]})
		return l, nil
	}
	return nil, fmt.Errorf("theme %q: %w", o.Theme, ErrNoTheme)
}

// paint gives each class of a legend its value of property.
func (l *legend) paint(property func(colour string) string) []any {
	last := len(l.Classes) - 1
	if last == 0 {
		return []any{"literal", property(l.Classes[0].Colour)}
	}
	expr := []any{"match", []any{"get", l.Attribute}}
	for _, c := range l.Classes[:last] {
		expr = append(expr, c.Code, property(c.Colour))
	}
	return append(expr, property(l.Classes[last].Colour))
}

const (
	seaColour      = "#e7e7e3"
	landColour     = "#f6f3ec"
	boundaryColour = "#c9c3b4"
	selectedColour = "#16201b"
	cellColour     = "#5d6b52" // of cells that do not tell the attribute of the theme
)

// object is a JSON object; encoding/json writes its keys sorted, so that one
// style has one form.
type object map[string]any

// Style returns a MapLibre style of the map. It draws from this server alone,
// but for its background. metadata["sillon:legende"] is the legend of the
// theme; metadata["sillon:niveaux"] that of levels: code, French label, colour,
// and the cell attribute of each. It fails with ErrNoTheme and ErrNoBackground.
func Style(o StyleOptions) ([]byte, error) {
	legend, err := legendOf(&o)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(o.PublicURL, "/")
	sources := object{
		"parcelles":    object{"type": "vector", "url": base + "/tiles/parcelles.json"},
		"departements": object{"type": "vector", "url": base + "/tiles/departements.json"},
	}
	layers := []object{
		{"id": "fond", "type": "background", "paint": object{"background-color": seaColour}},
		{
			"id": "terre", "type": "fill", "source": "departements", "source-layer": "departements",
			"paint": object{"fill-color": landColour, "fill-antialias": false},
		},
	}
	if o.Background != "" {
		source, layer, err := background(o.Background)
		if err != nil {
			return nil, err
		}
		sources["ign"] = source
		layers = append(layers, layer)
	}
	layers = append(layers, dataLayers(legend, o.Background)...)

	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // the addresses of a background hold ampersands
	err = enc.Encode(object{
		"version":  8,
		"name":     "Sillon",
		"metadata": object{"sillon:niveaux": levelStyles, "sillon:legende": legend},
		"sources":  sources,
		"layers":   layers,
	})
	if err != nil {
		return nil, fmt.Errorf("style: %w", err)
	}
	return buf.Bytes(), nil
}

// background returns the source and the layer of a background. It lies over
// the land, which shows when the outside tiles fail.
func background(name string) (source, layer object, err error) {
	var tiles string
	paint := object{"raster-fade-duration": 150}
	switch name {
	case BackgroundPlan:
		tiles = ignWMTS + "GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2&FORMAT=image/png"
		paint["raster-saturation"] = -0.6 // the parcels' colours must be the only strong ones
		paint["raster-opacity"] = 0.75
	case BackgroundOrtho:
		tiles = ignWMTS + "ORTHOIMAGERY.ORTHOPHOTOS&FORMAT=image/jpeg"
	default:
		return nil, nil, fmt.Errorf("background %q: %w", name, ErrNoBackground)
	}
	source = object{
		"type": "raster", "tiles": []string{tiles}, "tileSize": 256, "maxzoom": 19,
		"attribution": `<a href="https://geoservices.ign.fr/">IGN – Géoplateforme</a>`,
	}
	return source, object{"id": "ign", "type": "raster", "source": "ign", "paint": paint}, nil
}

// dataLayers returns what lies over the background: cells far off, parcels
// near. No layer has a zoom limit: while the tiles of the next zoom load,
// those of the last one stay.
func dataLayers(legend *legend, background string) []object {
	cells := any(cellColour)
	if legend.Theme == ThemeLevel {
		cells = legend.paint(same)
	}
	fill := 0.72
	if background == BackgroundOrtho {
		fill = 0.45 // the field itself must show
	}
	return []object{
		{
			"id": "mailles", "type": "fill", "source": "parcelles", "source-layer": "mailles",
			"paint": object{
				"fill-antialias": false, // or neighbours overlap by a pixel
				"fill-color":     cells,
				"fill-opacity":   cellOpacity(),
			},
		},
		{
			"id": "departements", "type": "line", "source": "departements", "source-layer": "departements",
			"layout": object{"line-join": "round"},
			"paint": object{
				"line-color": boundaryColour,
				"line-width": byZoom(4, 0.4, 8, 1, 12, 1.6),
			},
		},
		{
			"id": "parcelles", "type": "fill", "source": "parcelles", "source-layer": "parcelles",
			"paint": object{
				"fill-color": legend.paint(same),
				"fill-opacity": whenState("selection", math.Min(1, fill+0.25),
					whenState("survol", math.Min(1, fill+0.18), fill)),
			},
		},
		{
			"id": "parcelles-contour", "type": "line", "source": "parcelles", "source-layer": "parcelles",
			"layout": object{"line-join": "round"},
			"paint": object{
				"line-color": whenState("selection", selectedColour,
					legend.paint(darker)),
				"line-width": byZoom(
					10, whenState("selection", 1.5, 0.2),
					13, whenState("selection", 2.5, 0.8),
					16, whenState("selection", 3.5, 1.5)),
			},
		},
	}
}

func same(colour string) string { return colour }

func byZoom(stops ...any) []any {
	return append([]any{"interpolate", []any{"linear"}, []any{"zoom"}}, stops...)
}

func whenState(state string, then, otherwise any) []any {
	return []any{"case", []any{"boolean", []any{"feature-state", state}, false}, then, otherwise}
}

// cellOpacity makes a cell the stronger, the larger the share of its land that
// the parcels hold. A cell is a 64th of a tile, so that its area, hence the
// scale, changes with the zoom of the tile.
func cellOpacity() []any {
	expr := []any{"step", []any{"zoom"}, shareOpacity(0)}
	for z := 1; z <= maxZoomCells; z++ {
		expr = append(expr, z, shareOpacity(z))
	}
	return expr
}

// shareOpacity is cellOpacity at zoom z. The stops are a scale of tens: a
// handful of farms must show, and the plains must not be one flat colour.
func shareOpacity(z int) []any {
	const (
		equator  = 40_075_016.68 // m
		latitude = 46.5          // middle of metropolitan France, degrees
	)
	side := equator * math.Cos(latitude*math.Pi/180) / math.Exp2(float64(z)) / 64
	hectares := side * side / 10_000
	expr := []any{"interpolate", []any{"linear"}, []any{"get", "ha"}}
	for _, stop := range []struct{ share, opacity float64 }{
		{0, 0.3}, {0.0005, 0.4}, {0.005, 0.55}, {0.05, 0.75}, {0.25, 0.95},
	} {
		expr = append(expr, math.Round(stop.share*hectares*100)/100, stop.opacity)
	}
	return expr
}

// darker returns a colour for the outline of a surface painted in colour
// (#rrggbb).
func darker(colour string) string {
	const factor = 0.68
	var b strings.Builder
	b.WriteByte('#')
	for i := 1; i < len(colour); i += 2 {
		v, err := strconv.ParseUint(colour[i:i+2], 16, 8)
		if err != nil {
			return colour
		}
		fmt.Fprintf(&b, "%02x", int(float64(v)*factor))
	}
	return b.String()
}
