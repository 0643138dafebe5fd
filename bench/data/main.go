// Command data fills a database with invented companies and checks that a server started over it
// answers with what the rows say. ../README.md explains it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"switchboard/bench/dataset"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "data:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	n := flag.Int("n", 100_000, "number of conversations")
	folder := flag.String("dir", dataset.Folder(), "`folder` of the benchmarks' PostgreSQL")
	wait := flag.Bool("wait", false, "keep PostgreSQL running until interrupted")
	flag.Parse()
	server, err := dataset.Start(ctx, *folder, false)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	began := time.Now()
	d, err := server.Prepare(ctx, fmt.Sprintf("inbox_%d", *n), dataset.Inbox(*n))
	if err != nil {
		return err
	}
	loaded := time.Since(began)
	if err := check(ctx, d); err != nil {
		return err
	}
	fmt.Printf("DATABASE_URL='%s'  # after %v\n", d.URL, loaded.Round(time.Second))
	if *wait {
		<-ctx.Done()
	}
	return nil
}
