package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A process is a running server of a contender.
type process struct {
	announcement
	cmd       *exec.Cmd
	requests  *json.Encoder
	answers   *json.Decoder
	in        io.Closer
	published int64
}

func start(ctx context.Context, p *program) (*process, error) {
	cmd := p.cmd(ctx)
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
	s := &process{cmd: cmd, requests: json.NewEncoder(in), answers: json.NewDecoder(out), in: in}
	if err := s.answers.Decode(&s.announcement); err != nil {
		s.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	return s, nil
}

func (p *process) ask(r request) (c counters, err error) {
	if err := p.requests.Encode(r); err != nil {
		return c, err
	}
	p.published += int64(r.Publish)
	if err := p.answers.Decode(&c); err != nil {
		return c, fmt.Errorf("the server has ended: %w", err)
	}
	return c, nil
}

func (p *process) count() (counters, error) { return p.ask(request{}) }

// resident returns the process's memory in bytes, or 0 without /proc.
func (p *process) resident() int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// stop kills the server; a graceful end is not measured.
func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
