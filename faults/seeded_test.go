//go:build linux

package faults

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A fault is what happens to a run.
type fault struct {
	name    string
	strike  func(ctx context.Context, r *run) // begins the fault and ends it
	prepare func(*run)                        // before the cluster and the servers are started; nil: nothing
	long    bool                              // whether it lasts too long for TestSeeded
	brief   bool                              // whether TestSeeded plays it although it was not asked for all
	promise time.Duration                     // the longest silence for 99 of 100 subscribers; 0: only what P8 promises
}

// faults is the table of faults.
var faults = slices.Concat([]fault{
	{name: "kill", strike: killed, brief: true},
	{name: "SIGSTOP", strike: stopped(8 * time.Second)},
	{name: "SIGSTOP for 40 s", strike: stopped(40 * time.Second), long: true},
	{name: "drain", strike: drained, brief: true},
	{name: "drain while PostgreSQL is silent", strike: drainedInSilence, long: true},
	{name: "rolling restart of three servers", strike: drained, prepare: behindProxy, long: true, promise: 2 * time.Second},

	{name: "PostgreSQL restarted", strike: restarted(syscall.SIGINT), brief: true},
	{name: "PostgreSQL crashed", strike: restarted(syscall.SIGQUIT)},
	{name: "PostgreSQL's backends killed", strike: backendsKilled, brief: true},
	{name: "PostgreSQL stopped", strike: frozen(6 * time.Second)},
	{name: "PostgreSQL stopped for 20 s", strike: frozen(20 * time.Second), long: true},
	{name: "table locked", strike: locked},
	{name: "read-only", strike: readOnly},
	{name: "out of connections", strike: crowded, brief: true},
	{name: "disk full", strike: full, prepare: small},
	{name: "migration", strike: migrated},

	{name: "older backup restored", strike: restoredOlder},
	{name: "standby promoted", strike: promoted},
	{name: "clocks an hour off, kill", strike: killed, prepare: skewedClocks},
	{name: "NATS gone", strike: natsGone, prepare: withNATS},
	{name: "connections vanish at a write", strike: vanishedAtWrite, long: true},
}, networkFaults("PostgreSQL", toPostgreSQL), networkFaults("clients", toClients))

// nothing is no fault.
func nothing(context.Context, *run) {}

// result is the outcome of a run.
type result struct {
	mutations, deliveries, reads, failed int // failed: requests that clients had to repeat
	fault, silence, recovered            time.Duration
	findings                             []finding
}

// play lets the crowd work while the fault happens, and judges. Seed 0 stands for another one each
// time.
func (f fault) play(t *testing.T, seed uint64) (*evidence, result) {
	t.Helper()
	seed = cmp.Or(seed, rand.Uint64N(1_000_000)+1)
	t.Logf("to repeat it: go test ./faults -count 1 -run '%s' -faults.seed %d", t.Name(), seed)
	r := newRun(t, seed, f.prepare)
	e := r.judge(f)
	silences := e.silences()
	out := result{
		mutations: len(e.mutations), reads: len(e.audits), failed: int(r.refused.Load()), fault: r.mended - r.struck,
		silence: silences[len(silences)-1], recovered: r.recovered, findings: e.judge(),
	}
	for _, s := range e.subscriptions {
		for _, session := range s.sessions {
			out.deliveries += len(session.items)
		}
	}
	if r.recovered > r.soon {
		out.findings = append(out.findings, finding{"P8 works again", fmt.Sprintf("after %v", r.recovered)})
	}
	if most := silences[(len(silences)-1)*99/100]; f.promise > 0 && most > f.promise+r.soon-soon {
		out.findings = append(out.findings, finding{"the silence promised", fmt.Sprintf("99 of 100 subscribers wait up to %v", most)})
	}
	for _, found := range out.findings {
		t.Errorf("%s: %s", found.rule, found.text)
	}
	t.Logf("%d mutations, %d deliveries, %d reads, %d failed requests; the fault lasted %v, the longest silence %v (99 of 100 subscribers: %v), recovery %v",
		out.mutations, out.deliveries, out.reads, out.failed, out.fault, out.silence, silences[(len(silences)-1)*99/100], out.recovered)
	return e, out
}

// atOnce is how many runs are made at once, however many tests go test runs at once: a run waits
// more than it computes.
const atOnce = 4

// together does something with all, some at once.
func together[T any](all []T, do func(T)) {
	queue := make(chan T)
	var working sync.WaitGroup
	for range atOnce {
		working.Go(func() {
			for each := range queue {
				do(each)
			}
		})
	}
	for _, each := range all {
		queue <- each
	}
	close(queue)
	working.Wait()
}

// TestSeeded makes one run of each of half the brief faults, of others each time; of each brief fault if a
// seed is given, and with -faults.all of each that does not last long.
func TestSeeded(t *testing.T) {
	t.Parallel()
	prepare(t)
	half := rand.IntN(2)
	played := func(f fault) bool {
		if f.brief && *seedFlag == 0 && !*allFlag {
			half++
			return half%2 == 0
		}
		return f.brief || *allFlag && !f.long
	}
	together(slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return !played(f) }), func(f fault) {
		t.Run(f.name, func(t *testing.T) { f.play(t, *seedFlag) })
	})
}
