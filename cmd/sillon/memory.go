package main

import (
	"os"
	"runtime/debug"
)

// Most of what a push allocates dies at once. Collecting less often, up to a
// heap of this size, stores a tenth more parcels a second (make bench-push);
// above it the collector keeps the heap where it is. GOGC and GOMEMLIMIT win.
const (
	collectAt = 300 // percent of what lives
	heapAim   = 224 << 20
)

func tuneCollector() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(collectAt)
		debug.SetMemoryLimit(heapAim)
	}
}
