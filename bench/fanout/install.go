package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

// yoga installs GraphQL Yoga and graphql-ws with npm.
func yoga(ctx context.Context) (*program, error) {
	root, err := repository(ctx)
	if err != nil {
		return nil, err
	}
	npm := []string{"npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"}
	folder, err := install(ctx, filepath.Join(root, "bench", "fanout", "yoga"), []string{"package.json", "package-lock.json", ".npmrc", "server.mjs"}, npm)
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(map[string]string{"schema": filepath.Join(root, "schema.graphqls"), "data": event{}.data()})
	return &program{
		path: "node",
		args: []string{filepath.Join(folder, "server.mjs"), string(options)},
		env:  []string{"NODE_ENV=production", "NODE_NO_WARNINGS=1"},
	}, err
}

// centrifuge builds a program that uses the library.
func centrifuge(ctx context.Context) (*program, error) {
	root, err := repository(ctx)
	if err != nil {
		return nil, err
	}
	build := []string{"go", "build", "-o", "centrifuge", "."}
	folder, err := install(ctx, filepath.Join(root, "bench", "fanout", "centrifuge"), []string{"go.mod", "go.sum", "main.go"}, build)
	data := dataTemplate()
	return &program{path: filepath.Join(folder, "centrifuge"), args: []string{data.before, data.after}}, err
}

// repository returns the folder of the module in which the command was called.
func repository(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	return filepath.Dir(string(bytes.TrimSpace(file))), err
}

// install copies files into a temporary folder and runs a command there. The folder is reused until
// one of the files changes.
func install(ctx context.Context, from string, files, command []string) (string, error) {
	hash := sha256.New()
	contents := map[string][]byte{}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return "", err
		}
		contents[name] = content
		fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
	}
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-bench-%s-%d-%x", filepath.Base(from), os.Getuid(), hash.Sum(nil)[:8]))
	lock := flock.New(folder + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	fresh := folder + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return "", err
	}
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = fresh
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, output)
	}
	return folder, os.Rename(fresh, folder)
}
