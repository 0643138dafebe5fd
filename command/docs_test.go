package command_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// blocks returns the code blocks of a language in a document.
func blocks(t *testing.T, document, language string) (all []string) {
	t.Helper()
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(must(os.ReadFile(document))), -1)
	if len(found) == 0 {
		t.Fatalf("%s has no code in %s", document, language)
	}
	for _, block := range found {
		all = append(all, block[1])
	}
	return all
}

// shell runs a script with sh and returns its output.
func shell(t *testing.T, script, dir string, env ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// TestReadmeFollowed runs the README's curl call, and its mutations with the contact of the answer.
func TestReadmeFollowed(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	s.as(c.Token).open("Ada Novak")
	calls, contact := 0, ""
	for _, block := range blocks(t, "../README.md", "sh") {
		if !strings.Contains(block, "curl") {
			continue
		}
		calls++
		script := strings.NewReplacer("swbdev_…", c.Token, "http://127.0.0.1:8080/graphql", s.GraphQL).Replace(block)
		if output, err := shell(t, script, t.TempDir()); err != nil || !strings.Contains(output, `"unassigned":1`) || !strings.Contains(output, "Ada Novak") {
			t.Errorf("%v\n%s\n%s", err, script, output)
		} else {
			contact = regexp.MustCompile(`contact_[a-z0-9]{26}`).FindString(output)
		}
	}
	if calls == 0 || contact == "" {
		t.Fatal("the README has no curl call that shows a contact")
	}
	var answers []string
	for document := range strings.Lines(blocks(t, "../README.md", "graphql")[0]) {
		var done json.RawMessage
		s.as(c.Token).ask(&done, strings.ReplaceAll(document, "contact_…", contact), nil)
		answers = append(answers, string(done))
	}
	if len(answers) != 2 || !strings.Contains(answers[0], `"blocked":true`) || !strings.Contains(answers[1], `"code":"CONTACT_BLOCKED"`) {
		t.Errorf("the mutations are answered %q", answers)
	}
}

// TestDocumentsFollowed runs every line of docs/ that begins with ./switchboard, in the order of
// docs/operations.md. The server itself has its own tests.
func TestDocumentsFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	check(t, os.Symlink(binary, filepath.Join(dir, "switchboard")))
	check(t, os.WriteFile(filepath.Join(dir, "conversations.jsonl"), []byte(blocks(t, "../docs/operations.md", "json")[0]), 0o600))
	var lines []string
	for _, document := range []string{"../docs/operations.md", "../docs/clients.md"} {
		for _, block := range blocks(t, document, "sh") {
			for line := range strings.Lines(block) {
				line, _, _ = strings.Cut(line, "  #")
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "./switchboard ") && !slices.Contains(lines, line) {
					lines = append(lines, line)
				}
			}
		}
	}
	address, workspace := databaseURL(t), ""
	for _, line := range lines {
		if strings.HasPrefix(line, "./switchboard serve") || strings.HasPrefix(line, "./switchboard replay") {
			continue
		}
		output, err := shell(t, strings.ReplaceAll(line, "ws_…", workspace), dir, "DATABASE_URL="+address)
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, output)
		}
		if id := regexp.MustCompile(`ws_[a-z0-9]{26}`).FindString(output); id != "" && workspace == "" {
			workspace = id
		}
		if strings.HasPrefix(line, "./switchboard import") && !strings.Contains(output, "Brought in 1 conversation with 2 messages; made 1 contact and 1 agent.") {
			t.Errorf("%s says\n%s", line, output)
		}
	}
	if len(lines) < 8 || workspace == "" {
		t.Errorf("only these lines were found: %q", lines)
	}
}
