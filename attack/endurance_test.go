package attack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
)

// isLoad skips a test that takes minutes.
func isLoad(t *testing.T) {
	t.Helper()
	if os.Getenv("SWITCHBOARD_TEST_LOAD") != "full" {
		t.Skip("left out: make load runs it")
	}
}

// page is what an agent asks for all day.
const page = `{ inbox(view: ALL, first: 50) { totalCount nodes { id status version lastMessage { body } contact { id name } assignee { id name } } } }`

// TestStorm: while ten minutes of refused documents arrive, 50 in a second, a server with one processor
// answers a normal query in less than twice the time, and its memory is free again afterwards.
func TestStorm(t *testing.T) {
	isLoad(t)
	t.Setenv("GOMAXPROCS", "1")
	const most = 64 << 20
	s := start(t, "--rate-limit", "0") // else most of the documents would be refused unread
	s.asked(t, 10*time.Second)         // what is kept in memory is there now
	before := s.resident(t)
	quiet := s.asked(t, time.Minute)
	stormy := s.stormed(t, 10*time.Minute)
	held := s.resident(t)
	quiet = append(quiet, s.asked(t, time.Minute)...)
	after := s.resident(t)
	t.Logf("p95 of a page: %v quiet (%d), %v in the storm (%d); resident: %d MiB before, %d at its end, %d a minute later",
		percentile95(quiet), len(quiet), percentile95(stormy), len(stormy), before>>20, held>>20, after>>20)
	if percentile95(stormy) >= 2*percentile95(quiet) {
		t.Error("the storm doubles the time of a page")
	}
	if after-before > most {
		t.Errorf("%d MiB are not free again", (after-before)>>20)
	}
}

// asked asks for a page twenty times a second for a while and returns how long each answer took.
func (s *server) asked(t *testing.T, d time.Duration) (took []time.Duration) {
	t.Helper()
	text := marshal(map[string]any{"query": page})
	for tick, end := time.NewTicker(50*time.Millisecond), time.Now().Add(d); time.Now().Before(end); <-tick.C {
		began := time.Now()
		if a := body(text)(s); a.status != http.StatusOK || a.code() != "" {
			t.Fatalf("a page is answered %d %.1000s", a.status, a.body)
		}
		took = append(took, time.Since(began))
	}
	return took
}

// stormed is asked while every refused document arrives again and again, in every way.
func (s *server) stormed(t *testing.T, d time.Duration) []time.Duration {
	t.Helper()
	var senders []sender
	for _, document := range documents {
		for _, way := range ways {
			senders = append(senders, way(document.text))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				sending.Go(func() { senders[i%len(senders)](s) })
			case <-ctx.Done():
				t.Logf("%d documents were sent", i)
				return
			}
		}
	})
	return s.asked(t, d)
}

func percentile95(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)*95/100]
}

// resident returns how much memory the server's process has, in bytes.
func (s *server) resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	check(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	check(t, err)
	return pages * os.Getpagesize()
}

// TestThousandAgents: a thousand agents of one workspace, who all load their inbox at once from one
// address, are all served.
func TestThousandAgents(t *testing.T) {
	isLoad(t)
	s := start(t)
	const agents = 1000
	tokens := make([]string, agents)
	for i := range tokens {
		tokens[i] = s.issue(t, db.ScopeAgent, s.world.Agent(fmt.Sprint("agent", i)).Agent)
	}
	load := []string{
		`{ viewer { id name role } workspace { name } inboxCounts { all unassigned mine } }`,
		page,
		`{ agents(first: 50) { nodes { id name availability openConversations } } }`,
	}
	var loading sync.WaitGroup
	began := time.Now()
	took := make([]time.Duration, agents)
	for i, token := range tokens {
		loading.Go(func() {
			for _, document := range load {
				a := s.request("POST", "", token, marshal(map[string]any{"query": document}), "application/graphql-response+json")
				if a.status != http.StatusOK || a.code() != "" {
					t.Errorf("agent %d is answered %d %.300s", i, a.status, a.body)
				}
			}
			took[i] = time.Since(began)
		})
	}
	loading.Wait()
	slices.Sort(took)
	t.Logf("half of the agents were served within %v, all within %v", took[agents/2], took[agents-1])
}
