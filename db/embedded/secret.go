//go:build unix

package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// secretSize is the size of a secret in bytes.
const secretSize = 32

// Secret returns random bytes that are kept in a data folder under a name, so that they are the same
// at each start. It refuses a file that another user could have put there, could read or could have
// linked to. It must not be called by two processes at a time.
func Secret(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return createSecret(path)
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.EMLINK):
		return nil, fmt.Errorf("%s is a link, which another user may have made: remove it and start again", path)
	case err != nil:
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.Mode().IsRegular() || owner != uint32(os.Geteuid()) || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is not a file that only you can read and change (it is %s of %s): remove it and start again", path, info.Mode(), userName(owner))
	}
	secret, err := io.ReadAll(io.LimitReader(file, secretSize+1))
	if err != nil || len(secret) == secretSize {
		return secret, err
	}
	if err := os.Remove(path); err != nil { // the process that created it was killed
		return nil, err
	}
	return createSecret(path)
}

func createSecret(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	_, err = file.Write(secret)
	return secret, errors.Join(err, file.Close())
}
