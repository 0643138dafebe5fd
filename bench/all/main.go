// Command all runs every benchmark that has a target, and prints one line for each target.
// ../README.md explains the figures.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"switchboard/bench/harness"
)

// names are the benchmarks in the order in which they run.
var names = []string{"inbox", "search", "counts", "assign", "start", "storm", "memory", "growth"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "all:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	full := flag.Bool("full", false, "the size of the targets: 1,000,000 conversations, five rounds; about an hour")
	flag.Bool("quick", true, "100,000 conversations, three rounds; at most ten minutes (the default)")
	only := flag.String("only", strings.Join(names, ","), "the `benchmarks` to run, separated by commas")
	profile := flag.String("profile", "", "`folder` for profiles of our server's processors")
	asJSON := flag.String("json", "bench.json", "`file` for every figure of every round")
	markdown := flag.String("markdown", "", "`file` for the tables, ready for README.md")
	flag.Parse()
	options := []string{"-quick"}
	if *full {
		options = []string{"-full"}
	}
	if *profile != "" {
		options = append(options, "-profile", *profile)
	}
	began := time.Now()
	reports, err := runAll(ctx, strings.Split(*only, ","), options)
	fmt.Printf("\n%s, load average %s, took %v\n\n", harness.Machine(), harness.LoadAverage(), time.Since(began).Round(time.Second))
	printTargets(os.Stdout, reports)
	return errors.Join(err, write(reports, *asJSON, *markdown))
}

// runAll runs benchmarks one after the other and returns what they have measured.
func runAll(ctx context.Context, names, options []string) (reports []*harness.Report, failed error) {
	root, err := harness.Repository(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "switchboard-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for _, name := range names {
		if ctx.Err() != nil {
			return reports, ctx.Err()
		}
		report, err := runOne(ctx, root, folder, name, options)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
		}
		if report != nil {
			reports = append(reports, report)
		}
	}
	return reports, failed
}

func runOne(ctx context.Context, root, folder, name string, options []string) (*harness.Report, error) {
	program, result := filepath.Join(folder, name), filepath.Join(folder, name+".json")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./bench/"+name)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	cmd := exec.CommandContext(ctx, program, append(options, "-json", result)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it stops the servers that it has started
	cmd.WaitDelay = time.Minute
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stderr
	ran := cmd.Run()
	content, err := os.ReadFile(result)
	if err != nil {
		return nil, errors.Join(ran, err)
	}
	report := new(harness.Report)
	return report, errors.Join(ran, json.Unmarshal(content, report))
}

func printTargets(w io.Writer, reports []*harness.Report) {
	for _, r := range reports {
		for _, t := range r.Targets {
			fmt.Fprintln(w, t)
		}
		for _, failure := range r.Failures {
			fmt.Fprintf(w, "failed: %s: %s\n", r.Bench, failure)
		}
	}
}

func write(reports []*harness.Report, jsonFile, markdownFile string) error {
	content, err := json.MarshalIndent(reports, "", " ")
	if err == nil {
		err = os.WriteFile(jsonFile, content, 0o644)
	}
	if markdownFile == "" {
		return err
	}
	var text strings.Builder
	for _, r := range reports {
		fmt.Fprintf(&text, "### %s\n\n%s\n", r.Bench, r.Markdown())
	}
	return errors.Join(err, os.WriteFile(markdownFile, []byte(text.String()), 0o644))
}
