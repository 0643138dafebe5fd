package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is everything that was measured, and on which machine.
type report struct {
	Machine   string
	Started   time.Time
	Took      time.Duration
	LoadAfter string
	Versions  map[string]string
	Failed    map[string]string // contender -> why its measurement failed
	Results   []result
}

// print writes the report as text.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, took %s\n%s, %s after\n", r.Started.Format(time.DateTime+" UTC"), r.Took.Round(time.Second), r.Machine, r.LoadAfter)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		names = append(names, name+" "+r.Versions[name])
	}
	fmt.Fprintln(w, strings.Join(names, ", "))
	for _, n := range r.subscribers() {
		fmt.Fprintf(w, "\n%s subscribers\n\n", thousands(n))
		r.printCPU(w, n)
		fmt.Fprintln(w)
		r.printRest(w, n)
	}
	fmt.Fprint(w, "\nTargets\n\n")
	r.printTargets(w)
	for _, name := range slices.Sorted(maps.Keys(r.Failed)) {
		fmt.Fprintf(w, "\n%s failed: %s\n", name, r.Failed[name])
	}
}

func table(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
}

func (r *report) printCPU(w io.Writer, n int) {
	t := table(w)
	defer t.Flush()
	fmt.Fprintln(t, "server CPU µs per delivery\tsingle events: min\tmedian\tmax\tours/it\tburst of\tmin\tmedian\tmax\tours/it\t")
	for _, name := range r.names(n) {
		runs := r.resultsOf(name, n)
		paced, burst := valuesOf(runs, pacedCPU), valuesOf(runs, burstCPU)
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%s\t%d\t%.2f\t%.2f\t%.2f\t%s\t\n", name,
			slices.Min(paced), median(paced), slices.Max(paced), r.ratioText(name, n, pacedCPU),
			runs[0].Burst.Events, slices.Min(burst), median(burst), slices.Max(burst), r.ratioText(name, n, burstCPU))
	}
}

func (r *report) printRest(w io.Writer, n int) {
	t := table(w)
	defer t.Flush()
	fmt.Fprintln(t, "medians\tbytes\tallocs/delivery\tin burst\tp50 ms\tp99 ms\tidle KB\tgoroutines\t100 events/s: CPU µs\tp50 ms\tp99 ms\tbehind ms\t")
	for _, name := range r.names(n) {
		fmt.Fprintf(t, "%s\t", name)
		for _, f := range []figure{pacedBytes, pacedAllocs, burstAllocs, pacedP50, pacedP99, idleKB, idleGoroutines, sustainedCPU, sustainedP50, sustainedP99, sustainedBehind} {
			fmt.Fprintf(t, "%s\t", short(median(valuesOf(r.resultsOf(name, n), f))))
		}
		fmt.Fprintln(t)
	}
}

// A figure returns one number of a result; ok is false if it was not measured.
type figure func(result) (value float64, ok bool)

func pacedCPU(r result) (float64, bool)       { return r.Paced.CPU, true }
func burstCPU(r result) (float64, bool)       { return r.Burst.CPU, true }
func pacedBytes(r result) (float64, bool)     { return r.Paced.Bytes, true }
func pacedAllocs(r result) (float64, bool)    { return valueOf(r.Paced.Allocs) }
func burstAllocs(r result) (float64, bool)    { return valueOf(r.Burst.Allocs) }
func pacedP50(r result) (float64, bool)       { return r.Paced.P50, true }
func pacedP99(r result) (float64, bool)       { return r.Paced.P99, true }
func idleKB(r result) (float64, bool)         { return r.Idle.Bytes / 1024, true }
func idleGoroutines(r result) (float64, bool) { return valueOf(r.Idle.Goroutines) }

func sustainedCPU(r result) (float64, bool)    { return sustained(r).CPU, r.Sustained != nil }
func sustainedP50(r result) (float64, bool)    { return sustained(r).P50, r.Sustained != nil }
func sustainedP99(r result) (float64, bool)    { return sustained(r).P99, r.Sustained != nil }
func sustainedBehind(r result) (float64, bool) { return sustained(r).Behind, r.Sustained != nil }

func sustained(r result) delivery {
	if r.Sustained == nil {
		return delivery{}
	}
	return *r.Sustained
}

func valueOf(p *float64) (float64, bool) {
	if p == nil {
		return 0, false
	}
	return *p, true
}

// valuesOf returns a figure of each result that has it.
func valuesOf(results []result, f figure) (values []float64) {
	for _, r := range results {
		if v, ok := f(r); ok {
			values = append(values, v)
		}
	}
	return values
}

// resultsOf returns a contender's results, round by round.
func (r *report) resultsOf(name string, n int) (results []result) {
	for _, result := range r.Results {
		if result.Contender == name && result.Subscribers == n {
			results = append(results, result)
		}
	}
	return results
}

// ratio returns the median over all rounds of our figure divided by the other contender's.
func (r *report) ratio(name string, n int, f figure) (float64, bool) {
	var ratios []float64
	for _, mine := range r.resultsOf(ours, n) {
		for _, other := range r.resultsOf(name, n) {
			a, okA := f(mine)
			b, okB := f(other)
			if okA && okB && mine.Round == other.Round {
				ratios = append(ratios, a/b)
			}
		}
	}
	return median(ratios), len(ratios) > 0
}

func (r *report) ratioText(name string, n int, f figure) string {
	if ratio, ok := r.ratio(name, n, f); ok && name != ours {
		return fmt.Sprintf("%.3f", ratio)
	}
	return ""
}

func (r *report) subscribers() (all []int) {
	for _, result := range r.Results {
		if !slices.Contains(all, result.Subscribers) {
			all = append(all, result.Subscribers)
		}
	}
	return all
}

// names returns the contenders measured with n subscribers.
func (r *report) names(n int) (all []string) {
	for _, result := range r.Results {
		if result.Subscribers == n && !slices.Contains(all, result.Contender) {
			all = append(all, result.Contender)
		}
	}
	return all
}

// noValue is the median of an empty list.
const noValue = -1 << 40

func median(values []float64) float64 {
	if len(values) == 0 {
		return noValue
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

func short(v float64) string {
	switch {
	case v == noValue:
		return "–"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
