package dbtest

import (
	"os"
	"syscall"
)

// memory is the file system that Linux keeps in memory.
const memory = "/dev/shm"

// parent returns the folder in which the server's folder is created: the file system in memory if
// it has room, unless TMPDIR is set. To clone a database is to copy a thousand small files, and to
// drop it is to delete them: on a busy disk both take ten times as long.
func parent() string {
	const room = 2 << 30 // the largest tests need a fraction of it
	var system syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &system) != nil || int64(system.Bavail)*system.Bsize < room {
		return os.TempDir()
	}
	return memory
}
