package miner

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// cores is how many threads can run at once without being throttled. The Go runtime knows the
// processors of this process, and a cgroup's limit too, but never goes below two for that: on a
// machine with a limit of one processor, the second thread would only get both of them paused,
// and a stop would wait for the pause to end.
func cores() int {
	known := runtime.GOMAXPROCS(0)
	limit := cpuLimit(os.DirFS("/"))
	return max(1, int(min(float64(known), math.Ceil(limit))))
}

// cpuLimit is how many processors this process's cgroup, and those that it is in, may use: by
// version 2's cpu.max or version 1's quota and period. Where nothing can be read there is no limit.
func cpuLimit(root fs.FS) float64 {
	limit := math.Inf(1)
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return limit
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(fields) != 3 {
			continue
		}
		mount := "sys/fs/cgroup"
		switch controllers := "," + fields[1] + ","; {
		case strings.Contains(controllers, ",cpu,"):
			mount += "/cpu"
		case fields[1] != "":
			continue
		}
		for at := fields[2]; ; at = path.Dir(at) {
			limit = min(limit, groupLimit(root, path.Join(mount, at)))
			if at == "/" || at == "." {
				break
			}
		}
	}
	return limit
}

// groupLimit is the limit of one cgroup.
func groupLimit(root fs.FS, dir string) float64 {
	if quota, period, ok := strings.Cut(readLine(root, dir+"/cpu.max"), " "); ok {
		return quotient(quota, period)
	}
	return quotient(readLine(root, dir+"/cpu.cfs_quota_us"), readLine(root, dir+"/cpu.cfs_period_us"))
}

func readLine(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// quotient of a quota and its period; without a quota ("max", -1) it is infinite.
func quotient(quota, period string) float64 {
	q, err := strconv.ParseFloat(quota, 64)
	if err != nil || q <= 0 {
		return math.Inf(1)
	}
	p, err := strconv.ParseFloat(period, 64)
	if err != nil || p <= 0 {
		return math.Inf(1)
	}
	return q / p
}
