//go:build linux

package faults

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLong makes runs of every fault, and of pairs of faults, with as many seeds as wanted, until
// the time is over. It prints a table of the results.
func TestLong(t *testing.T) {
	if *durationFlag == 0 {
		t.Skip("make faults runs it")
	}
	prepare(t)
	var all table
	t.Cleanup(func() { all.print(t) })
	end := time.Now().Add(*durationFlag)
	type job struct {
		fault
		seed uint64
	}
	var jobs []job
	first := cmp.Or(*seedFlag, 1)
	for seed := first; seed < first+uint64(*seedsFlag); seed++ {
		for _, f := range slices.Concat([]fault{{name: "none", strike: nothing}}, faults, []fault{pair(seed)}) {
			jobs = append(jobs, job{f, seed})
		}
	}
	together(jobs, func(j job) {
		if time.Now().After(end) {
			return
		}
		t.Run(fmt.Sprintf("%s/%d", j.name, j.seed), func(t *testing.T) {
			defer func() { all.failed(j.name, t.Failed()) }()
			_, out := j.play(t, j.seed)
			all.add(j.name, out)
		})
	})
}

// pair returns two faults at once: one of a server, and one of something else.
func pair(seed uint64) fault {
	r := rand.New(rand.NewPCG(seed, 1))
	servers, others := splitFaults()
	a, b := servers[r.IntN(len(servers))], others[r.IntN(len(others))]
	return fault{name: "pairs", long: true, strike: func(ctx context.Context, r *run) {
		r.t.Logf("the pair is %s, %s", a.name, b.name)
		var striking sync.WaitGroup
		striking.Go(func() { a.strike(ctx, r) })
		b.strike(ctx, r)
		striking.Wait()
	}}
}

// splitFaults returns the faults of servers, and those that can happen at the same time.
func splitFaults() (servers, others []fault) {
	for _, f := range faults {
		switch {
		case f.long || f.prepare != nil:
		case slices.Contains([]string{"kill", "SIGSTOP"}, f.name):
			servers = append(servers, f)
		case f.name != "drain" && !strings.Contains(f.name, "restored"):
			others = append(others, f)
		}
	}
	return servers, others
}

// A table holds the results of many runs.
type table struct {
	mu   sync.Mutex
	rows map[string]*row
}

// A row is what became of the runs of one fault.
type row struct {
	runs, bad                            int
	mutations, deliveries, reads, failed int
	silence, recovered                   []time.Duration
}

func (a *table) row(name string) *row {
	if a.rows == nil {
		a.rows = map[string]*row{}
	}
	if a.rows[name] == nil {
		a.rows[name] = &row{}
	}
	return a.rows[name]
}

// failed counts a run that has ended, also one that was given up.
func (a *table) failed(name string, bad bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.row(name)
	r.runs++
	if bad {
		r.bad++
	}
}

func (a *table) add(name string, out result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.row(name)
	r.mutations, r.deliveries, r.reads, r.failed = r.mutations+out.mutations, r.deliveries+out.deliveries, r.reads+out.reads, r.failed+out.failed
	r.silence, r.recovered = append(r.silence, out.silence), append(r.recovered, out.recovered)
}

// print prints the table, in the order of the faults.
func (a *table) print(t *testing.T) {
	var b strings.Builder
	b.WriteString("| fault | runs | with findings | mutations | deliveries | reads | failed requests | longest silence, median and most | recovery, median and most |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range slices.Concat([]fault{{name: "none"}}, faults, []fault{{name: "pairs"}}) {
		if r := a.rows[f.name]; r != nil {
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %s | %s |\n", f.name, r.runs, r.bad, r.mutations, r.deliveries, r.reads, r.failed, spread(r.silence), spread(r.recovered))
		}
	}
	t.Log("\n" + b.String())
	if *tableFlag != "" {
		check(t, os.WriteFile(*tableFlag, []byte(b.String()), 0o644))
	}
}

// spread returns the median and the largest of durations.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "–"
	}
	slices.Sort(d)
	return fmt.Sprintf("%.1f s, %.1f s", d[len(d)/2].Seconds(), d[len(d)-1].Seconds())
}
