package bench

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
)

// The servers, by the name that the report knows them by.
const (
	serverMemory    = "memory"    // ours from its memory store, no finished tile kept
	serverPostGIS   = "postgis"   // ours without the memory store, no finished tile kept
	serverCached    = "cached"    // ours as it is installed
	serverUnchanged = "unchanged" // the same, asked by clients that hold the tile: 304
	serverTileserv  = "pg_tileserv"
	serverTegola    = "tegola"
	serverMartin    = "martin"
	serverBare      = "bare" // net/http with a body in memory
	serverBare304   = "bare 304"

	serverOurs        = "sillon" // of GeoJSON
	serverFeatureserv = "pg_featureserv"
)

// The nodes of a freshness figure.
const (
	nodeSame  = "same"
	nodeOther = "other"
)

// A report is what docs/performance.json holds.
type report struct {
	Machine   machine     `json:"machine"`
	Parcels   int         `json:"parcels"`   // of all versions
	Published int         `json:"published"` // that tiles show
	Points    []point     `json:"points"`
	Programs  []footprint `json:"programs"`
	Fresh     []freshness `json:"freshness"`
	GeoJSON   []point     `json:"geojson"`
	Gates     []gate      `json:"gates"`
	Growth    []growth    `json:"growth"`
}

// A machine is where the figures come from, in words. Load is how many
// processes ran or waited to run, on average of the minute before: of others.
type machine struct {
	Cores      int     `json:"cores"`
	MemoryGB   int     `json:"memoryGB"`
	PostgreSQL string  `json:"postgresql"`
	PostGIS    string  `json:"postgis"`
	Go         string  `json:"go"`
	Load       float64 `json:"load"`
}

// A point is what one server did with one kind of tiles of one zoom, over so
// many connections.
type point struct {
	Server      string  `json:"server"`
	Zoom        uint32  `json:"zoom"`
	Kind        string  `json:"kind"`
	Connections int     `json:"connections"`
	Tiles       int     `json:"tiles"` // that were asked for
	Again       int     `json:"again"` // of them, bodies that came where 304 was wanted
	Empty       int     `json:"empty"` // of them, answered 204
	PerSecond   float64 `json:"perSecond"`
	MedianMS    float64 `json:"medianMs"`
	P99MS       float64 `json:"p99Ms"`
	Bytes       float64 `json:"bytes"`    // of a body, as it came
	Features    float64 `json:"features"` // of a tile, mean of a few; 0 where it was not counted
	CPUMS       float64 `json:"cpuMs"`    // of the server, per tile
	DatabaseMS  float64 `json:"databaseCpuMs"`
}

// A footprint is what a program takes. Ready and Settled are seconds from its
// start: until it says it is ready, and until it works no more by itself.
type footprint struct {
	Server  string  `json:"server"`
	Ready   float64 `json:"readySeconds"`
	Settled float64 `json:"settledSeconds"`
	Heap    int64   `json:"heapBytes"` // in use once settled; 0 where it does not tell
	RSS     int64   `json:"rssBytes"`  // once settled
	PeakRSS int64   `json:"peakRssBytes"`
}

// A freshness is how soon edits were in the tiles of a node.
type freshness struct {
	What     string  `json:"what"`
	Node     string  `json:"node"` // same or other
	Edits    int     `json:"edits"`
	Stale    int     `json:"stale"` // edits that the very next tile lacked
	MedianMS float64 `json:"medianMs"`
	P99MS    float64 `json:"p99Ms"`
}

// A growth is what a tile costs with so many parcels.
type growth struct {
	Parcels   int         `json:"parcels"`
	Published int         `json:"published"`
	Points    []point     `json:"points"`
	Programs  []footprint `json:"programs"`
}

// at returns the point of a server, ok if there is one.
func at(points []point, server string, zoom uint32, kind string, connections int) (p point, ok bool) {
	i := slices.IndexFunc(points, func(p point) bool {
		return p.Server == server && p.Zoom == zoom && p.Kind == kind && p.Connections == connections
	})
	if i < 0 {
		return p, false
	}
	return points[i], true
}

// over is how many times more tiles a server gives in a second than another.
func over(points []point, server, other string, zoom uint32, kind string, connections int) (ratio float64, ok bool) {
	a, ok1 := at(points, server, zoom, kind, connections)
	b, ok2 := at(points, other, zoom, kind, connections)
	if !ok1 || !ok2 || b.PerSecond == 0 {
		return 0, false
	}
	return a.PerSecond / b.PerSecond, true
}

// readReport reads what the last run wrote; none is an empty report.
func readReport(path string) (r report, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

func (r *report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644) //nolint:gosec // a page of the documentation
}
