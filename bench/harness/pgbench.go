package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Pgbench is the entry of pgbench, which runs a script of prepared statements.
func Pgbench(name, databaseURL, script string, connections int) Entry {
	return Entry{Name: name, Measure: func(ctx context.Context, during time.Duration) (Figures, error) {
		return pgbench(ctx, databaseURL, script, connections, during)
	}}
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(without`)

func pgbench(ctx context.Context, databaseURL, script string, connections int, during time.Duration) (f Figures, err error) {
	path, err := findPgbench()
	if err != nil {
		return f, err
	}
	file, err := os.CreateTemp("", "switchboard-bench-*.sql")
	if err != nil {
		return f, err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if _, err := file.WriteString(script); err != nil {
		return f, err
	}
	if err := file.Close(); err != nil {
		return f, err
	}
	seconds := max(1, int(during.Round(time.Second).Seconds()))
	cmd := exec.CommandContext(ctx, path, "-n", "-M", "prepared", "-c", strconv.Itoa(connections), "-j", "2", "-T", strconv.Itoa(seconds),
		"-f", file.Name(), "-D", "scale=1", databaseURL)
	output, err := cmd.CombinedOutput()
	found := tps.FindSubmatch(output)
	if err != nil || found == nil || strings.Contains(string(output), "ERROR") {
		return f, fmt.Errorf("pgbench: %v\n%.1000s", err, output)
	}
	f.Rate, err = strconv.ParseFloat(string(found[1]), 64)
	return f, err
}

// findPgbench finds pgbench in the PATH or where Debian keeps it.
func findPgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) == 0 {
		return "", fmt.Errorf("pgbench is needed; Debian has it in the package postgresql")
	}
	return found[len(found)-1], nil
}
