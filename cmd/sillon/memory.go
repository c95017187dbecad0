package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Most of what a push allocates dies at once. Collecting less often, up to a
// heap of this size, stores a tenth more parcels a second (make bench-push);
// above it the collector keeps the heap where it is. The parcels that are held
// for tiles come on top: they live long, and are no reason to let as much
// garbage lie. GOGC and GOMEMLIMIT win.
const (
	collectAt = 300 // percent of what lives
	heapAim   = 224 << 20
	aimEvery  = time.Second
	// While the parcels for tiles are loaded they live twice, and what is left of
	// that goes back to the system.
	loadingAim, collectLoadingAt = 1 << 30, 100
)

// tuneCollector sets the collector until ctx ends: held is the size of the
// parcels in memory, and whether they are being loaded.
func tuneCollector(ctx context.Context, held func() (bytes int64, loading bool)) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	tick := time.NewTicker(aimEvery)
	defer tick.Stop()
	for aim := int64(0); ; {
		bytes, loading := held()
		if next := heapLimit(bytes, loading); next != aim {
			percent, loaded := collectAt, aim == loadingAim
			if loading {
				percent, loaded = collectLoadingAt, false
			}
			aim = next
			debug.SetGCPercent(percent)
			debug.SetMemoryLimit(aim)
			if loaded {
				debug.FreeOSMemory()
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heapLimit is in steps, so that it is not set again for each parcel. A quarter
// more than what is held is what rewriting a part of it takes.
func heapLimit(held int64, loading bool) int64 {
	const step = 8 << 20
	if loading {
		return loadingAim
	}
	return heapAim + (held+held/4+step-1)/step*step
}

// fallbackMemory is what a machine is taken for that does not tell its memory.
const fallbackMemory = 2 << 30

// machineMemory returns the memory of the machine at root, or what its control
// groups allow this process of it, in bytes.
func machineMemory(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	atMost := func(n int64, err error) {
		if err == nil && n > 0 {
			least = min(least, n)
		}
	}
	atMost(meminfo(root))
	for _, file := range memoryLimits(root) {
		b, err := fs.ReadFile(root, file)
		if err == nil {
			atMost(strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)) // "max" is none
		}
	}
	if least == math.MaxInt64 {
		return fallbackMemory
	}
	return least
}

// meminfo returns the memory of the machine.
func meminfo(root fs.FS) (int64, error) {
	b, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(b), "MemTotal:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0, errors.New("no MemTotal")
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	return n << 10, err
}

// memoryLimits returns the files that limit the control groups of this process,
// of either version.
func memoryLimits(root fs.FS) (files []string) {
	b, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, name := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[1] == "memory":
			base, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case parts[0] != "0":
			continue
		}
		// A container has its own group for root, and the path of another.
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			files = append(files, path.Join(base, group, name))
			if group == "/" {
				break
			}
		}
	}
	return files
}

// units are the sizes that a number of bytes may be given in.
var units = []struct {
	name string
	size float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// parseBytes reads a size, as 800MB or 1.5GiB.
func parseBytes(text string) (int64, bool) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 0) || n*u.size >= math.MaxInt64 {
			return 0, false
		}
		return int64(n * u.size), true
	}
	return 0, false
}
