package document

import (
	"fmt"

	"switchboard/bench/harness"
)

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
