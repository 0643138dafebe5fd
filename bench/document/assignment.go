package document

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"switchboard/bench/dataset"
	"switchboard/bench/harness"
)

// A Target is an open conversation that one client alone assigns, again and again.
type Target struct {
	Company  dataset.Loaded
	ID       uuid.UUID
	Version  int
	Assignee *uuid.UUID
	agents   []uuid.UUID
}

// Targets returns up to a number of a company's open conversations, in an order that is always the
// same.
func Targets(ctx context.Context, d *dataset.Database, c dataset.Loaded, limit int) ([]*Target, error) {
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, _ := conn.Query(ctx, "SELECT id FROM agents WHERE workspace_id = $1 AND active ORDER BY id", c.Key)
	agents, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, err
	}
	rows, _ = conn.Query(ctx, `SELECT id, version, assignee_id FROM conversations
		WHERE workspace_id = $1 AND status = 'OPEN' AND NOT blocked ORDER BY md5(id::text) LIMIT $2`, c.Key, limit)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Target, error) {
		t := &Target{Company: c, agents: agents}
		return t, row.Scan(&t.ID, &t.Version, &t.Assignee)
	})
}

// Next returns the assignment to an agent who does not have the conversation.
func (t *Target) Next() Assignment {
	for {
		agent := t.agents[rand.IntN(len(t.agents))]
		if t.Assignee == nil || *t.Assignee != agent {
			t.Assignee = &agent
			return Assignment{Conversation: t.ID, Agent: agent, Version: t.Version, Key: strconv.FormatUint(rand.Uint64(), 36)}
		}
	}
}

var versionField = []byte(`"version":`)

// Assigned notes the answer to the target's last assignment; the error says why it was not made.
func (t *Target) Assigned(answer []byte) error {
	at := bytes.Index(answer, versionField)
	if harness.Failed(answer) || at < 0 || bytes.Contains(answer, []byte(`"code":"`)) || bytes.Contains(answer, []byte(`"refusal":"`)) {
		return fmt.Errorf("the assignment of version %d was answered with %.500s", t.Version, answer)
	}
	rest := answer[at+len(versionField):]
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	version, err := strconv.Atoi(string(rest[:end]))
	t.Version = version
	return err
}
