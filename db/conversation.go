package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// ConversationStatus is whether a conversation is going on.
type ConversationStatus string

// The two states of a conversation.
const (
	StatusOpen   ConversationStatus = "OPEN"
	StatusClosed ConversationStatus = "CLOSED"
)

// Conversation is one episode with a contact on one channel.
type Conversation struct {
	bun.BaseModel `bun:"table:conversations,alias:conversation"`

	WorkspaceID     WorkspaceKey   `bun:",pk"`
	ID              ConversationID `bun:",pk"`
	ContactID       ContactID
	Channel         string
	Status          ConversationStatus `save:"text"`
	Latest          bool               `save:"bool"` // the contact's latest, the only one that can be open
	Blocked         bool               `save:"bool"` // the latest of a blocked contact, seen in no view but BLOCKED
	AssigneeID      *AgentID           `save:"uuid"`
	Version         int                `save:"int"`
	Revision        int                `save:"int"` // 1, 2, 3 … with each change of the row
	OpenedAt        time.Time
	OpenedBy        ActorRef
	ClosedAt        *time.Time `save:"timestamptz"`
	ClosedBy        ActorRef   `save:"text"`
	ClosingCategory *string    `save:"text"`
	ClosingText     *string    `save:"text"`
	LastActivityAt  time.Time  `save:"timestamptz"`
	WaitingSince    *time.Time `save:"timestamptz"` // the contact's first unanswered message
	LastMessageID   *MessageID `save:"uuid"`
	LastInboundAt   *time.Time `save:"timestamptz"` // the contact's last message that was not withheld

	LastInboundChannel *string `save:"text"` // and its channel

	ImportKey []byte  `read:"-"`             // of imported ones: names the record, so that a second import skips it
	NoteText  *string `save:"text" read:"-"` // what the closing note is found by, folded; read by nothing but the database
}

var conversations = columnsOf[Conversation]("conversations")

// ClosingNote is what was noted when a conversation was closed: a category of the
// workspace's list, text, or both.
type ClosingNote struct {
	Category *string `json:"category,omitempty"`
	Text     *string `json:"text,omitempty"`
}

// ClosingNote returns the note; nil without one.
func (c *Conversation) ClosingNote() *ClosingNote {
	if c.ClosingCategory == nil && c.ClosingText == nil {
		return nil
	}
	return &ClosingNote{Category: c.ClosingCategory, Text: c.ClosingText}
}

// SetClosingNote sets or, with nil, clears the note.
func (c *Conversation) SetClosingNote(n *ClosingNote) {
	if n == nil {
		n = &ClosingNote{}
	}
	c.ClosingCategory, c.ClosingText = n.Category, n.Text
}

// Facets returns what decides the conversation's membership in views.
func (c *Conversation) Facets() *Facets {
	f := new(Facets)
	c.facets(f)
	return f
}

func (c *Conversation) facets(f *Facets) {
	*f = Facets{
		Status: c.Status, Channel: c.Channel, Assignee: c.AssigneeID, Blocked: c.Blocked, Version: c.Version,
		WaitingSince: c.WaitingSince, OpenedAt: &c.OpenedAt, ClosedAt: c.ClosedAt, Category: c.ClosingCategory,
		LastInboundChannel: c.LastInboundChannel,
	}
}

// ContactConversationOrder lists a contact's conversations, the one opened last first.
var ContactConversationOrder = Order{Name: "contact.conversations", Columns: []string{"opened_at", "id"}, Desc: true}

// OpenedKey returns the conversation's position in ContactConversationOrder.
func (c *Conversation) OpenedKey() Key { return Key{timeKey(c.OpenedAt), c.ID.UUID.String()} }

// Conversations reads the conversations with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Conversations(ctx context.Context, ids []ConversationID) ([]*Conversation, error) {
	var rows []*Conversation
	err := w.query(ctx, &rows, "SELECT "+conversations.read+` FROM conversations
		WHERE workspace_id = $1 AND id = ANY ($2)`, w.Key, ids)
	return rows, err
}

// Conversations adds the reading of the conversations with these ids; unknown ones are left out.
func (b *Batch) Conversations(ids []ConversationID, into *[]*Conversation) {
	collect(b, into, "SELECT c.* FROM unnest($2::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT "+conversations.read+`
		FROM conversations WHERE workspace_id = $1 AND id = asked.id OFFSET 0) AS c`, b.tx.Key, ids)
}

