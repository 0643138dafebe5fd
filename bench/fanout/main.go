// Command fanout measures what it costs to deliver one event to many subscribers. It compares this
// project's WebSocket transport with alternatives, each in its own server process and with the same
// clients. ../README.md explains the figures.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"switchboard/bench/harness"
)

func main() {
	runAsServer()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	subscribers := flag.String("n", "1000", "numbers of `subscribers`, separated by commas")
	only := flag.String("only", "", "measure only these `contenders`, separated by commas; ours is always measured")
	seconds := flag.Float64("seconds", 1.5, "how long single events are published")
	rounds := flag.Int("rounds", 3, "how often each contender is measured, in turn")
	full := flag.Bool("full", false, "100, 1,000, 5,000 and 10,000 subscribers; a quarter of an hour")
	asJSON := flag.Bool("json", false, "print every figure of every round as JSON")
	flag.Parse()
	if *full {
		*subscribers = "100,1000,5000,10000"
	}
	b := bench{rounds: *rounds, paced: time.Duration(*seconds * float64(time.Second)), contenders: contenders}
	if err := b.choose(*subscribers, *only); err != nil {
		return err
	}
	if err := raiseFileLimit(slices.Max(b.subscribers) + 1000); err != nil {
		return err
	}
	report := b.run(ctx)
	if *asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
			return err
		}
	} else {
		report.print(os.Stdout)
	}
	if len(report.Failed) > 0 {
		return fmt.Errorf("%d contenders failed", len(report.Failed))
	}
	return ctx.Err()
}

// A bench is what one run of the command measures.
type bench struct {
	subscribers []int
	rounds      int
	paced       time.Duration
	contenders  []contender
}

func (b *bench) choose(subscribers, only string) error {
	for _, text := range strings.Split(subscribers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of subscribers; give positive numbers, separated by commas", text)
		}
		b.subscribers = append(b.subscribers, n)
	}
	if only == "" {
		return nil
	}
	names := strings.Split(only, ",")
	for _, name := range names {
		if _, err := contenderNamed(name); err != nil {
			return err
		}
	}
	b.contenders = slices.DeleteFunc(slices.Clone(contenders), func(c contender) bool { return c.name != ours && !slices.Contains(names, c.name) })
	return nil
}

// run measures the contenders in turn, so that other load on the machine affects all alike. A
// contender that fails is not measured again; an interrupted run reports what it has.
func (b bench) run(ctx context.Context) *report {
	r := &report{Machine: harness.Machine(), Started: time.Now().UTC(), Failed: map[string]string{}, Versions: harness.ModuleVersions("99designs/gqlgen", "gorilla/websocket", "coder/websocket")}
	programs := map[string]*program{}
	for _, c := range b.contenders {
		if err := r.prepare(ctx, c, programs); err != nil {
			r.Failed[c.name] = err.Error()
		}
	}
	for _, n := range b.subscribers {
		for round := range b.rounds {
			for _, c := range b.contenders {
				if programs[c.name] == nil || ctx.Err() != nil {
					continue
				}
				fmt.Fprintf(os.Stderr, "%d subscribers, round %d: %s\n", n, round+1, c.name)
				result, err := measure(ctx, c, programs[c.name], n, b.planFor(c, n))
				if ctx.Err() != nil {
					break
				}
				if err != nil {
					r.Failed[c.name] = fmt.Sprintf("with %d subscribers: %v", n, err)
					delete(programs, c.name)
					continue
				}
				result.Round = round
				r.Results = append(r.Results, result)
			}
		}
	}
	r.Took = time.Since(r.Started)
	r.LoadAfter = harness.LoadAverage()
	return r
}

// prepare installs a contender and gets its versions.
func (r *report) prepare(ctx context.Context, c contender, programs map[string]*program) error {
	p, err := c.program(ctx)
	if err != nil {
		return err
	}
	server, err := start(ctx, p)
	if err != nil {
		return err
	}
	server.stop()
	for name, version := range server.Versions {
		r.Versions[name] = version
	}
	programs[c.name] = p
	return nil
}

// sustainedSubscribers is the number of subscribers with a target for the sustained load.
const sustainedSubscribers = 1000

// planFor returns the plan of a contender. Contenders that write every event separately are slow,
// and their cost per event does not depend on the number of events, so they get fewer.
func (b bench) planFor(c contender, n int) plan {
	p := plan{settle: time.Second, paced: b.paced, events: 5, burst: min(max(256, 100_000/n), 1000)}
	if n == sustainedSubscribers {
		p.sustained = 3 * time.Second
	}
	if c.oneByOne {
		p.burst = min(p.burst, max(32, 128_000/n))
		p.sustained /= 3
	}
	return p
}

// raiseFileLimit allows this process and its children one connection per subscriber.
func raiseFileLimit(files int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Max = max(limit.Max, uint64(files))
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d open files are needed (ulimit -n): %w", files, err)
	}
	return nil
}
