package harness

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"switchboard/bench/dataset"
)

// Options say how much is measured.
type Options struct {
	Conversations int           // of the company in which most is measured
	Large         int           // of the company that is compared with one of 10,000
	Rounds        int           // how often each contender is measured, in turn
	Duration      time.Duration // of each measurement
	Warm          time.Duration // for which each contender is used before the first round
	Only          []string      // contenders beside ours; empty: all
	Profile       string        // folder for profiles of our server's processors; empty: none
	Folder        string        // of the benchmarks' PostgreSQL
	Unsafe        bool          // PostgreSQL does not wait for the disk: only to try whether a benchmark works
}

var (
	quick = Options{Conversations: 100_000, Large: 100_000, Rounds: 3, Duration: 2 * time.Second, Warm: 1500 * time.Millisecond}
	full  = Options{Conversations: 100_000, Large: 1_000_000, Rounds: 5, Duration: 5 * time.Second, Warm: 4 * time.Second}
	brief = Options{Conversations: 2000, Large: 2000, Rounds: 1, Duration: 300 * time.Millisecond, Unsafe: true}
)

// A Bench is one run of a benchmark.
type Bench struct {
	Options
	Report   *Report
	Postgres *dataset.Postgres
	closing  []func()
}

// Ours is the name of the server of this repository among the contenders.
const Ours = "ours"

// Main is the main function of a benchmark's command: it reads the flags, measures and prints.
func Main(name string, measure func(context.Context, *Bench) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runCommand(ctx, name, measure); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func runCommand(ctx context.Context, name string, measure func(context.Context, *Bench) error) error {
	wantFull := flag.Bool("full", false, "the size of the targets: 1,000,000 conversations, five rounds")
	flag.Bool("quick", true, "100,000 conversations, three rounds (the default)")
	n := flag.Int("n", 0, "number of `conversations`, instead of that of -quick or -full")
	rounds := flag.Int("rounds", 0, "how often each contender is measured, in turn")
	seconds := flag.Float64("seconds", 0, "duration of each measurement")
	only := flag.String("only", "", "measure only these `contenders`, separated by commas; ours is always measured")
	profile := flag.String("profile", "", "`folder` for profiles of our server's processors during its rounds")
	folder := flag.String("dir", dataset.Folder(), "`folder` of the benchmarks' PostgreSQL, which is kept for the next run")
	asJSON := flag.String("json", "", "`file` for every figure of every round")
	markdown := flag.String("markdown", "", "`file` for the tables, ready for README.md")
	flag.Parse()
	o := quick
	if *wantFull {
		o = full
	}
	if *n > 0 {
		o.Conversations, o.Large = *n, *n
	}
	if *rounds > 0 {
		o.Rounds = *rounds
	}
	if *seconds > 0 {
		o.Duration = time.Duration(*seconds * float64(time.Second))
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	for _, name := range o.Only {
		if !slices.Contains(optional, name) {
			return fmt.Errorf("unknown contender %q; choose from %s", name, strings.Join(optional, ", "))
		}
	}
	o.Profile, o.Folder = *profile, *folder
	report, err := Run(ctx, name, o, measure)
	if report == nil {
		return err
	}
	report.Print(os.Stdout)
	return errors.Join(err, report.save(*asJSON, *markdown))
}

// Run measures and returns the report; with an error it is what was measured until then.
func Run(ctx context.Context, name string, o Options, measure func(context.Context, *Bench) error) (*Report, error) {
	defer Clean()
	postgres, err := dataset.Start(ctx, o.Folder, o.Unsafe)
	if err != nil {
		return nil, err
	}
	b := &Bench{Options: o, Postgres: postgres, Report: newReport(name)}
	err = measure(ctx, b)
	for _, end := range slices.Backward(b.closing) {
		end()
	}
	b.Report.finish(o)
	return b.Report, errors.Join(err, postgres.Close())
}

// InOrder carries out the steps of a benchmark one after the other, until one fails.
func InOrder(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// AtEnd calls a function when the benchmark ends.
func (b *Bench) AtEnd(end func()) { b.closing = append(b.closing, end) }

// optional are the contenders that -only chooses among.
var optional = []string{"postgraphile", "yoga", "postgraphile-bare", "yoga-bare", "pgbench"}

// Wants reports whether a contender is to be measured.
func (b *Bench) Wants(contender string) bool {
	return len(b.Only) == 0 || slices.Contains(b.Only, contender) || !slices.Contains(optional, contender)
}

// StartOurs starts our server on a database until the benchmark ends.
func (b *Bench) StartOurs(ctx context.Context, d *dataset.Database) (*Server, error) {
	return b.Start(ctx, "", d)
}

// Start starts a program of bench/peer, or our server for an empty name, on a database until the
// benchmark ends.
func (b *Bench) Start(ctx context.Context, program string, d *dataset.Database) (*Server, error) {
	s, err := b.Fresh(ctx, program, d)
	if err != nil {
		return nil, err
	}
	b.AtEnd(s.Stop)
	return s, nil
}

// Fresh is Start for a server that the caller stops.
func (b *Bench) Fresh(ctx context.Context, program string, d *dataset.Database) (*Server, error) {
	if program == "" {
		return Start(ctx, d, b.Profile != "")
	}
	return b.peer(ctx, program, d)
}

// peer starts a peer on a database, which gets the function with which PostGraphile assigns.
func (b *Bench) peer(ctx context.Context, program string, d *dataset.Database) (*Server, error) {
	folder, err := InstallPeers(ctx)
	if err != nil {
		return nil, err
	}
	function, err := os.ReadFile(filepath.Join(folder, "assign.sql"))
	if err != nil {
		return nil, err
	}
	if err := b.Postgres.Execute(ctx, d.Name, string(function)); err != nil {
		return nil, err
	}
	s, err := servePeer(folder, program, d.URL)
	if err != nil {
		return nil, err
	}
	maps.Copy(b.Report.Versions, s.Versions)
	return s, nil
}

// Clone returns a copy of a database for a contender that writes, until the benchmark ends.
func (b *Bench) Clone(ctx context.Context, d *dataset.Database, contender string) (*dataset.Database, error) {
	clone, err := d.Clone(ctx, b.Report.Bench+"_"+contender)
	if err == nil {
		b.AtEnd(func() { _ = clone.Drop(context.WithoutCancel(ctx)) })
	}
	return clone, err
}

// Body returns the body of a GraphQL request.
func Body(query string, variables map[string]any) []byte {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err) // a benchmark gave something that is no JSON
	}
	return body
}
