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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// account is whom PostgreSQL runs as: ourselves or, as it refuses to run as
// root, another user if we are root.
type account struct {
	uid, gid uint32
	name     string
	foreign  bool // another user than ourselves
}

// accountFor gives the account for the database files in cluster. Their owner
// decides if they exist, so that a user "postgres" that was added to the
// machine later does not lock root out of its own data.
func accountFor(cluster string) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uint32(uid), gid: uint32(os.Getegid()), name: "you"}, nil
	}
	if info, err := os.Stat(cluster); err == nil {
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid == 0 {
			return account{}, fmt.Errorf("%s belongs to root, as whom PostgreSQL does not run: give it to another user (chown -R postgres %s) or choose another folder with --data-dir", cluster, cluster)
		}
		return account{uid: owner.Uid, gid: owner.Gid, name: userName(owner.Uid), foreign: true}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseInt(found.Uid, 10, 64)
		gid, gidErr := strconv.ParseInt(found.Gid, 10, 64)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{uid: uint32(uid), gid: uint32(gid), name: name, foreign: true}, nil
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

// command prepares a program that runs as the account, in a session of its own
// so that Ctrl-C in our terminal does not reach it.
func (a account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/" // ours may be one that the account cannot enter
	cmd.Env = environment()
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.foreign {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// environment is ours without what would change PostgreSQL's behaviour, and
// with messages in the one language that we can read.
func environment() []string {
	ours := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
	return append(ours, "LC_ALL=C")
}

// give makes the account the owner of a folder that we have created.
func (a account) give(path string) error {
	if !a.foreign {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// barrier is the first folder on the way down to path, path included, that the
// account may not enter; empty if the way is free.
func (a account) barrier(path string) string {
	if !a.foreign {
		return ""
	}
	for at, folder := range path {
		if folder == '/' && a.barred(path[:at+1]) {
			return filepath.Clean(path[:at+1])
		}
	}
	if a.barred(path) {
		return path
	}
	return ""
}

func (a account) barred(folder string) bool {
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
