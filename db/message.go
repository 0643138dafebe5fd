package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

// messageColumns are the columns that are read, but for the body.
const messageColumns = "workspace_id, id, conversation_id, contact_id, kind, author, truncated, channel, automated, withheld, sent_at, created_at"

// Messages reads the messages with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Messages(ctx context.Context, ids []MessageID) ([]*Message, error) {
	var rows []*Message
	err := w.query(ctx, &rows, "SELECT "+messageColumns+", body FROM messages WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
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
	s := &statement{}
	page, order := ConversationMessages.page(s, w, messageColumns+", body", MessageOrder, p), strings.Join(p.orderBy(MessageOrder), ", ")
	limited := fmt.Sprintf(`SELECT %s, CASE WHEN beyond THEN '' ELSE body END AS body, beyond
		FROM (SELECT message.*, sum(octet_length(body)) OVER (ORDER BY %s) - octet_length(body) > %d AS beyond FROM (%s) AS message) AS measured
		ORDER BY %[2]s`, messageColumns, order, maxPageBytes, page)
	err := w.nested(ctx, &rows, s, limited, conversations)
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

// SeenMessage is the last message that an author saw in a conversation before replying.
type SeenMessage struct {
	Conversation ConversationID
	Message      MessageID
	Author       ActorRef
	Newer        bool // somebody else has replied after it
}

// NewerReplies adds the look-up, for each of these, whether somebody other than the author has
// replied after the message. Messages that are not in their conversation are left out.
func (b *Batch) NewerReplies(seen []*SeenMessage, into *[]*SeenMessage) {
	if len(seen) == 0 {
		return
	}
	conversations, messages, authors := make([]ConversationID, len(seen)), make([]MessageID, len(seen)), make([]ActorRef, len(seen))
	for i, s := range seen {
		conversations[i], messages[i], authors[i] = s.Conversation, s.Message, s.Author
	}
	collect(b, into, `
		SELECT asked.conversation, asked.message, asked.author, seen.newer
		FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS asked (conversation, message, author)
		CROSS JOIN LATERAL (
			SELECT EXISTS (SELECT FROM messages AS reply WHERE reply.workspace_id = $1 AND reply.conversation_id = asked.conversation
				AND reply.kind = 'OUTBOUND' AND reply.author IS DISTINCT FROM asked.author
				AND (reply.created_at, reply.id) > (message.created_at, message.id)) AS newer
			FROM messages AS message
			WHERE message.workspace_id = $1 AND message.conversation_id = asked.conversation AND message.id = asked.message OFFSET 0) AS seen`,
		b.tx.Key, conversations, messages, authors)
}

var messages = columnsOf[Message]("messages")

// InsertMessages adds messages.
func (tx Tx) InsertMessages(ctx context.Context, rows []*Message) error {
	return tx.send(ctx, func(b *Batch) { b.InsertMessages(rows) })
}

// InsertMessages adds the insertion of messages.
func (b *Batch) InsertMessages(rows []*Message) {
	if len(rows) == 0 {
		return
	}
	for _, m := range rows {
		m.WorkspaceID = b.tx.Key
	}
	b.exec(messages.insert, messages.inserted(b.tx.Key, rows)...)
}
