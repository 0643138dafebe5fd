//go:build unix

package embedded

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ctypes are the locales for letter classes, best first. Without UTF-8, lower() and trigrams ignore
// every letter outside ASCII.
var ctypes = []string{"C.UTF-8", "en_US.UTF-8", "UTF-8", "C"}

// create creates the database files in a temporary folder and renames it when they are complete, so
// that a crash leaves no incomplete files.
func (s *Server) create(ctx context.Context, bin binaries, work *os.File) error {
	s.log.Info("creating the database folder", "folder", s.folder.root, "postgresql", bin.version)
	temporary := filepath.Join(s.folder.root, "postgres.new")
	var err error
	for _, locale := range ctypes {
		var output []byte
		output, err = s.initdb(ctx, bin, work, temporary, locale)
		if err == nil {
			break
		}
		err = fmt.Errorf("create the database with %s/initdb: %w\n%s", bin.folder, err, bytes.TrimSpace(output))
		if !bytes.Contains(output, []byte("locale")) {
			break
		}
	}
	if err != nil {
		os.RemoveAll(temporary)
		return err
	}
	if err := os.Rename(temporary, s.folder.cluster()); err != nil {
		return fmt.Errorf("rename the new database folder: %w", err)
	}
	s.created = true
	return syncFolder(s.folder.root)
}

func (s *Server) initdb(ctx context.Context, bin binaries, work *os.File, target, locale string) ([]byte, error) {
	if err := os.RemoveAll(target); err != nil {
		return nil, err
	}
	if err := os.Mkdir(target, 0o700); err != nil {
		return nil, err
	}
	if err := s.folder.account.chown(target); err != nil {
		return nil, err
	}
	args := []string{
		"-D", target, "-U", superuser, "--encoding=UTF8", "--locale=C", "--lc-ctype=" + locale,
		"--auth-local=trust", "--auth-host=reject", // access is limited by the socket's folder
	}
	if s.options.Ephemeral {
		args = append(args, "--no-sync")
	}
	cmd := s.folder.account.command(ctx, filepath.Join(bin.folder, "initdb"), args...)
	cmd.ExtraFiles = []*os.File{work}
	return cmd.CombinedOutput()
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("write the data folder to disk: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("write the data folder to disk: %w", err)
	}
	return nil
}

// launch starts PostgreSQL without waiting until it is ready. The process inherits the work lock
// and nothing else; its output goes to a file.
func (s *Server) launch(bin binaries, work *os.File) error {
	socket, err := s.folder.socketFolder()
	if err != nil {
		return err
	}
	os.Rename(s.folder.logFile(), s.folder.logFile()+".old")
	output, err := os.OpenFile(s.folder.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	defer output.Close()

	args := []string{"-D", s.folder.cluster()}
	for _, setting := range append(s.settings(socket), s.options.Settings...) {
		args = append(args, "-c", setting)
	}
	// Not the caller's context: the server outlives it.
	cmd := s.folder.account.command(context.Background(), filepath.Join(bin.folder, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{work}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL %s: %w", bin.version, err)
	}
	s.child = cmd
	return nil
}

func (s *Server) settings(socket string) []string {
	settings := []string{
		"listen_addresses=",
		"port=" + port,
		`unix_socket_directories="` + strings.ReplaceAll(socket, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"logging_collector=off",
		"log_destination=stderr",
		"log_checkpoints=off",
		"log_timezone=UTC",
		"timezone=UTC",
		"shared_buffers=128MB",
		"random_page_cost=1.1",
		"jit=off", // compiling takes longer than our queries
	}
	if !s.options.Ephemeral {
		return append(settings, "max_connections=100")
	}
	return append(settings,
		"max_connections=200",
		"fsync=off",
		"synchronous_commit=off",
		"full_page_writes=off",
		"wal_level=minimal",
		"max_wal_senders=0",
		"checkpoint_timeout=1h",
	)
}

// logTail returns the end of PostgreSQL's log.
func (f *folder) logTail() string {
	text, err := os.ReadFile(f.logFile())
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
