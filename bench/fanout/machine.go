package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A report is everything that was measured, and on which machine.
type report struct {
	Machine   string
	Started   time.Time
	Took      time.Duration
	LoadAfter string
	Versions  map[string]string
	Failed    map[string]string // contender -> why its measurement failed
	Results   []result
}

// machineNow returns a description of the machine and its load.
func machineNow() string {
	return fmt.Sprintf("%s, %d processors, %s %s, load average %s before", processor(), runtime.NumCPU(), runtime.GOOS, kernel(), loadAverage())
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

// loadAverage returns the load averages of the last 1, 5 and 15 minutes.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

// versions returns the versions of the measured modules in this program.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version()}
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if slices.Contains([]string{"github.com/99designs/gqlgen", "github.com/gorilla/websocket", "github.com/coder/websocket"}, module.Path) {
			v[strings.TrimPrefix(module.Path, "github.com/")] = module.Version
		}
	}
	return v
}
