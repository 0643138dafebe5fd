//go:build unix

package embedded

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the oldest supported major version of PostgreSQL.
const oldestMajor = 15

// binaries is a folder with PostgreSQL's programs.
type binaries struct {
	folder  string
	version string // such as "17.10"
	major   int
}

// locations are the folders to search for programs.
type locations struct {
	path    string   // like $PATH
	folders []string // patterns of folders where PostgreSQL is usually installed
	cache   string   // where downloaded programs are kept; empty if nowhere
}

func defaultLocations() locations {
	return locations{
		path: os.Getenv("PATH"),
		folders: []string{
			"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
			"/usr/pgsql-*/bin",                  // Red Hat, by PostgreSQL's own packages
			"/usr/lib/postgresql*/bin",          // Alpine, SUSE
			"/usr/libexec/postgresql*",          // Alpine
			"/opt/homebrew/opt/postgresql*/bin", // Homebrew
			"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
			"/opt/local/lib/postgresql*/bin", // MacPorts
			"/Applications/Postgres.app/Contents/Versions/*/bin",
			"/Library/PostgreSQL/*/bin",
			"/usr/local/pgsql/bin", // from source
		},
		cache: defaultCache(),
	}
}

// defaultCache returns a folder that the user PostgreSQL runs as can enter.
func defaultCache() string {
	if os.Geteuid() == 0 {
		return "/var/cache/switchboard"
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "switchboard")
}

// A search finds the programs for one data folder.
type search struct {
	locations
	folder *folder
	log    *slog.Logger
}

// find returns the programs of the major version that created the data folder or, for a new one
// (0), the newest installed programs. If there are none it downloads some.
func (s search) find(ctx context.Context, major int) (binaries, error) {
	suits := func(b binaries) bool { return b.major == major || major == 0 && b.major >= oldestMajor }
	installed := s.installed(ctx)
	if i := slices.IndexFunc(installed, suits); i >= 0 {
		return installed[i], nil
	}
	fetched := s.runnable(ctx, s.cached())
	if i := slices.IndexFunc(fetched, suits); i >= 0 {
		return fetched[i], nil
	}
	if err := context.Cause(ctx); err != nil {
		return binaries{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	if major != 0 && major != npmMajor {
		return binaries{}, s.mismatch(major, append(installed, fetched...))
	}
	bin, err := s.fetch(ctx)
	if errors.Is(err, errNoNPM) && major != 0 {
		return binaries{}, s.mismatch(major, installed)
	}
	if errors.Is(err, errNoNPM) {
		return binaries{}, fmt.Errorf("%s, and %w: %s", s.notFound(installed), err, advice(0))
	}
	if err != nil {
		return binaries{}, fmt.Errorf("%s, and fetching it failed: %w\n%s", s.notFound(installed), err, advice(major))
	}
	return bin, nil
}

// installed returns the programs on this machine, newest major version first.
func (s search) installed(ctx context.Context) []binaries {
	var folders []string
	for _, folder := range filepath.SplitList(s.path) {
		// Debian and Homebrew put links to the programs into the path.
		if real, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres")); err == nil && filepath.IsAbs(folder) {
			folders = append(folders, filepath.Dir(real))
		}
	}
	for _, pattern := range s.folders {
		folders = append(folders, glob(pattern)...)
	}
	return s.runnable(ctx, folders)
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern) // fails only for a malformed pattern
	return found
}

// runnable returns the folders whose programs can be run, newest first.
func (s search) runnable(ctx context.Context, folders []string) []binaries {
	var found []binaries
	for _, folder := range folders {
		real, err := filepath.EvalSymlinks(folder)
		if err != nil || slices.ContainsFunc(found, func(b binaries) bool { return b.folder == real }) {
			continue
		}
		if bin, err := s.inspect(ctx, real); err == nil {
			found = append(found, bin)
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return cmp.Compare(b.major, a.major) })
	return found
}

// inspect runs the program as the account that will run the server.
func (s search) inspect(ctx context.Context, folder string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return binaries{}, err
	}
	output, err := s.folder.account.command(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("run %s/postgres as user %s: %w", folder, s.folder.account.name, err)
	}
	// An example: postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
	_, rest, _ := bytes.Cut(output, []byte("(PostgreSQL) "))
	version, _, _ := strings.Cut(strings.TrimSpace(string(rest)), " ")
	digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' })
	major, err := strconv.Atoi(version[:digits])
	if err != nil {
		return binaries{}, fmt.Errorf("%s/postgres --version printed no version: %q", folder, output)
	}
	return binaries{folder: folder, version: version, major: major}, nil
}

// notFound returns the start of an error message: what was found instead.
func (s search) notFound(found []binaries) string {
	if len(found) == 0 {
		return "PostgreSQL was not found on this machine"
	}
	return fmt.Sprintf("this machine has only %s where PostgreSQL %d or newer is needed", list(found), oldestMajor)
}

func (s search) mismatch(major int, found []binaries) error {
	what := "PostgreSQL was not found on this machine"
	if len(found) > 0 {
		what = "this machine has only " + list(found)
	}
	return fmt.Errorf("the database in %s was created by PostgreSQL %d and needs that version, but %s: %s, or choose another folder with --data-dir", s.folder.root, major, what, advice(major))
}

func list(found []binaries) string {
	var names []string
	for _, bin := range found {
		names = append(names, fmt.Sprintf("PostgreSQL %s (%s)", bin.version, bin.folder))
	}
	return strings.Join(names, ", ")
}

// advice returns how to install PostgreSQL, of a certain major version unless it is 0.
func advice(major int) string {
	apt, brew := "postgresql", npmMajor
	if major != 0 {
		apt, brew = fmt.Sprintf("postgresql-%d", major), major
	}
	install := "apt-get install " + apt
	if runtime.GOOS == "darwin" {
		install = fmt.Sprintf("brew install postgresql@%d", brew)
	} else {
		install += fmt.Sprintf(" (with Homebrew: brew install postgresql@%d)", brew)
	}
	return "install it with " + install + ", or set DATABASE_URL to a PostgreSQL server"
}
