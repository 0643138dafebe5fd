package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Entry is a message of a conversation, or an event of it that is about no message.
type Entry struct {
	ConversationID ConversationID
	Kind           EntryKind
	At             time.Time
	ID             uuid.UUID
	Beyond         bool // past the size limit of a page, because of the messages before it
}

// EntryKind is what an entry is. Of the same time, messages come before events.
type EntryKind int

// The kinds of entries.
const (
	EntryMessage EntryKind = iota
	EntryEvent
)

// EntryOrder lists the entries of a conversation by time.
var EntryOrder = Order{Name: "entries", Columns: []string{"at", "kind", "id"}}

// Key returns the entry's position in EntryOrder.
func (e *Entry) Key() Key { return Key{timeKey(e.At), strconv.Itoa(int(e.Kind)), e.ID.String()} }

// Ref returns the object that the entry is.
func (e *Entry) Ref() ActorRef {
	return ActorRef{Prefix: [...]string{EntryMessage: MessagePrefix, EntryEvent: EventPrefix}[e.Kind], ID: e.ID}
}

// ConversationEntries are the messages and the events of a conversation, without the events of
// these messages.
var ConversationEntries = Nested{fmt.Sprintf(`(
	SELECT workspace_id, conversation_id, %d AS kind, created_at AS at, id FROM messages
	UNION ALL SELECT workspace_id, conversation_id, %d, created_at, id FROM events
	WHERE type NOT IN ('%s', '%s', '%s')) AS entry`,
	EntryMessage, EntryEvent, MessageReceived, MessageSent, NoteAdded), "conversation_id"}

// EntriesOf returns the same page of the entries of each conversation. TrimEntries cuts it.
func (w ForWorkspace) EntriesOf(ctx context.Context, conversations []ConversationID, p Page) (map[ConversationID][]*Entry, error) {
	var rows []*Entry
	s := &statement{}
	const columns = "conversation_id, kind, at, id"
	page, order := ConversationEntries.page(s, w, columns, EntryOrder, p), strings.Join(p.orderBy(EntryOrder), ", ")
	limited := fmt.Sprintf(`SELECT %s, sum(size) OVER (ORDER BY %s) - size > %d AS beyond
		FROM (SELECT entry.*, coalesce((SELECT octet_length(body) FROM messages
			WHERE workspace_id = $1 AND messages.id = entry.id AND entry.kind = %d), 0) AS size FROM (%s) AS entry) AS measured
		ORDER BY %[2]s`, columns, order, maxPageBytes, EntryMessage, page)
	err := w.nested(ctx, &rows, s, limited, conversations)
	return groupBy(rows, func(e *Entry) ConversationID { return e.ConversationID }), err
}

// TrimEntries is TrimMessages for entries.
func TrimEntries(rows []*Entry, p Page) (kept []*Entry, hasNext, hasPrevious bool) {
	if n := slices.IndexFunc(rows, func(e *Entry) bool { return e.Beyond }); n > 0 {
		rows, p.Limit = rows[:n+1], min(p.Limit, n)
	}
	return Trim(rows, p)
}
