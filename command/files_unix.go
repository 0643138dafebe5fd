//go:build unix

package command

import "syscall"

// fileLimit returns how many files the process may have open; 0 if that is not known.
func fileLimit() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int64(min(uint64(limit.Cur), 1<<40)) // unlimited is the greatest number
}
