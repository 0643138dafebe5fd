package command_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// library is the built copy of client/ that the tests share.
var library struct {
	once   sync.Once
	folder string // empty: it could not be built
}

// buildLibrary returns the folder of a built copy of client/ that belongs to the test.
func buildLibrary(t *testing.T) string {
	t.Helper()
	library.once.Do(func() {
		folder := filepath.Join(must(os.MkdirTemp(workshop, "library-")), "client")
		layLibrary(t, "..", folder)
		runNode(t, folder, "node_modules/typescript/bin/tsc")
		library.folder = folder
	})
	if library.folder == "" {
		t.Fatal("the library could not be built")
	}
	folder := filepath.Join(t.TempDir(), "client")
	layLibrary(t, filepath.Dir(library.folder), folder)
	return folder
}

// layLibrary copies client/ with the schema beside it, and installs its packages.
func layLibrary(t *testing.T, from, folder string) {
	t.Helper()
	check(t, copyFiles(filepath.Join(from, "client"), folder, func(string) bool { return true }))
	check(t, os.WriteFile(filepath.Join(folder, "..", "schema.graphqls"), must(os.ReadFile(filepath.Join(from, "schema.graphqls"))), 0o600))
	installPackages(t, "client", folder)
}

// runNode runs a program that must succeed, and returns what it prints.
func runNode(t *testing.T, folder string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = folder
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return string(output)
}

// TestClientLibrary runs the tests of client/ that need no server, and checks that its types are
// those of the schema.
func TestClientLibrary(t *testing.T) {
	t.Parallel()
	folder := buildLibrary(t)
	runNode(t, folder, "generate.mjs", "generated.new")
	if made := must(os.ReadFile(filepath.Join(folder, "generated.new"))); !bytes.Equal(made, must(os.ReadFile("../client/src/generated.ts"))) {
		t.Error("client/src/generated.ts is not that of the schema: run `npm run generate` in client/")
	}
	t.Log(runNode(t, folder, append([]string{"--test"}, must(filepath.Glob(filepath.Join(folder, "test", "*.test.mjs")))...)...))
}
