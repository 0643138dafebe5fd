package main

import (
	"fmt"
	"io"
)

// A target is a limit for one of our figures, or for its ratio to that of another contender.
type target struct {
	what    string
	figure  figure
	against string // a contender; if empty, the limit is for the figure itself
	limit   float64
}

const (
	single    = "CPU, single events"
	inBurst   = "CPU, burst (coalescing allowed)"
	noLimit   = 1 << 40
	kilobytes = "idle subscriber, KB (goal: 9)"
)

var targets = []target{
	{single, pacedCPU, "gqlgen", 1 / 4.5},
	{single, pacedCPU, "yoga", 1 / 7.0},
	{single, pacedCPU, "centrifuge", 1 / 1.3},
	{single, pacedCPU, "prepared", 1.05},
	{single, pacedCPU, "tcp", noLimit},
	{inBurst, burstCPU, "gqlgen", 1 / 40.0},
	{inBurst, burstCPU, "yoga", 1 / 70.0},
	{inBurst, burstCPU, "centrifuge", 1 / 4.0},
	{inBurst, burstCPU, "prepared", 1 / 5.0},
	{inBurst, burstCPU, "tcp", noLimit},
	{inBurst, burstCPU, "tcp-joined", noLimit},
	{kilobytes, idleKB, "", 18},
	{"idle subscriber, goroutines (and one for all)", idleGoroutines, "", 1.005},
	{"allocations per delivery, single events", pacedAllocs, "", 0.25},
	{"100 events/s, p99 ms from publication to receipt", sustainedP99, "", 10},
	{"100 events/s, ms behind after the last", sustainedBehind, "", 100},
}

// targetSubscribers is the number of subscribers that the targets are set for; other numbers show
// how the cost grows.
const targetSubscribers = 1000

// value returns the figure or ratio with n subscribers, and false if it was not measured.
func (t target) value(r *report, n int) (float64, bool) {
	if t.against != "" {
		return r.ratio(t.against, n, t.figure)
	}
	v := median(valuesOf(r.resultsOf(ours, n), t.figure))
	return v, v != noValue
}

// verdict compares a value with the limit.
func (t target) verdict(v float64) string {
	switch {
	case t.limit == noLimit:
		return "reported"
	case v <= t.limit:
		return "pass"
	}
	return "FAIL"
}

func (t target) name() string {
	if t.against == "" {
		return t.what
	}
	return fmt.Sprintf("%s: ours/%s", t.what, t.against)
}

func (r *report) printTargets(w io.Writer) {
	table := table(w)
	defer table.Flush()
	fmt.Fprint(table, "\tat most\t")
	for _, n := range r.subscribers() {
		fmt.Fprintf(table, "%s subscribers\t\t", thousands(n))
	}
	fmt.Fprintln(table)
	for _, t := range targets {
		limit := "–"
		if t.limit != noLimit {
			limit = fmt.Sprintf("%.3f", t.limit)
		}
		fmt.Fprintf(table, "%s\t%s\t", t.name(), limit)
		for _, n := range r.subscribers() {
			switch v, ok := t.value(r, n); {
			case !ok:
				fmt.Fprint(table, "–\t\t")
			case n < targetSubscribers:
				fmt.Fprintf(table, "%.3f\t\t", v)
			default:
				fmt.Fprintf(table, "%.3f\t%s\t", v, t.verdict(v))
			}
		}
		fmt.Fprintln(table)
	}
}
