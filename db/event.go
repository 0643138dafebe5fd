package db

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// Seq is the number of an event in its workspace's log: 1, 2, 3 … in commit order. The
// position before the first event is 0.
type Seq int64

// EventType is the kind of an event.
type EventType string

// The types of events.
const (
	MessageReceived        EventType = "MESSAGE_RECEIVED"
	MessageSent            EventType = "MESSAGE_SENT"
	NoteAdded              EventType = "NOTE_ADDED"
	ConversationAssigned   EventType = "CONVERSATION_ASSIGNED"
	ConversationUnassigned EventType = "CONVERSATION_UNASSIGNED"
	ConversationOpened     EventType = "CONVERSATION_OPENED"
	ConversationReopened   EventType = "CONVERSATION_REOPENED"
	ConversationClosed     EventType = "CONVERSATION_CLOSED"
	ConversationImported   EventType = "CONVERSATION_IMPORTED"
	ContactCreated         EventType = "CONTACT_CREATED"
	ContactUpdated         EventType = "CONTACT_UPDATED"
	ContactBlocked         EventType = "CONTACT_BLOCKED"
	ContactUnblocked       EventType = "CONTACT_UNBLOCKED"
	AgentCreated           EventType = "AGENT_CREATED"
	AgentUpdated           EventType = "AGENT_UPDATED"
	AgentDeactivated       EventType = "AGENT_DEACTIVATED"
	AgentReactivated       EventType = "AGENT_REACTIVATED"
	TokenCreated           EventType = "TOKEN_CREATED"
	TokenRevoked           EventType = "TOKEN_REVOKED"
	IdentityLinked         EventType = "IDENTITY_LINKED"
	AvailabilityChanged    EventType = "AVAILABILITY_CHANGED"
	WorkspaceUpdated       EventType = "WORKSPACE_UPDATED"
	BusinessEventRecorded  EventType = "BUSINESS_EVENT_RECORDED"
	WorkflowCreated        EventType = "WORKFLOW_CREATED"
	WorkflowUpdated        EventType = "WORKFLOW_UPDATED"
	WorkflowEnabled        EventType = "WORKFLOW_ENABLED"
	WorkflowDisabled       EventType = "WORKFLOW_DISABLED"
	WorkflowDeleted        EventType = "WORKFLOW_DELETED"
	WorkflowRan            EventType = "WORKFLOW_RAN"
)

// AssignmentReason is why an assignment changed (A8).
type AssignmentReason string

// The reasons for a change of assignment.
const (
	ReasonManual           AssignmentReason = "MANUAL"
	ReasonSelf             AssignmentReason = "SELF"
	ReasonReply            AssignmentReason = "REPLY"
	ReasonWorkflow         AssignmentReason = "WORKFLOW"
	ReasonOwnerPolicy      AssignmentReason = "OWNER_POLICY"
	ReasonAgentDeactivated AssignmentReason = "AGENT_DEACTIVATED"
)

// ConversationSource is what caused a conversation to be opened or reopened.
type ConversationSource string

// The sources of an opening.
const (
	SourceAgent         ConversationSource = "AGENT"
	SourceIntegration   ConversationSource = "INTEGRATION"
	SourceMessage       ConversationSource = "MESSAGE"
	SourceBusinessEvent ConversationSource = "BUSINESS_EVENT"
)

