package demo

import "math/rand/v2"

// A cycle says how long a crop stays and when it is sown.
type cycle uint8

const (
	autumn  cycle = iota // sown the year before, harvested in summer
	spring               // sown in spring, harvested the same year
	lasting              // the same for years
	woody                // lasting, and three years in conversion
)

// A crop is one that demo farms grow.
type crop struct {
	cpf       string // code of the nomenclature
	pac       string // code of the CAP declaration
	cycle     cycle
	varieties []string
}

var (
	durum        = crop{cpf: "01.11.11", pac: "BDH"}
	wheat        = crop{cpf: "01.11.12", pac: "BTH", varieties: []string{"Izalco", "Renan", "Energo"}}
	maize        = crop{cpf: "01.11.20.2", pac: "MIS", cycle: spring}
	barley       = crop{cpf: "01.11.31.2", pac: "ORH"}
	rye          = crop{cpf: "01.11.32", pac: "SGH"}
	oat          = crop{cpf: "01.11.33", pac: "AVH"}
	triticale    = crop{cpf: "01.11.43", pac: "TTH"}
	buckwheat    = crop{cpf: "01.11.49.2", pac: "SRS", cycle: spring}
	cerealMix    = crop{cpf: "01.11.49.31", pac: "MCR"}
	fababean     = crop{cpf: "01.11.72", pac: "FVL"}
	chickpea     = crop{cpf: "01.11.73", pac: "PCH", cycle: spring}
	lentil       = crop{cpf: "01.11.74", pac: "LEC", cycle: spring}
	pea          = crop{cpf: "01.11.75", pac: "PHI"}
	soya         = crop{cpf: "01.11.81", pac: "SOJ", cycle: spring}
	rape         = crop{cpf: "01.11.93", pac: "CZH"}
	sunflower    = crop{cpf: "01.11.95", pac: "TRN", cycle: spring}
	cabbage      = crop{cpf: "01.13.12", pac: "CHU", cycle: spring}
	artichoke    = crop{cpf: "01.13.17", pac: "ART", cycle: lasting}
	squash       = crop{cpf: "01.13.39.32", pac: "POT", cycle: spring}
	carrot       = crop{cpf: "01.13.41.1", pac: "CAR", cycle: spring}
	leek         = crop{cpf: "01.13.44", pac: "POR", cycle: spring}
	potato       = crop{cpf: "01.13.51.1", pac: "PTC", cycle: spring, varieties: []string{"Charlotte", "Agria"}}
	vegetables   = crop{cpf: "01.13.90.2", pac: "MDI", cycle: spring}
	sugarCane    = crop{cpf: "01.14.1", pac: "CSF", cycle: lasting}
	leyGrass     = crop{cpf: "01.19.10.11", pac: "PTR", cycle: lasting}
	meadow       = crop{cpf: "01.19.10.12", pac: "PPH", cycle: lasting}
	rangeland    = crop{cpf: "01.19.10.13", pac: "SPH", cycle: lasting}
	sainfoin     = crop{cpf: "01.19.10.21", pac: "SAI", cycle: lasting}
	fodderMix    = crop{cpf: "01.19.10.6", pac: "MLG"}
	clover       = crop{cpf: "01.19.10.7", pac: "TRE", cycle: lasting}
	lucerne      = crop{cpf: "01.19.10.8", pac: "LUZ", cycle: lasting}
	southernVine = crop{cpf: "01.21.12", pac: "VRC", cycle: woody, varieties: []string{"Syrah", "Grenache", "Carignan", "Cinsault", "Merlot"}}
	northernVine = crop{cpf: "01.21.12", pac: "VRC", cycle: woody, varieties: []string{"Chardonnay", "Pinot noir", "Chenin", "Sauvignon"}}
	banana       = crop{cpf: "01.22.12", pac: "BCA", cycle: woody}
	pineapple    = crop{cpf: "01.22.19.1", pac: "ANA", cycle: lasting}
	mango        = crop{cpf: "01.22.19.6", pac: "VRG", cycle: woody}
	litchi       = crop{cpf: "01.22.19.8", pac: "VRG", cycle: woody}
	vanilla      = crop{cpf: "01.28.18", pac: "VNL", cycle: woody}
	ciderApple   = crop{cpf: "01.24.10.1", pac: "VRG", cycle: woody}
	apple        = crop{cpf: "01.24.10.2", pac: "VRG", cycle: woody, varieties: []string{"Gala", "Chanteclerc", "Reinette"}}
	apricot      = crop{cpf: "01.24.23", pac: "VRG", cycle: woody, varieties: []string{"Bergeron", "Orangered"}}
	cherry       = crop{cpf: "01.24.24", pac: "VRG", cycle: woody, varieties: []string{"Burlat", "Folfer"}}
	peach        = crop{cpf: "01.24.25", pac: "VRG", cycle: woody}
	plum         = crop{cpf: "01.24.27.1", pac: "VRG", cycle: woody}
	almond       = crop{cpf: "01.25.31", pac: "VRG", cycle: woody}
	chestnut     = crop{cpf: "01.25.32", pac: "CTG", cycle: woody}
	walnut       = crop{cpf: "01.25.35", pac: "NOX", cycle: woody, varieties: []string{"Franquette"}}
	olive        = crop{cpf: "01.26.12", pac: "VRG", cycle: woody, varieties: []string{"Aglandau", "Picholine", "Tanche"}}
	clarySage    = crop{cpf: "01.28.19.23", pac: "SGE", cycle: lasting}
	thyme        = crop{cpf: "01.28.19.25", pac: "THY", cycle: lasting}
	lavender     = crop{cpf: "01.28.30.11", pac: "LAV", cycle: lasting}
	lavandin     = crop{cpf: "01.28.30.12", pac: "LAV", cycle: lasting}
	grazedWood   = crop{cpf: "01.95.11", pac: "BOP", cycle: lasting}
	fallow       = crop{cpf: "01.91", pac: "JAC"}
	greenManure  = crop{cpf: "01.93", pac: "MPA"}
	bufferStrip  = crop{cpf: "01.99.10.1", pac: "BTA", cycle: lasting}
)

