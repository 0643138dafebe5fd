package db

import (
	"context"
	"time"
)

// ReadMark is the time up to which an agent has read a conversation. Without a mark that is the
// time when the agent was created.
type ReadMark struct {
	AgentID        AgentID
	ConversationID ConversationID
	ReadAt         time.Time // messages recorded until then are read
}

// UnreadCounts counts an agent's unread messages in each of these conversations. Conversations
// without unread messages may be missing in the result.
func (w ForWorkspace) UnreadCounts(ctx context.Context, agent AgentID, conversations []ConversationID) (map[ConversationID]int, error) {
	var rows []struct {
		ID    ConversationID
		Count int
	}
	err := w.query(ctx, &rows, `
		SELECT asked.id, (SELECT count(*) FROM messages WHERE workspace_id = $1 AND conversation_id = asked.id
			AND kind = 'INBOUND' AND NOT withheld AND created_at > greatest(mark.read_at, agent.created_at)) AS count
		FROM agents AS agent CROSS JOIN unnest($3::uuid[]) AS asked (id)
		LEFT JOIN read_marks AS mark ON mark.workspace_id = $1 AND mark.agent_id = $2 AND mark.conversation_id = asked.id
		WHERE agent.workspace_id = $1 AND agent.id = $2`, w.Key, agent, conversations)
	counts := make(map[ConversationID]int, len(rows))
	for _, row := range rows {
		counts[row.ID] = row.Count
	}
	return counts, err
}

// whereUnread restricts a list of conversations to those with, or without, messages that the viewer
// has not read. A conversation without activity since the viewer was created has none, which ends
// the search of a long list.
func whereUnread(s *statement, viewer *AgentID, unread bool) {
	agent := s.arg(viewer)
	since := "(SELECT created_at FROM agents WHERE workspace_id = $1 AND id = " + agent + ")"
	is := " IS NOT TRUE"
	if unread {
		// They are equal if the agent and the message are of the same microsecond.
		s.where("last_activity_at >= " + since)
		is = " IS TRUE"
	}
	// As a scalar expression it is one index look-up per row, so the rows stay in order.
	s.where("(last_inbound_at > " + since + ` AND NOT EXISTS (SELECT FROM read_marks WHERE workspace_id = $1
		AND agent_id = ` + agent + " AND conversation_id = conversations.id AND read_at >= last_inbound_at))" + is)
}

// SaveReadMarks sets marks, at most one for each agent and conversation. A mark never moves back.
func (tx Tx) SaveReadMarks(ctx context.Context, marks []*ReadMark) error {
	return tx.send(ctx, func(b *Batch) { b.SaveReadMarks(marks) })
}

// SaveReadMarks is Tx.SaveReadMarks in a batch.
func (b *Batch) SaveReadMarks(marks []*ReadMark) {
	if len(marks) == 0 {
		return
	}
	agents, conversations, times := make([]AgentID, len(marks)), make([]ConversationID, len(marks)), make([]time.Time, len(marks))
	for i, m := range marks {
		agents[i], conversations[i], times[i] = m.AgentID, m.ConversationID, m.ReadAt
	}
	b.exec(`INSERT INTO read_marks AS mark (workspace_id, agent_id, conversation_id, read_at)
		SELECT $1, new.agent_id, new.conversation_id, new.read_at
		FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS new (agent_id, conversation_id, read_at)
		ON CONFLICT (workspace_id, agent_id, conversation_id) DO UPDATE SET read_at = excluded.read_at
		WHERE mark.read_at < excluded.read_at`, b.tx.Key, agents, conversations, times)
}
