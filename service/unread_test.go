package service_test

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestWatchUnread: I3 an agent is told what it has not read, when that changes by a message, a reply,
// markRead or an assignment, and nothing else.
func TestWatchUnread(t *testing.T) {
	t.Parallel()
	w, _ := today(t)
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	c := w.Open()
	w.Assign(c, ada)
	s, err := w.WatchUnread(t.Context(), ada)
	servicetest.Fine(t, err)
	defer s.Close()
	if _, ok := s.Position(); ok {
		t.Error("what is read has no position in the log")
	}
	for _, step := range []struct {
		what         string
		do           func()
		unread, mine int
	}{
		{"a message", func() { w.hears(c) }, 1, 1},
		{"another's reply, then a message", func() { w.sends(ben, c); w.hears(c) }, 2, 1},
		{"markRead", func() { w.reads(ada, c) }, 0, 0},
		{"a message after that", func() { w.hears(c) }, 1, 1},
		{"a reply", func() { w.sends(ada, c) }, 0, 0},
		{"one more message", func() { w.hears(c) }, 1, 1},
		{"an assignment to another", func() { w.Assign(c, ben) }, 1, 0},
		{"what another reads and notes, then a message", func() { w.reads(ben, c); w.notes(ben, c); w.hears(c) }, 2, 0},
		{"an assignment back", func() { w.Assign(c, ada) }, 2, 1},
		{"a close", func() { w.Closes(c) }, 2, 0},
	} {
		step.do()
		began := time.Now()
		servicetest.Equal(t, step.what, next(t, s), service.UnreadChange{ConversationID: c.ID, UnreadCount: step.unread, MineUnread: step.mine})
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s was pushed after %v", step.what, took)
		}
	}
	if _, err := w.WatchUnread(t.Context(), service.Actor{Workspace: ada.Workspace, Role: service.RoleManager}); err == nil {
		t.Error("a caller that is no agent has unread messages")
	}
}

// TestMineUnread: I3 of the caller's own conversations those with unread messages are counted, within
// a filter, and for nobody else.
func TestMineUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	read, first, second, closed := w.Open(), w.Open(), w.Open(), w.Open()
	for _, c := range []*db.Conversation{read, first, second, closed} {
		w.Assign(c, ada)
		w.hears(c)
	}
	w.reads(ada, read)
	w.Closes(closed)
	w.hears(w.Open())
	program := service.Actor{Workspace: ada.Workspace, Role: service.RoleReader}
	for name, c := range map[string]struct {
		actor  service.Actor
		filter *db.InboxFilter
		want   int
	}{
		"her own":            {ada, nil, 2},
		"another agent's":    {ben, nil, 0},
		"a program's":        {program, nil, 0},
		"on another channel": {ada, &db.InboxFilter{Channels: []string{"fax"}}, 0},
		"those she has read": {ada, &db.InboxFilter{Unread: new(false)}, 0},
		"those she has not":  {ada, &db.InboxFilter{Unread: new(true)}, 2},
		"with an assignee":   {ada, &db.InboxFilter{Assignees: []*db.AgentID{ada.Agent}}, 2},
	} {
		n, err := w.MineUnread(w.Context(), c.actor, c.filter)
		servicetest.Fine(t, err)
		servicetest.Equal(t, name, n, c.want)
	}
}
