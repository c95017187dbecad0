package tiles

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sillon/sillon"
)

type styleDocument struct {
	Version  int
	Metadata struct {
		Levels []struct{ Code, Libelle, Couleur, Mailles string } `json:"sillon:niveaux"`
		Legend struct {
			Theme, Attribut string
			Classes         []struct{ Code, Libelle, Couleur string }
		} `json:"sillon:legende"`
	}
	Sources map[string]struct {
		Type, URL, Attribution string
		Tiles                  []string
	}
	Layers []struct {
		ID, Type, Source string
		SourceLayer      string `json:"source-layer"`
		Paint            map[string]any
		Layout           map[string]any
	}
	Glyphs, Sprite string
}

func TestStyle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options StyleOptions
		outside []string // what the style fetches elsewhere
		err     bool
	}{
		{"no background", StyleOptions{PublicURL: "https://carte.example"}, nil, false},
		{"final slash", StyleOptions{PublicURL: "https://carte.example/"}, nil, false},
		{
			"plan",
			StyleOptions{PublicURL: "https://carte.example", Background: BackgroundPlan},
			[]string{"LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2"},
			false,
		},
		{
			"aerial",
			StyleOptions{PublicURL: "https://carte.example", Background: BackgroundOrtho},
			[]string{"LAYER=ORTHOIMAGERY.ORTHOPHOTOS"},
			false,
		},
		{"by crop", StyleOptions{PublicURL: "https://carte.example", Theme: ThemeCrop}, nil, false},
		{
			"by certifier over an aerial view",
			StyleOptions{PublicURL: "https://carte.example", Theme: ThemeCertifier, Certifiers: []string{"Un"}, Background: BackgroundOrtho},
			[]string{"LAYER=ORTHOIMAGERY.ORTHOPHOTOS"},
			false,
		},
		{"unknown background", StyleOptions{Background: "osm"}, nil, true},
		{"unknown theme", StyleOptions{Theme: "humeur"}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := Style(tt.options)
			if (err != nil) != tt.err {
				t.Fatalf("Style() error = %v, want error %v", err, tt.err)
			}
			if tt.err {
				return
			}
			var doc styleDocument
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Version != 8 || doc.Glyphs != "" || doc.Sprite != "" {
				t.Errorf("version %d, glyphs %q, sprite %q", doc.Version, doc.Glyphs, doc.Sprite)
			}
			for _, name := range []string{"parcelles", "departements"} {
				if got, want := doc.Sources[name].URL, "https://carte.example/tiles/"+name+".json"; got != want {
					t.Errorf("source %s = %q, want %q", name, got, want)
				}
			}
			var outside []string
			for _, s := range doc.Sources {
				outside = append(outside, s.Tiles...)
			}
			if len(outside) != len(tt.outside) {
				t.Fatalf("outside tiles = %v, want %v", outside, tt.outside)
			}
			for i, want := range tt.outside {
				if !strings.Contains(outside[i], want) || !strings.HasPrefix(outside[i], BackgroundOrigin(tt.options.Background)+"/") {
					t.Errorf("outside tiles = %q, want %q of %s", outside[i], want, BackgroundOrigin(tt.options.Background))
				}
				if got := doc.Sources["ign"].Attribution; !strings.Contains(got, "IGN – Géoplateforme") {
					t.Errorf("attribution = %q", got)
				}
			}
			ids := map[string]bool{}
			for _, l := range doc.Layers {
				if ids[l.ID] {
					t.Errorf("layer %s twice", l.ID)
				}
				ids[l.ID] = true
				if _, ok := doc.Sources[l.Source]; !ok && l.Type != "background" {
					t.Errorf("layer %s: no source %q", l.ID, l.Source)
				}
				if l.Type == "symbol" {
					t.Errorf("layer %s needs glyphs or sprites", l.ID)
				}
			}
			for _, id := range []string{"fond", "terre", "mailles", "departements", "parcelles", "parcelles-contour"} {
				if !ids[id] {
					t.Errorf("no layer %s", id)
				}
			}
		})
	}
}

