//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	superuser = "switchboard"
	database  = "switchboard"

	// timeout is how long to wait for PostgreSQL to start or stop without any progress.
	timeout = time.Minute
)

// A Server is this process's use of the PostgreSQL of a data folder.
type Server struct {
	folder    *folder
	locations locations
	options   Options
	log       *slog.Logger
	created   bool                   // Start has created the database files
	socket    atomic.Pointer[string] // the folder of the socket
	child     *exec.Cmd              // set in the process that started PostgreSQL

	closeOnce      sync.Once
	closeErr       error
	stopKeeping    context.CancelFunc // ends keepRunning
	keepingStopped chan struct{}      // closed when keepRunning has ended
}

// Start finds PostgreSQL, creates the folder if needed, and starts the server or attaches to one
// that another process has started. When it returns, the server accepts connections and has a
// database and a superuser named "switchboard". The server keeps running after ctx ends, until
// Close is called. If it dies earlier it is restarted.
func Start(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, o, defaultLocations())
}

func start(ctx context.Context, o Options, where locations) (*Server, error) {
	f, err := openFolder(o.DataDir)
	if err != nil {
		return nil, err
	}
	s := &Server{folder: f, locations: where, options: o, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	defer f.entry.Unlock()
	if err := s.ensureRunning(ctx); err != nil {
		if also := s.leave(); also != nil {
			s.log.Warn("stopping the database after it failed to start", "error", also)
		}
		return nil, err
	}
	ctx, s.stopKeeping = context.WithCancel(context.WithoutCancel(ctx))
	s.keepingStopped = make(chan struct{})
	go s.keepRunning(ctx)
	return s, nil
}

// ensureRunning waits until the server accepts connections. It starts the server once no process of
// an earlier one is left. The entry lock is held.
func (s *Server) ensureRunning(ctx context.Context) error {
	deadline, notReady := time.Now().Add(timeout), errNotReady
	for {
		work, err := s.folder.claim()
		if err != nil {
			return err
		}
		if work != nil {
			err := s.startPostgreSQL(ctx, work)
			work.Close() // PostgreSQL has inherited it
			if err != nil {
				return err
			}
		}
		switch p := s.folder.postmaster(); p.status {
		case "starting": // recovery after a crash can take long
			deadline = time.Now().Add(timeout)
		case "ready":
			s.socket.Store(&p.folder)
			if notReady = s.ensureDatabase(ctx); !errors.Is(notReady, errNotReady) {
				return notReady
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of a PostgreSQL in %s are alive but do not answer: end them and start again (%w). The end of its log:\n%s", s.folder.root, notReady, s.folder.logTail())
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for PostgreSQL in %s: %w", s.folder.root, err)
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pollInterval):
		return nil
	}
}

// startPostgreSQL starts the server, once. The folder is claimed.
func (s *Server) startPostgreSQL(ctx context.Context, work *os.File) error {
	if s.child != nil {
		return fmt.Errorf("PostgreSQL did not start in %s. The end of its log:\n%s", s.folder.root, s.folder.logTail())
	}
	major, err := s.folder.major()
	if err != nil {
		return err
	}
	bin, err := search{s.locations, s.folder, s.log}.find(ctx, major)
	if err != nil {
		return err
	}
	if major == 0 {
		err = s.create(ctx, bin, work)
	} else {
		err = s.folder.removeStale()
	}
	if err != nil {
		return err
	}
	return s.launch(bin, work)
}

var errNotReady = errors.New("PostgreSQL does not accept connections yet")

// ensureDatabase creates the database if it does not exist. Success also shows that the server
// accepts connections.
func (s *Server) ensureDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && refused.Code != "57P03" {
			return fmt.Errorf("connect to PostgreSQL in %s: %w", s.folder.root, err)
		}
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	}
	if err != nil {
		return fmt.Errorf("create the database %s: %w", database, err)
	}
	return nil
}

// URL returns the address of a database of this server for pgx and libpq. It uses the unix socket
// and needs no password.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {*s.socket.Load()}, "port": {port}, "sslmode": {"disable"}}.Encode()
	address := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Path:     "/" + database,
		RawQuery: strings.ReplaceAll(query, "+", "%20"), // only HTML forms decode + as a space
	}
	return address.String()
}

// Close detaches from the server. The last process stops the server and waits until it has stopped.
// Close may be called more than once.
func (s *Server) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Server) close() error {
	s.stopKeeping()
	<-s.keepingStopped
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if _, err := s.folder.entry.TryLockContext(ctx, pollInterval); err != nil {
		s.folder.users.Unlock()
		return fmt.Errorf("another process is still starting the database in %s and will stop it: %w", s.folder.root, err)
	}
	defer s.folder.entry.Unlock()
	return s.leave()
}

// leave ends this process's use. The entry lock is held, so that no process enters between the
// check whether this is the last one and the stop.
func (s *Server) leave() error {
	users := s.folder.users
	if err := users.Unlock(); err != nil {
		return fmt.Errorf("leave the data folder: %w", err)
	}
	last, err := users.TryLock()
	if err != nil {
		return fmt.Errorf("check whether other processes use the data folder: %w", err)
	}
	if !last {
		return nil
	}
	defer users.Unlock()
	return s.stop()
}

// stop shuts the server down and returns when the last of its processes has exited.
func (s *Server) stop() error {
	asked := false
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		work, err := s.folder.claim()
		if err != nil {
			return err
		}
		if work != nil {
			s.cleanUp()
			return work.Close()
		}
		if !asked {
			asked = s.folder.postmaster().interrupt()
		}
	}
	return fmt.Errorf("PostgreSQL in %s is still running after it was asked to stop: see %s", s.folder.root, s.folder.logFile())
}

// cleanUp removes what a stopped server leaves outside its files.
func (s *Server) cleanUp() {
	if s.child != nil {
		s.child.Wait() // reap the child
	}
	if socket := s.socket.Load(); socket != nil {
		os.Remove(*socket) // fails if it is not empty
	}
}
