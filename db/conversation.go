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
	Status          ConversationStatus
	Latest          bool // the contact's latest, the only one that can be open
	Blocked         bool // the latest of a blocked contact, seen in no view but BLOCKED
	AssigneeID      *AgentID
	Version         int
	Revision        int // 1, 2, 3 … with each change of the row
	OpenedAt        time.Time
	OpenedBy        ActorRef
	ClosedAt        *time.Time
	ClosedBy        ActorRef
	ClosingCategory *string
	ClosingText     *string
	LastActivityAt  time.Time
	WaitingSince    *time.Time // the contact's first unanswered message
	LastMessageID   *MessageID
	LastInboundAt   *time.Time // the contact's last message that was not withheld

	LastInboundChannel *string // and its channel

	ImportKey []byte  // of imported ones: names the record, so that a second import skips it
	NoteText  *string // what the closing note is found by, folded; read by nothing but the database
}

const conversationColumns = `workspace_id, id, contact_id, channel, status, latest, blocked, assignee_id, version, revision,
	opened_at, opened_by, closed_at, closed_by, closing_category, closing_text, last_activity_at, waiting_since, last_message_id, last_inbound_at, last_inbound_channel`

// ClosingNote is what was noted when a conversation was closed: a category of the
// workspace's list, text, or both.
type ClosingNote struct {
	Category *string `json:"category,omitempty"`
	Text     *string `json:"text,omitempty"`
}

// ClosingNote gives the note; nil without one.
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

// Facets gives what decides the conversation's membership in views.
func (c *Conversation) Facets() *Facets {
	return &Facets{
		Status: c.Status, Channel: c.Channel, Assignee: c.AssigneeID, Blocked: c.Blocked, Version: c.Version,
		WaitingSince: c.WaitingSince, OpenedAt: &c.OpenedAt, ClosedAt: c.ClosedAt, Category: c.ClosingCategory,
		LastInboundChannel: c.LastInboundChannel,
	}
}

// ContactConversationOrder lists a contact's conversations, the one opened last first.
var ContactConversationOrder = Order{Name: "contact.conversations", Columns: []string{"opened_at", "id"}, Desc: true}

// OpenedKey gives the conversation's place in ContactConversationOrder.
func (c *Conversation) OpenedKey() Key { return Key{timeKey(c.OpenedAt), c.ID.UUID.String()} }

// Conversations reads the conversations with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Conversations(ctx context.Context, ids []ConversationID) ([]*Conversation, error) {
	var rows []*Conversation
	err := w.query(ctx, &rows, "SELECT "+conversationColumns+` FROM conversations
		WHERE workspace_id = $1 AND id = ANY ($2)`, w.Key, ids)
	return rows, err
}

// LatestConversations reads the latest conversation of each of these contacts that has one.
func (w ForWorkspace) LatestConversations(ctx context.Context, contacts []ContactID) ([]*Conversation, error) {
	var rows []*Conversation
	err := w.query(ctx, &rows, "SELECT "+conversationColumns+` FROM conversations
		WHERE workspace_id = $1 AND contact_id = ANY ($2) AND latest`, w.Key, contacts)
	return rows, err
}

