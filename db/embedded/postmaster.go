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

// postmaster is what PostgreSQL's main process wrote about itself into
// postmaster.pid. The file outlives a process that was killed.
type postmaster struct {
	pid    int
	folder string // of the socket
	socket string
	status string // starting, ready, stopping
}

// postmaster reads the file; whatever is not written yet stays empty.
func (f *folder) postmaster() postmaster {
	text, err := os.ReadFile(filepath.Join(f.cluster(), "postmaster.pid"))
	if err != nil {
		return postmaster{}
	}
	// The lines: process id, data folder, start time, port, socket folder,
	// listen address, shared memory, status.
	lines := append(strings.Split(string(text), "\n"), make([]string, 8)...)
	p := postmaster{status: strings.TrimSpace(lines[7])}
	p.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	if p.folder = lines[4]; p.folder != "" {
		p.socket = filepath.Join(p.folder, ".s.PGSQL."+strings.TrimSpace(lines[3]))
	}
	return p
}

// listens tells whether somebody answers at the socket.
func (p postmaster) listens() bool {
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

// interrupt asks for a fast shutdown and tells whether it could. The process
// id of somebody who does not listen may be another process's by now.
func (p postmaster) interrupt() bool {
	return p.pid > 1 && p.listens() && syscall.Kill(p.pid, syscall.SIGINT) == nil
}

// forget removes what a PostgreSQL that was killed has left behind. Otherwise
// the next one would refuse to start if the process id has gone to another
// process. The caller holds the claim, so only a PostgreSQL that somebody
// started by hand could be alive.
func (f *folder) forget() error {
	if p := f.postmaster(); p.listens() {
		return fmt.Errorf("a PostgreSQL that was started by hand (process %d) uses %s: stop it, or remove postmaster.pid from that folder if it is not there any more", p.pid, f.cluster())
	}
	for _, path := range []string{
		filepath.Join(f.cluster(), "postmaster.pid"),
		filepath.Join(f.socketPath(), socketName),
		filepath.Join(f.socketPath(), socketName+".lock"),
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear up after a PostgreSQL that was killed: %w", err)
		}
	}
	return nil
}
