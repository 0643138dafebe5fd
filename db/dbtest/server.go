// Package dbtest creates a database on a real PostgreSQL for every test.
//
// All test processes of a `go test ./...` share one server: the first one starts it, the last one
// stops it. Its folder is kept, so that the next run starts quickly. A package that uses dbtest
// needs
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

// shared is this process's use of the server.
var shared struct {
	main   bool // whether Main runs, which closes the server
	once   sync.Once
	server *embedded.Server
	err    error
}

// Main runs a package's tests, removes this process's databases, detaches from the server and
// exits.
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
	if admin.conn != nil {
		_ = admin.conn.Close(ctx)
	}
	return shared.server.Close()
}

// serverURL returns a function that returns the URL of a database of the server. The first call in
// a process starts the server or attaches to it.
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
	// The first time PostgreSQL may have to be downloaded.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(parent(), fmt.Sprintf("switchboard-test-%d", os.Getuid()))
	server, err := embedded.Start(ctx, embedded.Options{DataDir: dir, Ephemeral: true})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL for the tests in %s (that folder can be removed at any time): %w", dir, err)
	}
	sweep(ctx, server.URL)
	return server, nil
}
