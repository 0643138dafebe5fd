//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An account is the user that PostgreSQL runs as: our own user or, since PostgreSQL refuses to run
// as root, another user if we are root.
type account struct {
	uid, gid  uint32
	name      string
	otherUser bool // not the user of this process
}

// accountFor returns the account for the database files in cluster. If they exist their owner
// decides, so that a user "postgres" that is added to the machine later does not lock root out of
// its own data.
func accountFor(cluster string) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uint32(uid), gid: uint32(os.Getegid()), name: "you"}, nil
	}
	if info, err := os.Stat(cluster); err == nil {
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid == 0 {
			return account{}, fmt.Errorf("%s belongs to root, but PostgreSQL does not run as root: change its owner (chown -R postgres %s) or choose another folder with --data-dir", cluster, cluster)
		}
		return account{uid: owner.Uid, gid: owner.Gid, name: userName(owner.Uid), otherUser: true}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseInt(found.Uid, 10, 64)
		gid, gidErr := strconv.ParseInt(found.Gid, 10, 64)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{uid: uint32(uid), gid: uint32(gid), name: name, otherUser: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody: start as another user or set DATABASE_URL")
}

func userName(uid uint32) string {
	if found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
		return found.Username
	}
	return "number " + strconv.FormatUint(uint64(uid), 10)
}

// command returns a command that runs as the account, in its own session, so that Ctrl-C in our
// terminal does not reach it.
func (a account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/" // the account may be unable to enter ours
	cmd.Env = environment(nil)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.otherUser {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// environment returns the environment of a child: of ours, only the variables that programs need to
// find files, and those that are named. Others may hold secrets, or change what PostgreSQL does.
// Messages are in English, which we parse.
func environment(named func(name string) bool) []string {
	theirs := []string{"LC_ALL=C"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH":
			theirs = append(theirs, entry)
		default:
			if named != nil && named(name) {
				theirs = append(theirs, entry)
			}
		}
	}
	return theirs
}

// chown makes the account the owner of a folder that we have created.
func (a account) chown(path string) error {
	if !a.otherUser {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// blockedFolder returns the first folder on the path, including the last, that the account cannot
// enter, or "".
func (a account) blockedFolder(path string) string {
	if !a.otherUser {
		return ""
	}
	for end, folder := range path {
		if folder == '/' && a.isBlocked(path[:end+1]) {
			return filepath.Clean(path[:end+1])
		}
	}
	if a.isBlocked(path) {
		return path
	}
	return ""
}

func (a account) isBlocked(folder string) bool {
	info, err := os.Stat(folder)
	if err != nil {
		return false
	}
	owner := info.Sys().(*syscall.Stat_t)
	enter := fs.FileMode(0o001)
	switch {
	case owner.Uid == a.uid:
		enter = 0o100
	case owner.Gid == a.gid:
		enter = 0o010
	}
	return info.Mode()&enter == 0
}
