// Package web serves the playground, the page on which developers try the API in a browser.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// contentSecurityPolicy allows the page only its own files and its own server. Pictures may come
// from other sites, because contacts and agents have avatars. The hash is that of the style
// element with which GraphiQL stops scrolling behind a dialog.
const contentSecurityPolicy = "default-src 'none'; " +
	"script-src 'self'; " +
	"style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='; " +
	"font-src 'self' data:; " +
	"img-src 'self' data: https:; " +
	"connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed playground
var embedded embed.FS

// asset is an embedded file with its response headers and its compressed form.
type asset struct {
	contentType   string
	etag          string
	plain, zipped []byte
}

// Playground returns the handler of the playground: the page, its scripts and styles, and the
// licences of the libraries. It must be mounted at /playground and /playground/. It needs no
// authentication, because it serves only public files; the page sends the token from its address
// to the API.
func Playground() http.Handler {
	return http.HandlerFunc(servePlayground)
}

func servePlayground(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")

	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "playground" || name == "playground/" {
		name = "playground/index.html"
	}
	file, ok := assets()[name]
	if !ok {
		http.NotFound(w, r)
		return
	}

	content, etag := file.plain, file.etag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content, etag = file.zipped, etag+"-gzip"
	}
	h.Set("Content-Type", file.contentType)
	h.Set("Vary", "Accept-Encoding")
	// The browser asks for each file again, usually answered with 304, so that it notices a new
	// version of the server at once.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// contentTypes maps file extensions to media types. The system's own table may differ, and with
// nosniff a browser refuses a file of the wrong type.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// assets returns the embedded files by path. They are compressed at the first request, so that a
// server without visitors does not spend the time.
var assets = sync.OnceValue(func() map[string]asset {
	files := map[string]asset{}
	err := fs.WalkDir(embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		files[name] = asset{
			contentType: contentTypes[path.Ext(name)],
			etag:        hex.EncodeToString(sum[:16]),
			plain:       plain,
			zipped:      zip(plain),
		}
		return nil
	})
	if err != nil {
		panic(err) // embedded files are always readable
	}
	return files
})

func zip(plain []byte) []byte {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(plain) // writing to memory cannot fail
	w.Close()
	return zipped.Bytes()
}
