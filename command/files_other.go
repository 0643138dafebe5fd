//go:build !unix

package command

// fileLimit returns 0, since this system has no limit of open files.
func fileLimit() int64 { return 0 }
