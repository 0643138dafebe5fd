package feed

import (
	"slices"
	"strconv"
	"testing"

	"switchboard/db"
)

// TestReadsAreHeard: what an agent reads is heard by those who watch that agent, in the same process
// and in others.
func TestReadsAreHeard(t *testing.T) {
	t.Parallel()
	forEachWaker(t, false, func(t *testing.T, j *journal, x transport) {
		here, _ := x.process(t, j, quiet)
		there, receiver := x.process(t, j, quiet)
		receiver.waitListening(t, true)
		ada, ben := db.AgentID{UUID: db.NewUUID()}, db.AgentID{UUID: db.NewUUID()}
		watches := []*ReadWatch{here.WatchReads(j.key, ada), there.WatchReads(j.key, ada)}
		gone := there.WatchReads(j.key, ada)
		gone.Close()
		first, second := db.ConversationID{UUID: db.NewUUID()}, db.ConversationID{UUID: db.NewUUID()}
		here.TellRead(j.key, ben, second)
		here.TellRead(j.key+1, ada, second)
		here.TellRead(j.key, ada, first)
		here.Flush()
		for i, w := range watches {
			select {
			case <-w.Heard():
			case <-timeoutContext(t).Done():
				t.Fatalf("watch %d hears nothing", i)
			}
			if read := w.Take(); !slices.Equal(read, []db.ConversationID{first}) {
				t.Errorf("watch %d hears %v, not %v", i, read, first)
			}
			w.Close()
		}
		if here.TellRead(j.key, ada, second); len(gone.Take()) > 0 || len(watches[0].Take()) > 0 {
			t.Error("a watch that was closed still hears")
		}
	})
}

// TestHints: a hint is read as it was written, invalid ones are skipped, and those of reads are no
// number, so that servers of the version before skip them.
func TestHints(t *testing.T) {
	t.Parallel()
	read := Hint{1<<63 - 1, db.AgentID{UUID: db.NewUUID()}, db.ConversationID{UUID: db.NewUUID()}}
	hints := []Hint{{Workspace: 36}, read}
	var heard []Hint
	hearEach(formatHints(hints)+",,-,1.2,1.2.3,."+read.text()+",z.."+",1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA", func(h Hint) { heard = append(heard, h) })
	if !slices.Equal(heard, hints) {
		t.Errorf("%v were heard, not %v", heard, hints)
	}
	if _, err := strconv.ParseInt(read.text(), 36, 64); err == nil {
		t.Error("the version before takes a read for a workspace")
	}
	many := make([]Hint, 1000)
	for i := range many {
		many[i] = read
	}
	for _, message := range messagesOf(append(many, make([]Hint, 1000)...)) {
		if n := len(formatHints(message)); n >= 8000 {
			t.Errorf("a message has %d bytes", n)
		}
	}
}
