package bench

import (
	"fmt"
	"strings"
)

// ratioServers are the columns of the table of ratios.
var ratioServers = []string{serverMemory, serverPostGIS, serverCached, serverUnchanged, serverTileserv, serverTegola, serverMartin}

// busyLoad is a load from which figures are not worth much.
const busyLoad = 0.5

// tables writes what was measured, as Markdown.
func tables(r *report) string {
	var w writer
	w.line("Measured on a machine with %d cores and %d GB of memory, which ran the load, the servers and PostgreSQL %s with PostGIS %s alike; %s.",
		r.Machine.Cores, r.Machine.MemoryGB, r.Machine.PostgreSQL, r.Machine.PostGIS, r.Machine.Go)
	if r.Machine.Load > busyLoad {
		w.line("Other programs ran at the same time (load %s): the figures are only indicative.", number(r.Machine.Load))
	}
	w.line("%d demo parcels over all versions, of which tiles show %d.", r.Parcels, r.Published)
	w.gates(r.Gates)
	w.ratios(r.Points)
	w.costs("What a dense tile costs, 8 connections", r.Points)
	w.ceiling(r.Points)
	w.again(r.Points)
	w.programs("Memory and start", r.Programs)
	w.freshness(r.Fresh)
	w.geoJSON(r.GeoJSON)
	w.growth(r.Growth)
	return w.String()
}

// A writer writes Markdown.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// head begins a part with a table.
func (w *writer) head(title string, columns ...string) {
	w.line("\n### %s\n", title)
	w.row(columns...)
	w.row(strings.Split(strings.TrimSuffix(strings.Repeat("---|", len(columns)), "|"), "|")...)
}

func (w *writer) row(cells ...string) { w.line("| %s |", strings.Join(cells, " | ")) }

// number writes three digits, or the whole number if it is longer.
func number(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (w *writer) gates(list []gate) {
	w.head("Gates", "What", "Target", "Minimum", "Measured", "Verdict")
	for _, g := range list {
		measured := number(g.Measured)
		if g.Verdict == verdictNone {
			measured = ""
		}
		w.row(g.What, number(g.Target)+" "+g.Unit, number(g.Least)+" "+g.Unit, measured, g.Verdict)
	}
}

// base is the server that others are compared with: pg_tileserv if it was
// measured, else ours from PostGIS.
func base(points []point) string {
	for _, p := range points {
		if p.Server == serverTileserv {
			return serverTileserv
		}
	}
	return serverPostGIS
}

func (w *writer) ratios(points []point) {
	other := base(points)
	w.head("Tiles a second, over "+other, append([]string{"Zoom", "Tiles", "Connections"}, ratioServers...)...)
	for zoom := uint32(deepestDrawn); zoom > 0; zoom-- {
		for _, kind := range []string{kindDense, kindTypical} {
			for _, connections := range []int{1, 8, 32} {
				if _, ok := at(points, serverMemory, zoom, kind, connections); !ok {
					continue
				}
				cells := []string{fmt.Sprint(zoom), kind, fmt.Sprint(connections)}
				for _, server := range ratioServers {
					cell := ""
					if ratio, ok := over(points, server, other, zoom, kind, connections); ok {
						cell = number(ratio)
					}
					cells = append(cells, cell)
				}
				w.row(cells...)
			}
		}
	}
}

func (w *writer) costs(title string, points []point) {
	w.head(title, "Zoom", "Server", "Features", "Tiles/s", "Median ms", "p99 ms", "KB", "CPU ms", "PostgreSQL CPU ms")
	for _, p := range points {
		if p.Kind == kindDense && p.Connections == 8 {
			w.row(fmt.Sprint(p.Zoom), p.Server, number(p.Features), number(p.PerSecond), number(p.MedianMS), number(p.P99MS),
				number(p.Bytes/1e3), number(p.CPUMS), number(p.DatabaseMS))
		}
	}
}

func (w *writer) ceiling(points []point) {
	w.head("One finished tile of about 50 KB, and the same bytes from bare net/http", "Connections", "Server", "Answers/s", "p99 ms", "KB", "CPU ms")
	for _, p := range points {
		if p.Kind == kindCeiling {
			w.row(fmt.Sprint(p.Connections), p.Server, number(p.PerSecond), number(p.P99MS), number(p.Bytes/1e3), number(p.CPUMS))
		}
	}
}

// again says what came instead of a 304.
func (w *writer) again(points []point) {
	asked, again := 0, 0
	for _, p := range points {
		if p.Server == serverUnchanged {
			asked, again = asked+p.Tiles, again+p.Again
		}
	}
	if again > 0 {
		w.line("\nOf %d requests by clients that hold the tile, %d were answered with a body: the ETag of those tiles had changed.", asked, again)
	}
}

func (w *writer) programs(title string, list []footprint) {
	w.head(title, "Server", "Ready s", "Settled s", "Heap MB", "RSS MB", "Peak RSS MB")
	mb := func(n int64) string {
		if n == 0 {
			return ""
		}
		return number(float64(n) / 1e6)
	}
	seconds := func(v float64) string {
		if v == 0 {
			return ""
		}
		return number(v)
	}
	for _, f := range list {
		w.row(f.Server, seconds(f.Ready), seconds(f.Settled), mb(f.Heap), mb(f.RSS), mb(f.PeakRSS))
	}
}

func (w *writer) freshness(list []freshness) {
	w.head("From the commit to the tile", "Edit", "Node", "Edits", "Missed by the next tile", "Median ms", "p99 ms")
	for _, f := range list {
		w.row(f.What, f.Node, fmt.Sprint(f.Edits), fmt.Sprint(f.Stale), number(f.MedianMS), number(f.P99MS))
	}
}

func (w *writer) geoJSON(points []point) {
	w.head("1 000 parcels as GeoJSON", "Coding asked for", "Connections", "Server", "Answers/s", "Median ms", "KB", "CPU ms", "PostgreSQL CPU ms", "Over pg_featureserv")
	for _, p := range points {
		cell := ""
		if ratio, ok := over(points, p.Server, serverFeatureserv, 0, p.Kind, p.Connections); ok {
			cell = number(ratio)
		}
		w.row(p.Kind, fmt.Sprint(p.Connections), p.Server, number(p.PerSecond), number(p.MedianMS), number(p.Bytes/1e3), number(p.CPUMS),
			number(p.DatabaseMS), cell)
	}
}

func (w *writer) growth(list []growth) {
	if len(list) == 0 {
		return
	}
	w.head("Growth: a dense tile over 8 connections", "Parcels", "Shown", "Server", "Zoom", "Features", "Median ms", "CPU ms", "PostgreSQL CPU ms", "CPU µs a feature")
	for _, g := range list {
		for _, p := range g.Points {
			each := ""
			if p.Features > 0 {
				each = number((p.CPUMS + p.DatabaseMS) * 1e3 / p.Features)
			}
			w.row(fmt.Sprint(g.Parcels), fmt.Sprint(g.Published), p.Server, fmt.Sprint(p.Zoom), number(p.Features), number(p.MedianMS),
				number(p.CPUMS), number(p.DatabaseMS), each)
		}
	}
	for _, g := range list {
		w.programs(fmt.Sprintf("Memory and start with %d parcels", g.Parcels), g.Programs)
	}
}
