// Package webtest opens pages in a real browser, for tests.
package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience limits how long a test may use its browser.
const patience = 6 * time.Minute

// Browser starts a headless Chromium with an empty profile and returns the context with which
// chromedp controls it. The browser is closed when the test ends. The test fails if there is no
// Chromium, or if a page threw an error, logged one or violated its content security policy,
// unless Expect announced that. With -short the test is skipped.
func Browser(tb testing.TB) context.Context {
	tb.Helper()
	if testing.Short() {
		tb.Skip("skipped with -short: the test needs a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(tb)),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1440, 900),
	)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	tb.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	tb.Cleanup(cancel)

	seen := &record{}
	if err := chromedp.Listen(ctx, seen.note); err != nil {
		tb.Fatalf("start Chromium: %v", err)
	}
	tb.Cleanup(func() {
		for _, complaint := range seen.unexpected() {
			tb.Errorf("the browser reported an error: %s", complaint)
		}
	})
	return context.WithValue(ctx, recordKey{}, seen)
}

// Expect announces an error of the browser that contains text, so that it does not fail the test.
func Expect(ctx context.Context, text string) {
	seen := recordOf(ctx)
	seen.Lock()
	defer seen.Unlock()
	seen.expected = append(seen.expected, text)
}

// Requests returns the URLs that the browser has requested, including those of sockets.
func Requests(ctx context.Context) []string {
	seen := recordOf(ctx)
	seen.Lock()
	defer seen.Unlock()
	return slices.Clone(seen.requests)
}

// Screenshot writes a picture of the page to name.png in $ARTIFACTS_DIR, or else in ../artifacts.
func Screenshot(tb testing.TB, ctx context.Context, name string) {
	tb.Helper()
	dir := os.Getenv("ARTIFACTS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "artifacts")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.Fatalf("screenshot %s: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		tb.Fatal(err)
	}
}

func chromium(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if file, err := exec.LookPath(name); err == nil {
			return file
		}
	}
	tb.Fatal("this test needs chromium, chromium-browser or google-chrome in PATH; install one, such as with apt-get install chromium")
	return ""
}

type recordKey struct{}

func recordOf(ctx context.Context) *record { return ctx.Value(recordKey{}).(*record) }

// record holds the requests and errors of a browser, and the errors that its test expects.
type record struct {
	sync.Mutex
	requests   []string
	complaints []string
	expected   []string
}

func (r *record) note(event any) {
	r.Lock()
	defer r.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		r.requests = append(r.requests, event.Request.URL)
	case *network.EventWebSocketCreated:
		r.requests = append(r.requests, event.URL)
	case *log.EventEntryAdded: // such as a failed request or a violation of the policy
		if event.Entry.Level == log.EntryLevelError {
			r.complaints = append(r.complaints, fmt.Sprintf("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL))
		}
	case *runtime.EventExceptionThrown:
		r.complaints = append(r.complaints, event.ExceptionDetails.Text+" "+describe(event.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError {
			r.complaints = append(r.complaints, "console: "+describe(event.Args...))
		}
	}
}

func describe(values ...*runtime.RemoteObject) string {
	var words []string
	for _, value := range values {
		if value != nil {
			words = append(words, value.Description+string(value.Value))
		}
	}
	return strings.Join(words, " ")
}

func (r *record) unexpected() []string {
	r.Lock()
	defer r.Unlock()
	return slices.DeleteFunc(slices.Clone(r.complaints), func(complaint string) bool {
		return slices.ContainsFunc(r.expected, func(text string) bool { return strings.Contains(complaint, text) })
	})
}
