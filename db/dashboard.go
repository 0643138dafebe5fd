package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// OpenTally is what a workspace has open, as of one place of the log. Blocked
// conversations are left out.
type OpenTally struct {
	Head     Head
	TimeZone string
	Agents   []AgentID  // the active ones
	Loads    []OpenLoad // one for each assignee, and one for nobody
	Waiting  []OpenWait
}

// OpenLoad is how many open conversations somebody has; nil is nobody.
type OpenLoad struct {
	Assignee *AgentID
	Count    int
}

// OpenWait is an open conversation in which the contact waits for an answer.
type OpenWait struct {
	ConversationID ConversationID
	Assignee       *AgentID
	Since          time.Time
}

// OpenTally reads all open conversations of the workspace in one statement: it is where a fold of
// the log starts. They come as arrays, since as rows they took most of a start.
func (w ForWorkspace) OpenTally(ctx context.Context) (*OpenTally, error) {
	var rows []struct {
		Seq                Seq
		EventID            EventID
		TimeZone           string
		Agents             []pgtype.UUID
		Loaded             []pgtype.UUID
		Loads              []int
		Waiting, WaitingOf []pgtype.UUID
		Since              []time.Time
	}
	err := w.query(ctx, &rows, `WITH open AS MATERIALIZED (
			SELECT id, assignee_id, waiting_since FROM conversations
			WHERE workspace_id = $1 AND status = 'OPEN' AND NOT blocked
		), load AS (SELECT assignee_id, count(*) AS count FROM open GROUP BY assignee_id)
		SELECT head.seq, head.event_id, workspaces.time_zone,
			ARRAY(SELECT id FROM agents WHERE workspace_id = $1 AND active) AS agents,
			loads.assignees AS loaded, loads.counts AS loads, waits.ids AS waiting, waits.assignees AS waiting_of, waits.since
		FROM event_heads AS head JOIN workspaces ON key = head.workspace_id,
			(SELECT array_agg(assignee_id) AS assignees, array_agg(count) AS counts FROM load) AS loads,
			(SELECT array_agg(id) AS ids, array_agg(assignee_id) AS assignees, array_agg(waiting_since) AS since
			FROM open WHERE waiting_since IS NOT NULL) AS waits
		WHERE head.workspace_id = $1`, w.Key)
	if err != nil {
		return nil, err
	}
	t := &OpenTally{Head: Head{WorkspaceID: w.Key}}
	for _, row := range rows { // one, unless there is no such workspace
		t.Head.Seq, t.Head.EventID, t.TimeZone = row.Seq, row.EventID, row.TimeZone
		for _, id := range row.Agents {
			t.Agents = append(t.Agents, AgentID{id.Bytes})
		}
		for i, id := range row.Loaded {
			t.Loads = append(t.Loads, OpenLoad{optionalAgent(id), row.Loads[i]})
		}
		for i, id := range row.Waiting {
			t.Waiting = append(t.Waiting, OpenWait{ConversationID{id.Bytes}, optionalAgent(row.WaitingOf[i]), row.Since[i]})
		}
	}
	return t, nil
}

func optionalAgent(id pgtype.UUID) *AgentID {
	if !id.Valid {
		return nil
	}
	return &AgentID{id.Bytes}
}

// LastSeqBefore returns the number of the last event of the log that was recorded before t, or 0 if
// there is none. It is a binary search, since numbers have no gaps and times ascend almost always.
// Where times run back a little and pass t more than once, it returns one of these positions.
func (w ForWorkspace) LastSeqBefore(ctx context.Context, t time.Time) (Seq, error) {
	var rows []struct{ Seq Seq }
	err := w.query(ctx, &rows, `WITH RECURSIVE search (low, high) AS (
			SELECT 0::bigint, seq FROM event_heads WHERE workspace_id = $1
			UNION ALL
			SELECT CASE WHEN early THEN middle ELSE low END, CASE WHEN early THEN high ELSE middle - 1 END
			FROM search, LATERAL (SELECT (low + high + 1) / 2 AS middle) AS half, LATERAL (
				SELECT coalesce((SELECT created_at < $2 FROM events WHERE workspace_id = $1 AND seq = middle), TRUE) AS early) AS look
			WHERE low < high
		)
		SELECT low AS seq FROM search WHERE low = high`, w.Key, t)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0].Seq, nil
}

// Ending is an event that may have ended a state, such as that a contact waited.
type Ending struct {
	Seq       Seq
	Type      EventType
	Actor     ActorRef
	Before    *Facets `bun:"type:jsonb"`
	CreatedAt time.Time
	Started   *time.Time // as of StartTimes; nil if the log does not say
}

// Endings returns the events of these types after a number and up to another, at most limit, with
// the start times of the states that they ended. It reads no more of an event than is measured,
// since there are hundreds of thousands.
func (w ForWorkspace) Endings(ctx context.Context, types []EventType, after, upTo Seq, limit int) ([]Ending, error) {
	var rows []Ending
	err := w.query(ctx, &rows, `SELECT ended.seq, type, actor, before, ended.created_at, began.created_at AS started
		FROM (SELECT seq, type, conversation_id, actor, before, created_at FROM events
			WHERE workspace_id = $1 AND seq > $2 AND seq <= $3 AND type = ANY ($4) ORDER BY seq LIMIT $5) AS ended
		LEFT JOIN LATERAL (`+startOfEnded+`) AS began ON TRUE
		ORDER BY ended.seq`, w.Key, after, upTo, types, limit)
	return rows, err
}

// startOfEnded selects when the state that the event "ended" has ended had started; see StartTimes.
const startOfEnded = `SELECT created_at FROM events AS began
	WHERE began.workspace_id = $1 AND began.conversation_id = ended.conversation_id AND began.seq < ended.seq
		AND ended.type IN ('CONVERSATION_CLOSED', 'CONVERSATION_ASSIGNED')
		AND (began.type IN ('CONVERSATION_OPENED', 'CONVERSATION_REOPENED')
			OR ended.type = 'CONVERSATION_ASSIGNED' AND began.type = 'CONVERSATION_UNASSIGNED')
	ORDER BY began.seq DESC LIMIT 1`

// StartTimes returns, by event number, when the state that each of these events ended had started.
// For a closing that is the last opening or reopening of the conversation before it; for an
// assignment also the last unassignment, if that is later. Events without a start in the log are
// omitted.
func (w ForWorkspace) StartTimes(ctx context.Context, seqs []Seq) (map[Seq]time.Time, error) {
	var rows []struct {
		Seq       Seq
		CreatedAt time.Time
	}
	err := w.query(ctx, &rows, `SELECT ended.seq, began.created_at FROM events AS ended CROSS JOIN LATERAL (`+startOfEnded+`) AS began
		WHERE ended.workspace_id = $1 AND ended.seq = ANY ($2)`, w.Key, seqs)
	at := make(map[Seq]time.Time, len(rows))
	for _, row := range rows {
		at[row.Seq] = row.CreatedAt
	}
	return at, err
}
