package command_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/gorilla/websocket"
	"github.com/uptrace/bun"

	"switchboard/db/dbtest"
)

// TestExamples runs the programs of examples/ that follow the inbox, with their documented
// commands. Their first connection is refused, the server is killed, then killed again for so long
// that their cursor expires, their agent gets another role, and at last their token is revoked.
func TestExamples(t *testing.T) {
	t.Parallel()
	folder := installExamples(t)
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	addr := must(url.Parse(s.GraphQL)).Host
	restart := func() { s = start(t, "--data-dir", dir, "--no-demo", "--addr", addr) }
	// Changes while the examples have no server are made through another one.
	other := start(t, "--data-dir", dir, "--no-demo")

	for _, name := range []string{"graphql-ws", "graphql-sse", "apollo", "urql", "relay", "curl"} {
		t.Run(name, func(t *testing.T) {
			c := found(t, s, dir, 2)
			colleague := other.as(c.agents[0].token)
			conversation := colleague.open("Ada Novak")
			before := colleague.happened(conversation)
			p := runExample(t, folder, name, refusingOnce(t, addr), c.Token)
			p.says("inbox ", 1)

			colleague.assign(conversation, c.agents[0].id)
			if name != "curl" {
				colleague.unassign(conversation)
				p.types(conversation)
				p.says("taken "+conversation+" by mia", 1)
			}
			s.kill()
			colleague.assign(conversation, c.agents[0].id)
			colleague.assign(conversation, c.agents[1].id)
			restart()
			p.saw(colleague.happened(conversation)[len(before):])
			if strings.HasPrefix(name, "graphql-") {
				p.countsAre(s.as(c.Token))
			}
			if name != "curl" {
				p.types(conversation)
				p.says("refused ALREADY_ASSIGNED", 1)
			}

			s.kill()
			seen := colleague.happened(conversation)
			colleague.assign(conversation, c.agents[0].id)
			monthPasses(t, dir, c.Workspace)
			loaded := len(colleague.happened(conversation))
			restart()
			p.says("inbox ", 2)
			colleague.assign(conversation, c.agents[1].id)
			p.saw(slices.Concat(seen[len(before):], colleague.happened(conversation)[loaded:]))

			other.as(c.Token).setRole(c.agents[1].id, "MANAGER")
			other.as(c.agents[1].token).setRole(c.Manager, "AGENT")
			colleague.assign(conversation, c.agents[0].id)
			p.saw(slices.Concat(seen[len(before):], colleague.happened(conversation)[loaded:]))

			succeed(t, &struct{}{}, "token", "revoke", c.TokenID, "--workspace", c.Workspace, "--data-dir", dir)
			if status := p.ends(); status != 1 || !strings.Contains(p.errors.String(), "The token is not accepted") {
				t.Errorf("without a token it ends with %d and says\n%s", status, p.errors.String())
			}
		})
	}
}

// TestOneSocketTooMany: an agent's 21st socket is refused in a way that its client survives, and
// gets in once another leaves.
func TestOneSocketTooMany(t *testing.T) {
	t.Parallel()
	folder := installExamples(t)
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	agent := s.as(found(t, s, dir, 1).agents[0].token)
	var open []*socket
	for range 20 {
		open = append(open, must(agent.connect()))
	}
	var attempts atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: must(url.Parse(s.GraphQL)).Host})
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(counting.Close)
	p := runExample(t, folder, "graphql-ws", counting.URL+"/graphql", agent.token)
	eventually(t, patience, "it comes back after it was refused", func() bool { return attempts.Load() >= 2 })
	if lines := p.printed("inbox "); len(lines) > 0 {
		t.Errorf("a 21st socket got in: %v", lines)
	}
	check(t, open[0].Close())
	p.says("inbox ", 1)
}

// TestTypedExample: the schema's types find a misspelt field before anything runs.
func TestTypedExample(t *testing.T) {
	isLoad(t)
	t.Parallel()
	folder := filepath.Join(installExamples(t), "typescript")
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	s.as(c.Token).open("Ada Novak")
	check(t, os.WriteFile(filepath.Join(folder, "schema.graphqls"), []byte(run(t, "schema").output), 0o600))
	do := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "npm", append([]string{"run", "--silent"}, args...)...)
		cmd.Dir, cmd.Env = folder, environment(s.GraphQL, c.Token)
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	if output, err := do("types"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if output, err := do("start"); err != nil || !strings.Contains(output, "inbox 1 open conversations") || !strings.Contains(output, "Ada Novak") {
		t.Errorf("%v\n%s", err, output)
	}
	program := filepath.Join(folder, "index.ts")
	right := must(os.ReadFile(program))
	// The document has the first part, the code that reads the answer has the second.
	for _, part := range []string{"contact { name }", "contact.name"} {
		wrong := strings.Replace(string(right), part, strings.Replace(part, "name", "nmae", 1), 1)
		check(t, os.WriteFile(program, []byte(wrong), 0o600))
		if output, err := do("check"); err == nil || !strings.Contains(output, "nmae") {
			t.Errorf("the misspelt field of %s is not found: %v\n%s", part, err, output)
		}
	}
}

