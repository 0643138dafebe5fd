// Command profiled is the server with the profiles of net/http/pprof served beside it, for the
// flag -profile of the benchmarks. It writes their address to the file that
// PROFILES_ADDRESS_FILE names.
package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // adds the profiles to http.DefaultServeMux
	"os"

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
	go func() { _ = http.Serve(listener, nil) }()
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr))
}