// LatestConversations adds the reading of the latest conversation of each of these contacts that
// has one.
func (b *Batch) LatestConversations(contacts []ContactID, into *[]*Conversation) {
	collect(b, into, "SELECT c.* FROM unnest($2::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT "+conversations.read+`
		FROM conversations WHERE workspace_id = $1 AND contact_id = asked.id AND latest OFFSET 0) AS c`, b.tx.Key, contacts)
}

// LatestConversations reads the latest conversation of each of these contacts that has one.
func (w ForWorkspace) LatestConversations(ctx context.Context, contacts []ContactID) ([]*Conversation, error) {
	var rows []*Conversation
	err := w.query(ctx, &rows, "SELECT "+conversations.read+` FROM conversations
		WHERE workspace_id = $1 AND contact_id = ANY ($2) AND latest`, w.Key, contacts)
	return rows, err
}

// ConversationsOf reads the same page of the conversations of each contact.
func (w ForWorkspace) ConversationsOf(ctx context.Context, contacts []ContactID, p Page) (map[ContactID][]*Conversation, error) {
	var rows []*Conversation
	s := &statement{}
	page := ContactConversations.page(s, w, conversations.read, ContactConversationOrder, p)
	err := w.nested(ctx, &rows, s, page, contacts)
	return groupBy(rows, func(c *Conversation) ContactID { return c.ContactID }), err
}

// groupBy sorts rows by the parent they belong to, keeping their order.
func groupBy[K comparable, T any](rows []T, parent func(T) K) map[K][]T {
	groups := map[K][]T{}
	for _, row := range rows {
		groups[parent(row)] = append(groups[parent(row)], row)
	}
	return groups
}

// OpenContactsOf returns the contacts whose open conversation is assigned to an agent, in id order.
func (w ForWorkspace) OpenContactsOf(ctx context.Context, agent AgentID) ([]ContactID, error) {
	var rows []*Conversation
	err := w.query(ctx, &rows, `SELECT contact_id FROM conversations
		WHERE workspace_id = $1 AND assignee_id = $2 AND status = 'OPEN' ORDER BY contact_id`, w.Key, agent)
	ids := make([]ContactID, len(rows))
	for i, row := range rows {
		ids[i] = row.ContactID
	}
	return ids, err
}

// ImportedKeys returns those of the import keys that exist already.
func (w ForWorkspace) ImportedKeys(ctx context.Context, keys [][]byte) (map[string]bool, error) {
	var rows []*Conversation
	err := w.query(ctx, &rows, `SELECT import_key FROM conversations
		WHERE workspace_id = $1 AND import_key = ANY ($2)`, w.Key, keys)
	known := map[string]bool{}
	for _, row := range rows {
		known[string(row.ImportKey)] = true
	}
	return known, err
}

// InsertConversations adds conversations.
func (tx Tx) InsertConversations(ctx context.Context, rows []*Conversation) error {
	for _, c := range rows {
		c.Revision = 1
	}
	return tx.send(ctx, func(b *Batch) { b.InsertConversations(rows) })
}

// InsertConversations adds the insertion of conversations.
func (b *Batch) InsertConversations(rows []*Conversation) {
	if len(rows) == 0 {
		return
	}
	for _, c := range rows {
		c.WorkspaceID = b.tx.Key
		c.Fold()
	}
	b.exec(conversations.insert, conversations.inserted(b.tx.Key, rows)...)
	b.learnNotes(rows)
}

// SaveConversations writes everything of conversations that can change, as their next revisions.
func (tx Tx) SaveConversations(ctx context.Context, rows []*Conversation) error {
	for _, c := range rows {
		c.Revision++
	}
	return tx.send(ctx, func(b *Batch) { b.SaveConversations(rows) })
}

// SaveConversations adds the writing of everything of conversations that can change.
func (b *Batch) SaveConversations(rows []*Conversation) {
	if len(rows) == 0 {
		return
	}
	for _, c := range rows {
		c.Fold()
	}
	b.exec(conversations.update, conversations.updated(b.tx.Key, rows)...)
	b.learnNotes(rows)
}

func (b *Batch) learnNotes(rows []*Conversation) {
	var texts []*string
	for _, c := range rows {
		texts = append(texts, c.NoteText)
	}
	b.learnWords(searchedNotes, texts)
}