// TestHTTPAudits: the audits of the GraphQL-over-HTTP reference implementation pass.
func TestHTTPAudits(t *testing.T) {
	t.Parallel()
	folder := installExamples(t)
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	p := runExample(t, folder, "graphql-http", s.GraphQL, found(t, s, dir, 0).Token)
	p.says("61 of 61 audits passed", 1)
	if status := p.ends(); status != 0 {
		t.Errorf("it ends with %d\n%s", status, p.errors.String())
	}
}

// installExamples returns a folder with a copy of examples/ and their npm packages. The packages
// are kept in the system's temporary folder until package-lock.json changes.
func installExamples(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm", "bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing, without which the examples cannot be tried; install it, or run .ci/tools", program)
		}
	}
	folder := t.TempDir()
	check(t, copyFiles("../examples", folder, func(string) bool { return true }))
	installPackages(t, "examples", folder, "--omit=optional")
	return folder
}

// installPackages installs the npm packages that the lock file in a folder pins. They are kept in a
// cache of this name for later tests.
func installPackages(t *testing.T, name, folder string, options ...string) {
	t.Helper()
	hash := sha256.Sum256(must(os.ReadFile(filepath.Join(folder, "package-lock.json"))))
	cache := filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-%s-%d-%x", name, os.Getuid(), hash[:8]))
	lock := flock.New(cache + ".lock")
	check(t, lock.Lock())
	defer func() { check(t, lock.Close()) }()
	if _, err := os.Stat(cache); err != nil {
		fresh := cache + ".new"
		check(t, os.RemoveAll(fresh))
		check(t, copyFiles(folder, fresh, func(name string) bool { return strings.HasPrefix(name, "package") || name == ".npmrc" }))
		ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
		defer cancel()
		install := exec.CommandContext(ctx, "npm", append([]string{"ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"}, options...)...)
		install.Dir = fresh
		if output, err := install.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, output)
		}
		check(t, os.Rename(fresh, cache))
	}
	check(t, os.Symlink(filepath.Join(cache, "node_modules"), filepath.Join(folder, "node_modules")))
}

// copyFiles copies the wanted files of a folder, except for node_modules.
func copyFiles(from, to string, wanted func(name string) bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == "node_modules" {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil // a link to where they are
		}
		copied := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(copied, 0o700)
		}
		if !wanted(entry.Name()) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(copied, content, 0o700)
	})
}

// environment returns the variables by which an example finds its server.
func environment(graphQL, token string) []string {
	return append(os.Environ(), "SWITCHBOARD_URL="+graphQL, "SWITCHBOARD_TOKEN="+token)
}

// refusingOnce forwards to a server, but refuses the first socket with 1013 and the first stream
// with 429, as the server does above its limit of connections.
func refusingOnce(t *testing.T, addr string) (graphQL string) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	var refusals atomic.Int64
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, stream := websocket.IsWebSocketUpgrade(r), strings.Contains(r.Header.Get("Accept"), "text/event-stream")
		switch {
		case !socket && !stream || refusals.Add(1) > 1:
			proxy.ServeHTTP(w, r)
		case stream:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			upgrader := websocket.Upgrader{Subprotocols: []string{"graphql-transport-ws"}}
			if conn, err := upgrader.Upgrade(w, r, nil); err == nil {
				_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseTryAgainLater, "too many sockets"))
				_ = conn.Close()
			}
		}
	}))
	t.Cleanup(p.Close)
	t.Cleanup(func() {
		if refusals.Load() < 2 {
			t.Error("the example has not come back after it was refused")
		}
	})
	return p.URL + "/graphql"
}

// monthPasses makes all events of a workspace 31 days older. It disables the trigger that
// prevents changes to the log.
func monthPasses(t *testing.T, dir, workspace string) {
	t.Helper()
	d, leave := openDatabase(t, dir)
	defer leave()
	for _, w := range must(d.Workspaces(t.Context())) {
		if w.ID.String() == workspace {
			check(t, d.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
				if _, err := tx.ExecContext(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
					return err
				}
				_, err := tx.ExecContext(ctx, "UPDATE events SET created_at = created_at - interval '31 days' WHERE workspace_id = ?", w.Key)
				return err
			}))
		}
	}
}

