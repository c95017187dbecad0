package bench

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// Variables that tell a node of ours not to keep finished tiles, and to leave
// the parcels in PostGIS.
const (
	withoutCache  = "SILLON_TILES_CACHE=0"
	withoutMemory = "SILLON_TILES_MEMORY=0"
)

// BenchmarkTiles measures the tiles of the real program on demo parcels, beside
// the peers whose paths are given, and writes the report: make bench-tiles.
func BenchmarkTiles(b *testing.B) {
	for b.Loop() {
		busy := otherLoad()
		dir := workDir(b)
		s := settingsOf(b, dir)
		bin := build(b, dir, "sillon/cmd/sillon")
		d := openDatabase(b, bin, s.data, s.parcels)
		r, err := readReport(filepath.Join(s.out, reportName))
		if err != nil {
			b.Fatal(err)
		}
		further := slices.DeleteFunc(r.Points, func(p point) bool { return r.Parcels != s.parcels || p.Zoom >= s.from })
		r = report{Machine: d.machine(b, busy), Parcels: s.parcels, Published: d.published, Growth: r.Growth}

		subjects := append(nodes(b, &r, bin, dir, d), cachedNode(b, &r, bin, dir, d)...)
		cached := subjects[2]
		subjects = append(subjects, peers(b, s, dir, d)...)
		m := measurement{settings: s, database: d, subjects: subjects}
		counts := d.census(b)
		m.all(b, counts)
		m.ceiling(b, dir, cached, counts)
		r.Points = append(m.points, further...)
		written(b, &r, s.out) // half an hour's work, whatever fails after it
		r.GeoJSON = measureGeoJSON(b, s, bin, dir, d, cached.program)
		for _, one := range subjects {
			one.close(b, &r)
		}
		r.Fresh = measureFreshness(b, s, bin, dir, d)
		written(b, &r, s.out)
		fmt.Print(tables(&r))
	}
}

// written judges the report as far as it goes and writes it.
func written(b *testing.B, r *report, dir string) {
	b.Helper()
	r.Gates = gatesOf(r)
	if err := publish(r, dir); err != nil {
		b.Fatal(err)
	}
}

// nodes starts our two servers that keep no finished tile, and adds what they
// take to the report.
func nodes(b *testing.B, r *report, bin, dir string, d *database) []*subject {
	b.Helper()
	memory, f := launchNode(b, bin, dir, d, serverMemory, withoutCache)
	r.Programs = append(r.Programs, f)
	plain, f := launchNode(b, bin, dir, d, serverPostGIS, withoutCache, withoutMemory)
	r.Programs = append(r.Programs, f)
	return []*subject{
		{name: serverMemory, program: memory, path: nodePath},
		{name: serverPostGIS, program: plain, path: nodePath},
	}
}

// cachedNode starts our server as it is installed. It is asked in two ways.
func cachedNode(b *testing.B, r *report, bin, dir string, d *database) []*subject {
	b.Helper()
	p, f := launchNode(b, bin, dir, d, serverCached)
	r.Programs = append(r.Programs, f)
	return []*subject{
		{name: serverCached, program: p, path: nodePath, only8: true},
		{name: serverUnchanged, program: p, path: nodePath, only8: true, held: true},
	}
}

// peers starts the peers that are at hand.
func peers(b *testing.B, s settings, dir string, d *database) []*subject {
	b.Helper()
	var list []*subject
	for _, p := range []struct {
		name, bin string
		launch    func(b *testing.B, bin, dir string, d *database) *subject
	}{
		{serverTileserv, s.tileserv, launchTileserv},
		{serverTegola, s.tegola, launchTegola},
		{serverMartin, s.martin, launchMartin},
	} {
		if p.bin == "" {
			fmt.Printf("%s is not at hand\n", p.name)
			continue
		}
		one := p.launch(b, p.bin, dir, d)
		one.name, one.peer = p.name, true
		list = append(list, one)
	}
	return list
}
