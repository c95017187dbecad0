package bench

import (
	"fmt"
	"path/filepath"
	"testing"
)

// BenchmarkGrowth measures what a tile costs with more and more parcels, and
// adds it to the report: make bench-tiles-growth.
func BenchmarkGrowth(b *testing.B) {
	for b.Loop() {
		dir := workDir(b)
		s := settingsOf(b, dir)
		bin := build(b, dir, "sillon/cmd/sillon")
		r, err := readReport(filepath.Join(s.out, reportName))
		if err != nil {
			b.Fatal(err)
		}
		r.Growth = nil
		for _, parcels := range s.growth {
			r.Growth = append(r.Growth, measureGrowth(b, s, bin, dir, parcels))
		}
		if err := publish(&r, s.out); err != nil {
			b.Fatal(err)
		}
		fmt.Print(tables(&r))
	}
}

// measureGrowth measures our servers alone, on dense tiles over 8 connections.
func measureGrowth(b *testing.B, s settings, bin, dir string, parcels int) growth {
	b.Helper()
	d := openDatabase(b, bin, s.data, parcels)
	var r report
	subjects := nodes(b, &r, bin, dir, d)[:2]
	for _, one := range subjects {
		defer one.program.stop(b)
	}
	m := measurement{settings: s, database: d, subjects: subjects}
	c := d.census(b)
	for zoom := uint32(deepest); zoom >= 6; zoom-- {
		if zoom%2 == 0 {
			dense, _ := c.pick(tilesOfKind, seed)
			for _, one := range subjects {
				one.prepare(b, dense)
			}
			m.rounds(b, kindDense, zoom, 8, subjects)
		}
		c = c.above()
	}
	return growth{Parcels: parcels, Published: d.published, Points: m.points, Programs: r.Programs}
}
