package document

import (
	"context"
	"fmt"

	"switchboard/bench/dataset"
	"switchboard/bench/harness"
)

// Start starts the server of each side that is wanted on a database, until the benchmark ends.
func Start(ctx context.Context, b *harness.Bench, d *dataset.Database) (servers map[string]*harness.Server, err error) {
	servers = map[string]*harness.Server{}
	for _, side := range Sides {
		if b.Wants(side.Name) {
			if servers[side.Name], err = b.Start(ctx, side.Program, d); err != nil {
				return nil, err
			}
		}
	}
	return servers, nil
}

// Compare returns an entry for each running server, in which a number of clients send it the
// requests, after it has checked that the answers are equal.
func Compare(name string, servers map[string]*harness.Server, requests Requests, clients int) (entries []harness.Entry, err error) {
	if err := CheckEqual(name, servers, requests); err != nil {
		return nil, err
	}
	for _, side := range Sides {
		if server := servers[side.Name]; server != nil {
			entries = append(entries, harness.Under(side.Name, server, harness.Reading(requests(side), clients)))
		}
	}
	return entries, nil
}

// Requests are what is asked for in a case, by side; the answers to equal places are to be equal.
type Requests func(Side) []harness.Request

// CheckEqual asks all running servers for some of the requests and returns an error if answers
// differ.
func CheckEqual(name string, servers map[string]*harness.Server, requests Requests) error {
	for i, count := 0, len(requests(Sides[0])); i < count; i += max(1, count/20) {
		reference := ""
		for _, side := range Sides {
			server := servers[side.Name]
			if server == nil {
				continue
			}
			answer, err := server.Request(requests(side)[i])
			got := ""
			if err == nil {
				got, err = Normal(answer)
			}
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, side.Name, err)
			}
			if reference == "" {
				reference = got
			}
			if different := Difference(reference, got); different != "" {
				return fmt.Errorf("%s: the answers of %s and %s differ:\n%s", name, harness.Ours, side.Name, different)
			}
		}
	}
	return nil
}
