package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"switchboard/db"
	"switchboard/graph"
	"switchboard/service"
)

// An event is a change of a view. All events are equal except for their mark.
type event struct {
	seq int64 // 1, 2, 3 … in each server
	at  int64 // time of publication in Unix nanoseconds
}

// A mark is a part of the text of an event's closing note that clients find in any encoding of the
// event: "@@", 10 digits of seq, a space, 19 digits of at.
const (
	markBegin = "@@"
	markSize  = len(markBegin) + 10 + 1 + 19
)

func (e event) mark() string { return fmt.Sprintf("%s%010d %019d", markBegin, e.seq, e.at) }

// document is what every GraphQL client subscribes to. It selects nothing that depends on the
// caller or is read from a database.
const document = `subscription Inbox($view: InboxView!) {
  inboxChanged(view: $view) {
    kind conversationId cursor
    counts { unassigned all closed blocked asOf }
    event { __typename id occurredAt ... on ConversationClosed { closingNote { category text } } }
  }
}`

const noteText = " Refund sent, thanks."

var (
	conversationID = db.ConversationID{UUID: uuid.MustParse("01960000-0000-7000-8000-000000000001")}
	eventID        = db.EventID{UUID: uuid.MustParse("01960000-0000-7000-8000-000000000002")}
	openedAt       = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)
	closedAt       = openedAt.Add(26 * time.Minute)
	category       = "RESOLVED"
)

// cursorKey seals the cursors of all contenders.
var cursorKey db.CursorKey

// change returns the event as the service passes it to resolvers.
func (e event) change() *graph.InboxChange {
	text := e.mark() + noteText
	row := &db.Event{
		WorkspaceID: 1, Seq: 1000, ID: eventID, Type: db.ConversationClosed, ConversationID: &conversationID,
		Before:    &db.Facets{Status: "OPEN", Channel: "whatsapp", Version: 7, OpenedAt: &openedAt, WaitingSince: &openedAt},
		After:     &db.Facets{Status: "CLOSED", Channel: "whatsapp", Version: 8, OpenedAt: &openedAt, ClosedAt: &closedAt, Category: &category},
		Data:      db.EventData{ClosingNote: &db.ClosingNote{Category: &category, Text: &text}},
		CreatedAt: closedAt,
	}
	return &graph.InboxChange{InboxChange: service.InboxChange{
		Kind: service.Updated, Event: row,
		Counts: &service.Counts{ViewCounts: db.ViewCounts{Unassigned: 118, All: 4321, Closed: 98765, Blocked: 17}, AsOf: row.Cursor()},
	}}
}

// data returns the event as the data of a GraphQL response, formatted without gqlgen.
func (e event) data() string {
	change := e.change()
	counts, row := change.InboxChange.Counts, change.InboxChange.Event
	cursor := cursorKey.Seal(row.Cursor())
	return fmt.Sprintf(`{"inboxChanged":{"kind":%q,"conversationId":%q,"cursor":%q,`+
		`"counts":{"unassigned":%d,"all":%d,"closed":%d,"blocked":%d,"asOf":%q},`+
		`"event":{"__typename":"ConversationClosed","id":%q,"occurredAt":%q,"closingNote":{"category":%q,"text":%q}}}}`,
		change.Kind, conversationID.String(), cursor, counts.Unassigned, counts.All, counts.Closed, counts.Blocked, cursor,
		eventID.String(), closedAt.Format(time.RFC3339Nano), category, *row.Data.ClosingNote.Text)
}

// A template formats events quickly: only the mark is inserted.
type template struct{ before, after string }

// newTemplate returns the template of a text that contains the event's mark.
func newTemplate(e event, text string) template {
	before, after, _ := strings.Cut(text, e.mark())
	return template{before, after}
}

// dataTemplate returns a template of what data returns.
func dataTemplate() template { return newTemplate(event{}, event{}.data()) }

// nextTemplate returns a template of a whole graphql-transport-ws message.
func nextTemplate() template {
	return newTemplate(event{}, fmt.Sprintf(`{"type":"next","id":%q,"payload":{"data":%s}}`, uuid.NewString(), event{}.data()))
}

func (t template) text(e event) []byte { return []byte(t.before + e.mark() + t.after) }
