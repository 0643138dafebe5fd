package servicetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// CheckWorkspace checks the rows of the workspace against its log and against the rules that always
// hold.
func (w *World) CheckWorkspace() { CheckWorkspace(w.T, w.Service.Service, w.Manager) }

// CheckWorkspace checks the rows of a workspace against its log, and returns the log.
func CheckWorkspace(t *testing.T, s *service.Service, manager service.Actor) []*db.Event {
	t.Helper()
	events := ReadLog(t, s.DB.ForWorkspace(manager.Workspace))
	CheckTables(t, s, manager, events)
	return events
}

// CheckTables checks the rows of a workspace against its log, which several servers may have
// written.
func CheckTables(t *testing.T, s *service.Service, manager service.Actor, events []*db.Event) {
	t.Helper()
	CheckFacets(t, s.DB.ForWorkspace(manager.Workspace), events)
	CheckCounts(t, s, manager)
	for rule, sql := range map[string]string{
		"the contact and its latest conversation agree": `SELECT count(*) FROM contacts JOIN conversations c
			ON c.workspace_id = contacts.workspace_id AND c.contact_id = contacts.id AND c.latest
			WHERE contacts.workspace_id = ? AND (contacts.assignee_id IS DISTINCT FROM c.assignee_id OR contacts.version <> c.version
			OR (contacts.blocked_at IS NOT NULL) <> c.blocked)`,
		"the latest conversation is the last by openedAt, id": `SELECT count(*) FROM conversations c JOIN conversations d
			ON d.workspace_id = c.workspace_id AND d.contact_id = c.contact_id AND (d.opened_at, d.id) > (c.opened_at, c.id)
			WHERE c.workspace_id = ? AND c.latest`,
		"who has conversations has a latest one": `SELECT count(*) FROM conversations c WHERE c.workspace_id = ? AND NOT EXISTS
			(SELECT FROM conversations d WHERE d.workspace_id = c.workspace_id AND d.contact_id = c.contact_id AND d.latest)`,
		"a deactivated agent has no open conversation": `SELECT count(*) FROM conversations c JOIN agents
			ON agents.workspace_id = c.workspace_id AND agents.id = c.assignee_id
			WHERE c.workspace_id = ? AND c.status = 'OPEN' AND NOT agents.active`,
		"the last message is the last one": `SELECT count(*) FROM conversations c JOIN messages last
			ON last.workspace_id = c.workspace_id AND last.id = c.last_message_id
			JOIN messages m ON m.workspace_id = c.workspace_id AND m.conversation_id = c.id AND (m.created_at, m.id) > (last.created_at, last.id)
			WHERE c.workspace_id = ? AND NOT m.withheld`,
		"the last inbound message is the last one": `SELECT count(*) FROM conversations c WHERE c.workspace_id = ? AND c.last_inbound_at IS DISTINCT FROM
			(SELECT max(created_at) FROM messages m WHERE m.workspace_id = c.workspace_id AND m.conversation_id = c.id AND m.kind = 'INBOUND' AND NOT m.withheld)`,
		"the last inbound channel is the last inbound message's": `SELECT count(*) FROM conversations c WHERE c.workspace_id = ? AND c.last_inbound_channel IS DISTINCT FROM
			(SELECT channel FROM messages m WHERE m.workspace_id = c.workspace_id AND m.conversation_id = c.id AND m.kind = 'INBOUND' AND NOT m.withheld
			ORDER BY created_at DESC, id DESC LIMIT 1)`,
		"messages have their conversation's contact": `SELECT count(*) FROM messages m JOIN conversations c
			ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id WHERE m.workspace_id = ? AND m.contact_id <> c.contact_id`,
	} {
		var violations int
		if err := s.DB.NewRaw(sql, manager.Workspace).Scan(t.Context(), &violations); err != nil || violations > 0 {
			t.Errorf("%s, but not %d: %v", rule, violations, err)
		}
	}
}

// ReadLog reads the whole log, which has no gaps (P2).
func ReadLog(t *testing.T, rows db.ForWorkspace) []*db.Event {
	t.Helper()
	events, err := rows.EventsAfter(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Seq != db.Seq(i+1) {
			t.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
		if i > 0 && e.CreatedAt.Before(events[i-1].CreatedAt) {
			t.Errorf("event %d is older than the one before it", e.Seq)
		}
	}
	return events
}

// CheckFacets checks that each event begins with the state after the one before it, and that the
// last one ends with the present state of the conversation (P1).
func CheckFacets(t *testing.T, rows db.ForWorkspace, events []*db.Event) {
	t.Helper()
	now := map[db.ConversationID]string{}
	var ids []db.ConversationID
	for _, e := range events {
		if e.ConversationID == nil || e.Type == db.WorkflowRan { // a run has no facets
			continue
		}
		before, known := now[*e.ConversationID]
		if !known {
			ids = append(ids, *e.ConversationID)
		}
		if b := FacetsText(e.Before); known && b != before || !known && e.Before != nil {
			t.Errorf("event %d, %s, begins with %s, but it was %s", e.Seq, e.Type, b, before)
		}
		now[*e.ConversationID] = FacetsText(e.After)
	}
	conversations, err := rows.Conversations(t.Context(), ids)
	if err != nil || len(conversations) != len(ids) {
		t.Fatal(len(conversations), err)
	}
	for _, c := range conversations {
		if is := FacetsText(c.Facets()); now[c.ID] != is {
			t.Errorf("the log leaves %s as %s, but it is %s", c.ID, now[c.ID], is)
		}
	}
}

// CheckCounts checks that the present counts, those of a projection started now and the lengths of
// the lists are equal (I2).
func CheckCounts(t *testing.T, s *service.Service, viewer service.Actor) {
	t.Helper()
	projected, err := s.InboxCounts(t.Context(), viewer)
	if err != nil {
		t.Fatal(err)
	}
	counted, err := service.New(s.DB, s.Feed, service.Options{Now: s.Now}).InboxCounts(t.Context(), viewer)
	if err != nil || counted != projected {
		t.Errorf("projected %+v, counted %+v: %v", projected, counted, err)
	}
	for _, v := range db.Views {
		n, err := s.DB.ForWorkspace(viewer.Workspace).InboxCount(t.Context(), db.InboxQuery{View: v, Viewer: viewer.Agent}, 1_000_000)
		if err != nil || n != projected.Of(v) {
			t.Errorf("%s holds %d, but the count says %d: %v", v, n, projected.Of(v), err)
		}
	}
}

// FacetsText returns facets as a text that can be compared.
func FacetsText(f *db.Facets) string {
	if f == nil {
		return "nothing"
	}
	g := *f
	for _, t := range []**time.Time{&g.WaitingSince, &g.OpenedAt, &g.ClosedAt} {
		if *t != nil {
			*t = new((*t).UTC())
		}
	}
	b, _ := json.Marshal(g)
	return string(b)
}

// Await waits for the next item of a stream.
func Await[T any](ctx context.Context, s *service.Stream[T]) (T, error) {
	for {
		if item, ok, err := s.Next(ctx); err != nil || ok {
			return item, err
		}
		if err := s.Wait(ctx); err != nil {
			return *new(T), err
		}
	}
}
