package web

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
)

// consoleDist is what `npm run build` makes of web/console.
//
//go:embed console/dist
var consoleDist embed.FS

// Console is the inbox that the binary carries.
type Console struct {
	SignIn func() SignIn // as it is at the moment; nil: by a token only
	Dir    string        // folder with files to serve instead of the embedded ones; empty: none
}

// Mount adds the paths of the console to mux. They need no authentication, because they serve only
// public files; the page sends the token of the person to the API.
func (c Console) Mount(mux *http.ServeMux) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		if secure(w, r, c.signIn().policy()) {
			files()["index.html"].serve(w, r, "no-store")
		}
	}
	mux.HandleFunc("/{$}", page)
	mux.HandleFunc("/inbox/", page)
	mux.HandleFunc("/console/sign-in.json", func(w http.ResponseWriter, r *http.Request) {
		if signIn := c.signIn(); secure(w, r, signIn.policy()) {
			signIn.serve(w)
		}
	})
	mux.HandleFunc("/console/", func(w http.ResponseWriter, r *http.Request) {
		if !secure(w, r, c.signIn().policy()) {
			return
		}
		file, ok := files()[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if path.Ext(r.URL.Path) == ".txt" {
			file.serve(w, r, "no-cache")
			return
		}
		file.serve(w, r, "public, max-age=31536000, immutable") // its name contains a hash of it
	})
	return nil
}

func (c Console) signIn() (s SignIn) {
	if c.SignIn != nil {
		s = c.SignIn()
	}
	return s
}

// files returns a function that returns the files by path: those of the folder as they are at the
// moment, or the embedded ones, which are compressed at the first request.
func (c Console) files() (func() map[string]asset, error) {
	if c.Dir == "" {
		return embeddedConsole, nil
	}
	read := func() map[string]asset {
		files, _ := assetsIn(os.DirFS(c.Dir)) // without the file that could not be read, which is answered with 404
		return files
	}
	if _, ok := read()["index.html"]; !ok {
		return nil, fmt.Errorf("there is no index.html in %s; build the console with `npm run build` in web/console and give its dist folder", c.Dir)
	}
	return read, nil
}

var embeddedConsole = sync.OnceValue(func() map[string]asset {
	dist, err := fs.Sub(consoleDist, "console/dist")
	if err != nil {
		panic(err) // the path is valid
	}
	files, err := assetsIn(dist)
	if err != nil {
		panic(err) // embedded files are always readable
	}
	return files
})
