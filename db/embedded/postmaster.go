//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	port       = "5432" // only part of the socket's name; there is no TCP port
	socketName = ".s.PGSQL." + port
)

// A postmaster is what PostgreSQL's main process writes about itself to postmaster.pid. The file
// remains after a process was killed.
type postmaster struct {
	pid    int
	folder string // of the socket
	socket string
	status string // starting, ready, stopping
}

// postmaster parses the file. Lines that are not written yet are empty.
func (f *folder) postmaster() postmaster {
	text, err := os.ReadFile(filepath.Join(f.cluster(), "postmaster.pid"))
	if err != nil {
		return postmaster{}
	}
	// The lines are: process id, data folder, start time, port, socket folder, listen address,
	// shared memory, status.
	lines := append(strings.Split(string(text), "\n"), make([]string, 8)...)
	p := postmaster{status: strings.TrimSpace(lines[7])}
	p.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	if p.folder = lines[4]; p.folder != "" {
		p.socket = filepath.Join(p.folder, ".s.PGSQL."+strings.TrimSpace(lines[3]))
	}
	return p
}

// isListening reports whether the socket accepts connections.
func (p postmaster) isListening() bool {
	if p.socket == "" {
		return false
	}
	conn, err := net.DialTimeout("unix", p.socket, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// interrupt requests a fast shutdown and reports whether it could. Without a listening socket it
// does nothing, because the process id may belong to another process by now.
func (p postmaster) interrupt() bool {
	return p.pid > 1 && p.isListening() && syscall.Kill(p.pid, syscall.SIGINT) == nil
}

// removeStale removes the files of a PostgreSQL that was killed. Otherwise the next one would
// refuse to start if the process id now belongs to another process. The caller holds the claim, so
// only a PostgreSQL that was started by hand could be running.
func (f *folder) removeStale() error {
	if p := f.postmaster(); p.isListening() {
		return fmt.Errorf("a PostgreSQL that was started by hand (process %d) uses %s: stop it, or remove postmaster.pid from that folder if that process no longer exists", p.pid, f.cluster())
	}
	for _, path := range []string{
		filepath.Join(f.cluster(), "postmaster.pid"),
		filepath.Join(f.socketPath(), socketName),
		filepath.Join(f.socketPath(), socketName+".lock"),
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the files of a PostgreSQL that was killed: %w", err)
		}
	}
	return nil
}
