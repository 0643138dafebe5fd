package dbtest

import (
	"os"
	"syscall"
)

// memory is the file system that Linux keeps in memory.
const memory = "/dev/shm"

// parent returns the folder in which the server's folder is created: the file system in memory if
// it has room, unless TMPDIR is set. Cloning and dropping a database copies and deletes a thousand
// small files, which takes ten times as long on a busy disk.
func parent() string {
	const room = 2 << 30 // 2 GiB; tests of the usual size need a tenth
	var system syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &system) != nil || int64(system.Bavail)*system.Bsize < room {
		return os.TempDir()
	}
	return memory
}
