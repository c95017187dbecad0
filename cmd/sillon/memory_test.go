package main

import (
	"testing"
	"testing/fstest"
)

func TestMachineMemory(t *testing.T) {
	t.Parallel()
	const total = "MemTotal:        8000000 kB\nMemFree: 1 kB\n"
	tests := []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no such files", nil, fallbackMemory},
		{"a machine", map[string]string{"proc/meminfo": total}, 8_000_000 << 10},
		{
			"a container",
			map[string]string{"proc/meminfo": total, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"},
			1 << 30,
		},
		{
			"a service in a slice that has less",
			map[string]string{
				"proc/meminfo": total, "proc/self/cgroup": "0::/system.slice/sillon.service\n",
				"sys/fs/cgroup/system.slice/sillon.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "2147483648\n",
			},
			2 << 30,
		},
		{
			"control groups of before",
			map[string]string{
				"proc/meminfo": total, "proc/self/cgroup": "5:cpu:/a\n4:memory:/a\n",
				"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "536870912\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			},
			1 << 29,
		},
		{"nonsense", map[string]string{"proc/meminfo": "MemTotal:", "proc/self/cgroup": "::\nx"}, fallbackMemory},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			for name, text := range tt.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := machineMemory(root); got != tt.want {
				t.Errorf("%d bytes, want %d", got, tt.want)
			}
		})
	}
}

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "12": 12, "12B": 12, "800MB": 800_000_000, "800 MB": 800_000_000, "1.5GiB": 3 << 29, "64KiB": 64 << 10, "2kB": 2000,
		"": -1, "MB": -1, "-1": -1, "1e30GB": -1, "NaN": -1, "12Mo": -1, "half": -1,
	} {
		got, ok := parseBytes(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("parseBytes(%q) = %d, want %d", text, got, want)
		}
	}
}

// TestHeapLimit: what is held for tiles is not doubled by garbage.
func TestHeapLimit(t *testing.T) {
	t.Parallel()
	const held = 300 << 20
	for _, tt := range []struct {
		name        string
		held        int64
		loading     bool
		least, most int64
	}{
		{"nothing held", 0, false, heapAim, heapAim},
		{"a million parcels", held, false, heapAim + held, heapAim + held*3/2},
		{"loading", 0, true, loadingAim, loadingAim},
	} {
		if got := heapLimit(tt.held, tt.loading); got < tt.least || got > tt.most {
			t.Errorf("%s: %d bytes, want from %d to %d", tt.name, got, tt.least, tt.most)
		}
	}
}
