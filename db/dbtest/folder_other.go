//go:build !linux

package dbtest

import "os"

// parent returns the folder in which the server's folder is created.
func parent() string { return os.TempDir() }