func TestStyleLegend(t *testing.T) {
	t.Parallel()
	b, err := Style(StyleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var doc styleDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	colours := map[string]string{}
	for _, l := range doc.Metadata.Levels {
		colours[l.Code] = l.Couleur
	}
	for _, level := range append(slices.Clone(sillon.Levels), sillon.LevelUnknown) {
		if colours[string(level)] == "" {
			t.Errorf("level %q has no line in the legend", level)
		}
	}
	for _, l := range doc.Layers {
		expr, ok := l.Paint["fill-color"].([]any)
		if !ok {
			continue
		}
		for i := 2; i+1 < len(expr); i += 2 {
			if code := expr[i].(string); expr[i+1] != colours[code] {
				t.Errorf("layer %s paints %s in %v, the legend in %s", l.ID, code, expr[i+1], colours[code])
			}
		}
		if last := expr[len(expr)-1]; last != colours[""] {
			t.Errorf("layer %s paints no level in %v, the legend in %s", l.ID, last, colours[""])
		}
	}
}

// TestThemes holds what each theme paints to its legend.
func TestThemes(t *testing.T) {
	t.Parallel()
	many := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"}
	tests := []struct {
		name      string
		options   StyleOptions
		attribute string
		classes   int
	}{
		{"levels", StyleOptions{}, "niveau", len(sillon.Levels) + 1},
		{"groups of crops", StyleOptions{Theme: ThemeCrop}, "groupe", 8},
		{"two certifiers", StyleOptions{Theme: ThemeCertifier, Certifiers: []string{"a", "", "a", "b"}}, "certificateur", 3},
		{"no certifier", StyleOptions{Theme: ThemeCertifier}, "certificateur", 1},
		{"more certifiers than colours", StyleOptions{Theme: ThemeCertifier, Certifiers: many}, "certificateur", 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := Style(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			var doc styleDocument
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			l := doc.Metadata.Legend
			if l.Attribut != tt.attribute || len(l.Classes) != tt.classes || l.Classes[tt.classes-1].Code != "" && tt.attribute != "niveau" {
				t.Fatalf("legend %+v", l)
			}
			for _, layer := range doc.Layers {
				if layer.ID != "parcelles" {
					continue
				}
				expr := layer.Paint["fill-color"].([]any)
				if tt.classes == 1 {
					if expr[1] != l.Classes[0].Couleur {
						t.Errorf("painted %v", expr)
					}
					continue
				}
				if got := expr[1].([]any)[1]; got != tt.attribute || len(expr) != 2*tt.classes+1 || expr[len(expr)-1] != l.Classes[tt.classes-1].Couleur {
					t.Errorf("painted %v", expr)
				}
				for i, c := range l.Classes[:tt.classes-1] {
					if expr[2+2*i] != c.Code || expr[3+2*i] != c.Couleur || c.Libelle == "" {
						t.Errorf("%v is painted %v", c, expr[2+2*i:4+2*i])
					}
				}
			}
		})
	}
}

// Matrices of Machado, Oliveira and Fernandes (2009) at full severity, on
// linear RGB.
var visions = map[string][3][3]float64{
	"ordinary": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia": {
		{0.152286, 1.052583, -0.204868},
		{0.114503, 0.786281, 0.099216},
		{-0.003882, -0.048116, 1.051998},
	},
	"deuteranopia": {
		{0.367322, 0.860646, -0.227968},
		{0.280085, 0.672501, 0.047413},
		{-0.011820, 0.042940, 0.968881},
	},
	"tritanopia": {
		{1.255528, -0.076749, -0.178779},
		{-0.078411, 0.930809, 0.147602},
		{0.004733, 0.691367, 0.303900},
	},
}

func TestColoursKeepApart(t *testing.T) {
	t.Parallel()
	const least = 0.12 // distance in OKLab; 0.02 is the least that an eye tells
	var levels, groups []string
	for _, s := range levelStyles {
		levels = append(levels, s.Colour)
	}
	for _, s := range groupStyles {
		groups = append(groups, s.Colour)
	}
	for theme, colours := range map[string][]string{"levels": levels, "groups": groups, "certifiers": certifierColours} {
		for name, vision := range visions {
			t.Run(theme+" in "+name, func(t *testing.T) {
				t.Parallel()
				for i, a := range colours {
					for _, b := range colours[:i] {
						if d := colourDistance(t, a, b, vision); d < least {
							t.Errorf("%q and %q are %.3f apart, want %.2f", a, b, d, least)
						}
					}
				}
			})
		}
	}
}

func colourDistance(t *testing.T, a, b string, vision [3][3]float64) float64 {
	t.Helper()
	p, q := oklab(t, a, vision), oklab(t, b, vision)
	return math.Sqrt((p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2]))
}

// oklab returns a colour (#rrggbb) as an eye of that vision sees it.
func oklab(t *testing.T, colour string, vision [3][3]float64) [3]float64 {
	t.Helper()
	var rgb [3]float64
	for i := range rgb {
		v, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatalf("colour %s: %v", colour, err)
		}
		if c := float64(v) / 255; c <= 0.04045 {
			rgb[i] = c / 12.92
		} else {
			rgb[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	seen := product(vision, rgb)
	for i := range seen {
		seen[i] = min(1, max(0, seen[i]))
	}
	lms := product([3][3]float64{
		{0.4122214708, 0.5363325363, 0.0514459929},
		{0.2119034982, 0.6806995451, 0.1073969566},
		{0.0883024619, 0.2817188376, 0.6299787005},
	}, seen)
	for i := range lms {
		lms[i] = math.Cbrt(lms[i])
	}
	return product([3][3]float64{
		{0.2104542553, 0.793617785, -0.0040720468},
		{1.9779984951, -2.428592205, 0.4505937099},
		{0.0259040371, 0.7827717662, -0.808675766},
	}, lms)
}

func product(m [3][3]float64, v [3]float64) (p [3]float64) {
	for i, row := range m {
		p[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return p
}
