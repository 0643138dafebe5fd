// Package deploy_test checks the files with which Switchboard is deployed and watched.
package deploy_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// measured returns the names of the measures in the code, without the prefix.
func measured(t *testing.T) (names []string) {
	t.Helper()
	literal := regexp.MustCompile(`"switchboard_([a-z_]+)"`)
	for _, room := range []string{"auth", "db", "feed", "graph", "service"} {
		err := filepath.WalkDir("../"+room, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range literal.FindAllSubmatch(text, -1) {
				names = append(names, string(found[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 25 {
		t.Fatalf("only %d measures were found; does this test still look?", len(names))
	}
	return names
}

// checkQuery checks that a query names measures that exist, and returns them.
func checkQuery(t *testing.T, known []string, title, query string) (named []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`switchboard_([a-z_]+)`).FindAllStringSubmatch(query, -1) {
		name := found[1]
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			if !slices.Contains(known, name) {
				name = strings.TrimSuffix(name, part)
			}
		}
		if !slices.Contains(known, name) {
			t.Errorf("%s names switchboard_%s, which is not measured", title, found[1])
		}
		named = append(named, name)
	}
	if strings.Count(query, "(") != strings.Count(query, ")") {
		t.Errorf("%s has unbalanced parentheses: %s", title, query)
	}
	return named
}

// TestDashboard: each query names measures that exist, and each measure is shown.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	known, shown := measured(t), []string{"db_pool_max"}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			shown = append(shown, checkQuery(t, known, panel.Title, target.Expr)...)
		}
	}
	for _, name := range known {
		if !slices.Contains(shown, name) {
			t.Errorf("no panel shows switchboard_%s", name)
		}
	}
}

// TestAlerts: there are eight rules, which name measures that exist and say what to do.
func TestAlerts(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For string
				Annotations      map[string]string
			}
		}
	}
	text, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	rules := file.Groups[0].Rules
	if len(rules) != 8 {
		t.Errorf("there are %d rules", len(rules))
	}
	known := measured(t)
	for _, rule := range rules {
		checkQuery(t, known, rule.Alert, rule.Expr)
		if rule.Alert == "" || rule.For == "" || rule.Annotations["summary"] == "" {
			t.Errorf("the rule %+v is not complete", rule)
		}
	}
}

// TestManifests: the YAML files can be read, and a pod has longer to stop than the server takes.
func TestManifests(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"compose.yaml", "kubernetes/switchboard.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			var content map[string]any
			if err := yaml.Unmarshal([]byte(document), &content); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		variables := regexp.MustCompile(`\b(SWITCHBOARD_[A-Z_]+)\b`).FindAllString(string(text), -1)
		for _, variable := range variables {
			if code, err := os.ReadFile("../command/serve.go"); err != nil || !strings.Contains(string(code), `env:"`+variable+`"`) {
				t.Errorf("%s sets %s, which serve does not read", name, variable)
			}
		}
		drain := seconds(t, string(text), `SWITCHBOARD_DRAIN_DELAY\W+(?:value: )?(\d+)s`) + seconds(t, string(text), `SWITCHBOARD_DRAIN_OVER\W+(?:value: )?(\d+)s`)
		if given := seconds(t, string(text), `(?:stop_grace_period|terminationGracePeriodSeconds): (\d+)`); given < drain+10 {
			t.Errorf("%s gives a server %d s to stop, which takes it up to %d s", name, given, drain+10)
		}
	}
}

// seconds returns the number that a pattern finds in a file.
func seconds(t *testing.T, text, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("nothing is found by %s", pattern)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestUnit checks the systemd unit, where systemd is installed.
func TestUnit(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit, err := os.ReadFile("switchboard.service")
	if err != nil {
		t.Fatal(err)
	}
	// The program and the settings are not on this machine.
	text := strings.ReplaceAll(string(unit), "/usr/local/bin/switchboard serve", "/bin/true")
	file := filepath.Join(t.TempDir(), "switchboard.service")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "verify", "--man=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
