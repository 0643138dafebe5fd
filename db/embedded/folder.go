//go:build unix

package embedded

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// pollInterval is the pause between checks of a condition that we wait for.
const pollInterval = 3 * time.Millisecond

// A folder is a data folder on disk.
type folder struct {
	root    string // absolute, without symbolic links
	account account
	entry   *flock.Flock
	users   *flock.Flock
}

// openFolder creates the data folder if needed. It refuses a folder that cannot work before
// anything is written into it.
func openFolder(path string) (*folder, error) {
	if path == "" {
		return nil, errors.New("no data folder is given: choose one with --data-dir")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the current folder: %w", err)
	}
	if err := onlyFolders(path); err != nil {
		return nil, err
	}
	who, err := accountFor(filepath.Join(path, "postgres"))
	if err != nil {
		return nil, err
	}
	if err := checkReachable(path, who); err != nil {
		return nil, err
	}
	if err := createRoot(path, who); err != nil {
		return nil, fmt.Errorf("create the data folder (choose another with --data-dir): %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("follow the path of the data folder: %w", err)
	}
	if err := checkOwner(path, who); err != nil {
		return nil, err
	}
	return &folder{
		root:    path,
		account: who,
		entry:   flock.New(filepath.Join(path, "gate.lock")),
		users:   flock.New(filepath.Join(path, "users.lock")),
	}, nil
}

// onlyFolders refuses a path if a part of it exists and is not a folder.
func onlyFolders(path string) error {
	for part := path; ; part = filepath.Dir(part) {
		info, err := os.Stat(part)
		switch {
		case err == nil && info.IsDir() || part == filepath.Dir(part):
			return nil
		case err == nil && part == path:
			return fmt.Errorf("the data folder %s is a file: choose a folder with --data-dir", path)
		case err == nil:
			return fmt.Errorf("the data folder %s cannot be created because %s is a file: choose another folder with --data-dir", path, part)
		}
	}
}

// checkReachable refuses a path if the account cannot enter the part of it that exists.
func checkReachable(path string, who account) error {
	real, err := filepath.EvalSymlinks(path)
	for parent := path; errors.Is(err, fs.ErrNotExist) && parent != "/"; {
		parent = filepath.Dir(parent)
		real, err = filepath.EvalSymlinks(parent)
	}
	if err != nil {
		return fmt.Errorf("follow the path of the data folder: %w", err)
	}
	if blocked := who.blockedFolder(real); blocked != "" {
		return fmt.Errorf("the data folder %s lies beneath %s, which the user %s that PostgreSQL runs as cannot enter: choose another folder with --data-dir, such as /var/lib/switchboard", path, blocked, who.name)
	}
	return nil
}

func createRoot(path string, who account) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	mode := fs.FileMode(0o700)
	if who.otherUser {
		mode = 0o755
	}
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode) // independent of the umask
}

// checkOwner refuses a folder that another user could change.
func checkOwner(path string, who account) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("inspect the data folder: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != 0 && owner != uint32(os.Geteuid()) && owner != who.uid {
		return fmt.Errorf("the data folder %s belongs to another user (%s): choose another folder with --data-dir", path, userName(owner))
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("other users can change the data folder %[1]s (its mode is %[2]s), and so put files and links into it: run chmod go-w %[1]s after checking what is there, or choose another folder with --data-dir", path, info.Mode())
	}
	if _, err := os.Stat(filepath.Join(path, "PG_VERSION")); err == nil {
		return fmt.Errorf("%s is itself a folder of PostgreSQL's files, but the data folder is its parent: choose another folder with --data-dir", path)
	}
	return nil
}

func (f *folder) cluster() string { return filepath.Join(f.root, "postgres") }
func (f *folder) logFile() string { return filepath.Join(f.root, "postgres.log") }

// major returns the major version that created the database files, or 0 if there are none.
func (f *folder) major() (int, error) {
	text, err := os.ReadFile(filepath.Join(f.cluster(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(f.cluster()); err == nil {
			return 0, fmt.Errorf("%s exists but holds no database: move it away or choose another folder with --data-dir", f.cluster())
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read which version created the database: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION does not name a version of PostgreSQL: restore the folder from a backup or choose another with --data-dir", f.cluster())
	}
	return major, nil
}

// enter registers this process as a user of the server and holds the entry lock, so that no other
// process enters or leaves until the caller unlocks it.
func (f *folder) enter(ctx context.Context) error {
	if _, err := f.entry.TryLockContext(ctx, pollInterval); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("the data folder %s is used by another user: choose another folder with --data-dir (%w)", f.root, err)
		}
		return fmt.Errorf("wait for another process that starts or stops the database in %s: %w", f.root, err)
	}
	if _, err := f.users.TryRLock(); err != nil {
		f.entry.Unlock()
		return fmt.Errorf("lock the data folder: %w", err)
	}
	return nil
}

// claim takes the lock that PostgreSQL's processes inherit and hold until the last of them has
// exited. It returns nil while one is running. Unlike a process id the lock cannot belong to an
// unrelated process.
func (f *folder) claim() (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(f.root, "work.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock the data folder: %w", err)
}

// socketFolder creates the folder of the unix socket, which only the account and root can enter.
func (f *folder) socketFolder() (string, error) {
	path := f.socketPath()
	if err := os.Mkdir(path, 0o700); err == nil {
		return path, f.account.chown(path)
	} else if !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("create the folder of the database's socket: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("inspect the folder of the database's socket: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	ours := owner == f.account.uid || owner == uint32(os.Geteuid())
	if !info.IsDir() || !ours || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s is not a folder that only user %s can enter: remove it and start again", path, f.account.name)
	}
	return path, f.account.chown(path)
}

func (f *folder) socketPath() string {
	inside := filepath.Join(f.root, "run")
	if socketFits(inside) {
		return inside
	}
	sum := sha256.Sum256([]byte(f.root))
	name := fmt.Sprintf("switchboard-%x", sum[:8])
	if outside := filepath.Join(os.TempDir(), name); socketFits(outside) && f.account.blockedFolder(os.TempDir()) == "" {
		return outside
	}
	return filepath.Join("/tmp", name)
}

// socketFits reports whether a socket can have that path: systems limit its length, and a comma in
// an address separates servers.
func socketFits(folder string) bool {
	return len(folder)+len("/"+socketName) < 100 && !strings.Contains(folder, ",")
}
