package miner

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestCPULimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string
		want  float64
	}{
		{"no cgroups", nil, math.Inf(1)},
		{"version 2, none", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, math.Inf(1)},
		{"version 2", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 1.5},
		{"version 2, above", map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 0.5},
		{"version 2, container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"}, 3},
		{"version 1", map[string]string{
			"proc/self/cgroup":                       "3:cpuset:/\n2:cpu,cpuacct:/x\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us":   "200000\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_period_us":  "100000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":     "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":    "100000\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_quota_us":  "1\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_period_us": "100000\n",
		}, 2},
	} {
		root := fstest.MapFS{}
		for name, text := range test.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := cpuLimit(root); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
