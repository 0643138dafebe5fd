// Command profiled is the server with the profiles of net/http/pprof served beside it, for the flag
// -profile of the benchmarks, and with what it uses of the machine, for the tests in attack. It
// writes their address to the file that PROFILES_ADDRESS_FILE names.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // adds the profiles to http.DefaultServeMux
	"os"
	"runtime"
	"syscall"

	"switchboard/command"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1)
	}
	if err := os.WriteFile(os.Getenv("PROFILES_ADDRESS_FILE"), []byte(listener.Addr().String()), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1)
	}
	http.HandleFunc("GET /usage", usage)
	go func() { _ = http.Serve(listener, nil) }()
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr))
}

// usage answers what the process has used so far and what it holds; with ?collect=1 it collects
// garbage first.
func usage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("collect") {
		runtime.GC()
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"cpu":        used.Utime.Nano() + used.Stime.Nano(), // nanoseconds
		"allocated":  memory.TotalAlloc,                     // bytes since the start
		"heap":       memory.HeapAlloc,                      // bytes
		"goroutines": runtime.NumGoroutine(),
	})
}
