package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// An Entry is one contender in one case of a benchmark.
type Entry struct {
	Name    string
	Measure func(ctx context.Context, during time.Duration) (Figures, error)
	server  *Server
}

// Under is the entry of a server under a load.
func Under(name string, s *Server, l Load) Entry {
	return Entry{Name: name, server: s, Measure: func(ctx context.Context, during time.Duration) (Figures, error) {
		l.Duration = during
		return l.Run(ctx, s)
	}}
}

// InTurn measures the entries of a case in turn, so that other load on the machine affects all
// alike; each round begins with another one. An entry that fails is not measured again.
func (b *Bench) InTurn(ctx context.Context, name string, entries ...Entry) error {
	failed := map[string]bool{}
	for round := -1; round < b.Rounds; round++ { // the first is for warming up
		during := b.Duration
		if round < 0 {
			during = b.Warm
		}
		for i := range entries {
			e := entries[(i+max(round, 0))%len(entries)]
			if failed[e.Name] || during == 0 || !b.Wants(e.Name) {
				continue
			}
			if round >= 0 {
				fmt.Fprintf(os.Stderr, "%s, round %d: %s\n", name, round+1, e.Name)
			}
			f, err := b.measure(ctx, name, e, round, during)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				failed[e.Name] = true
				b.Report.Fail(name, e.Name, err)
			} else if round >= 0 {
				b.Report.Add(name, e.Name, round, f.values())
			}
		}
	}
	return nil
}

// measure measures one entry, and profiles our server in the last round.
func (b *Bench) measure(ctx context.Context, name string, e Entry, round int, during time.Duration) (Figures, error) {
	if b.Profile == "" || e.Name != Ours || round != b.Rounds-1 {
		return e.Measure(ctx, during)
	}
	done := make(chan error, 1)
	go func() {
		done <- e.server.profile(ctx, filepath.Join(b.Profile, fmt.Sprintf("%s-%s.pprof", b.Report.Bench, name)), during)
	}()
	f, err := e.Measure(ctx, during)
	if failed := <-done; err == nil {
		err = failed
	}
	return f, err
}

// The names of what loads measure.
const (
	Rate = "per second"
	P50  = "p50 ms"
	P99  = "p99 ms"
	CPU  = "server CPU ms"
)

func (f Figures) values() map[string]float64 {
	v := map[string]float64{Rate: f.Rate}
	if f.P50 > 0 {
		v[P50], v[P99] = f.P50, f.P99
	}
	if f.CPU > 0 {
		v[CPU] = f.CPU
	}
	return v
}
