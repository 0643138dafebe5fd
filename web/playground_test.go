package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchboard/web"
)

func serve(method, target string, header ...string) *http.Response {
	return get(web.Playground(), method, target, header...)
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestPlaygroundServesItsFiles(t *testing.T) {
	for target, contentType := range map[string]string{
		"/playground":                       "text/html; charset=utf-8",
		"/playground/":                      "text/html; charset=utf-8",
		"/playground/playground.js":         "text/javascript; charset=utf-8",
		"/playground/playground.css":        "text/css; charset=utf-8",
		"/playground/icon.svg":              "image/svg+xml",
		"/playground/lib/graphiql.min.js":   "text/javascript; charset=utf-8",
		"/playground/lib/graphiql.min.css":  "text/css; charset=utf-8",
		"/playground/lib/graphql-ws.min.js": "text/javascript; charset=utf-8",
		"/playground/lib/LICENSES.txt":      "text/plain; charset=utf-8",
	} {
		response := serve("GET", target)
		if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != contentType {
			t.Errorf("%s: %d %s, want 200 %s", target, response.StatusCode, got, contentType)
		}
	}
}

func TestPlaygroundAnswersAlwaysCarryTheSecurityHeaders(t *testing.T) {
	for target, status := range map[string]int{
		"/playground":                     200,
		"/playground/playground.js":       200,
		"/playground/nothing":             404,
		"/playground/lib":                 404,
		"/playground/lib/":                404,
		"/playground/lib/.gitattributes":  404,
		"/playground/../playground.go":    404,
		"/playground/playground/":         404,
		"/playgroundplayground/icon.svg":  404,
		"/playground/lib/../../index.htm": 404,
	} {
		response := serve("GET", target)
		if response.StatusCode != status {
			t.Errorf("%s: %d, want %d", target, response.StatusCode, status)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
			"Referrer-Policy":        "no-referrer",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
		policy := response.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self'", "connect-src 'self';", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: policy %q lacks %q", target, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q allows something unsafe", target, policy)
		}
	}
}

func TestPlaygroundOnlyReads(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		response := serve(method, "/playground")
		if response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, response.StatusCode, response.Header.Get("Allow"))
		}
	}
	response := serve("HEAD", "/playground")
	if response.StatusCode != 200 || body(t, response) != "" {
		t.Errorf("HEAD: %d or a body", response.StatusCode)
	}
}

func TestPlaygroundFilesAreRevalidatedAndCompressed(t *testing.T) {
	const target = "/playground/playground.js"
	plain := serve("GET", target)
	tag := plain.Header.Get("ETag")
	if tag == "" || plain.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", tag, plain.Header.Get("Cache-Control"))
	}
	if again := serve("GET", target, "If-None-Match", tag); again.StatusCode != 304 {
		t.Errorf("asked again: %d, want 304", again.StatusCode)
	}

	zipped := serve("GET", target, "Accept-Encoding", "gzip")
	if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.Header.Get("ETag") == tag {
		t.Fatalf("Content-Encoding %q, ETag %q", zipped.Header.Get("Content-Encoding"), zipped.Header.Get("ETag"))
	}
	unzipped, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzipped)
	if err != nil || string(content) != body(t, plain) {
		t.Errorf("unzipped it differs from the plain file: %v", err)
	}
}

// The content security policy forbids inline scripts and styles. This test finds them without a
// browser.
func TestPlaygroundPageHasNothingInlineAndNothingForeign(t *testing.T) {
	page := body(t, serve("GET", "/playground"))
	for _, forbidden := range []string{`<script>`, `<style`, `style="`, ` on\w+="`, `(src|href)="(https?:)?//`} {
		if found := regexp.MustCompile(forbidden).FindString(page); found != "" {
			t.Errorf("the page contains %q", found)
		}
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if response := serve("GET", link[1]); response.StatusCode != 200 {
			t.Errorf("the page links %s: %d", link[1], response.StatusCode)
		}
	}
}

func TestEveryEmbeddedLibraryIsNamedInTheLicences(t *testing.T) {
	licences := body(t, serve("GET", "/playground/lib/LICENSES.txt"))
	files, err := filepath.Glob("playground/lib/*.min.*")
	if err != nil || len(files) == 0 {
		t.Fatal("no libraries", err)
	}
	for _, file := range files {
		if !strings.Contains(licences, filepath.Base(file)) {
			t.Errorf("LICENSES.txt does not name %s", file)
		}
	}
	if _, err := os.Stat("../NOTICE"); err != nil {
		t.Error(err)
	}
}
