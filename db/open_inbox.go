package db

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The open conversations of a workspace, and the rows to which they refer, can be kept in memory.
// The methods below read them and tell which lists can be answered from there.

// IsOfOpen reports whether the rows of the open conversations alone decide the list, so that it
// need not be read by Inbox.
func (q InboxQuery) IsOfOpen() bool {
	return q.View.row().only == StatusOpen && q.Search.IsZero() && q.Filter.Unread == nil
}

// Owners returns the assignees that the conversations of the list can have, each once; nil stands
// for none. They can have any if all is true.
func (q InboxQuery) Owners() (owners []*AgentID, all bool) {
	switch owner := q.View.row().owner; {
	case q.isImpossible(segment{}):
		return nil, false
	case owner != nil:
		return []*AgentID{owner(q.Viewer)}, false
	case q.Filter.Assignees == nil:
		return nil, true
	}
	for _, a := range q.Filter.Assignees {
		if !holdsAssignee(owners, a) {
			owners = append(owners, a)
		}
	}
	return owners, false
}

// Matcher returns a function that reports whether a conversation is in the list of a query with
// IsOfOpen. Only one goroutine may call it.
func (q InboxQuery) Matcher() func(*Conversation) bool {
	view, f := q.View.row(), new(Facets)
	return func(c *Conversation) bool {
		c.facets(f)
		return view.holds(f, q.Viewer) && q.Filter.Holds(f)
	}
}

// InboxPlace is the position of a conversation in an ordered list.
type InboxPlace struct {
	Segment int
	At      time.Time
	ID      ConversationID
}

// Bounds returns the places between which the page lies; nil without a bound. The error is
// ErrBadCursor if a bound is no place of the list.
func (q InboxQuery) Bounds() (after, before *InboxPlace, err error) {
	if after, err = q.place(q.Page.After); err == nil {
		before, err = q.place(q.Page.Before)
	}
	return after, before, err
}

func (q InboxQuery) place(key Key) (*InboxPlace, error) {
	if key == nil {
		return nil, nil
	}
	if !q.hasSegment(key[0]) {
		return nil, ErrBadCursor
	}
	n, _ := strconv.Atoi(key[0])
	at, err1 := time.Parse(timeKeyFormat, key[1])
	id, err2 := uuid.Parse(key[2])
	if err1 != nil || err2 != nil {
		return nil, ErrBadCursor
	}
	return &InboxPlace{n, at, ConversationID{id}}, nil
}

// EachOpen calls visit with each conversation that is open and not blocked, as they are at one
// moment, and returns the end of the log at that moment.
func (w ForWorkspace) EachOpen(ctx context.Context, visit func(*Conversation)) (head Head, err error) {
	err = w.db.Snapshot(ctx, w.Key, func(w ForWorkspace) error {
		if head, err = w.Head(ctx); err != nil {
			return err
		}
		var last *Conversation
		for {
			rows, err := w.openConversations(ctx, last, openBatch)
			if err != nil {
				return err
			}
			for _, c := range rows {
				visit(c)
			}
			if len(rows) < openBatch {
				return nil
			}
			last = rows[len(rows)-1]
		}
	})
	return head, err
}

const openBatch = 10_000 // conversations read in one statement

// openConversations returns conversations that are open and not blocked, by the time of their
// opening, after one of them; nil: from the first. There are at most limit.
func (w ForWorkspace) openConversations(ctx context.Context, after *Conversation, limit int) ([]*Conversation, error) {
	from := Key{"-infinity", uuid.Nil.String()}
	if after != nil {
		from = after.OpenedKey()
	}
	var rows []*Conversation
	err := w.query(ctx, &rows, "SELECT "+conversations.read+` FROM conversations
		WHERE workspace_id = $1 AND status = 'OPEN' AND NOT blocked AND (opened_at, id) > ($2, $3)
		ORDER BY opened_at, id LIMIT $4`, w.Key, from[0], from[1], limit)
	return rows, err
}

// MaxChanges is how many events ConversationChanges can look back.
const MaxChanges = 10_000

// ConversationChanges are what the log names after one of its events.
type ConversationChanges struct {
	Head  Head            // the end of the log
	Since EventID         // the event after which the changes are; zero if the log does not have its number
	Named []uuid.UUID     // the ids of the conversations, contacts, agents and messages that changed
	Rows  []*Conversation // these conversations as they were at the end of the log
}

