package sheet

import (
	"slices"
	"strconv"
	"strings"

	"sillon/sillon"
)

// isDeclared reports whether a parcel has the numbers of a CAP declaration.
func isDeclared(p *sillon.Parcel) bool {
	return p.NumeroIlot != "" && p.NumeroIlot != "0" && p.NumeroParcelle != "" && p.NumeroParcelle != "0"
}

// shortName is how a certifier calls a parcel, its two numbers separated.
func shortName(p *sillon.Parcel, separator string) string {
	switch {
	case isDeclared(p):
		return p.NumeroIlot + separator + p.NumeroParcelle
	case p.Name != "":
		return p.Name
	}
	return cadastre(p)
}

// longName is shortName with the name.
func longName(p *sillon.Parcel) string { return named(p, shortName(p, ".")) }

// named is short with the name of a parcel, unless it is the name.
func named(p *sillon.Parcel, short string) string {
	if isDeclared(p) && p.Name != "" {
		return short + " (" + p.Name + ")"
	}
	return short
}

func cadastre(p *sillon.Parcel) string { return strings.Join(p.ReferencesCadastrales, " ") }

// mainCrop is the code of the first crop of a parcel, empty without crops.
func mainCrop(p *sillon.Parcel) string {
	if len(p.Crops) == 0 {
		return ""
	}
	return p.Crops[0].CPF
}

// What stands for a crop that cannot be named.
const (
	noCrop      = "[ERREUR] culture absente"
	unknownCrop = "[ERREUR] culture inconnue ("
)

// label is the name of a crop.
func (d *Document) label(code string) string {
	if c, ok := d.Crop(code); ok {
		return c.Label
	}
	return unknownCrop + code + ")"
}

// mainLabel is the name of the main crop of a parcel.
func (d *Document) mainLabel(p *sillon.Parcel) string {
	if len(p.Crops) == 0 {
		return noCrop
	}
	return d.label(p.Crops[0].CPF)
}

// labels names crops that grew on a parcel before.
func (d *Document) labels(codes []string) string {
	names := make([]string, len(codes))
	for i, code := range codes {
		names[i] = d.label(code)
	}
	return join(", ", names...)
}

// join joins the texts that are not empty.
func join(separator string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), separator)
}

// decimal is a number in French, with 2 decimals.
func decimal(n float64) string {
	return strings.Replace(strconv.FormatFloat(n, 'f', 2, 64), ".", ",", 1)
}

func sowing(c *sillon.Crop) string {
	if c.SownOn.IsZero() {
		return ""
	}
	return "semis le " + c.SownOn.French()
}

// cropSurface is the surface that a crop was given, as text.
func cropSurface(c *sillon.Crop) string {
	switch {
	case c.Surface == nil:
		return ""
	case c.Unit == sillon.UnitPercent:
		return strings.Replace(strconv.FormatFloat(*c.Surface, 'f', -1, 64), ".", ",", 1) + "%"
	}
	return decimal(*c.Surface) + "ha"
}

// eachCrop joins what f says of each crop of a parcel.
func eachCrop(p *sillon.Parcel, separator string, f func(i int, c *sillon.Crop) string) string {
	texts := make([]string, len(p.Crops))
	for i := range p.Crops {
		texts[i] = f(i, &p.Crops[i])
	}
	return join(separator, texts...)
}

func sowings(p *sillon.Parcel) string {
	return eachCrop(p, ", ", func(_ int, c *sillon.Crop) string { return sowing(c) })
}

func cropSurfaces(p *sillon.Parcel) string {
	return eachCrop(p, ", ", func(_ int, c *sillon.Crop) string { return cropSurface(c) })
}

func varieties(p *sillon.Parcel) string {
	return eachCrop(p, ", ", func(_ int, c *sillon.Crop) string { return c.Variete })
}

// otherCrops names the crops of a parcel but the main one, and all varieties.
func (d *Document) otherCrops(p *sillon.Parcel) string {
	return eachCrop(p, " / ", func(i int, c *sillon.Crop) string {
		if i == 0 {
			return c.Variete
		}
		return join(", ", d.label(c.CPF), c.Variete)
	})
}

// annotations are those of domain.md §5.3, with the state of the two that have one.
func annotations(p *sillon.Parcel) string {
	texts := make([]string, len(p.Annotations))
	for i, a := range p.Annotations {
		switch a.Code {
		case "reduction-conversion":
			texts[i] = "Réduction de conversion" + annotationState(a)
		case "downgraded":
			texts[i] = "Déclassement" + annotationState(a)
		case "risky":
			texts[i] = "À risque"
		case "sampled":
			texts[i] = "Prélèvement effectué"
		case "surveyed":
			texts[i] = "Visitée"
		default:
			texts[i] = a.Code
		}
	}
	return join(", ", texts...)
}

