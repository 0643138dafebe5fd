// Package embedded runs a private PostgreSQL for users who have not set one up. It finds the
// programs on this machine or downloads them, keeps the data in one folder, and shares the running
// server among all processes that use the folder.
//
// A data folder holds:
//
//	postgres/      the database files, created by initdb
//	run/           the unix socket (elsewhere if the path would be too long)
//	postgres.log   PostgreSQL's log since it was last started
//	gate.lock      the entry lock, held while a process starts to use the server or stops
//	users.lock     shared by every process that uses the server
//	work.lock      held by all processes of PostgreSQL while they run
package embedded

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
)

// Options configure an embedded database.
type Options struct {
	// DataDir is the folder that holds everything; it is created if needed. See DefaultDataDir.
	DataDir string

	// Ephemeral trades durability for speed: a crash of the machine may lose data. Only for tests.
	Ephemeral bool

	// Settings are further settings of PostgreSQL, such as "work_mem=64MB". They apply if this
	// process starts the server.
	Settings []string

	// Log receives steps that take long: "creating the database folder", "fetching PostgreSQL". If
	// nil, nothing is logged.
	Log *slog.Logger
}

// DefaultDataDir returns the data folder for the user of this process. For root it is
// /var/lib/switchboard, because PostgreSQL then runs as another user, who cannot enter root's home.
// For other users it is $XDG_DATA_HOME/switchboard, usually ~/.local/share/switchboard.
func DefaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/switchboard", nil
	}
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "switchboard"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no home folder was found for the database: choose a folder with --data-dir or set DATABASE_URL")
	}
	return filepath.Join(home, ".local", "share", "switchboard"), nil
}
