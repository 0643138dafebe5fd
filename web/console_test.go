package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchboard/web"
)

// consoleOf returns the handler of a console.
func consoleOf(t *testing.T, c web.Console) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	if err := c.Mount(mux); err != nil {
		t.Fatal(err)
	}
	return mux
}

func get(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestConsoleServesItsFiles: the page is asked for each time, its files are kept for ever, and all
// answers restrict the page to its own server.
func TestConsoleServesItsFiles(t *testing.T) {
	console := consoleOf(t, web.Console{})
	page := body(t, get(console, "GET", "/"))
	links := regexp.MustCompile(`(?:src|href)="(/console/[^"]+-[\w-]{8}\.(?:js|css|svg))"`).FindAllStringSubmatch(page, -1)
	if len(links) != 3 {
		t.Fatalf("the page links %v, not a script, a style and an icon", links)
	}
	cases := map[string]string{"/": "no-store", "/inbox/mine": "no-store", "/inbox/all/conv_1?order=waiting": "no-store", "/console/LICENSES.txt": "no-cache"}
	for _, link := range links {
		cases[link[1]] = "public, max-age=31536000, immutable"
	}
	for target, want := range cases {
		response := get(console, "GET", target)
		if got := response.Header.Get("Cache-Control"); response.StatusCode != 200 || got != want {
			t.Errorf("%s: %d, Cache-Control %q, want %q", target, response.StatusCode, got, want)
		}
	}
	for _, forbidden := range []string{`<script>`, `<style`, `style="`, ` on\w+="`, `(src|href)="(https?:)?//`} {
		if found := regexp.MustCompile(forbidden).FindString(page); found != "" {
			t.Errorf("the page contains %q, which its policy forbids", found)
		}
	}
	for target, status := range map[string]int{"/": 200, "/console/sign-in.json": 200, "/console/nothing.js": 404, "/console/": 404} {
		response := get(console, "GET", target)
		if response.StatusCode != status {
			t.Errorf("%s: %d, want %d", target, response.StatusCode, status)
		}
		const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
			"img-src 'self' https:; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
		if got := response.Header.Get("Content-Security-Policy"); got != policy {
			t.Errorf("%s: policy %q", target, got)
		}
	}
	if response := get(console, "POST", "/"); response.StatusCode != 405 {
		t.Errorf("POST: %d", response.StatusCode)
	}
}

func TestConsoleFilesAreCompressed(t *testing.T) {
	console := consoleOf(t, web.Console{})
	plain, zipped := get(console, "GET", "/"), get(console, "GET", "/", "Accept-Encoding", "gzip, br")
	unzipped, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzipped)
	if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" || string(content) != body(t, plain) {
		t.Errorf("unzipped it differs from the plain page: %v", err)
	}
}

// TestConsoleFromAFolder: with --ui-dir files are read at every request.
func TestConsoleFromAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := (web.Console{Dir: dir}).Mount(http.NewServeMux()); err == nil || !strings.Contains(err.Error(), "npm run build") {
		t.Errorf("an empty folder is refused with %v", err)
	}
	for _, content := range []string{"first", "second"} {
		if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := body(t, get(consoleOf(t, web.Console{Dir: dir}), "GET", "/inbox/mine")); got != content {
			t.Errorf("the page is %q, not %q", got, content)
		}
	}
}

func TestConsoleSaysHowToSignIn(t *testing.T) {
	for _, development := range []bool{true, false} {
		console := consoleOf(t, web.Console{SignIn: func() web.SignIn { return web.SignIn{Development: development} }})
		response := get(console, "GET", "/console/sign-in.json")
		want := map[bool]string{true: `{"development":true}`, false: `{"development":false}`}[development]
		if got := body(t, response); got != want || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("sign-in.json is %s, not %s", got, want)
		}
	}
}
