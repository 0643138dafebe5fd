// Command start measures how long the built server takes from its start to its first answer.
// ../README.md explains the figures.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
)

func main() { harness.Main("start", measure) }

// The cases.
const (
	withURL  = "with DATABASE_URL"
	embedded = "with the embedded database, not for the first time"
	took     = "ms to the first answer"
)

func measure(ctx context.Context, b *harness.Bench) error {
	if err := withDatabase(ctx, b); err != nil {
		return err
	}
	if err := withEmbedded(ctx, b); err != nil {
		return err
	}
	b.Report.AtMost("T8", "start-database-url", "ms", 300, b.Report.Values(withURL, harness.Ours, took))
	b.Report.AtMost("T8", "start-embedded", "ms", 1000, b.Report.Values(embedded, harness.Ours, took))
	return nil
}

// withDatabase starts all servers in turn on a database that runs already.
func withDatabase(ctx context.Context, b *harness.Bench) error {
	d, err := b.Postgres.Prepare(ctx, "companies", dataset.Companies(20, min(2000, b.Conversations/10)))
	if err != nil {
		return err
	}
	if _, err := harness.Build(ctx, b.Profile != ""); err != nil { // before the clock runs
		return err
	}
	if _, err := harness.InstallPeers(ctx); err != nil {
		return err
	}
	for round := -1; round < b.Rounds; round++ {
		for _, side := range document.Sides {
			if !b.Wants(side.Name) {
				continue
			}
			began := time.Now()
			server, err := b.Fresh(ctx, side.Program, d)
			if err != nil {
				return fmt.Errorf("%s: %w", side.Name, err)
			}
			err = answer(b, withURL, side.Name, round, began, server, side.Counts(d.Companies[0], d.Companies[0].Manager))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// answer adds how long the first answer took since the start, and stops the server.
func answer(b *harness.Bench, name, contender string, round int, began time.Time, server *harness.Server, request harness.Request) error {
	defer server.Stop()
	answer, err := server.Request(request)
	if err == nil && harness.Failed(answer) {
		err = fmt.Errorf("the server answered %.500s", answer)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", contender, err)
	}
	if round >= 0 {
		b.Report.Add(name, contender, round, map[string]float64{took: time.Since(began).Seconds() * 1000})
	}
	return nil
}

// withEmbedded starts our server with a database of its own, which the first start has created.
func withEmbedded(ctx context.Context, b *harness.Bench) error {
	folder := fmt.Sprintf("%s-embedded-%d", b.Folder, os.Getpid())
	defer func() { _ = os.RemoveAll(folder) }()
	for round := -1; round < b.Rounds; round++ {
		began := time.Now()
		server, err := harness.StartEmbedded(ctx, folder, b.Profile != "")
		if err != nil {
			return err
		}
		if len(server.Tokens) == 0 {
			server.Stop()
			return fmt.Errorf("the server with an embedded database has announced no token")
		}
		request := harness.Request{Token: server.Tokens[0], Body: harness.Body(`{ inboxCounts { all } }`, nil)}
		if err := answer(b, embedded, harness.Ours, round, began, server, request); err != nil {
			return err
		}
	}
	return nil
}
