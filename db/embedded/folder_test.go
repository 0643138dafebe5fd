//go:build unix

package embedded

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDefaultDataDir(t *testing.T) {
	dir, err := DefaultDataDir()
	check(t, err)
	if !filepath.IsAbs(dir) || filepath.Base(dir) != "switchboard" {
		t.Errorf("the default folder is %s", dir)
	}
	if os.Geteuid() == 0 {
		if who, err := accountFor(filepath.Join(dir, "postgres")); err != nil || who.blockedFolder(filepath.Dir(dir)) != "" {
			t.Errorf("the user %s cannot enter %s (%v)", who.name, dir, err)
		}
		return
	}
	t.Setenv("XDG_DATA_HOME", "/elsewhere")
	if dir, _ := DefaultDataDir(); dir != "/elsewhere/switchboard" {
		t.Errorf("with XDG_DATA_HOME the default folder is %s", dir)
	}
}

// TestUnprivilegedUser: without root, PostgreSQL runs as the same user. Root runs this test as
// another user.
func TestUnprivilegedUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("without root, all other tests run PostgreSQL as the same user")
	}
	nobody := lookup(t, "nobody")
	home := folderOf(t, int(nobody.Uid))
	dir := filepath.Join(home, "deep", "data")
	first := spawn(t, dir, nobody).ready()
	second := spawn(t, dir, nobody).ready()
	if !first.Fresh || second.Fresh || first.URL != second.URL {
		t.Errorf("the second process does not share the first one's server: %+v %+v", first.report, second.report)
	}
	check(t, os.Chmod(filepath.Join(dir, "postgres"), 0o700))
	if owner := ownerOf(t, filepath.Join(dir, "postgres")); owner != nobody.Uid {
		t.Errorf("the database belongs to user number %d", owner)
	}
	first.leave()
	second.leave()
	if !stopped(t, dir) {
		t.Error("PostgreSQL still runs after the last process closed it")
	}
}

func TestRootRunsPostgreSQLAsAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root switches to another user")
	}
	dir := newDir(t)
	s := startServer(t, dir)
	if owner := ownerOf(t, s.folder.cluster()); owner == 0 || owner != s.folder.account.uid {
		t.Errorf("the database belongs to user number %d", owner)
	}
	check(t, s.Close())

	// The owner of existing files decides.
	nobody := lookup(t, "nobody")
	check(t, filepath.WalkDir(s.folder.cluster(), func(path string, _ fs.DirEntry, err error) error {
		check(t, err)
		return os.Lchown(path, int(nobody.Uid), int(nobody.Gid))
	}))
	check(t, os.RemoveAll(filepath.Join(dir, "run")))
	again := startServer(t, dir)
	run(t, again.URL(database), "CREATE TABLE marker ()")
	path := value(t, again.URL(database), "SELECT pg_relation_filepath('marker')")
	if owner := ownerOf(t, filepath.Join(s.folder.cluster(), path)); owner != nobody.Uid {
		t.Errorf("it runs as user number %d, not as the owner of the files", owner)
	}
	check(t, again.Close())

	check(t, os.Lchown(s.folder.cluster(), 0, 0))
	mustContain(t, refusal(t, dir, defaultLocations()), "belongs to root", "chown -R postgres")
}

func TestFolderThatIsAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(folderOf(t, 0), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	mustContain(t, refusal(t, file, defaultLocations()), "the data folder "+file+" is a file", "--data-dir")
	mustContain(t, refusal(t, filepath.Join(file, "deep", "data"), defaultLocations()), "because "+file+" is a file", "--data-dir")
}

func TestFolderThatTheAccountCannotEnter(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root switches to another user")
	}
	closed := folderOf(t, 0)
	check(t, os.Chmod(closed, 0o700))
	dir := filepath.Join(closed, "deep", "data")
	mustContain(t, refusal(t, dir, defaultLocations()), "lies beneath "+closed, "cannot enter", "--data-dir")
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("it created a folder although it refused to start")
	}
	link := filepath.Join(folderOf(t, 0), "link")
	check(t, os.Symlink(closed, link))
	mustContain(t, refusal(t, filepath.Join(link, "data"), defaultLocations()), "lies beneath "+closed)
}

func TestFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give folders away")
	}
	mustContain(t, refusal(t, folderOf(t, 4321), defaultLocations()), "belongs to another user (number 4321)", "--data-dir")

	dir := newDir(t)
	startServer(t, dir)
	check(t, os.Chmod(dir, 0o755))
	h := spawn(t, dir, lookup(t, "nobody"))
	mustContain(t, (<-h.first).Error, "used by another user", "--data-dir")
	h.cmd.Wait()
}

func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folderOf(t, 0), strings.Repeat("long/", 30), "data")
	check(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	s := startServer(t, dir)
	socket := *s.socket.Load()
	if !socketFits(socket) || strings.HasPrefix(socket, dir) {
		t.Errorf("the socket is in %s", socket)
	}
	info, err := os.Lstat(socket)
	check(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder is open to others: %v", info.Mode())
	}
	check(t, s.Close())
	if _, err := os.Lstat(socket); err == nil {
		t.Errorf("%s was not removed", socket)
	}

	// Another user has created the socket's folder first.
	check(t, os.Mkdir(socket, 0o777))
	check(t, os.Chmod(socket, 0o777))
	mustContain(t, refusal(t, dir, defaultLocations()), socket, "remove it")
	check(t, os.Remove(socket))
	check(t, os.Symlink("/tmp", socket))
	mustContain(t, refusal(t, dir, defaultLocations()), socket, "remove it")
	check(t, os.Remove(socket))
	check(t, startServer(t, dir).Close())
}

func TestStrangeNames(t *testing.T) {
	t.Parallel()
	s := startServer(t, filepath.Join(folderOf(t, 0), `a b,"c"é&?#%`))
	run(t, s.URL(database), "SELECT 1")
	s = startServer(t, filepath.Join(folderOf(t, 0), `a b"c"é&?#%`))
	if !strings.HasPrefix(*s.socket.Load(), s.folder.root) {
		t.Errorf("the socket is in %s", *s.socket.Load())
	}
	run(t, s.URL(database), "SELECT 1")
}

func TestOtherMajorVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	check(t, startServer(t, dir).Close())
	check(t, os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte("11\n"), 0o600))
	message := refusal(t, dir, defaultLocations())
	t.Log(message)
	mustContain(t, message, dir, "was created by PostgreSQL 11", "this machine has only PostgreSQL", "postgresql-11", "--data-dir", "DATABASE_URL")
}

func TestFailureShowsTheLog(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := startServer(t, dir)
	check(t, s.Close())
	check(t, os.WriteFile(filepath.Join(dir, "postgres", "postgresql.conf"), []byte("no_such_setting = 1\n"), 0o600))
	mustContain(t, refusal(t, dir, defaultLocations()), "did not start", "no_such_setting")
	if !stopped(t, dir) {
		t.Error("something still runs after the failure")
	}
}

func lookup(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	found, err := user.Lookup(name)
	check(t, err)
	return &syscall.Credential{Uid: uint32(number(t, found.Uid)), Gid: uint32(number(t, found.Gid))}
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	return info.Sys().(*syscall.Stat_t).Uid
}
