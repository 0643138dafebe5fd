//go:build unix

package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSecret: a secret stays the same, is read by nobody else, and is never one that another user
// has planted.
func TestSecret(t *testing.T) {
	t.Parallel()
	planted := bytes.Repeat([]byte{7}, secretSize)
	write := func(path string, mode os.FileMode) error {
		if err := os.WriteFile(path, planted, mode); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	}
	for name, c := range map[string]struct {
		plant func(path string) error
		says  string // empty: a new secret is made
	}{
		"nothing":          {func(string) error { return nil }, ""},
		"half a file":      {func(path string) error { return os.WriteFile(path, planted[:9], 0o600) }, ""},
		"a longer file":    {func(path string) error { return os.WriteFile(path, append(planted, 7), 0o600) }, ""},
		"others may read":  {func(path string) error { return write(path, 0o604) }, "only you"},
		"a group may":      {func(path string) error { return write(path, 0o660) }, "only you"},
		"a folder":         {func(path string) error { return os.Mkdir(path, 0o700) }, "only you"},
		"a pipe":           {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "only you"},
		"a dangling link":  {func(path string) error { return os.Symlink(path+"2", path) }, "is a link"},
		"a link to a file": {func(path string) error { _ = write(path+"2", 0o600); return os.Symlink(path+"2", path) }, "is a link"},
		"another's file": {func(path string) error {
			if os.Geteuid() != 0 {
				return os.Symlink(path, path) // only root can make such a file; a link is refused too
			}
			_ = write(path, 0o600)
			return os.Lchown(path, 1, 1)
		}, "start again"},
	} {
		dir := t.TempDir()
		check(t, c.plant(filepath.Join(dir, "secret")))
		secret, err := Secret(dir, "secret")
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, %v", name, secret, err)
			}
			continue
		}
		again, err2 := Secret(dir, "secret")
		info, _ := os.Lstat(filepath.Join(dir, "secret"))
		if err != nil || err2 != nil || len(secret) != secretSize || bytes.Equal(secret, planted) || !bytes.Equal(secret, again) || info.Mode() != 0o600 {
			t.Errorf("%s: %x, %v, then %x, %v, %v", name, secret, err, again, err2, info.Mode())
		}
	}
}

// TestFolderOfEverybody: a data folder that other users can change is refused, and left as it is.
func TestFolderOfEverybody(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o777: true, 0o775: true, 0o777 | os.ModeSticky: true} {
		dir := newDir(t)
		check(t, os.MkdirAll(dir, 0o700))
		check(t, os.Chmod(dir, mode))
		_, err := openFolder(dir)
		if refused != (err != nil && strings.Contains(err.Error(), "chmod go-w")) {
			t.Errorf("mode %v: %v", mode, err)
		}
		if entries, err := os.ReadDir(dir); refused && (err != nil || len(entries) > 0) {
			t.Errorf("mode %v: the folder has %v, %v", mode, entries, err)
		}
	}
}
