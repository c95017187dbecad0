package bench

import "fmt"

// A gate is a figure that the product promises, the smaller or the larger the
// better as its unit says.
type gate struct {
	What     string  `json:"what"`
	Unit     string  `json:"unit"`
	Target   float64 `json:"target"`
	Least    float64 `json:"least"`
	Measured float64 `json:"measured"`
	Verdict  string  `json:"verdict"`
}

// The verdicts.
const (
	verdictTarget = "target met"
	verdictLeast  = "minimum met"
	verdictMissed = "missed"
	verdictNone   = "not measured"
)

// atLeast is a gate whose figure should be large, atMost one whose should be
// small.
func atLeast(what, unit string, target, least, measured float64, ok bool) gate {
	return judged(gate{what, unit, target, least, measured, ""}, measured >= target, measured >= least, ok)
}

func atMost(what, unit string, target, least, measured float64, ok bool) gate {
	return judged(gate{what, unit, target, least, measured, ""}, measured <= target, measured <= least, ok)
}

func judged(g gate, target, least, ok bool) gate {
	switch {
	case !ok:
		g.Verdict, g.Measured = verdictNone, 0
	case target:
		g.Verdict = verdictTarget
	case least:
		g.Verdict = verdictLeast
	default:
		g.Verdict = verdictMissed
	}
	return g
}

// gatesOf judges what was measured.
func gatesOf(r *report) []gate {
	var list []gate
	for _, w := range []struct {
		server, from  string
		zoom          uint32
		target, least float64
	}{
		{serverMemory, "memory", 14, 10, 8},
		{serverMemory, "memory", 12, 18, 12},
		{serverMemory, "memory", 10, 18, 12},
		{serverPostGIS, "PostGIS", 14, 4, 3},
		{serverPostGIS, "PostGIS", 12, 6, 5},
		{serverPostGIS, "PostGIS", 10, 6, 5},
	} {
		ratio, ok := over(r.Points, w.server, serverTileserv, w.zoom, kindDense, 8)
		list = append(list, atLeast(fmt.Sprintf("uncached tiles/s from %s over pg_tileserv, z%d", w.from, w.zoom), "×", w.target, w.least, ratio, ok))
	}
	share, ok := over(r.Points, serverCached, serverBare, 0, kindCeiling, 8)
	list = append(list, atLeast("cached 50 KB tile over bare net/http", "%", 85, 75, 100*share, ok))
	size, took, ok := lowZooms(r.Points)
	list = append(list,
		atMost("tile of z4–z9, gzip, the largest mean", "KB", 60, 100, size, ok),
		atMost("tile of z4–z9, uncached, the slowest median", "ms", 5, 20, took, ok))
	list = append(list, freshGates(r.Fresh)...)
	for _, p := range r.Programs {
		if p.Server == serverMemory {
			list = append(list,
				atMost("heap", "MB", 350, 1000, float64(p.Heap)/1e6, p.Heap > 0),
				atMost("start to ready, parcels in memory", "s", 6, 15, max(p.Ready, p.Settled), true))
		}
	}
	ratio, ok := over(r.GeoJSON, serverOurs, serverFeatureserv, 0, kindPlain, 1)
	return append(list, atLeast("GeoJSON of 1 000 parcels over pg_featureserv", "×", 8, 5, ratio, ok))
}

// lowZooms is the largest tile in KB and the slowest in ms of the zooms where
// cells stand for parcels.
func lowZooms(points []point) (size, took float64, ok bool) {
	for _, p := range points {
		if p.Server == serverMemory && p.Zoom >= 4 && p.Zoom <= 9 && p.Connections == 1 {
			size, took, ok = max(size, p.Bytes/1e3), max(took, p.MedianMS), true
		}
	}
	return size, took, ok
}

func freshGates(list []freshness) []gate {
	var stale, edits int
	var late float64
	others := false
	for _, f := range list {
		if f.Node == nodeSame {
			stale, edits = stale+f.Stale, edits+f.Edits
		} else {
			late, others = max(late, f.P99MS), true
		}
	}
	return []gate{
		atMost("edits that the next tile of the same node lacks", "", 0, 0, float64(stale), edits > 0),
		atMost("an edit in the tile of another node, p99", "ms", 100, 1000, late, others),
	}
}
