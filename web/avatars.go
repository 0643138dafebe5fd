package web

import (
	"embed"
	"net/http"
)

// avatars are the pictures of the people in the demo: drawings, so that a demo shows faces without
// the internet.
//
//go:embed avatars
var avatars embed.FS

// Avatars returns the handler of the pictures to which the demo refers. It must be mounted at
// "/avatars/{name}".
func Avatars() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "avatars/" + r.PathValue("name")
		if _, err := avatars.Open(name); err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=86400")
		http.ServeFileFS(w, r, avatars, name)
	})
}
