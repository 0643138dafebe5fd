package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// asset is a file with its response headers and its compressed form.
type asset struct {
	contentType   string
	etag          string
	plain, zipped []byte
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

// assetsIn returns the files below root by path.
func assetsIn(root fs.FS) (map[string]asset, error) {
	files := map[string]asset{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(root, name)
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
	return files, err
}

func zip(plain []byte) []byte {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(plain) // writing to memory cannot fail
	w.Close()
	return zipped.Bytes()
}

// secure sets the headers with which browsers restrict a page to its own server. It answers a
// request that does not read, and reports whether the request is still to be answered.
func secure(w http.ResponseWriter, r *http.Request, policy string) bool {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	h.Set("Allow", "GET, HEAD")
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	return false
}

// serve answers with the file, compressed if the browser accepts that.
func (a asset) serve(w http.ResponseWriter, r *http.Request, cacheControl string) {
	h := w.Header()
	content, etag := a.plain, a.etag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content, etag = a.zipped, etag+"-gzip"
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", cacheControl)
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
