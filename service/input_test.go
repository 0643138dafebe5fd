package service_test

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// badTexts are not valid text, or cannot be stored.
var badTexts = []string{"a\x00b", "\x00", "\xff", "a\xed\xa0\x80b"} // the last one is a lone surrogate

// TestBadText: every text in an input is checked, and a refused call changes nothing.
func TestBadText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, agent := w.Open(), w.Agent("Ada")
	ctx, a := w.Context(), w.Manager
	for _, field := range []struct {
		name   string
		most   int  // characters
		needed bool // blank is refused
		call   func(text string) error
	}{
		{"contact's name", 200, true, func(s string) error { return fail(w.CreateContact(ctx, a, service.CreateContactInput{Name: s})) }},
		{"contact's new name", 200, true, func(s string) error {
			return fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, Name: &s}))
		}},
		{"contact's phone", 200, false, func(s string) error {
			return fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, Phone: &s}))
		}},
		{"identity's channel", 50, true, func(s string) error {
			return fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, Identities: []*service.ContactIdentityInput{{s, "1"}}}))
		}},
		{"identity's id", 200, true, func(s string) error {
			return fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, Identities: []*service.ContactIdentityInput{{"chat", s}}}))
		}},
		{"channel", 50, true, func(s string) error {
			return fail(w.OpenConversation(ctx, a, service.OpenConversationInput{ContactID: w.Contact("Cora").ID, Channel: s}))
		}},
		{"closing note", 16_000, false, func(s string) error {
			return fail(w.CloseConversation(ctx, a, service.CloseConversationInput{ConversationID: w.Open().ID, Note: &service.ClosingNoteInput{Text: &s}}))
		}},
		{"reply", 16_000, true, func(s string) error {
			return fail(w.SendMessage(ctx, a, service.SendMessageInput{ConversationID: c.ID, Body: s}))
		}},
		{"note", 16_000, true, func(s string) error {
			return fail(w.AddNote(ctx, a, service.AddNoteInput{ConversationID: c.ID, Body: s}))
		}},
		{"agent's name", 200, true, func(s string) error {
			return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, Name: &s}))
		}},
		{"skill", 200, true, func(s string) error {
			return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, Skills: []string{s}}))
		}},
		{"sign-in", 200, true, func(s string) error {
			return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, Identity: &service.AgentIdentityInput{"https://login.example", s}}))
		}},
		{"issuer", 200, true, func(s string) error {
			return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, Identity: &service.AgentIdentityInput{s, "ada"}}))
		}},
		{"workspace's name", 200, true, func(s string) error { return fail(w.UpdateWorkspace(ctx, a, service.UpdateWorkspaceInput{Name: &s})) }},
		{"closing category", 200, true, func(s string) error {
			return fail(w.UpdateWorkspace(ctx, a, service.UpdateWorkspaceInput{ClosingCategories: []string{s}}))
		}},
		{"inbox search", 100, false, func(s string) error {
			return failList(w.Inbox(ctx, a, service.InboxInput{View: db.ViewAll, Search: &s}))
		}},
		{"contact search", 100, false, func(s string) error { return failList(w.Contacts(ctx, a, service.ContactsInput{Search: &s})) }},
		{"agent search", 100, false, func(s string) error { return failList(w.Agents(ctx, a, service.AgentsInput{Search: &s})) }},
		{"skill filter", 200, false, func(s string) error { return failList(w.Agents(ctx, a, service.AgentsInput{Skill: &s})) }},
		{"channel filter", 200, false, func(s string) error {
			return failList(w.Inbox(ctx, a, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Channels: []string{s}}}))
		}},
		{"category filter", 200, false, func(s string) error {
			return failList(w.WatchInbox(ctx, a, db.ViewAll, &db.InboxFilter{ClosingCategories: []string{s}}, nil, nil))
		}},
	} {
		for _, bad := range append(badTexts, strings.Repeat("ř", field.most+1)) {
			w.refuses(field.name, func() error { return field.call(bad) })
		}
		if field.needed {
			w.refuses(field.name+": empty", func() error { return field.call("") })
		}
		if err := field.call(strings.Repeat("ř", field.most)); err != nil {
			t.Errorf("%s: %d characters are refused: %v", field.name, field.most, err)
		}
	}
}

