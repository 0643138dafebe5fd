package demo

import (
	"testing"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// BenchmarkDashboard reads the dashboard of the demo workspace: at a server that has just
// started, with nothing new in the log, and with one closing that is new.
func BenchmarkDashboard(b *testing.B) {
	d, err := db.Open(b.Context(), dbtest.New(b, servicetest.Migrate), db.Options{})
	servicetest.Fine(b, err)
	b.Cleanup(func() { _ = d.Close() })
	f := feed.New(d, feed.Options{})
	s := service.New(d, f, service.Options{})
	workspace, err := Create(b.Context(), s, func(int, int) {})
	servicetest.Fine(b, err)
	manager := service.Actor{Workspace: workspace.Key, Role: service.RoleManager}
	read := func(s *service.Service) {
		_, err := s.Dashboard(b.Context(), manager)
		servicetest.Fine(b, err)
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			read(service.New(d, f, service.Options{}))
		}
	})
	b.Run("nothing new", func(b *testing.B) {
		for read(s); b.Loop(); {
			read(s)
		}
	})
	b.Run("one new", func(b *testing.B) {
		all, err := s.Inbox(b.Context(), manager, service.InboxInput{View: db.ViewAll})
		servicetest.Fine(b, err)
		c, open := all.Rows[0].ID, true
		for b.Loop() {
			b.StopTimer()
			if open {
				_, err = s.CloseConversation(b.Context(), manager, service.CloseConversationInput{ConversationID: c})
			} else {
				_, err = s.ReopenConversation(b.Context(), manager, service.ReopenConversationInput{ConversationID: c})
			}
			servicetest.Fine(b, err)
			open = !open
			b.StartTimer()
			read(s)
		}
	})
}
