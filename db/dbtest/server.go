// Package dbtest gives every test a database of its own on a real PostgreSQL.
//
// All test processes of a `go test ./...` share one server: the first starts
// it, the last one stops it. Its folder is kept, so that the next run starts
// quickly. A package that uses dbtest needs
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"switchboard/db/embedded"
)

// shared is this process's share in the server.
var shared struct {
	main   bool // Main is there to close it
	once   sync.Once
	server *embedded.Server
	err    error
}

// Main runs a package's tests, then removes this process's databases and leaves
// the server. It does not return.
func Main(m *testing.M) {
	shared.main = true
	code := m.Run()
	if err := leave(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func leave() error {
	if shared.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sweep(ctx, shared.server.URL)
	return shared.server.Close()
}

// serverURL returns the addresses of the server's databases. The first call in a
// process starts the server or attaches to it.
func serverURL(tb testing.TB) func(database string) string {
	tb.Helper()
	if !shared.main {
		tb.Fatal("dbtest: this package needs func TestMain(m *testing.M) { dbtest.Main(m) }")
	}
	shared.once.Do(func() { shared.server, shared.err = enter() })
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server.URL
}

func enter() (*embedded.Server, error) {
	// The very first time PostgreSQL may have to be fetched.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(parent(), fmt.Sprintf("switchboard-test-%d", os.Getuid()))
	server, err := embedded.Start(ctx, embedded.Options{DataDir: dir, Ephemeral: true})
	if err != nil {
		return nil, fmt.Errorf("start the tests' database (nothing in %s is worth keeping: if in doubt, remove it): %w", dir, err)
	}
	sweep(ctx, server.URL)
	return server, nil
}
