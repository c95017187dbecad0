package bench

import (
	"slices"
	"time"
)

// quantile returns the value that a share q of times, 0 to 1, does not exceed:
// the nearest rank, so always one that was measured. It sorts times, and is 0
// when there are none.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	rank := int(q*float64(len(times)) + 0.999999)
	return times[min(max(rank, 1), len(times))-1]
}

// milliseconds is d as a number to print.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
