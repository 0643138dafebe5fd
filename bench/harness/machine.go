// Package harness is what the benchmarks have in common: servers, load, rounds, tables and targets.
package harness

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Machine returns a description of the machine and its load.
func Machine() string {
	return fmt.Sprintf("%s, %d processors, %s %s, load average %s before", processor(), runtime.NumCPU(), runtime.GOOS, kernel(), LoadAverage())
}

func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(release))
}

// LoadAverage returns the load averages of the last 1, 5 and 15 minutes.
func LoadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

// ModuleVersions returns the versions of Go and of these modules in this program, by their paths
// without github.com/.
func ModuleVersions(modules ...string) map[string]string {
	v := map[string]string{"go": runtime.Version()}
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if name := strings.TrimPrefix(module.Path, "github.com/"); slices.Contains(modules, name) {
			v[name] = module.Version
		}
	}
	return v
}