// ConversationsOf reads the same page of the conversations of each contact.
func (w ForWorkspace) ConversationsOf(ctx context.Context, contacts []ContactID, p Page) (map[ContactID][]*Conversation, error) {
	var rows []*Conversation
	page := p.apply(w.bun.NewSelect().Model((*Conversation)(nil)).
		Where("workspace_id = ?", w.Key).Where("contact_id = parent.id"), ContactConversationOrder)
	err := w.bun.NewSelect().Model(&rows).ModelTableExpr("unnest(ARRAY[?]::uuid[]) AS parent (id)", bun.List(contacts)).
		Join("CROSS JOIN LATERAL (?) AS conversation", page).Scan(ctx)
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

// OpenContactsOf gives the contacts whose open conversation is assigned to an agent, in id order.
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

// ImportedKeys gives those of the import keys that exist already.
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

// conversationValues are what can change of several conversations, column by column.
type conversationValues struct {
	ids                         []ConversationID
	statuses                    []ConversationStatus
	latest, blocked             []bool
	assignees                   []*AgentID
	versions                    []int
	closedAt, activity, waiting []*time.Time
	inbound                     []*time.Time
	inboundChannels             []*string
	revisions                   []int
	closedBy                    []ActorRef
	categories, texts, notes    []*string
	lastMessages                []*MessageID
}

func (v *conversationValues) add(c *Conversation) {
	v.ids, v.statuses = append(v.ids, c.ID), append(v.statuses, c.Status)
	v.latest, v.blocked = append(v.latest, c.Latest), append(v.blocked, c.Blocked)
	v.assignees, v.versions = append(v.assignees, c.AssigneeID), append(v.versions, c.Version)
	v.closedAt, v.closedBy = append(v.closedAt, c.ClosedAt), append(v.closedBy, c.ClosedBy)
	v.categories, v.texts = append(v.categories, c.ClosingCategory), append(v.texts, c.ClosingText)
	v.notes = append(v.notes, c.NoteText)
	v.activity, v.waiting = append(v.activity, &c.LastActivityAt), append(v.waiting, c.WaitingSince)
	v.lastMessages, v.inbound = append(v.lastMessages, c.LastMessageID), append(v.inbound, c.LastInboundAt)
	v.inboundChannels, v.revisions = append(v.inboundChannels, c.LastInboundChannel), append(v.revisions, c.Revision)
}

// InsertConversations adds conversations.
func (tx Tx) InsertConversations(ctx context.Context, conversations []*Conversation) error {
	if len(conversations) == 0 {
		return nil
	}
	for _, c := range conversations {
		c.WorkspaceID, c.Revision = tx.Key, 1
		c.fold()
	}
	if err := tx.insert(ctx, &conversations); err != nil {
		return err
	}
	return tx.learnNotes(ctx, conversations)
}

// SaveConversations writes everything of conversations that can change, as their next revisions.
func (tx Tx) SaveConversations(ctx context.Context, conversations []*Conversation) error {
	if len(conversations) == 0 {
		return nil
	}
	var v conversationValues
	for _, c := range conversations {
		c.Revision++
		c.fold()
		v.add(c)
	}
	_, err := tx.exec(ctx, `UPDATE conversations AS c SET status = new.status, latest = new.latest, blocked = new.blocked,
			assignee_id = new.assignee_id, version = new.version, closed_at = new.closed_at, closed_by = new.closed_by,
			closing_category = new.closing_category, closing_text = new.closing_text,
			last_activity_at = new.last_activity_at, waiting_since = new.waiting_since, last_message_id = new.last_message_id,
			last_inbound_at = new.last_inbound_at, last_inbound_channel = new.last_inbound_channel, revision = new.revision,
			note_text = new.note_text
		FROM unnest($2::uuid[], $3::text[], $4::bool[], $5::bool[], $6::uuid[], $7::int[], $8::timestamptz[], $9::text[],
			$10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::uuid[], $15::timestamptz[],
			$16::text[], $17::int[], $18::text[])
			AS new (id, status, latest, blocked, assignee_id, version, closed_at, closed_by,
			closing_category, closing_text, last_activity_at, waiting_since, last_message_id, last_inbound_at, last_inbound_channel, revision, note_text)
		WHERE c.workspace_id = $1 AND c.id = new.id`,
		tx.Key, v.ids, v.statuses, v.latest, v.blocked, v.assignees, v.versions, v.closedAt, v.closedBy,
		v.categories, v.texts, v.activity, v.waiting, v.lastMessages, v.inbound, v.inboundChannels, v.revisions, v.notes)
	if err != nil {
		return err
	}
	return tx.learnNotes(ctx, conversations)
}

func (tx Tx) learnNotes(ctx context.Context, conversations []*Conversation) error {
	var texts []*string
	for _, c := range conversations {
		texts = append(texts, c.NoteText)
	}
	return tx.learnWords(ctx, searchedNotes, texts)
}
