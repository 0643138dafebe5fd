package command_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestConsoleIsBuilt builds the console from its source and compares the outcome with the
// committed files, byte for byte. It also checks the types, and the size of all that is loaded.
func TestConsoleIsBuilt(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	check(t, copyFiles("../client/src", filepath.Join(folder, "client", "src"), func(string) bool { return true }))
	check(t, copyFiles("../client", filepath.Join(folder, "client"), func(name string) bool { return name == "tsconfig.json" }))
	console := filepath.Join(folder, "web", "console")
	check(t, copyFiles("../web/console", console, func(string) bool { return true }))
	check(t, os.RemoveAll(filepath.Join(console, "dist")))
	installPackages(t, "console", console)
	runNode(t, console, "node_modules/typescript/bin/tsc")
	runNode(t, console, "node_modules/vite/bin/vite.js", "build")

	built, committed := filesIn(t, filepath.Join(console, "dist")), filesIn(t, "../web/console/dist")
	if len(built) != len(committed) {
		t.Errorf("%d files were built, %d are committed", len(built), len(committed))
	}
	size := 0
	for name, content := range built {
		if !bytes.Equal(content, committed[name]) {
			t.Errorf("web/console/dist/%s is not what its source gives: run `npm ci && npm run build` in web/console", name)
		}
		size += zippedSize(content)
	}
	t.Logf("the console has %d bytes, compressed", size)
	if size > 60<<10 {
		t.Errorf("the console has %d bytes, compressed, and should have at most 60 KiB", size)
	}
}

// filesIn returns the files of a folder by their paths in it.
func filesIn(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	check(t, fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[name], err = os.ReadFile(filepath.Join(folder, name))
		}
		return err
	}))
	return files
}

func zippedSize(content []byte) int {
	var zipped bytes.Buffer
	w := must(gzip.NewWriterLevel(&zipped, gzip.BestCompression))
	_, _ = w.Write(content) // writing to memory cannot fail
	_ = w.Close()
	return zipped.Len()
}