func fail(_ *service.Outcome, err error) error { return err }

func failList[T any](_ T, err error) error { return err }

// refuses checks that a call is refused with BAD_USER_INPUT. Conversations and contacts that the
// test sets up in the call do not count as changes.
func (w *world) refuses(what string, call func() error) {
	w.T.Helper()
	changed := func() (n int64) {
		for _, e := range w.Since(0) {
			if e.Type != db.ContactCreated && e.Type != db.ConversationOpened {
				n++
			}
		}
		return n
	}
	before := changed()
	if err := call(); err == nil || service.Explain(err).Code != service.BadInput {
		w.T.Errorf("%s: BAD_USER_INPUT was expected, but the answer is: %v", what, err)
	}
	servicetest.Equal(w.T, what+": events", changed()-before, 0)
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, agent := w.Open(), w.Agent("Ada")
	ctx, a := w.Context(), w.Manager
	for _, address := range []string{"ada", "ada@", "@acme.example", "Ada <ada@acme.example>", "a@b, c@d", "a@b\r\nBcc: c@d", strings.Repeat("a", 200) + "@acme.example"} {
		w.refuses("contact's email "+address, func() error {
			return fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, Email: &address}))
		})
		w.refuses("agent's email "+address, func() error {
			return fail(w.CreateAgent(ctx, a, service.CreateAgentInput{Name: "Bob", Email: address, Role: db.RoleAgent}))
		})
	}
	w.refuses("agent's email", func() error {
		return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, Email: service.Text(" ")}))
	})
	own := "/avatars/1.svg"
	servicetest.Fine(t, fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, AvatarURL: &own})))
	for _, address := range []string{"javascript:alert(1)", "http://acme.example/a.png", "HTTPS://acme.example/a.png", "https://", "//acme.example", "/avatars/../1.svg", "/avatars/1.svg/", "/other/1.svg", "data:image/png;base64,", "https://a b", "https://acme.example/" + strings.Repeat("a", 2000)} {
		w.refuses("contact's avatar "+address, func() error {
			return fail(w.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: c.ContactID, AvatarURL: &address}))
		})
		w.refuses("agent's avatar "+address, func() error {
			return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, AvatarURL: &address}))
		})
	}
	for _, zone := range []string{"", "Local", "Mars/Olympus", "../etc/passwd", "Europe/Berlin\x00"} {
		w.refuses("time zone "+zone, func() error { return fail(w.UpdateWorkspace(ctx, a, service.UpdateWorkspaceInput{TimeZone: &zone})) })
	}
	for _, days := range []int{0, -1, 3651} {
		w.refuses("days", func() error {
			return fail(w.UpdateWorkspace(ctx, a, service.UpdateWorkspaceInput{ReopenWithinDays: &days}))
		})
	}
	many := make([]*service.ContactIdentityInput, 51)
	for i := range many {
		many[i] = &service.ContactIdentityInput{"chat", fmt.Sprint(i)}
	}
	w.refuses("identities", func() error {
		return fail(w.CreateContact(ctx, a, service.CreateContactInput{Name: "Cora", Identities: many}))
	})
	w.refuses("skills", func() error {
		return fail(w.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: *agent.Agent, Skills: make([]string, 101)}))
	})
}

func TestBadPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.Open()
	other := w.neighbour()
	other.Open()
	ctx, a := w.Context(), w.Manager
	lists := map[string]func(service.PageInput) error{
		"inbox": func(p service.PageInput) error {
			return failList(w.Inbox(ctx, a, service.InboxInput{View: db.ViewAll, PageInput: p}))
		},
		"agents": func(p service.PageInput) error { return failList(w.Agents(ctx, a, service.AgentsInput{PageInput: p})) },
		"contacts": func(p service.PageInput) error {
			return failList(w.Contacts(ctx, a, service.ContactsInput{PageInput: p}))
		},
		"timeline": func(p service.PageInput) error {
			return failList(w.ConversationTimelines(ctx, a, []db.ConversationID{c.ID}, p))
		},
		"history": func(p service.PageInput) error {
			return failList(w.ConversationsOf(ctx, a, []db.ContactID{c.ContactID}, p))
		},
		"messages": func(p service.PageInput) error { return failList(w.MessagesOf(ctx, a, []db.ConversationID{c.ID}, p)) },
	}
	l := w.inbox(a, service.InboxInput{View: db.ViewClosed})
	elsewhere := other.inbox(other.Manager, service.InboxInput{View: db.ViewAll})
	cursors := []string{"", "nonsense", l.Cursor(w.Read(c)), elsewhere.Cursor(elsewhere.Rows[0]), w.asOf().String()}
	// Well-formed cursors of these lists with unusable values.
	forged, key := map[string][]string{}, a.Workspace
	for _, v := range []string{"x", "\x00", "\xff"} {
		forged["inbox"] = append(forged["inbox"], w.inbox(a, service.InboxInput{View: db.ViewAll}).Query().Order().Cursor(key, db.Key{"0", v, v}))
		forged["agents"] = append(forged["agents"], db.AgentOrder.Cursor(key, db.Key{v, v, v}))
		forged["contacts"] = append(forged["contacts"], db.ContactOrder(false, false).Cursor(key, db.Key{v, v}))
		forged["timeline"] = append(forged["timeline"], db.TimelineOrder.Cursor(key, db.Key{v}))
		forged["history"] = append(forged["history"], db.ContactConversationOrder.Cursor(key, db.Key{v, v}))
		forged["messages"] = append(forged["messages"], db.MessageOrder.Cursor(key, db.Key{v, v}))
	}
	for name, list := range lists {
		for _, p := range []service.PageInput{{First: new(0)}, {First: new(101)}, {First: new(-1)}, {Last: new(0)}, {Last: new(101)}, {First: new(1), Last: new(1)}} {
			if err := list(p); err == nil || service.Explain(err).Code != service.BadInput {
				t.Errorf("%s: BAD_USER_INPUT was expected, but the answer is: %v", name, err)
			}
		}
		for _, cursor := range append(cursors, forged[name]...) {
			for _, p := range []service.PageInput{{After: &cursor}, {Before: &cursor}} {
				if err := list(p); err == nil || service.Explain(err).Code != service.CursorInvalid {
					t.Errorf("%s: CURSOR_INVALID was expected, but the answer is: %v", name, err)
				}
			}
		}
		if err := list(service.PageInput{First: new(100)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for what, call := range map[string]func() error{
		"assignees": func() error {
			return failList(w.Inbox(ctx, a, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{}}}))
		},
		"channels": func() error {
			return failList(w.Inbox(ctx, a, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Channels: []string{}}}))
		},
		"categories": func() error {
			return failList(w.WatchInbox(ctx, a, db.ViewAll, &db.InboxFilter{ClosingCategories: []string{}}, nil, nil))
		},
		"contacts' assignees": func() error {
			return failList(w.Contacts(ctx, a, service.ContactsInput{Filter: &service.ContactFilter{Assignees: []*db.AgentID{}}}))
		},
		"availability": func() error {
			return failList(w.Agents(ctx, a, service.AgentsInput{Availability: []db.Availability{}}))
		},
	} {
		w.refuses("empty list of "+what, call)
	}
}

// asOf returns the cursor of the end of the log.
func (w *world) asOf() db.EventCursor {
	w.T.Helper()
	cursor, err := w.AsOf(w.Context(), w.Manager)
	if err != nil {
		w.T.Fatal(err)
	}
	return cursor
}
