package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Repository returns the folder of the module in which the command was called.
func Repository(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	return filepath.Dir(string(bytes.TrimSpace(file))), err
}

// Install copies files into a temporary folder and runs a command there. The folder is reused until
// one of the files changes.
func Install(ctx context.Context, from string, files, command []string) (string, error) {
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