// A terroir is what farms of a region grow, and on what fields.
type terroir struct {
	hectares float64 // usual size of a field
	strips   float64 // usual length over width of a field
	vertices float64 // metres of border for a vertex, about
	crops    []share
}

// A share is the weight of a crop in a terroir.
type share struct {
	crop   *crop
	weight int
}

var (
	plains = terroir{3.8, 2.2, 100, []share{
		{&wheat, 22},
		{&barley, 8},
		{&maize, 7},
		{&sunflower, 10},
		{&soya, 9},
		{&lentil, 6},
		{&fababean, 6},
		{&pea, 4},
		{&rape, 4},
		{&chickpea, 3},
		{&durum, 3},
		{&lucerne, 10},
		{&leyGrass, 6},
		{&meadow, 5},
		{&cerealMix, 4},
		{&fallow, 3},
		{&bufferStrip, 1},
	}}
	pasture = terroir{2.1, 1.5, 62, []share{
		{&meadow, 34},
		{&leyGrass, 26},
		{&cerealMix, 8},
		{&wheat, 6},
		{&triticale, 5},
		{&maize, 5},
		{&fodderMix, 4},
		{&oat, 2},
		{&buckwheat, 3},
		{&clover, 3},
		{&lucerne, 3},
		{&ciderApple, 1},
		{&bufferStrip, 1},
	}}
	uplands = terroir{2.4, 1.4, 55, []share{
		{&meadow, 46},
		{&rangeland, 18},
		{&leyGrass, 14},
		{&grazedWood, 8},
		{&rye, 3},
		{&triticale, 3},
		{&barley, 3},
		{&lentil, 3},
		{&chestnut, 2},
	}}
	vines = terroir{1.1, 2.4, 70, []share{
		{&southernVine, 62},
		{&olive, 5},
		{&almond, 2},
		{&rangeland, 5},
		{&meadow, 4},
		{&durum, 4},
		{&fallow, 3},
		{&cherry, 2},
		{&chickpea, 2},
		{&vegetables, 1},
		{&greenManure, 3},
	}}
	cellars = terroir{0.9, 2.8, 70, []share{
		{&northernVine, 74}, {&meadow, 10}, {&leyGrass, 5}, {&wheat, 4}, {&greenManure, 4}, {&bufferStrip, 1},
	}}
	orchards = terroir{1.3, 2.0, 72, []share{
		{&apricot, 12},
		{&apple, 10},
		{&cherry, 7},
		{&peach, 6},
		{&plum, 7},
		{&walnut, 8},
		{&olive, 6},
		{&southernVine, 8},
		{&leyGrass, 8},
		{&lucerne, 6},
		{&wheat, 8},
		{&meadow, 6},
		{&sainfoin, 3},
		{&squash, 3},
		{&lavandin, 2},
	}}
	aromatics = terroir{1.9, 2.4, 72, []share{
		{&lavandin, 22},
		{&lavender, 14},
		{&clarySage, 8},
		{&thyme, 5},
		{&sainfoin, 10},
		{&durum, 8},
		{&wheat, 8},
		{&lucerne, 8},
		{&rangeland, 8},
		{&chickpea, 4},
		{&meadow, 4},
		{&walnut, 2},
	}}
	gardens = terroir{1.0, 2.6, 66, []share{
		{&vegetables, 18},
		{&potato, 10},
		{&carrot, 8},
		{&leek, 8},
		{&cabbage, 10},
		{&artichoke, 8},
		{&squash, 8},
		{&leyGrass, 10},
		{&greenManure, 7},
		{&buckwheat, 5},
		{&wheat, 6},
	}}
	tropics = terroir{0.9, 1.6, 55, []share{
		{&sugarCane, 26},
		{&banana, 16},
		{&pineapple, 8},
		{&mango, 10},
		{&litchi, 8},
		{&vanilla, 5},
		{&vegetables, 14},
		{&meadow, 10},
		{&fallow, 3},
	}}
)

// habits draws the few crops of one farm of t; a crop drawn twice is grown more.
func (t *terroir) habits(rng *rand.Rand) (grown [7]*crop) {
	total := 0
	for _, s := range t.crops {
		total += s.weight
	}
	for i := range grown {
		n := rng.IntN(total)
		for _, s := range t.crops {
			if n -= s.weight; n < 0 {
				grown[i] = s.crop
				break
			}
		}
	}
	return grown
}
