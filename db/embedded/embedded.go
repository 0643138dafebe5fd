// Package embedded runs a private PostgreSQL for people who have not set one
// up: it finds the programs on this machine or fetches them, keeps the data in
// one folder and shares the running server among all processes that use the
// folder.
//
// A data folder holds:
//
//	postgres/      the database files, made by initdb
//	run/           the unix socket (elsewhere if the path would be too long)
//	postgres.log   what PostgreSQL said since it was last started
//	gate.lock      held while a process enters or leaves
//	users.lock     shared by every process that uses the server
//	work.lock      held by PostgreSQL and all its children for as long as they live
package embedded

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
)

// Options says where the database lives and how it is run.
type Options struct {
	// DataDir is the folder that holds everything; it is created if needed.
	// DefaultDataDir gives the usual one.
	DataDir string

	// Ephemeral trades durability for speed: after a crash of the machine the
	// data may be lost. For tests only.
	Ephemeral bool

	// Log is told what takes long: "creating the database folder", "fetching
	// PostgreSQL". Nil: nobody is told.
	Log *slog.Logger
}

// DefaultDataDir is the folder for the data of whoever runs this process:
// /var/lib/switchboard for root, since PostgreSQL has to run as another user
// who cannot enter root's home, and $XDG_DATA_HOME/switchboard, usually
// ~/.local/share/switchboard, for everybody else.
func DefaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/switchboard", nil
	}
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "switchboard"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("there is no home folder to keep the database in: choose a folder with --data-dir or set DATABASE_URL")
	}
	return filepath.Join(home, ".local", "share", "switchboard"), nil
}
