// Command search measures how long it takes to find contacts and conversations by what people type.
// ../README.md explains the figures.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
)

func main() { harness.Main("search", measure) }

// clients is how many people search at once.
const clients = 2

// everything is the case in which all kinds of searches come in turn.
const everything = "all-kinds"

func measure(ctx context.Context, b *harness.Bench) error {
	d, err := b.Postgres.Prepare(ctx, fmt.Sprintf("inbox_%d", b.Large), dataset.Inbox(b.Large))
	if err != nil {
		return err
	}
	m := &measurement{Bench: b, d: d, large: d.Companies[0], servers: map[string]*harness.Server{}}
	if m.kinds, err = typedTexts(ctx, d); err != nil {
		return err
	}
	if m.servers[harness.Ours], err = b.StartOurs(ctx, d); err != nil {
		return err
	}
	if b.Wants("yoga") {
		if m.servers["yoga"], err = b.Start(ctx, "yoga", d); err != nil {
			return err
		}
	}
	if err := harness.InOrder(ctx, m.names, m.all, m.each); err != nil {
		return err
	}
	m.judge()
	return nil
}

// measurement is one run of the benchmark.
type measurement struct {
	*harness.Bench
	d       *dataset.Database
	large   dataset.Loaded
	servers map[string]*harness.Server
	kinds   []kind
	empty   int // searches that found nothing although there is something to find
}

// names compares the search for a part of a name with what PostgreSQL does with its index, in Yoga
// and in pgbench. They find what is written like this; accents and typos they do not forgive.
func (m *measurement) names(ctx context.Context) error {
	texts := m.kinds[0].texts
	requests := func(side document.Side) (all []harness.Request) {
		for _, text := range texts {
			all = append(all, side.Search(m.large, text))
		}
		return all
	}
	entries, err := document.Compare(m.kinds[0].name, m.servers, requests, clients)
	if err != nil {
		return err
	}
	return m.InTurn(ctx, "part of a name", append(entries, harness.Pgbench("pgbench", m.d.URL, script(m.large, texts), clients))...)
}

// all measures all kinds in turn, contacts and conversations.
func (m *measurement) all(ctx context.Context) error {
	var requests []harness.Request
	for i := range m.kinds[0].texts {
		for _, k := range m.kinds {
			typed := k.texts[i%len(k.texts)]
			requests = append(requests, m.contacts(typed), m.conversations(typed))
		}
	}
	return m.InTurn(ctx, everything, harness.Under(harness.Ours, m.servers[harness.Ours], harness.Reading(requests, clients)))
}

// each measures each kind by itself, and counts the searches that find nothing.
func (m *measurement) each(ctx context.Context) error {
	for _, of := range []struct {
		name    string
		request func(text string) harness.Request
	}{{"contacts", m.contacts}, {"conversations", m.conversations}} {
		for _, k := range m.kinds {
			var requests []harness.Request
			for _, text := range k.texts {
				requests = append(requests, of.request(text))
			}
			if err := m.countEmpty(k, requests); err != nil {
				return err
			}
			load := harness.Reading(requests, clients)
			load.Duration = m.Duration / 3
			f, err := load.Run(ctx, m.servers[harness.Ours])
			if err != nil {
				return err
			}
			m.Report.Add("each kind, "+of.name, k.name, 0, map[string]float64{harness.P50: f.P50, harness.P99: f.P99})
		}
	}
	return nil
}

func (m *measurement) countEmpty(k kind, requests []harness.Request) error {
	for i, request := range requests[:min(len(requests), 100)] {
		answer, err := m.servers[harness.Ours].Request(request)
		if err == nil && harness.Failed(answer) {
			err = fmt.Errorf("the server answered %.500s", answer)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if k.exists && bytes.Contains(answer, []byte(`"nodes":[]`)) {
			m.empty++
			fmt.Fprintf(os.Stderr, "nothing was found for %q (%s)\n", k.texts[i], k.name)
		}
	}
	return nil
}

const conversationSearch = `query Search($search: String!) { inbox(view: ALL, search: $search, first: 20) { nodes { id openedAt contact { id name email } } } }`

func (m *measurement) contacts(text string) harness.Request {
	return document.Sides[0].Search(m.large, text)
}

func (m *measurement) conversations(text string) harness.Request {
	return harness.Request{Token: m.large.Manager.Token, Body: harness.Body(conversationSearch, map[string]any{"search": text})}
}

// judge compares what was reached with the targets.
func (m *measurement) judge() {
	r := m.Report
	r.AtMost("T3", "search-p50", "ms", 5, r.Values(everything, harness.Ours, harness.P50))
	r.AtMost("T3", "search-p99", "ms", 60, r.Values(everything, harness.Ours, harness.P99))
	r.AtMost("T3", "search-empty-pages", "count", 0.5, []float64{float64(m.empty)})
	r.AtLeast("T3", "part-of-a-name", "ratio", 0, r.Ratios("part of a name", harness.Rate, "yoga"))
	r.AtLeast("T3", "part-of-a-name-pgbench", "ratio", 0, r.Ratios("part of a name", harness.Rate, "pgbench"))
}
