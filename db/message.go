package db

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// MessageKind is the direction of a message, or that it is a note.
type MessageKind string

// The kinds of messages.
const (
	Inbound  MessageKind = "INBOUND"
	Outbound MessageKind = "OUTBOUND"
	Note     MessageKind = "NOTE"
)

// Message is a message or note of a conversation.
type Message struct {
	bun.BaseModel `bun:"table:messages,alias:message"`

	WorkspaceID    WorkspaceKey    `bun:",pk"`
	ID             MessageID       `bun:",pk"`
	ConversationID *ConversationID // nil for a message that belongs to the contact only
	ContactID      ContactID
	Kind           MessageKind
	Author         ActorRef
	Body           string
	Truncated      bool // the end of the body was cut off because it was too long
	Channel        string
	Automated      bool
	Withheld       bool
	SentAt         *time.Time
	CreatedAt      time.Time

	// Beyond reports whether a page ends before this message because of the size of its bodies.
	Beyond bool `bun:",scanonly"`
}

const previewLength = 200 // characters

// Preview returns the first previewLength characters of the body.
func (m *Message) Preview() string {
	n := 0
	for i := range m.Body {
		if n == previewLength {
			return m.Body[:i]
		}
		n++
	}
	return m.Body
}

// MessageOrder lists messages by creation time.
var MessageOrder = Order{Name: "messages", Columns: []string{"created_at", "id"}}

// Key returns the message's position in MessageOrder.
func (m *Message) Key() Key { return Key{timeKey(m.CreatedAt), m.ID.UUID.String()} }

// Messages reads the messages with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Messages(ctx context.Context, ids []MessageID) ([]*Message, error) {
	var rows []*Message
	err := w.query(ctx, &rows, `SELECT workspace_id, id, conversation_id, contact_id, kind, author, body, truncated, channel,
		automated, withheld, sent_at, created_at FROM messages WHERE workspace_id = $1 AND id = ANY ($2)`, w.Key, ids)
	return rows, err
}

// AutomatedMessages returns which of these messages were sent by a machine.
func (w ForWorkspace) AutomatedMessages(ctx context.Context, ids []MessageID) (map[MessageID]bool, error) {
	var rows []struct{ ID MessageID }
	err := w.query(ctx, &rows, "SELECT id FROM messages WHERE workspace_id = $1 AND id = ANY ($2) AND automated", w.Key, ids)
	automated := map[MessageID]bool{}
	for _, row := range rows {
		automated[row.ID] = true
	}
	return automated, err
}

// maxPageBytes is the size of all bodies together, in bytes, at which a page of messages ends
// early.
const maxPageBytes = 2 << 20

// MessagesOf returns the same page of the messages of each conversation. Messages past the size
// limit of a page come without their bodies; TrimMessages removes them.
func (w ForWorkspace) MessagesOf(ctx context.Context, conversations []ConversationID, p Page) (map[ConversationID][]*Message, error) {
	var rows []*Message
	page := p.apply(w.bun.NewSelect().Model((*Message)(nil)).
		Where("workspace_id = ?", w.Key).Where("conversation_id = parent.id"), MessageOrder)
	direction := bun.Safe("ASC")
	if p.Backward {
		direction = "DESC"
	}
	measured := w.bun.NewSelect().TableExpr("(?) AS message", page).ColumnExpr("message.*").
		ColumnExpr("sum(octet_length(body)) OVER (ORDER BY created_at ?, id ?) - octet_length(body) > ? AS beyond", direction, direction, maxPageBytes)
	err := w.bun.NewSelect().Model(&rows).ExcludeColumn("body").
		ColumnExpr("CASE WHEN beyond THEN '' ELSE body END AS body, beyond").
		ModelTableExpr("unnest(ARRAY[?]::uuid[]) AS parent (id)", bun.List(conversations)).
		Join("CROSS JOIN LATERAL (?) AS message", measured).
		OrderExpr("created_at ?, id ?", direction, direction).Scan(ctx)
	return groupBy(rows, func(m *Message) ConversationID { return *m.ConversationID }), err
}

// TrimMessages is Trim for a page of messages, which also ends at the first message past the size
// limit.
func TrimMessages(rows []*Message, p Page) (kept []*Message, hasNext, hasPrevious bool) {
	if n := slices.IndexFunc(rows, func(m *Message) bool { return m.Beyond }); n > 0 {
		rows, p.Limit = rows[:n+1], min(p.Limit, n)
	}
	return Trim(rows, p)
}

// NewerReply reports whether a conversation holds a message, and whether somebody other than the
// author has replied after it.
func (w ForWorkspace) NewerReply(ctx context.Context, conversation ConversationID, seen MessageID, author ActorRef) (known, newer bool, err error) {
	var rows []struct{ Newer bool }
	err = w.query(ctx, &rows, `
		SELECT EXISTS (SELECT FROM messages AS reply WHERE reply.workspace_id = $1 AND reply.conversation_id = $2
			AND reply.kind = 'OUTBOUND' AND reply.author IS DISTINCT FROM $4
			AND (reply.created_at, reply.id) > (seen.created_at, seen.id)) AS newer
		FROM messages AS seen WHERE seen.workspace_id = $1 AND seen.conversation_id = $2 AND seen.id = $3`,
		w.Key, conversation, seen, author)
	return len(rows) > 0, len(rows) > 0 && rows[0].Newer, err
}

// InsertMessages adds messages.
func (tx Tx) InsertMessages(ctx context.Context, messages []*Message) error {
	if len(messages) == 0 {
		return nil
	}
	for _, m := range messages {
		m.WorkspaceID = tx.Key
	}
	return tx.insert(ctx, &messages)
}
