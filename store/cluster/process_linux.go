package cluster

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// runs tells whether process pid is a PostgreSQL working in the directory data.
// The number alone does not tell: after a reboot it may be anybody's.
func runs(pid int, data string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(proc, "comm"))
	if _, none := os.Stat("/proc/self"); none != nil {
		return syscall.Kill(pid, 0) == nil // no /proc here: rather too careful
	}
	if err != nil || strings.TrimSpace(string(comm)) != "postgres" {
		return false
	}
	cwd, err1 := os.Stat(filepath.Join(proc, "cwd"))
	dir, err2 := os.Stat(data)
	return err1 == nil && err2 == nil && os.SameFile(cwd, dir)
}

// leftovers returns the processes that a killed server left in data.
func leftovers(data string) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && runs(pid, data) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// dieWithParent has the child shut down when the thread that started it ends.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
