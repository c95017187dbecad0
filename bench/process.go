package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// tick is the unit of the processor times in /proc.
const tick = 10 * time.Millisecond

// cpuOf is the processor time that a process has used; 0 where the system does
// not tell.
func cpuOf(pid int) time.Duration {
	_, cpu := statOf(fmt.Sprintf("/proc/%d/stat", pid))
	return cpu
}

// cpuUnder is the processor time of the processes whose parent is pid.
func cpuUnder(pid int) (sum time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // its only error is a bad pattern
	for _, path := range stats {
		if parent, cpu := statOf(path); parent == pid {
			sum += cpu
		}
	}
	return sum
}

func statOf(path string) (parent int, cpu time.Duration) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, 0 // it has ended, or this system has no /proc
	}
	return parseStat(b)
}

// parseStat reads proc(5)'s stat: after the name, which may hold anything, the
// second field is the parent and the 12th and 13th are user and system time.
func parseStat(b []byte) (parent int, cpu time.Duration) {
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, 0
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(string(fields[i]))
		return n
	}
	return number(1), time.Duration(number(11)+number(12)) * tick
}

var memoryLine = regexp.MustCompile(`(?m)^(VmHWM|VmRSS):\s+(\d+) kB$`)

// memoryOf is the memory that a process holds, and the most that it held, in
// bytes; 0 where the system does not tell.
func memoryOf(pid int) (now, most int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for _, m := range memoryLine.FindAllSubmatch(status, -1) {
		kb, _ := strconv.ParseInt(string(m[2]), 10, 64)
		if string(m[1]) == "VmRSS" {
			now = kb << 10
		} else {
			most = kb << 10
		}
	}
	return now, most
}
