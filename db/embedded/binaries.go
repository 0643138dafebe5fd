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

// oldest is the oldest major version of PostgreSQL that we run on.
const oldest = 15

// binaries is a folder with PostgreSQL's programs.
type binaries struct {
	folder  string
	version string // as in "17.10"
	major   int
}

// places is where to look for programs.
type places struct {
	path    string   // as in $PATH
	folders []string // patterns of folders where PostgreSQL is usually installed
	cache   string   // where fetched programs are kept; empty: nowhere
}

func usualPlaces() places {
	return places{
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
		cache: usualCache(),
	}
}

// usualCache lies where the user that PostgreSQL runs as can enter.
func usualCache() string {
	if os.Geteuid() == 0 {
		return "/var/cache/switchboard"
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "switchboard")
}

// search looks for the programs that suit one data folder.
type search struct {
	places
	folder *folder
	log    *slog.Logger
}

// find gives the programs of the major version that made the data folder or, if
// it is still to be made (0), the newest that are installed. It fetches some if
// none are.
func (s search) find(ctx context.Context, major int) (binaries, error) {
	suits := func(b binaries) bool { return b.major == major || major == 0 && b.major >= oldest }
	installed := s.installed(ctx)
	if at := slices.IndexFunc(installed, suits); at >= 0 {
		return installed[at], nil
	}
	fetched := s.among(ctx, s.cached())
	if at := slices.IndexFunc(fetched, suits); at >= 0 {
		return fetched[at], nil
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
		return binaries{}, fmt.Errorf("%s, and %w: %s", s.absence(installed), err, advice(0))
	}
	if err != nil {
		return binaries{}, fmt.Errorf("%s, and fetching it failed: %w\n%s", s.absence(installed), err, advice(major))
	}
	return bin, nil
}

// installed lists the programs on this machine, the newest major version first.
func (s search) installed(ctx context.Context) []binaries {
	var folders []string
	for _, folder := range filepath.SplitList(s.path) {
		// Debian and Homebrew put links to the programs there.
		if real, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres")); err == nil && filepath.IsAbs(folder) {
			folders = append(folders, filepath.Dir(real))
		}
	}
	for _, pattern := range s.folders {
		folders = append(folders, glob(pattern)...)
	}
	return s.among(ctx, folders)
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern) // fails only if the pattern is wrong
	return found
}

// among keeps the folders whose programs can be run, the newest first.
func (s search) among(ctx context.Context, folders []string) []binaries {
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

// inspect runs the program as the account that will run it in earnest.
func (s search) inspect(ctx context.Context, folder string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return binaries{}, err
	}
	output, err := s.folder.account.command(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("run %s/postgres as user %s: %w", folder, s.folder.account.name, err)
	}
	// postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
	_, rest, _ := bytes.Cut(output, []byte("(PostgreSQL) "))
	version, _, _ := strings.Cut(strings.TrimSpace(string(rest)), " ")
	digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' })
	major, err := strconv.Atoi(version[:digits])
	if err != nil {
		return binaries{}, fmt.Errorf("%s/postgres does not tell its version: %q", folder, output)
	}
	return binaries{folder: folder, version: version, major: major}, nil
}

// absence says what was found instead of something that suits.
func (s search) absence(found []binaries) string {
	if len(found) == 0 {
		return "PostgreSQL was not found on this machine"
	}
	return fmt.Sprintf("this machine has only %s where PostgreSQL %d or newer is needed", list(found), oldest)
}

func (s search) mismatch(major int, found []binaries) error {
	what := "PostgreSQL was not found on this machine"
	if len(found) > 0 {
		what = "this machine has only " + list(found)
	}
	return fmt.Errorf("the database in %s was made by PostgreSQL %d, which alone can open it, but %s: %s, or choose another folder with --data-dir", s.folder.root, major, what, advice(major))
}

func list(found []binaries) string {
	var names []string
	for _, bin := range found {
		names = append(names, fmt.Sprintf("PostgreSQL %s (%s)", bin.version, bin.folder))
	}
	return strings.Join(names, ", ")
}

// advice says how to get PostgreSQL, of a certain major version unless it is 0.
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
