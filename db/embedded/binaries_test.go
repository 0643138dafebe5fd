//go:build unix

package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fakePrograms creates a folder with programs that only print their version.
func fakePrograms(t *testing.T, parent, version string) string {
	t.Helper()
	folder := filepath.Join(parent, version, "bin")
	check(t, os.MkdirAll(folder, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s (Somebody %s-1)'\n", version, version)
	for _, name := range []string{"postgres", "initdb"} {
		check(t, os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755))
	}
	return folder
}

func searchIn(t *testing.T, where locations) search {
	t.Helper()
	f, err := openFolder(newDir(t))
	check(t, err)
	return search{where, f, quiet}
}

func TestNewestBinariesUnlessTheFolderDecides(t *testing.T) {
	t.Parallel()
	parent := folderOf(t, 0)
	for _, version := range []string{"14.9", "15.3", "18beta1", "16.2"} {
		fakePrograms(t, parent, version)
	}
	links := filepath.Join(parent, "links")
	check(t, os.Mkdir(links, 0o755))
	check(t, os.Symlink(filepath.Join(fakePrograms(t, parent, "17.1"), "postgres"), filepath.Join(links, "postgres")))
	check(t, os.MkdirAll(filepath.Join(parent, "19.0", "bin"), 0o755)) // empty
	s := searchIn(t, locations{path: ".:" + links, folders: []string{parent + "/1*/bin"}})

	for major, want := range map[int]string{0: "18beta1", 14: "14.9", 15: "15.3", 17: "17.1", 18: "18beta1"} {
		got, err := s.find(t.Context(), major)
		if err != nil || got.version != want || got.folder != filepath.Join(parent, want, "bin") {
			t.Errorf("for %d: %+v %v, want %s", major, got, err, want)
		}
	}
	_, err := s.find(t.Context(), 13)
	mustContain(t, err.Error(), "created by PostgreSQL 13", "18beta1", "14.9", "postgresql-13")
}

func TestPostgreSQLNotFound(t *testing.T) {
	t.Parallel()
	message := refusal(t, newDir(t), locations{cache: folderOf(t, 0)})
	t.Log(message)
	mustContain(t, message, "PostgreSQL was not found", "npm", "install postgresql", "DATABASE_URL")

	parent := folderOf(t, 0)
	fakePrograms(t, parent, "9.6.24")
	_, err := searchIn(t, locations{folders: []string{parent + "/*/bin"}}).find(t.Context(), 0)
	t.Log(err)
	mustContain(t, err.Error(), "only PostgreSQL 9.6.24", "15 or newer", "DATABASE_URL")
}

// onlyNPM returns locations with npm but without PostgreSQL.
func onlyNPM(t *testing.T) locations {
	t.Helper()
	npm := program("npm", os.Getenv("PATH"))
	if npm == "" {
		t.Skip("downloading packages needs npm; TestPostgreSQLNotFound covers its absence")
	}
	folder := folderOf(t, 0)
	check(t, os.Symlink(npm, filepath.Join(folder, "npm")))
	return locations{path: folder, cache: filepath.Join(folderOf(t, 0), "cache")}
}

func TestFetchedWithNPM(t *testing.T) {
	t.Parallel()
	where := onlyNPM(t)
	dir := newDir(t)
	began := time.Now()
	s, err := start(t.Context(), Options{DataDir: dir, Ephemeral: true}, where)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	t.Logf("first start with npm: %v", time.Since(began))
	mustContain(t, value(t, s.URL(database), "SELECT version()"), fmt.Sprintf("PostgreSQL %d.", npmMajor))
	for _, extension := range []string{"pg_trgm", "unaccent", "fuzzystrmatch"} {
		run(t, s.URL(database), "CREATE EXTENSION "+extension)
	}
	if got := value(t, s.URL(database), "SELECT lower('ÉŁЖ') || similarity('Жанна', 'жанна') || unaccent('Łé')"); got != "éłж1Le" {
		t.Errorf("letters beyond ASCII are not handled: %s", got)
	}
	check(t, s.Close())

	// The downloaded programs are used without npm, and preferred to another installed version,
	// because the folder needs theirs.
	began = time.Now()
	other := folderOf(t, 0)
	fakePrograms(t, other, "16.1")
	s, err = start(t.Context(), Options{DataDir: dir, Ephemeral: true}, locations{folders: []string{other + "/*/bin"}, cache: where.cache})
	check(t, err)
	t.Logf("second start with npm's: %v", time.Since(began))
	check(t, s.Close())
	if left := glob(filepath.Join(where.cache, "fetch-*")); len(left) > 0 {
		t.Errorf("files remain: %v", left)
	}
}

func TestForgedPackageIsRefused(t *testing.T) {
	t.Parallel()
	where := onlyNPM(t)
	forged := npmPackages["linux/386"] // any package but the one with this hash
	forged.platform = "linux-arm"
	_, err := forged.install(t.Context(), filepath.Join(where.path, "npm"), where.cache)
	if err == nil {
		t.Fatal("a package with the wrong hash was installed")
	}
	mustContain(t, err.Error(), "wrong hash", "linux-arm")
	if left := glob(filepath.Join(where.cache, "*")); len(left) > 0 {
		t.Errorf("files remain: %v", left)
	}
}
