// Package web serves the two pages that the binary carries: the console, which is an inbox, and
// the playground, on which developers try the API in a browser.
package web

import (
	"embed"
	"net/http"
	"strings"
	"sync"
)

// playgroundPolicy allows the page only its own files and its own server. Pictures may come
// from other sites, because contacts and agents have avatars. The hash is that of the style
// element with which GraphiQL stops scrolling behind a dialog.
const playgroundPolicy = "default-src 'none'; " +
	"script-src 'self'; " +
	"style-src 'self' 'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='; " +
	"font-src 'self' data:; " +
	"img-src 'self' data: https:; " +
	"connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed playground
var playground embed.FS

// Playground returns the handler of the playground: the page, its scripts and styles, and the
// licences of the libraries. It must be mounted at /playground and /playground/. It needs no
// authentication, because it serves only public files; the page sends the token from its address
// to the API.
func Playground() http.Handler {
	return http.HandlerFunc(servePlayground)
}

func servePlayground(w http.ResponseWriter, r *http.Request) {
	if !secure(w, r, playgroundPolicy) {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "playground" || name == "playground/" {
		name = "playground/index.html"
	}
	file, ok := playgroundAssets()[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	// The browser asks for each file again, usually answered with 304, so that it notices a new
	// version of the server at once.
	file.serve(w, r, "no-cache")
}

// playgroundAssets returns the embedded files by path. They are compressed at the first request,
// so that a server without visitors does not spend the time.
var playgroundAssets = sync.OnceValue(func() map[string]asset {
	files, err := assetsIn(playground)
	if err != nil {
		panic(err) // embedded files are always readable
	}
	return files
})
