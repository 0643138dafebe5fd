// Package web holds what the server shows in a browser.
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

// contentSecurityPolicy lets the page run its own files and talk to its own
// server, and nothing else. Pictures may come from elsewhere because contacts
// and agents have avatars. The hash is of the one style element GraphiQL adds,
// the one that stops scrolling behind a dialog.
const contentSecurityPolicy = "default-src 'none'; " +
	"script-src 'self'; " +
	"style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='; " +
	"font-src 'self' data:; " +
	"img-src 'self' data: https:; " +
	"connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed playground
var embedded embed.FS

// asset is one embedded file, ready to be sent.
type asset struct {
	contentType   string
	etag          string
	plain, zipped []byte
}

// Playground serves the embedded playground below /playground: the page, its
// scripts and styles, and the licences of what they are made of. It holds no
// secret and asks for no credentials: the page keeps the token its visitor
// brings, and the API judges it. Mount it at /playground and /playground/.
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
	// Asked again each time and answered 304, so a new binary is seen at once.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// contentTypes are spelt out because those the system knows may differ, and
// nosniff makes a wrong one fatal.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// assets are the embedded files by path. They are compressed when first asked
// for, which a server without visitors never pays.
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
		panic(err) // only if the binary itself is broken
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