// happened returns the ids of the events of a conversation, in log order.
func (c caller) happened(conversation string) (ids []string) {
	c.server.t.Helper()
	var data struct {
		Conversation struct {
			Timeline struct{ Nodes []struct{ ID string } }
		}
	}
	c.ask(&data, `query($id: ID!) { conversation(id: $id) { timeline(first: 100) { nodes { id } } } }`, vars{"id": conversation})
	for _, e := range data.Conversation.Timeline.Nodes {
		ids = append(ids, e.ID)
	}
	return ids
}

// unassign unassigns a conversation.
func (c caller) unassign(conversation string) {
	c.server.t.Helper()
	c.ask(&struct{}{}, `mutation($id: ID!) { unassignConversation(input: {conversationId: $id}) { events { id } } }`, vars{"id": conversation})
}

// setRole changes an agent's role, which closes the agent's sockets.
func (c caller) setRole(agent, role string) {
	c.server.t.Helper()
	c.ask(&struct{}{}, `mutation($id: ID!, $role: Role!) { updateAgent(input: {agentId: $id, role: $role}) { events { id } } }`,
		vars{"id": agent, "role": role})
}

// example is a running program of examples/.
type example struct {
	t      *testing.T
	cmd    *exec.Cmd
	input  io.Writer
	errors dbtest.Journal
	ended  chan struct{}

	mu    sync.Mutex
	lines []string
}

// runExample starts a program. When the test ends it is killed if it still runs.
func runExample(t *testing.T, folder, name, graphQL, token string) *example {
	t.Helper()
	if name == "curl" {
		return startExample(t, exec.Command("./watch.sh"), filepath.Join(folder, name), environment(graphQL, token))
	}
	return startNode(t, filepath.Join(folder, name), []string{"index.mjs"}, environment(graphQL, token))
}

// startNode starts a program of Node.js.
func startNode(t *testing.T, folder string, args, env []string) *example {
	t.Helper()
	return startExample(t, exec.Command("node", args...), folder, env)
}

func startExample(t *testing.T, cmd *exec.Cmd, folder string, env []string) *example {
	t.Helper()
	p := &example{t: t, cmd: cmd, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = folder, env
	p.cmd.Stderr = &p.errors
	p.input = must(p.cmd.StdinPipe())
	output := must(p.cmd.StdoutPipe())
	check(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			p.mu.Unlock()
		}
		_ = p.cmd.Wait() // the result is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the example's output:\n%s\nits errors:\n%s", strings.Join(p.lines, "\n"), p.errors.String())
		}
	})
	return p
}

// types sends a line to the program's standard input.
func (p *example) types(line string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.input, line)
	check(p.t, err)
}

// printed returns the lines so far that begin with a prefix.
func (p *example) printed(prefix string) (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, line)
		}
	}
	return lines
}

// says waits until the program has printed this many lines with a prefix.
func (p *example) says(prefix string, times int) {
	p.t.Helper()
	eventually(p.t, patience, fmt.Sprintf("%d times %q", times, prefix), func() bool { return len(p.printed(prefix)) >= times })
}

var changeLine = regexp.MustCompile(`^(?:ENTERED|UPDATED|LEFT) conv_\S+ \w+ (evt_\S+)`)

// saw waits until the program has printed these events, each once and in this order.
func (p *example) saw(events []string) {
	p.t.Helper()
	var seen []string
	eventually(p.t, patience, fmt.Sprintf("%d events", len(events)), func() bool {
		seen = nil
		for _, line := range p.printed("") {
			if change := changeLine.FindStringSubmatch(line); change != nil {
				seen = append(seen, change[1])
			}
		}
		return len(seen) >= len(events)
	})
	if !slices.Equal(seen, events) {
		p.t.Errorf("it printed the events\n%v\nand these happened\n%v", seen, events)
	}
}

// countsAre waits until the last counts that the program printed equal those the API returns.
func (p *example) countsAre(c caller) {
	p.t.Helper()
	type counts struct{ Mine, Unassigned, All int }
	var data struct{ InboxCounts counts }
	c.ask(&data, `{ inboxCounts { mine unassigned all } }`, nil)
	eventually(p.t, patience, fmt.Sprintf("counts of %+v", data.InboxCounts), func() bool {
		lines := p.printed("counts ")
		var last counts
		return len(lines) > 0 && json.Unmarshal([]byte(strings.TrimPrefix(lines[len(lines)-1], "counts ")), &last) == nil && last == data.InboxCounts
	})
}

// ends waits for the end of the program and returns its exit status.
func (p *example) ends() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("it does not end")
		return 0
	}
}
