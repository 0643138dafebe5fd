package service_test

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestReopenUndoesClose: the contact waits as before the close (S3).
func TestReopenUndoesClose(t *testing.T) {
	hold(t, []rule{
		{"S3 waitingSince is that of before the close", func(t *testing.T, w *world) {
			c := w.ReceivesFrom(servicetest.Newcomer("1")).Conversation
			w.Closes(c)
			w.Clock = w.Clock.Add(time.Second)
			w.Reopens(c)
			if since := w.Read(c).WaitingSince; since == nil || !since.Equal(*c.WaitingSince) {
				t.Errorf("the contact waits since %v, not since %v", since, c.WaitingSince)
			}
			w.Closes(c)
			w.Reopens(c)
			servicetest.Equal(t, "still", w.Read(c).WaitingSince.Equal(*c.WaitingSince), true)
		}},
		{"S3 who had been answered does not wait", func(t *testing.T, w *world) {
			c := w.ReceivesFrom(servicetest.Newcomer("1")).Conversation
			w.OK(w.SendMessage(w.Context(), w.Agent("Ada"), service.SendMessageInput{ConversationID: c.ID, Body: "Hello"}))
			w.Closes(c)
			w.Reopens(c)
			servicetest.Equal(t, "waiting", w.Read(c).WaitingSince == nil, true)
		}},
		{"S3 nor who has been answered since the close", func(t *testing.T, w *world) {
			c := w.ReceivesFrom(servicetest.Newcomer("1")).Conversation
			w.Closes(c)
			w.WriteEvent(w.Read(c), db.MessageSent)
			w.Reopens(c)
			servicetest.Equal(t, "waiting", w.Read(c).WaitingSince == nil, true)
		}},
		{"S3 a message that brings a conversation back starts a wait of its own", func(t *testing.T, w *world) {
			c := w.ReceivesFrom(servicetest.Newcomer("1")).Conversation
			w.Closes(c)
			w.Clock = w.Clock.Add(time.Second)
			w.Receives(c.ContactID)
			servicetest.Equal(t, "since the message", w.Read(c).WaitingSince.Equal(w.Clock), true)
		}},
	})
}
