package bench

import (
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

var memoryTotal = regexp.MustCompile(`MemTotal:\s+(\d+) kB`)

// machine tells what everything runs on.
func (d *database) machine(b *testing.B) machine {
	b.Helper()
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		if found := memoryTotal.FindSubmatch(info); found != nil {
			kb, _ := strconv.Atoi(string(found[1]))
			m.MemoryGB = (kb + 1<<19) >> 20
		}
	}
	d.scan(b, `SELECT split_part(current_setting('server_version'), ' ', 1)`, &m.PostgreSQL)
	d.scan(b, `SELECT postgis_lib_version()`, &m.PostGIS)
	return m
}
