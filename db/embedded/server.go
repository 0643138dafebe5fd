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

	// patience is how long we wait for a PostgreSQL that gives no sign of life.
	patience = time.Minute
)

// Server is this process's share in the PostgreSQL of a data folder.
type Server struct {
	folder  *folder
	places  places
	options Options
	log     *slog.Logger
	fresh   bool                   // this call of Start made the database folder
	socket  atomic.Pointer[string] // the folder of the socket
	child   *exec.Cmd              // in the process that started PostgreSQL

	leave  sync.Once
	closed error
	rest   context.CancelFunc // ends keep
	kept   chan struct{}      // closed when keep has ended
}

// Start finds PostgreSQL, creates the folder if needed, and starts the server
// or attaches to the one that another process has started. When it returns, the
// server answers and has a database "switchboard" and a superuser of that name.
// The server lives on when ctx ends; Close ends it. Should it die before, it is
// started again.
func Start(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, o, usualPlaces())
}

func start(ctx context.Context, o Options, where places) (*Server, error) {
	f, err := openFolder(o.DataDir)
	if err != nil {
		return nil, err
	}
	s := &Server{folder: f, places: where, options: o, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := f.enter(ctx); err != nil {
		return nil, err
	}
	defer f.gate.Unlock()
	if err := s.raise(ctx); err != nil {
		if also := s.depart(); also != nil {
			s.log.Warn("stopping the database after it failed to start", "error", also)
		}
		return nil, err
	}
	ctx, s.rest = context.WithCancel(context.WithoutCancel(ctx))
	s.kept = make(chan struct{})
	go s.keep(ctx)
	return s, nil
}

// raise brings the server to where it answers: it waits for one that runs,
// and starts it once nothing of a former one is left. The gate is locked.
func (s *Server) raise(ctx context.Context) error {
	deadline, silence := time.Now().Add(patience), errNotYet
	for {
		work, err := s.folder.claim()
		if err != nil {
			return err
		}
		if work != nil {
			err := s.begin(ctx, work)
			work.Close() // PostgreSQL has it now
			if err != nil {
				return err
			}
		}
		switch p := s.folder.postmaster(); p.status {
		case "starting": // may have to recover from a crash, which takes its time
			deadline = time.Now().Add(patience)
		case "ready":
			s.socket.Store(&p.folder)
			if silence = s.greet(ctx); !errors.Is(silence, errNotYet) {
				return silence
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of a PostgreSQL in %s are alive but do not answer: end them and start again (%w). The end of its log:\n%s", s.folder.root, silence, s.folder.said())
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
	case <-time.After(poll):
		return nil
	}
}

// begin starts the server, once. The folder is claimed.
func (s *Server) begin(ctx context.Context, work *os.File) error {
	if s.child != nil {
		return fmt.Errorf("PostgreSQL did not start in %s. The end of its log:\n%s", s.folder.root, s.folder.said())
	}
	major, err := s.folder.major()
	if err != nil {
		return err
	}
	bin, err := search{s.places, s.folder, s.log}.find(ctx, major)
	if err != nil {
		return err
	}
	if major == 0 {
		err = s.create(ctx, bin, work)
	} else {
		err = s.folder.forget()
	}
	if err != nil {
		return err
	}
	return s.launch(bin, work)
}

var errNotYet = errors.New("PostgreSQL does not take connections now")

// greet ensures that the database exists, which proves that the server answers.
func (s *Server) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && refused.Code != "57P03" {
			return fmt.Errorf("connect to PostgreSQL in %s: %w", s.folder.root, err)
		}
		return fmt.Errorf("%w: %w", errNotYet, err)
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

// URL is the address of a database of this server for pgx and libpq. It goes
// through the unix socket and needs no password.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {*s.socket.Load()}, "port": {port}, "sslmode": {"disable"}}.Encode()
	address := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Path:     "/" + database,
		RawQuery: strings.ReplaceAll(query, "+", "%20"), // only HTML forms read + as a space
	}
	return address.String()
}

// Close detaches from the server. The last process to leave stops it and waits
// until it has stopped. Close may be called more than once.
func (s *Server) Close() error {
	s.leave.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Server) close() error {
	s.rest()
	<-s.kept
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := s.folder.gate.TryLockContext(ctx, poll); err != nil {
		s.folder.users.Unlock()
		return fmt.Errorf("another process is still starting the database in %s and will stop it: %w", s.folder.root, err)
	}
	defer s.folder.gate.Unlock()
	return s.depart()
}

// depart ends this process's share. The gate is locked, so nobody enters
// between the look whether we are the last and the end of the server.
func (s *Server) depart() error {
	users := s.folder.users
	if err := users.Unlock(); err != nil {
		return fmt.Errorf("leave the data folder: %w", err)
	}
	last, err := users.TryLock()
	if err != nil {
		return fmt.Errorf("look whether others use the data folder: %w", err)
	}
	if !last {
		return nil
	}
	defer users.Unlock()
	return s.stop()
}

// stop shuts the server down and returns when the last of its processes is gone.
func (s *Server) stop() error {
	asked := false
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(poll) {
		work, err := s.folder.claim()
		if err != nil {
			return err
		}
		if work != nil {
			s.clear()
			return work.Close()
		}
		if !asked {
			asked = s.folder.postmaster().interrupt()
		}
	}
	return fmt.Errorf("PostgreSQL in %s has been told to stop but is still at it: see %s", s.folder.root, s.folder.logFile())
}

// clear removes what a stopped server leaves behind outside of its files.
func (s *Server) clear() {
	if s.child != nil {
		s.child.Wait() // or it would stay a zombie
	}
	if socket := s.socket.Load(); socket != nil {
		os.Remove(*socket) // only if empty
	}
}
