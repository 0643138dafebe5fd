package command_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFirstLiveList runs the example in client/README.md as it stands there.
func TestFirstLiveList(t *testing.T) {
	t.Parallel()
	folder := buildLibrary(t)
	readme := string(must(os.ReadFile("../client/README.md")))
	example := regexp.MustCompile("(?s)```js\n(.*?)```").FindStringSubmatch(readme)
	if example == nil || strings.Count(example[1], "\n") > 15 {
		t.Fatalf("the README has no list in fifteen lines:\n%s", readme)
	}
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 2)
	colleague := s.as(c.agents[0].token)
	conversation := colleague.open("Ada Novak")
	program := strings.Replace(example[1], "http://127.0.0.1:8080/graphql", s.GraphQL, 1)
	program = strings.Replace(program, "'@switchboard/client'", "'./dist/index.js'", 1)
	program = "import { WebSocket } from 'ws'\nglobalThis.WebSocket ??= WebSocket\n" + program
	check(t, os.WriteFile(filepath.Join(folder, "first.mjs"), []byte(program), 0o600))
	p := startNode(t, folder, []string{"first.mjs"}, environment(s.GraphQL, c.Token))
	p.says("live: 1 of 1", 1)
	p.says("Ada Novak → nobody", 1)
	colleague.assign(conversation, c.agents[0].id)
	p.says("Ada Novak → Agent 0", 1)
}

// TestClientOracle: after random mutations, cut connections, late and repeated frames, closed tabs
// and killed servers, what the lists of the library show is what fresh queries show.
func TestClientOracle(t *testing.T) {
	isLoad(t)
	t.Parallel()
	steps, kills := 50, 0.04
	if full() {
		steps, kills = 3000, 0.01
	}
	playOracle(t, buildLibrary(t), steps, kills)
}

// playOracle runs client/test/oracle.mjs against a server, which it kills when it is asked to: before
// this share of the steps.
func playOracle(t *testing.T, folder string, steps int, kills float64) {
	t.Helper()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	addr := must(url.Parse(s.GraphQL)).Host
	c := found(t, s, dir, 3)
	var integration struct{ Token string }
	succeed(t, &integration, "token", "create", "--workspace", c.Workspace, "--scope", "integration", "--name", "oracle", "--data-dir", dir)
	var tokens []string
	for _, a := range c.agents {
		tokens = append(tokens, a.token)
	}
	cmd := exec.Command("node", "test/oracle.mjs")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "SWITCHBOARD_URL="+s.GraphQL, "MANAGER="+c.Token, "AGENTS="+strings.Join(tokens, ","),
		"INTEGRATION="+integration.Token, fmt.Sprint("STEPS=", steps), fmt.Sprint("KILLS=", kills))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	input, output := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if lines.Text() != "kill" {
			t.Log(lines.Text())
			continue
		}
		s.kill()
		s = start(t, "--data-dir", dir, "--no-demo", "--addr", addr)
		must(io.WriteString(input, "started\n"))
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
}