func annotationState(a sillon.Annotation) string {
	switch a.Metadata["state"] {
	case "accepted":
		return " (Accepté)"
	case "rejected":
		return " (Refusé)"
	}
	return " (En cours de traitement)"
}

// A note says which pieces of the notes text of documents.md §3.1 a layout wants.
type note struct {
	name        func(*sillon.Parcel) string // nil leaves it out
	own         string                      // code of the crop whose label another column holds
	alone       bool                        // own is the only crop to tell of
	auditor     bool
	annotations bool
}

// text is the notes text of a parcel.
func (d *Document) text(p *sillon.Parcel, n note) string {
	var pieces [4]string
	if n.name != nil {
		pieces[0] = n.name(p)
	}
	pieces[1] = eachCrop(p, " / ", func(_ int, c *sillon.Crop) string {
		label := ""
		switch {
		case c.CPF == n.own:
		case n.alone:
			return ""
		default:
			label = d.label(c.CPF)
		}
		return join(", ", label, c.Variete, sowing(c), cropSurface(c))
	})
	if n.auditor {
		pieces[2] = p.NotesAuditeur
	}
	if n.annotations {
		pieces[3] = annotations(p)
	}
	return join(", ", pieces[:]...)
}

// A group is the parcels that share a crop, a level and a day of engagement.
type group struct {
	crop    string
	none    bool // the parcels have no crop
	level   sillon.Level
	engaged sillon.Date
	parcels []*sillon.Parcel
	m2      float64
	shared  bool // a part of m2 is that of other crops too
}

// groups returns those of a document, in the order of their first parcels.
func (d *Document) groups() []*group {
	type key struct {
		crop    string
		none    bool
		level   sillon.Level
		engaged sillon.Date
	}
	var list []*group
	byKey := make(map[key]*group)
	for i := range d.Parcels {
		p := &d.Parcels[i]
		for _, part := range parts(p) {
			k := key{part.crop, len(p.Crops) == 0, p.Level, p.EngagedOn}
			g := byKey[k]
			if g == nil {
				g = &group{crop: k.crop, none: k.none, level: k.level, engaged: k.engaged}
				byKey[k], list = g, append(list, g)
			}
			g.parcels, g.m2, g.shared = append(g.parcels, p), g.m2+part.m2, g.shared || part.shared
		}
	}
	return list
}

// A part is the area of a parcel that counts for a crop (domain.md §6).
type part struct {
	crop   string
	m2     float64
	shared bool
}

// parts returns one part for each crop of a parcel: its surfaces when all have
// one, else the whole parcel. Without crops it is one part too.
func parts(p *sillon.Parcel) []part {
	var list []part
	told := len(p.Crops) > 0
	for i := range p.Crops {
		c := &p.Crops[i]
		m2 := 0.0
		switch {
		case c.Surface == nil:
			told = false
		case c.Unit == sillon.UnitPercent:
			m2 = *c.Surface / 100 * p.SurfaceM2
		default:
			m2 = *c.Surface * 10_000
		}
		if at := slices.IndexFunc(list, func(o part) bool { return o.crop == c.CPF }); at >= 0 {
			list[at].m2 += m2
		} else {
			list = append(list, part{crop: c.CPF, m2: m2})
		}
	}
	if len(list) == 0 {
		list = []part{{}}
	}
	if !told || len(p.Crops) == 1 {
		for i := range list {
			list[i].m2, list[i].shared = p.SurfaceM2, len(list) > 1
		}
	}
	return list
}

// label is the name of the crop of a group.
func (g *group) label(d *Document) string {
	if g.none {
		return noCrop
	}
	return d.label(g.crop)
}

// surface is the area of a group as a cell.
func (g *group) surface() any {
	if g.shared {
		return shared(ha(g.m2))
	}
	return ha(g.m2)
}

// text is the notes text of the parcels of a group.
func (g *group) text(d *Document, n note) string {
	n.own = g.crop
	texts := make([]string, len(g.parcels))
	for i, p := range g.parcels {
		texts[i] = d.text(p, n)
	}
	return join(" ; ", texts...)
}

// sum is the area of the parcels at a level, in m².
func (d *Document) sum(level sillon.Level) (m2 float64) {
	for i := range d.Parcels {
		if d.Parcels[i].Level == level {
			m2 += d.Parcels[i].SurfaceM2
		}
	}
	return m2
}

// total is the area of all parcels, in m².
func (d *Document) total() (m2 float64) {
	for i := range d.Parcels {
		m2 += d.Parcels[i].SurfaceM2
	}
	return m2
}

// pacages are the numbers of the farm, or the one that the version came with.
func (d *Document) pacages() string {
	if d.Version.Metadata.Pacage != "" {
		return d.Version.Metadata.Pacage
	}
	return join(", ", slices.Clone(d.Farm.Pacages)...)
}
