package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
	"switchboard/bench/document"
	"switchboard/bench/harness"
	"switchboard/db"
)

// callers is how many agents take the same conversation at once.
const callers = 64

const takeIt = `mutation Take($input: AssignToMeInput!) { assignToMe(input: $input) { conversation { id version assignee { id } } userErrors { code } } }`
const giveBack = `mutation Give($input: UnassignConversationInput!) { unassignConversation(input: $input) { conversation { id } userErrors { code } } }`

// crowd lets 64 agents take the same unassigned conversation, again and again, and compares how
// long they wait with one agent who is alone. Exactly one must win.
func (m *measurement) crowd(ctx context.Context) error {
	ours := m.rivals[harness.Ours]
	c := ours.d.Companies[1]
	conversation := db.ConversationID{UUID: ours.targets[1][0].ID}
	agents := c.Callers[:min(callers, len(c.Callers))]
	for round := range m.Rounds {
		for name, size := range map[string]int{harness.Ours: len(agents), "alone": 1} {
			latencies, err := waves(ctx, ours.server.Addr, agents[:size], conversation, m.Duration)
			if err != nil {
				return ours.errorf("%w", err)
			}
			m.Report.Add(crowd, name, round, map[string]float64{harness.P50: harness.Percentile(latencies, 50), harness.P99: harness.Percentile(latencies, 99)})
		}
	}
	return nil
}

// waves lets all take the conversation at once, then gives it back, until the time is over. It
// opens its connections itself: the server closes those that wait long for their first request.
func waves(ctx context.Context, addr string, agents []dataset.Caller, conversation db.ConversationID, during time.Duration) ([]time.Duration, error) {
	connections := make([]*harness.Connection, len(agents))
	for i := range agents {
		conn, err := harness.Dial(addr)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		connections[i] = conn
	}
	var all []time.Duration
	input := map[string]any{"input": map[string]any{"conversationId": conversation.String()}}
	take, give := harness.Body(takeIt, input), harness.Body(giveBack, input)
	for end := time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; {
		if answer, err := connections[0].Do(harness.Request{Token: agents[0].Token, Body: give}); err != nil || harness.Failed(answer) {
			return nil, fmt.Errorf("giving it back: %w %s", err, answer)
		}
		took, wins, errs := make([]time.Duration, len(connections)), make([]bool, len(connections)), make([]error, len(connections))
		var running sync.WaitGroup
		for i, c := range connections {
			running.Go(func() {
				began := time.Now()
				answer, err := c.Do(harness.Request{Token: agents[i].Token, Body: take})
				took[i], errs[i] = time.Since(began), err
				wins[i] = bytes.Contains(answer, []byte(`"userErrors":[]`))
				if err == nil && !wins[i] && !bytes.Contains(answer, []byte("ALREADY_ASSIGNED")) {
					errs[i] = fmt.Errorf("the server answered %.500s", answer)
				}
			})
		}
		running.Wait()
		won := 0
		for i := range wins {
			if errs[i] != nil {
				return nil, errs[i]
			}
			if wins[i] {
				won++
			}
		}
		if won != 1 {
			return nil, fmt.Errorf("%d of %d agents took the same conversation", won, len(connections))
		}
		all = append(all, took...)
	}
	slices.Sort(all)
	return all, ctx.Err()
}

// counted counts the assignments that a contender has made.
func (r *rival) counted(e harness.Entry) harness.Entry {
	uncounted := e.Measure
	e.Measure = func(ctx context.Context, during time.Duration) (harness.Figures, error) {
		f, err := uncounted(ctx, during)
		r.made += f.Requests
		return f, err
	}
	return e
}

// check compares the log of each contender that does the same with what it was asked for: one event
// for each assignment, numbers without a gap.
func (m *measurement) check(ctx context.Context) error {
	for _, side := range document.Sides {
		r := m.rivals[side.Name]
		if r == nil {
			continue
		}
		conn, err := pgx.Connect(ctx, r.d.URL)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		var keyed, gaps int
		err = conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM events WHERE origin IS NOT NULL),
			(SELECT count(*) FROM event_heads AS h WHERE h.seq <> (SELECT count(*) FROM events AS e WHERE e.workspace_id = h.workspace_id))`).Scan(&keyed, &gaps)
		if err != nil {
			return err
		}
		if keyed != r.made || gaps > 0 {
			return r.errorf("%d assignments left %d events, and %d logs have gaps", r.made, keyed, gaps)
		}
	}
	return nil
}
