package bench

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

var memoryTotal = regexp.MustCompile(`MemTotal:\s+(\d+) kB`)

// otherLoad is the load of the machine before anything of ours runs; 0 where
// the system does not tell.
func otherLoad() (load float64) {
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(b), &load) // its first word is a number
	}
	return load
}

// machine tells what everything runs on.
func (d *database) machine(b *testing.B, load float64) machine {
	b.Helper()
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Load: load}
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