// Event is one row of a workspace's log: what happened, by whom and to what.
type Event struct {
	bun.BaseModel `bun:"table:events,alias:event"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	Seq         Seq          `bun:",pk"` // 1, 2, 3 … in commit order
	// Change is the number of the last event of the same mutation or workflow step; nil in rows
	// of versions that did not record it.
	Change         *Seq
	ID             EventID
	Type           EventType
	ConversationID *ConversationID
	ContactID      *ContactID
	Actor          ActorRef
	Via            ActorRef // the integration that called on behalf of the actor; zero if the actor called
	// Before and After are the facets of the conversation, or of the contact if it has none. Before
	// is nil for a new one; both are nil if the event concerns neither.
	Before    *Facets   `bun:"type:jsonb"`
	After     *Facets   `bun:"type:jsonb"`
	Data      EventData `bun:"type:jsonb"`
	Origin    *string   // the idempotency key
	CreatedAt time.Time
	// The revisions of the conversation and of the contact after the event; nil without one, and in
	// rows of versions that did not record them.
	ConversationRevision, ContactRevision *int

	// Committed is about when the event was committed, if this process read it as soon as it could;
	// zero otherwise. It is for measuring only.
	Committed time.Time `bun:"-"`
}

// Facets are the properties of a conversation that decide which views hold it, at one moment.
// Status is empty for a contact without a conversation.
type Facets struct {
	Status       ConversationStatus `json:"status,omitempty"`
	Channel      string             `json:"channel,omitempty"`
	Assignee     *AgentID           `json:"assignee,omitempty"`
	Blocked      bool               `json:"blocked,omitempty"`
	Version      int                `json:"version"`
	WaitingSince *time.Time         `json:"waitingSince,omitempty"`
	OpenedAt     *time.Time         `json:"openedAt,omitempty"`
	ClosedAt     *time.Time         `json:"closedAt,omitempty"`
	Category     *string            `json:"category,omitempty"`

	LastInboundChannel *string `json:"lastInboundChannel,omitempty"` // of the contact's last message
}

// EventData holds the fields that only some types of events have.
type EventData struct {
	Reason       AssignmentReason   `json:"reason,omitempty"`       // assigned, unassigned
	Source       ConversationSource `json:"source,omitempty"`       // opened, reopened
	ClosingNote  *ClosingNote       `json:"closingNote,omitempty"`  // closed
	MessageID    *MessageID         `json:"messageId,omitempty"`    // received, sent, note
	AgentID      *AgentID           `json:"agentId,omitempty"`      // agent events
	TokenID      *TokenID           `json:"tokenId,omitempty"`      // token events
	Availability []Availability     `json:"availability,omitempty"` // availability: before, after
	Changes      []FieldChange      `json:"changes,omitempty"`      // updated, linked
	WorkflowID   *WorkflowID        `json:"workflowId,omitempty"`   // workflow events
	Run          *RunRef            `json:"run,omitempty"`          // the run that caused the event, if a workflow did
	RunStatus    RunStatus          `json:"runStatus,omitempty"`    // ran: the status of the run at that moment
	Unserved     bool               `json:"unserved,omitempty"`     // ran: no agent was found

	AlsoForWaiting bool `json:"alsoForWaiting,omitempty"` // enabled: also for conversations that are open and unassigned
	CancelsRuns    bool `json:"cancelsRuns,omitempty"`    // disabled, deleted: unfinished runs are cancelled

	BusinessEvent *BusinessEvent `json:"businessEvent,omitempty"` // recorded
}

// BusinessEvent is an event outside of Switchboard, such as an order that was placed.
type BusinessEvent struct {
	Type           string  `json:"type"`
	Payload        *string `json:"payload,omitempty"` // JSON, as text: jsonb would reformat its numbers
	RequiresAction bool    `json:"requiresAction,omitempty"`
}

// FieldChange is a field with its old and new values as text; nil for an absent value.
type FieldChange struct {
	Field  string  `json:"field"`
	Before *string `json:"before,omitempty"`
	After  *string `json:"after,omitempty"`
}

// Caller returns who made the call that caused the event; zero for the system.
func (e *Event) Caller() ActorRef {
	if e.Via.IsZero() {
		return e.Actor
	}
	return e.Via
}

// ChangeEnd returns the number of the last event of the change that the event belongs to.
func (e *Event) ChangeEnd() Seq {
	if e.Change == nil {
		return e.Seq
	}
	return *e.Change
}

// Show records the revisions of the event's contact and conversation, if they are among these rows.
// A row that is new and not yet written has its first revision.
func (e *Event) Show(contact *Contact, conversations ...*Conversation) {
	if e.ContactID != nil && *e.ContactID == contact.ID {
		e.ContactRevision = new(max(contact.Revision, 1))
	}
	for _, c := range conversations {
		if c != nil && e.ConversationID != nil && *e.ConversationID == c.ID {
			e.ConversationRevision = new(max(c.Revision, 1))
		}
	}
}

// Cursor returns the position right after the event.
func (e *Event) Cursor() EventCursor { return cursorAfter(e.WorkspaceID, e.Seq, e.ID) }

// TimelineOrder lists events in log order.
var TimelineOrder = Order{Name: "timeline", Columns: []string{"seq"}}

// Key returns the event's position in TimelineOrder.
func (e *Event) Key() Key { return Key{strconv.FormatInt(int64(e.Seq), 10)} }

const eventColumns = `workspace_id, seq, change, id, type, conversation_id, contact_id, actor, via, before, after, data, origin, created_at,
	conversation_revision, contact_revision`

// Head is the end of a workspace's log.
type Head struct {
	bun.BaseModel `bun:"table:event_heads,alias:head"`

	WorkspaceID WorkspaceKey
	Seq         Seq
	EventID     EventID
}

// Cursor returns the position at the end of the log.
func (h Head) Cursor() EventCursor { return cursorAfter(h.WorkspaceID, h.Seq, h.EventID) }

// Head returns the end of the log.
func (w ForWorkspace) Head(ctx context.Context) (Head, error) {
	var rows []Head
	err := w.query(ctx, &rows, "SELECT workspace_id, seq, event_id FROM event_heads WHERE workspace_id = $1", w.Key)
	if err != nil || len(rows) == 0 {
		return Head{WorkspaceID: w.Key}, err
	}
	return rows[0], nil
}

// Heads returns the ends of several workspaces' logs, read in one statement.
func (d *DB) Heads(ctx context.Context, workspaces []WorkspaceKey) ([]Head, error) {
	var rows []Head
	err := d.ForWorkspace(0).query(ctx, &rows,
		"SELECT workspace_id, seq, event_id FROM event_heads WHERE workspace_id = ANY ($1)", workspaces)
	return rows, err
}

// EventsAfter returns the events after a log number, in log order, at most limit of them.
func (w ForWorkspace) EventsAfter(ctx context.Context, seq Seq, limit int) ([]*Event, error) {
	var rows []*Event
	err := w.query(ctx, &rows, "SELECT "+eventColumns+` FROM events
		WHERE workspace_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, w.Key, seq, limit)
	return rows, err
}

