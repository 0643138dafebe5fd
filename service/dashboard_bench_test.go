package service

import (
	"testing"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
)

// BenchmarkDashboard reads the dashboard of the demo workspace: at a server that has just
// started, with nothing new in the log, and with one closing that is new.
func BenchmarkDashboard(b *testing.B) {
	d, err := db.Open(b.Context(), dbtest.New(b, migrate), db.Options{})
	fine(b, err)
	b.Cleanup(func() { _ = d.Close() })
	f := feed.New(d, feed.Options{})
	s := New(d, f, Options{})
	workspace, err := s.CreateDemo(b.Context(), func(int, int) {})
	fine(b, err)
	manager := Actor{Workspace: workspace.Key, Role: RoleManager}
	read := func(s *Service) {
		_, err := s.Dashboard(b.Context(), manager)
		fine(b, err)
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			read(New(d, f, Options{}))
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		for read(s); b.Loop(); {
			read(s)
		}
	})
	b.Run("one new", func(b *testing.B) {
		all, err := s.Inbox(b.Context(), manager, InboxInput{View: db.ViewAll})
		fine(b, err)
		c, open := all.Rows[0].ID, true
		for b.Loop() {
			b.StopTimer()
			if open {
				_, err = s.CloseConversation(b.Context(), manager, CloseConversationInput{ConversationID: c})
			} else {
				_, err = s.ReopenConversation(b.Context(), manager, ReopenConversationInput{ConversationID: c})
			}
			fine(b, err)
			open = !open
			b.StartTimer()
			read(s)
		}
	})
}
