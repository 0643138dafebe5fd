package service

import (
	"testing"
	"time"

	"switchboard/db"
)

// newcomer is somebody who has never written before.
func newcomer(externalID string) SenderInput {
	return SenderInput{Channel: "chat", ExternalID: externalID, Name: Text("Nova")}
}

// TestReopenUndoesClose: the contact waits as before the close (S3).
func TestReopenUndoesClose(t *testing.T) {
	hold(t, []rule{
		{"S3 waitingSince is that of before the close", func(t *testing.T, w *world) {
			c := w.receivesFrom(newcomer("1")).Conversation
			w.closes(c)
			w.clock = w.clock.Add(time.Second)
			w.reopens(c)
			if since := w.read(c).WaitingSince; since == nil || !since.Equal(*c.WaitingSince) {
				t.Errorf("the contact waits since %v, not since %v", since, c.WaitingSince)
			}
			w.closes(c)
			w.reopens(c)
			equal(t, "still", w.read(c).WaitingSince.Equal(*c.WaitingSince), true)
		}},
		{"S3 who had been answered does not wait", func(t *testing.T, w *world) {
			c := w.receivesFrom(newcomer("1")).Conversation
			w.ok(w.SendMessage(w.ctx(), w.agent("Ada"), SendMessageInput{ConversationID: c.ID, Body: "Hello"}))
			w.closes(c)
			w.reopens(c)
			equal(t, "waiting", w.read(c).WaitingSince == nil, true)
		}},
		{"S3 nor who has been answered since the close", func(t *testing.T, w *world) {
			c := w.receivesFrom(newcomer("1")).Conversation
			w.closes(c)
			w.recordEvent(w.read(c), db.MessageSent)
			w.reopens(c)
			equal(t, "waiting", w.read(c).WaitingSince == nil, true)
		}},
		{"S3 a message that brings a conversation back starts a wait of its own", func(t *testing.T, w *world) {
			c := w.receivesFrom(newcomer("1")).Conversation
			w.closes(c)
			w.clock = w.clock.Add(time.Second)
			w.receives(c.ContactID)
			equal(t, "since the message", w.read(c).WaitingSince.Equal(w.clock), true)
		}},
	})
}
