package service

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// world is a fresh workspace with a manager and the service on it.
type world struct {
	*Service
	t       *testing.T
	manager Actor
	clock   time.Time
}

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := db.Open(ctx, dbtest.New(t, migrate), db.Options{MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	f := feed.New(d, slog.Default())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done; f.Flush(); _ = d.Close() })
	w := &world{t: t, clock: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	w.Service = New(d, f, Options{Now: func() time.Time { return w.clock }})
	workspace, manager, err := w.CreateWorkspace(ctx, "Acme", "Mia Manager", "mia@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	w.manager = Actor{Workspace: workspace.Key, Role: RoleManager, Agent: &manager.ID}
	return w
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	o, err := w.CreateContact(ctx, w.manager, CreateContactInput{Name: "Ada Nováková", Identities: []*ContactIdentityInput{{"twitter", "ada"}}})
	if err != nil {
		t.Fatal(err)
	}
	key := "k1"
	in := OpenConversationInput{ContactID: o.Contact.ID, Channel: "twitter", Keyed: Keyed{&key}}
	o, err = w.OpenConversation(ctx, w.manager, in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.OpenConversation(ctx, w.manager, in)
	if err != nil || again.Conversation.ID != o.Conversation.ID || len(again.Events) != 1 {
		t.Fatal(again, err)
	}
	s, err := w.WatchInbox(ctx, w.manager, db.ViewMine, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if o, err = w.AssignToMe(ctx, w.manager, AssignToMeInput{ConversationID: o.Conversation.ID}); err != nil {
		t.Fatal(err)
	}
	c, err := s.Next(ctx)
	if err != nil || c.Kind != Entered || c.Counts.Mine != 1 {
		t.Fatal(c, err)
	}
	term := "novk"
	l, err := w.Inbox(ctx, w.manager, InboxInput{View: db.ViewMine, Search: &term})
	if err != nil || len(l.Rows) != 1 {
		t.Fatal(l, err)
	}
	if o, err = w.CloseConversation(ctx, w.manager, CloseConversationInput{ConversationID: o.Conversation.ID, Note: &ClosingNoteInput{Text: &term}}); err != nil {
		t.Fatal(err)
	}
	for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
		if l, err = w.Inbox(ctx, w.manager, InboxInput{View: db.ViewMine, OrderBy: &InboxOrder{field, Ascending}}); err != nil || len(l.Rows) != 0 || l.AsOf.Seq != 5 {
			t.Fatal(l, err)
		}
		if l, err = w.Inbox(ctx, w.manager, InboxInput{View: db.ViewClosed, OrderBy: &InboxOrder{field, Ascending}}); err != nil || len(l.Rows) != 1 {
			t.Fatal(l, err)
		}
	}
	if _, err = w.DeactivateAgent(ctx, w.manager, DeactivateAgentInput{AgentID: *w.manager.Agent}); err == nil {
		t.Fatal("no LAST_MANAGER")
	}
	t.Log(err)
	if a, err := w.Agents(ctx, w.manager, AgentsInput{}); err != nil || len(a.Rows) != 1 {
		t.Fatal(a, err)
	}
	if a, err := w.Contacts(ctx, w.manager, ContactsInput{Search: &term}); err != nil || len(a.Rows) != 1 {
		t.Fatal(a, err)
	}
	tl, err := w.ContactTimelines(ctx, w.manager, []db.ContactID{o.Contact.ID}, PageInput{})
	if err != nil || len(tl[0].Rows) != 4 {
		t.Fatal(tl[0].Rows, err)
	}
}
