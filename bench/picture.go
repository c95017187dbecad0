package bench

import (
	"fmt"
	"math"
	"strings"
)

// The zooms of the picture.
const (
	shallowestDrawn = 4
	deepestDrawn    = 14
)

// A bar is what is drawn of a server.
type bar struct{ server, label, colour string }

var bars = []bar{
	{serverMemory, "Sillon, from memory", "#1b7f5c"},
	{serverPostGIS, "Sillon, from PostGIS", "#7cc4a4"},
	{serverMartin, "martin", "#c98b2b"},
	{serverTegola, "tegola", "#8d6aa8"},
}

// A plot places ratios on a logarithmic axis.
type plot struct {
	strings.Builder
	low, high float64 // decades at the bottom and at the top
}

// Places in the picture, in its units.
const (
	pictureWidth, pictureHeight = 1000, 480
	plotLeft, plotRight         = 70, 980
	plotTop, plotBottom         = 96, 410
)

// y is where a ratio is.
func (p *plot) y(ratio float64) float64 {
	share := (math.Log10(ratio) - p.low) / (p.high - p.low)
	return plotBottom - min(max(share, 0), 1)*(plotBottom-plotTop)
}

func (p *plot) text(x, y float64, anchor, style, text string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`+"\n", x, y, anchor, style, text)
}

// picture draws how many times more tiles a second each server gives than
// pg_tileserv, on dense tiles over 8 connections, as SVG.
func picture(r *report) string {
	other := base(r.Points)
	drawn := present(r.Points, other)
	p := &plot{}
	p.low, p.high = decades(r.Points, drawn, other)
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" fill="#222">`+"\n",
		pictureWidth, pictureHeight)
	fmt.Fprintf(p, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", pictureWidth, pictureHeight)
	p.text(plotLeft, 30, "start", `font-size="18" font-weight="600"`, "Tiles a second, "+other+" = 1")
	p.text(plotLeft, 50, "start", `fill="#555"`, fmt.Sprintf("densest tiles of %d parcels, not cached, 8 connections, logarithmic", r.Published))
	p.legend(drawn)
	p.grid()
	const zooms = deepestDrawn - shallowestDrawn + 1
	step := float64(plotRight-plotLeft) / zooms
	for i := range zooms {
		p.zoom(r.Points, drawn, other, shallowestDrawn+uint32(i), plotLeft+float64(i)*step, step)
	}
	fmt.Fprintf(p, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#222" stroke-width="1.5"/>`+"\n", plotLeft, plotRight, p.y(1), p.y(1))
	p.text(plotLeft+step*3, plotBottom+44, "middle", `fill="#555"`, "z4–z9: Sillon sends cells with exact sums, the others every parcel")
	p.text(plotLeft+step*8.5, plotBottom+44, "middle", `fill="#555"`, "z10–z14: all send the same parcels")
	p.WriteString("</svg>\n")
	return p.String()
}

// present are the bars of servers that were measured, without the one that is 1.
func present(points []point, other string) []bar {
	var list []bar
	for _, one := range bars {
		for _, q := range points {
			if q.Server == one.server && one.server != other {
				list = append(list, one)
				break
			}
		}
	}
	return list
}

// decades are the powers of ten that hold all ratios, and 1 with room below.
func decades(points []point, drawn []bar, other string) (low, high float64) {
	least, most := 0.5, 10.0
	for zoom := uint32(shallowestDrawn); zoom <= deepestDrawn; zoom++ {
		for _, one := range drawn {
			if ratio, ok := over(points, one.server, other, zoom, kindDense, 8); ok {
				least, most = min(least, ratio), max(most, ratio)
			}
		}
	}
	return math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
}

func (p *plot) legend(drawn []bar) {
	x := float64(plotLeft)
	for _, one := range drawn {
		fmt.Fprintf(p, `<rect x="%.1f" y="64" width="12" height="12" fill="%s"/>`+"\n", x, one.colour)
		p.text(x+18, 75, "start", "", one.label)
		x += 44 + 7.2*float64(len(one.label))
	}
}

func (p *plot) grid() {
	for decade := p.low; decade <= p.high; decade++ {
		y := p.y(math.Pow(10, decade))
		fmt.Fprintf(p, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", plotLeft, plotRight, y, y)
		p.text(plotLeft-8, y+4, "end", `fill="#555"`, fmt.Sprintf("%g×", math.Pow(10, decade)))
	}
}

// zoom draws the bars of a zoom, up or down from 1.
func (p *plot) zoom(points []point, drawn []bar, other string, zoom uint32, left, step float64) {
	p.text(left+step/2, plotBottom+20, "middle", "", fmt.Sprintf("z%d", zoom))
	width := (step - 14) / float64(max(1, len(drawn)))
	for i, one := range drawn {
		ratio, ok := over(points, one.server, other, zoom, kindDense, 8)
		if !ok {
			continue
		}
		x, top, bottom := left+7+float64(i)*width, p.y(max(ratio, 1)), p.y(min(ratio, 1))
		fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, top, width-2, max(bottom-top, 1), one.colour)
		at := top - 4
		if ratio < 1 {
			at = bottom + 11
		}
		p.text(x+(width-2)/2, at, "middle", `font-size="9"`, short(ratio))
	}
}

// short writes a ratio in two digits, in so little room.
func short(v float64) string {
	switch {
	case v >= 9950:
		return fmt.Sprintf("%.0fk", v/1000)
	case v >= 995:
		return fmt.Sprintf("%.1fk", v/1000)
	case v >= 9.95:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
