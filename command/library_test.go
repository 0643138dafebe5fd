package command_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildLibrary builds a copy of client/ and returns its folder.
func buildLibrary(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	check(t, copyFiles("../client", filepath.Join(folder, "client"), func(string) bool { return true }))
	check(t, os.WriteFile(filepath.Join(folder, "schema.graphqls"), must(os.ReadFile("../schema.graphqls")), 0o600))
	folder = filepath.Join(folder, "client")
	installPackages(t, "client", folder)
	runNode(t, folder, "node_modules/typescript/bin/tsc")
	return folder
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
