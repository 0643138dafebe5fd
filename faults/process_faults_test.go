//go:build linux

package faults

import (
	"context"
	"syscall"
	"time"
)

// victim returns a random server.
func (r *run) victim() *server { return r.servers[r.rand.IntN(len(r.servers))] }

// killed kills servers, three times, and starts each again after some moves.
func killed(ctx context.Context, r *run) {
	for n := range 3 {
		if n > 0 {
			r.moves(ctx, 40+r.rand.Int64N(60))
		}
		s := r.victim()
		s.kill()
		r.moves(ctx, r.rand.Int64N(60))
		s.start()
	}
	if r.refused.Load() == 0 {
		r.t.Error("no client noticed that servers were killed")
	}
}

// stopped stops a server for a while, as a machine that is suspended does.
func stopped(d time.Duration) func(context.Context, *run) {
	return func(ctx context.Context, r *run) {
		s := r.victim()
		s.signal(syscall.SIGSTOP)
		_ = sleep(ctx, d)
		s.signal(syscall.SIGCONT)
	}
}

// drainedInSilence tells a server to stop while PostgreSQL does not answer it.
func drainedInSilence(ctx context.Context, r *run) {
	s := r.victim()
	s.back.Drop()
	r.moves(ctx, 20+r.rand.Int64N(40))
	s.drain()
	s.back.Pass()
	s.start()
}

// behindProxy puts three servers behind a proxy, with 500 subscribers and 50 mutations a second. The
// servers go on for as long as the proxy may need to notice that they stop, and for as long again let
// their sockets go.
func behindProxy(r *run) {
	r.proxied, r.count, r.watchers, r.pace = true, 3, 500, clients*time.Second/50
	r.args = []string{"--drain-delay", (3 * proxyInterval).String(), "--drain-over", (3 * proxyInterval).String()}
}

// drained tells all servers to stop, one after the other, and starts each again.
func drained(ctx context.Context, r *run) {
	for _, s := range r.servers {
		s.drain()
		r.moves(ctx, r.rand.Int64N(40))
		s.start()
		eventually(r.t, patience, "that the next server is ready", func() bool {
			s.startAgain()
			return s.isReady()
		})
	}
}