// ConversationChanges returns what the events after a log number name, and the end of the log, read
// in the same statement. It is not all there if the log has more than MaxChanges events after the
// number.
func (w ForWorkspace) ConversationChanges(ctx context.Context, since Seq) (*ConversationChanges, error) {
	var rows []struct {
		Conversation
		HeadSeq            Seq
		HeadEvent, IsSince EventID
		Named              uuid.UUID
	}
	// The statement looks the same to the planner for all values, so it is planned once: subqueries
	// hide the values, unnest stands for few rows, and OFFSET fixes the order of the join.
	err := w.query(ctx, &rows, `SELECT head.seq AS head_seq, head.event_id AS head_event,
			(SELECT id FROM events WHERE workspace_id = $1 AND seq = $2) AS is_since, named.id AS named, changed.*
		FROM event_heads AS head
		LEFT JOIN unnest(ARRAY(
			SELECT DISTINCT id FROM (
				SELECT unnest(ARRAY[conversation_id, contact_id, (data->>'agentId')::uuid, (data->>'messageId')::uuid]) AS id
				FROM (SELECT * FROM events
					WHERE workspace_id = (SELECT $1::bigint) AND seq > (SELECT $2::bigint) ORDER BY seq LIMIT `+strconv.Itoa(MaxChanges)+`
				) AS recent) AS ids WHERE id IS NOT NULL)) AS named (id) ON TRUE
		LEFT JOIN LATERAL (SELECT `+conversations.read+` FROM conversations
			WHERE workspace_id = $1 AND id = named.id OFFSET 0) AS changed ON TRUE
		WHERE head.workspace_id = $1`, w.Key, since)
	changes := &ConversationChanges{Head: Head{WorkspaceID: w.Key}}
	for i := range rows {
		row := &rows[i]
		changes.Head.Seq, changes.Head.EventID, changes.Since = row.HeadSeq, row.HeadEvent, row.IsSince
		if row.Named != uuid.Nil {
			changes.Named = append(changes.Named, row.Named)
		}
		if row.ID.UUID != uuid.Nil {
			changes.Rows = append(changes.Rows, &row.Conversation)
		}
	}
	return changes, err
}

// A ConversationAt is a conversation, its contact and its assignee, read with the end of the log.
type ConversationAt struct {
	*Conversation // nil if there is none with the id
	Contact       *Contact
	Assignee      *Agent // nil if there is none
	Head          Head
}

// ConversationAt reads a conversation in one statement.
func (w ForWorkspace) ConversationAt(ctx context.Context, id ConversationID) (*ConversationAt, error) {
	var rows []struct {
		Conversation
		Contact   Contact `bun:"embed:of_"`
		Agent     Agent   `bun:"embed:by_"`
		HeadSeq   Seq
		HeadEvent EventID
	}
	err := w.query(ctx, &rows, `SELECT head.seq AS head_seq, head.event_id AS head_event, found.*, contact.*, agent.*
		FROM event_heads AS head
		LEFT JOIN (SELECT `+conversations.read+` FROM conversations WHERE workspace_id = $1 AND id = $2) AS found ON TRUE
		LEFT JOIN LATERAL (SELECT `+contactColumns+` FROM contacts WHERE workspace_id = $1 AND id = found.contact_id OFFSET 0) AS contact (`+prefixed("of_", contactColumns)+`) ON TRUE
		LEFT JOIN LATERAL (SELECT `+agentColumnsRead+` FROM agents WHERE workspace_id = $1 AND id = found.assignee_id OFFSET 0) AS agent (`+prefixed("by_", agentColumnsRead)+`) ON TRUE
		WHERE head.workspace_id = $1`, w.Key, id)
	at := &ConversationAt{Head: Head{WorkspaceID: w.Key}}
	for i := range rows {
		row := &rows[i]
		if at.Head.Seq, at.Head.EventID = row.HeadSeq, row.HeadEvent; row.ID.UUID != uuid.Nil {
			at.Conversation, at.Contact = &row.Conversation, &row.Contact
		}
		if row.Agent.ID.UUID != uuid.Nil {
			at.Assignee = &row.Agent
		}
	}
	return at, err
}

// prefixed returns the names of columns that are separated by commas, each with a prefix.
func prefixed(prefix, columns string) string {
	names := strings.Split(columns, ",")
	for i, name := range names {
		names[i] = prefix + strings.TrimSpace(name)
	}
	return strings.Join(names, ", ")
}

// ContactsAt is Contacts with the end of the log, read in the same statement.
func (w ForWorkspace) ContactsAt(ctx context.Context, ids []ContactID) ([]*Contact, Head, error) {
	return rowsAt[Contact](ctx, w, contactColumns, "contacts", ids)
}

// AgentsAt is Agents with the end of the log, read in the same statement.
func (w ForWorkspace) AgentsAt(ctx context.Context, ids []AgentID) ([]*Agent, Head, error) {
	return rowsAt[Agent](ctx, w, agentColumnsRead, "agents", ids)
}

// MessagesAt is Messages with the end of the log, read in the same statement.
func (w ForWorkspace) MessagesAt(ctx context.Context, ids []MessageID) ([]*Message, Head, error) {
	return rowsAt[Message](ctx, w, messageColumns+", body", "messages", ids)
}

func rowsAt[T any](ctx context.Context, w ForWorkspace, columns, table string, ids any) (found []*T, head Head, err error) {
	var rows []struct {
		Row       T `bun:"embed:"`
		Known     bool
		HeadSeq   Seq
		HeadEvent EventID
	}
	err = w.query(ctx, &rows, `SELECT head.seq AS head_seq, head.event_id AS head_event, row.id IS NOT NULL AS known, row.*
		FROM event_heads AS head LEFT JOIN (SELECT `+columns+` FROM `+table+`
			WHERE workspace_id = $1 AND id = ANY ($2)) AS row ON TRUE
		WHERE head.workspace_id = $1`, w.Key, ids)
	head.WorkspaceID = w.Key
	for i := range rows {
		row := &rows[i]
		head.Seq, head.EventID = row.HeadSeq, row.HeadEvent
		if row.Known {
			found = append(found, &row.Row)
		}
	}
	return found, head, err
}