// EventsBySeq returns the events with these numbers, in log order; missing ones are left out.
func (w ForWorkspace) EventsBySeq(ctx context.Context, seqs []Seq) ([]*Event, error) {
	var rows []*Event
	err := w.query(ctx, &rows, "SELECT "+eventColumns+` FROM events
		WHERE workspace_id = $1 AND seq = ANY ($2) ORDER BY seq`, w.Key, seqs)
	return rows, err
}

// LogPage returns the events after one log number and up to another, in log order, at most limit of
// them. Nil types and a nil contact restrict nothing.
func (w ForWorkspace) LogPage(ctx context.Context, after, last Seq, types []EventType, contact *ContactID, limit int) ([]*Event, error) {
	s := &statement{}
	s.where("workspace_id = ", w.Key)
	s.where("seq > ", after)
	s.where("seq <= ", last)
	if types != nil {
		s.where("type = ANY (", types, ")")
	}
	if contact != nil {
		s.where("contact_id = ", *contact)
	}
	var rows []*Event
	err := w.query(ctx, &rows, "SELECT "+eventColumns+" FROM events WHERE "+strings.Join(s.conditions, " AND ")+
		" ORDER BY seq LIMIT "+s.arg(limit), s.args...)
	return rows, err
}

// Events reads the events with these ids, in no order; unknown ones are left out.
func (w ForWorkspace) Events(ctx context.Context, ids []EventID) ([]*Event, error) {
	var rows []*Event
	err := w.query(ctx, &rows, "SELECT "+eventColumns+" FROM events WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// LastClosings adds the reading of the last event of each of these conversations that is a close or
// a reply; conversations without one are left out.
func (b *Batch) LastClosings(conversations []ConversationID, into *[]*Event) {
	if len(conversations) == 0 {
		return
	}
	collect(b, into, "SELECT last.* FROM unnest($2::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT "+eventColumns+` FROM events
		WHERE workspace_id = $1 AND conversation_id = asked.id AND type IN ('CONVERSATION_CLOSED', 'MESSAGE_SENT')
		ORDER BY seq DESC LIMIT 1) AS last`, b.tx.Key, conversations)
}

// ConversationTimelines returns the same page of the events of each conversation.
func (w ForWorkspace) ConversationTimelines(ctx context.Context, ids []ConversationID, p Page) (map[ConversationID][]*Event, error) {
	rows, err := w.timelines(ctx, ConversationEvents, ids, p)
	return groupBy(rows, func(e *Event) ConversationID { return *e.ConversationID }), err
}

// ContactTimelines returns the same page of the events of each contact.
func (w ForWorkspace) ContactTimelines(ctx context.Context, ids []ContactID, p Page) (map[ContactID][]*Event, error) {
	rows, err := w.timelines(ctx, ContactEvents, ids, p)
	return groupBy(rows, func(e *Event) ContactID { return *e.ContactID }), err
}

func (w ForWorkspace) timelines(ctx context.Context, of Nested, parents any, p Page) (rows []*Event, err error) {
	s := &statement{}
	err = w.nested(ctx, &rows, s, of.page(s, w, eventColumns, TimelineOrder, p), parents)
	return rows, err
}

// AppendEvents is Batch.AppendEvents for one change. It must be the last statement of the
// transaction.
func (tx Tx) AppendEvents(ctx context.Context, events []*Event) error {
	return tx.send(ctx, func(b *Batch) { b.AppendEvents(events) })
}

// AppendEvents adds the appending of the events of several changes to the log, in this order, and
// sets their numbers. It locks the counter row of the workspace, so it must be the last statement
// of the transaction: other transactions of the workspace wait for a number until this one ends.
// That makes the numbers follow the order of commits without gaps.
func (b *Batch) AppendEvents(changes ...[]*Event) {
	events := slices.Concat(changes...)
	if len(events) == 0 {
		return
	}
	v, err := eventValuesOf(b.tx.Key, events)
	if err != nil {
		b.err = err
		return
	}
	var ends []int
	for _, change := range changes {
		ends = append(ends, slices.Repeat([]int{len(ends) + len(change)}, len(change))...)
	}
	var heads []*struct{ Base Seq }
	collect(b, &heads, `
		WITH head AS (
			UPDATE event_heads SET seq = seq + $2, event_id = $3 WHERE workspace_id = $1 RETURNING seq - $2 AS base
		), appended AS (
			INSERT INTO events (`+eventColumns+`)
			SELECT $1, head.base + new.n, head.base + new.change_end, new.id, new.type, new.conversation_id, new.contact_id, new.actor,
				new.via, new.before::jsonb, new.after::jsonb, new.data::jsonb, new.origin, new.created_at,
				new.conversation_revision, new.contact_revision
			FROM head, unnest($4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[],
				$12::text[], $13::text[], $14::timestamptz[], $15::int[], $16::int[], $17::int[]) WITH ORDINALITY
				AS new (id, type, conversation_id, contact_id, actor, via, before, after, data, origin, created_at, change_end,
					conversation_revision, contact_revision, n)
		)
		SELECT base FROM head`,
		b.tx.Key, len(events), events[len(events)-1].ID, v.ids, v.types, v.conversations, v.contacts, v.actors, v.vias,
		v.before, v.after, v.data, v.origins, v.times, ends, v.conversationRevisions, v.contactRevisions)
	b.Then(func() {
		for i, e := range events {
			change := heads[0].Base + Seq(ends[i])
			e.Seq, e.Change = heads[0].Base+Seq(i)+1, &change
		}
	})
}

// eventValues are the values of several events, one slice per column.
type eventValues struct {
	ids           []EventID
	types         []EventType
	conversations []*ConversationID
	contacts      []*ContactID
	actors, vias  []ActorRef
	before, after []*string
	data          []string
	origins       []*string
	times         []time.Time

	conversationRevisions, contactRevisions []*int
}

func eventValuesOf(workspace WorkspaceKey, events []*Event) (v eventValues, err error) {
	for _, e := range events {
		e.WorkspaceID = workspace
		before, err1 := jsonText(e.Before)
		after, err2 := jsonText(e.After)
		data, err3 := json.Marshal(e.Data)
		for _, err := range []error{err1, err2, err3} {
			if err != nil {
				return v, err
			}
		}
		v.ids, v.types = append(v.ids, e.ID), append(v.types, e.Type)
		v.conversations, v.contacts = append(v.conversations, e.ConversationID), append(v.contacts, e.ContactID)
		v.actors, v.vias = append(v.actors, e.Actor), append(v.vias, e.Via)
		v.before, v.after, v.data = append(v.before, before), append(v.after, after), append(v.data, string(data))
		v.origins, v.times = append(v.origins, e.Origin), append(v.times, e.CreatedAt)
		v.conversationRevisions = append(v.conversationRevisions, e.ConversationRevision)
		v.contactRevisions = append(v.contactRevisions, e.ContactRevision)
	}
	return v, nil
}

func jsonText(f *Facets) (*string, error) {
	if f == nil {
		return nil, nil
	}
	b, err := json.Marshal(f)
	text := string(b)
	return &text, err
}
