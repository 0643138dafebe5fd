//go:build linux

package faults

import (
	"context"
	"time"

	"switchboard/db/dbtest"
)

// A side is one of the two sides of a server.
type side func(*server) *dbtest.Line

func toPostgreSQL(s *server) *dbtest.Line { return s.back }
func toClients(s *server) *dbtest.Line    { return s.front }

// someLines returns the lines on a side of one server, or of both.
func (r *run) someLines(of side) (lines []*dbtest.Line) {
	servers := r.servers
	if n := r.rand.IntN(len(servers) + 1); n < len(servers) {
		servers = servers[n : n+1]
	}
	r.t.Logf("%d lines are affected", len(servers))
	for _, s := range servers {
		lines = append(lines, of(s))
	}
	return lines
}

// on makes lines of a side do something for a while, and then pass everything again. A duration of
// 0 makes the fault happen at a moment.
func on(of side, d time.Duration, do func(*dbtest.Line)) func(context.Context, *run) {
	return func(ctx context.Context, r *run) {
		lines := r.someLines(of)
		for _, l := range lines {
			do(l)
		}
		if d == 0 {
			return
		}
		_ = sleep(ctx, d)
		for _, l := range lines {
			l.Delay(0)
			l.Pass()
		}
	}
}

// repeatedly makes something happen at three moments.
func repeatedly(of side, do func(*dbtest.Line)) func(context.Context, *run) {
	return func(ctx context.Context, r *run) {
		for n := range 3 {
			if n > 0 {
				r.moves(ctx, 20+r.rand.Int64N(60))
			}
			for _, l := range r.someLines(of) {
				do(l)
			}
		}
	}
}

// vanishedAtWrite makes one connection of a server to PostgreSQL silent for ever, at some write: as
// if the server's machine vanished within a transaction.
func vanishedAtWrite(ctx context.Context, r *run) {
	for range 3 {
		n, arrives := 1+r.rand.IntN(200), r.rand.IntN(2) == 0
		select {
		case <-r.victim().back.CutAt(n, dbtest.SilenceIt, arrives).Done():
		case <-ctx.Done():
		}
	}
}

// networkFaults are the faults of the network on one side of the servers.
func networkFaults(name string, of side) []fault {
	return []fault{
		{name: name + " delayed", strike: on(of, 4*time.Second, func(l *dbtest.Line) { l.Delay(60 * time.Millisecond) })},
		{name: name + " stalled", strike: on(of, 6*time.Second, (*dbtest.Line).Hold)},
		{name: name + " dropped", strike: on(of, 6*time.Second, (*dbtest.Line).Drop)},
		{name: name + " half open, nothing arrives", strike: on(of, 6*time.Second, (*dbtest.Line).DropSent)},
		{name: name + " half open, nothing comes back", strike: on(of, 6*time.Second, (*dbtest.Line).DropReceived)},
		{name: name + " vanished", strike: on(of, 0, (*dbtest.Line).Silence)},
		{name: name + " cut", strike: repeatedly(of, (*dbtest.Line).Reset)},
	}
}
