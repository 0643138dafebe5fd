//go:build linux

package faults

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// proxy is a load balancer in front of servers. It sends each request and each socket to the next
// one of those that said that they are ready when it last asked.
type proxy struct {
	servers []*server
	to      map[*server]http.Handler

	mu    sync.Mutex
	ready []*server
	turn  int
}

// proxyInterval is how often a proxy asks each server whether it is ready.
const proxyInterval = time.Second

// newProxy starts a proxy, which ends with the test.
func newProxy(t *testing.T, servers []*server) endpoint {
	t.Helper()
	p := &proxy{servers: servers, to: map[*server]http.Handler{}, ready: servers}
	for _, s := range servers {
		target, err := url.Parse(s.url)
		check(t, err)
		p.to[s] = &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
			Transport: &http.Transport{MaxIdleConnsPerHost: clients},
			ErrorLog:  log.New(io.Discard, "", 0), // clients count what fails
		}
	}
	front, done := httptest.NewServer(p), make(chan struct{})
	var polling sync.WaitGroup
	polling.Go(func() { p.poll(done) })
	t.Cleanup(func() { close(done); polling.Wait(); front.Close() })
	return endpoint{front.URL}
}

// poll asks the servers until done is closed.
func (p *proxy) poll(done <-chan struct{}) {
	for {
		select {
		case <-time.After(proxyInterval):
		case <-done:
			return
		}
		var ready []*server
		for _, s := range p.servers {
			if s.isReady() {
				ready = append(ready, s)
			}
		}
		p.mu.Lock()
		p.ready = ready
		p.mu.Unlock()
	}
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := p.pick()
	if s == nil {
		http.Error(w, "no server is ready", http.StatusServiceUnavailable)
		return
	}
	p.to[s].ServeHTTP(w, r)
}

// pick returns the server whose turn it is; nil if none is ready.
func (p *proxy) pick() *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready) == 0 {
		return nil
	}
	p.turn++
	return p.ready[p.turn%len(p.ready)]
}
