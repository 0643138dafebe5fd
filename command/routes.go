package command

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"switchboard/graph"
	"switchboard/web"
)

// pages are the pages that a server carries.
type pages struct {
	console    *web.Console // nil: not served
	playground bool
}

// routes returns the handler for all paths that clients use.
func routes(api, ready http.Handler, logout http.HandlerFunc, p pages) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/graphql", api)
	mux.HandleFunc("POST /backchannel-logout", logout)
	mux.HandleFunc("GET /healthz", healthy)
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /avatars/{name}", web.Avatars())
	if p.playground {
		mux.HandleFunc("GET /schema.graphqls", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, graph.SDL())
		})
		mux.Handle("/playground", web.Playground())
		mux.Handle("/playground/", web.Playground())
	}
	switch {
	case p.console != nil:
		if err := p.console.Mount(mux); err != nil {
			return nil, err
		}
	case p.playground:
		mux.Handle("GET /{$}", http.RedirectHandler("/playground", http.StatusFound))
	}
	return secured(mux), nil
}

func healthy(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") }

// secured sets the headers that keep browsers from guessing, storing or framing an answer. The
// console and the playground replace some of them.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

const (
	readyFor  = time.Second     // how old the result of a check may be
	readyTime = 5 * time.Second // limit for one check
)

// A readiness answers /readyz from a check that is at most a second old, so that requests without a
// token cannot keep the database busy. It fails as soon as stopping ends, so that a load balancer
// sends requests elsewhere while the server drains.
type readiness struct {
	stopping context.Context
	check    func(context.Context) error

	mu      sync.Mutex
	checked time.Time
	err     error
}

func (c *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if c.stopping.Err() != nil || c.recent() != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "ready")
}

// recent returns the result of a recent check. Concurrent callers share one check.
func (c *readiness) recent() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) >= readyFor {
		ctx, cancel := context.WithTimeout(c.stopping, readyTime)
		defer cancel()
		c.err = c.check(ctx)
		c.checked = time.Now()
	}
	return c.err
}
