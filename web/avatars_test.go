package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAvatars: each picture of the demo is served as one, and nothing else is.
func TestAvatars(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /avatars/{name}", Avatars())
	get := func(path string) *http.Response {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Result()
	}
	for _, name := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12") {
		a := get("/avatars/" + name + ".svg")
		if kind := a.Header.Get("Content-Type"); a.StatusCode != http.StatusOK || kind != "image/svg+xml" {
			t.Errorf("picture %s is answered %d, %s", name, a.StatusCode, kind)
		}
	}
	for _, path := range []string{"/avatars/", "/avatars/0.svg", "/avatars/13.svg", "/avatars/%2e%2e", "/avatars/..%2favatars.go", "/avatars/..%2fplayground%2findex.html"} {
		if a := get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered %d", path, a.StatusCode)
		}
	}
}
