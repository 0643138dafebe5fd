//go:build linux

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchboard/db/dbtest"
)

// An endpoint is where clients reach the API: that of a server, or of a proxy in front of all.
type endpoint struct{ url string } // of its root

// server is a switchboard process between two lines: clients reach it through the front, and it
// reaches PostgreSQL through the back. Its address stays the same when it is started again.
type server struct {
	t           *testing.T
	front, back *dbtest.Line
	endpoint           // of the front
	program     string // instead of binary, if set
	address     string
	args, env   []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{}
	log  journal
}

// newServer returns a server on a cluster. It is not started yet.
func newServer(t *testing.T, c *cluster, args ...string) *server {
	t.Helper()
	s := &server{t: t, program: binary, address: fmt.Sprintf("127.0.0.1:%d", freePort(t)), front: dbtest.NewLine(t), back: dbtest.NewLine(t)}
	s.url = "http://" + s.front.Listen(t, "tcp", s.address)
	s.args = append([]string{"serve", "--addr", s.address, "--rate-limit", "0", "--no-demo"}, args...)
	s.env = []string{"DATABASE_URL=" + urlAt(s.back.Listen(t, "tcp", c.address()))}
	t.Cleanup(s.cleanUp)
	return s
}

// start starts the process. It does not wait until it is ready.
func (s *server) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd, gone := exec.Command(s.program, s.args...), make(chan struct{})
	cmd.Env = append(cmd.Environ(), s.env...)
	cmd.Stderr = &s.log
	if err := cmd.Start(); err != nil {
		s.t.Error(err)
		return
	}
	s.cmd, s.gone = cmd, gone
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
}

// startAgain starts a server that has ended by itself, as a service manager does: a server that
// starts gives up if the database does not answer.
func (s *server) startAgain() {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	select {
	case <-gone:
		s.t.Log("a server has ended by itself and is started again")
		s.start()
	default:
	}
}

// signal sends a signal to the process.
func (s *server) signal(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Signal(signal)
}

// wait waits until the process has ended and returns its status.
func (s *server) wait() int {
	s.mu.Lock()
	cmd, gone := s.cmd, s.gone
	s.mu.Unlock()
	select {
	case <-gone:
	case <-time.After(patience):
		s.t.Error("the server does not end")
		_ = cmd.Process.Kill()
		<-gone
	}
	return cmd.ProcessState.ExitCode()
}

// kill ends the process as the OOM killer would.
func (s *server) kill() {
	s.signal(syscall.SIGKILL)
	s.wait()
}

// drain asks the process to end, and waits until it has ended by itself.
func (s *server) drain() {
	s.signal(syscall.SIGTERM)
	if status := s.wait(); status != 0 {
		s.t.Errorf("a server that was told to stop ended with status %d", status)
	}
}

func (s *server) cleanUp() {
	if s.cmd == nil {
		return
	}
	select {
	case <-s.gone:
	default:
		s.signal(syscall.SIGCONT)
		s.drain()
	}
	for _, complaint := range []string{"panic", "level=ERROR"} {
		if found := s.log.with(complaint); len(found) > 0 {
			s.t.Errorf("%s in %d lines of a server's log, first:\n%.4000s", complaint, len(found), found[0])
		}
	}
	if s.t.Failed() {
		text := s.log.without("an operation was refused")
		s.t.Logf("the log of the server at %s ends:\n%s", s.address, text[max(0, len(text)-4000):])
	}
}

// isReady reports whether the server says that it works.
func (s *server) isReady() bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := impatient.Do(r)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

type vars map[string]any

// answer is a response of the GraphQL API.
type answer struct {
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string `json:"message"`
		Extensions struct {
			Code string `json:"code"`
		} `json:"extensions"`
	} `json:"errors"`
}

// attemptTime is how long a client waits for an answer before it asks the next server.
const attemptTime = 8 * time.Second

// impatient does not use a connection again, since a half-open one would be tried again and again.
var impatient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: attemptTime}

// patient keeps its connections, as browsers and connectors do.
func patient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}, Timeout: attemptTime}
}

// errUnavailable is a break that clients have to expect: the server or the network did not answer,
// or the server said that it cannot work now.
type errUnavailable struct{ error }

// ask sends an operation and reads its data.
func (at endpoint) ask(ctx context.Context, client *http.Client, token string, into any, document string, variables vars) error {
	body, err := json.Marshal(vars{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(r)
	if err != nil {
		return errUnavailable{err}
	}
	defer func() { _ = response.Body.Close() }()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return errUnavailable{fmt.Errorf("%s: %w", response.Status, err)}
	}
	if response.StatusCode == http.StatusServiceUnavailable || len(a.Errors) > 0 && a.Errors[0].Extensions.Code == "UNAVAILABLE" {
		return errUnavailable{fmt.Errorf("%s: %v", response.Status, a.Errors)}
	}
	if response.StatusCode != http.StatusOK || len(a.Errors) > 0 {
		return fmt.Errorf("%s: %v", response.Status, a.Errors)
	}
	return json.Unmarshal(a.Data, into)
}
