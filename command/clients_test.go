package command_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// TestClients runs the clients of others, as they come from npm, against the real server:
// a query, a mutation and two subscriptions, which go on when the server was killed.
func TestClients(t *testing.T) {
	t.Parallel()
	scripts := installClients(t)
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	// What happens while the clients have no server happens on another one.
	other := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 2)

	for _, name := range []string{"graphql-ws", "graphql-sse", "graphql-sse single", "apollo", "urql", "relay"} {
		t.Run(name, func(sub *testing.T) {
			conversation := other.as(c.Token).open(name)
			n := runClient(sub, scripts, name, s, c, conversation)
			var want []string // the ids of the events
			for step := range n.steps {
				switch step.Step {
				case "query":
					if step.Viewer != c.Manager {
						sub.Errorf("the client calls itself %q instead of %s", step.Viewer, c.Manager)
					}
				case "mutation":
					want = append(want, step.Events...)
				case "kill":
					s.kill()
					missed := slices.Concat(
						other.as(c.Token).assign(conversation, c.agents[0].id), other.as(c.Token).assign(conversation, c.agents[1].id))
					time.Sleep(100 * time.Millisecond) // for the client to try in vain
					s = start(t, "--data-dir", dir, "--no-demo", "--addr", must(url.Parse(s.GraphQL)).Host)
					n.answer(vars{"events": len(missed)})
					want = append(want, missed...)
				case "subscription":
					if !slices.Equal(step.AssignmentChanged, want) || !slices.Equal(step.InboxChanged, want) {
						sub.Errorf("assignmentChanged %v\ninboxChanged %v\nhappened %v", step.AssignmentChanged, step.InboxChanged, want)
					}
				}
			}
			n.finished("query", "mutation", "mutation", "kill", "mutation", "subscription")
		})
	}

	t.Run("graphql-http", func(sub *testing.T) {
		n := runClient(sub, scripts, "graphql-http", s, c, "")
		for step := range n.steps {
			if step.Step == "audits" && step.All != 61 {
				sub.Errorf("there are %d audits, not 61", step.All)
			}
		}
		n.finished("audits")
	})
}

// installClients gives a folder with the scripts of clients/ and what they import. That
// is kept in the system's folder for temporary files until package-lock.json changes.
func installClients(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing, without which the clients cannot be tried; install Node.js 18 or newer with npm, or run .ci/tools", program)
		}
	}
	packages := []string{"package.json", "package-lock.json", ".npmrc"}
	hash := sha256.New()
	for _, name := range packages {
		hash.Write(must(os.ReadFile(filepath.Join("clients", name))))
	}
	cache := filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-clients-%d-%x", os.Getuid(), hash.Sum(nil)[:8]))
	lock := flock.New(cache + ".lock")
	check(t, lock.Lock())
	defer func() { check(t, lock.Close()) }()
	if _, err := os.Stat(cache); err != nil {
		fresh := cache + ".new"
		check(t, os.RemoveAll(fresh))
		check(t, os.Mkdir(fresh, 0o700))
		for _, name := range packages {
			check(t, os.WriteFile(filepath.Join(fresh, name), must(os.ReadFile(filepath.Join("clients", name))), 0o600))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
		defer cancel()
		install := exec.CommandContext(ctx, "npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
		install.Dir = fresh
		if output, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, output)
		}
		check(t, os.Rename(fresh, cache))
	}

	scripts := t.TempDir()
	for _, script := range must(filepath.Glob("clients/*.mjs")) {
		check(t, os.WriteFile(filepath.Join(scripts, filepath.Base(script)), must(os.ReadFile(script)), 0o600))
	}
	check(t, os.Symlink(filepath.Join(cache, "node_modules"), filepath.Join(scripts, "node_modules")))
	return scripts
}

// npmClient is a running script of clients/.
type npmClient struct {
	t        *testing.T
	cmd      *exec.Cmd
	steps    func(yield func(clientStep) bool)
	taken    []string // their names
	answer   func(any)
	messages bytes.Buffer
}

// clientStep is what a script says that it did.
type clientStep struct {
	Step                            string
	Viewer                          string   // query
	Events                          []string // mutation
	AssignmentChanged, InboxChanged []string // subscription
	All                             int      // audits
}

// runClient starts a script, perhaps with a word that tells it how. It may take as long as
// the caller's patience.
func runClient(t *testing.T, scripts, name string, s *server, c *company, conversation string) *npmClient {
	t.Helper()
	where := must(json.Marshal(vars{"graphql": s.GraphQL, "webSocket": s.WebSocket, "token": c.Token,
		"conversation": conversation, "agents": []string{c.agents[0].id, c.agents[1].id}}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	script, how, _ := strings.Cut(name, " ")
	n := &npmClient{t: t, cmd: exec.CommandContext(ctx, "node", filepath.Join(scripts, script+".mjs"), string(where), how)}
	n.cmd.Stderr = &n.messages
	input, output := must(n.cmd.StdinPipe()), must(n.cmd.StdoutPipe())
	n.answer = func(line any) { _ = json.NewEncoder(input).Encode(line) } // finished says why the script is gone
	n.steps = func(yield func(clientStep) bool) {
		for lines := bufio.NewScanner(output); lines.Scan(); {
			t.Logf("%s", lines.Bytes())
			var step clientStep
			if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
				t.Errorf("%s: %v", lines.Bytes(), err)
			}
			n.taken = append(n.taken, step.Step)
			if !yield(step) {
				return
			}
		}
	}
	check(t, n.cmd.Start())
	return n
}

// finished waits for the end of the script, which must have taken these steps.
func (n *npmClient) finished(steps ...string) {
	n.t.Helper()
	if err := n.cmd.Wait(); err != nil || !slices.Equal(n.taken, steps) {
		n.t.Errorf("the client ended with %v after the steps %v\n%s", err, n.taken, &n.messages)
	}
}
