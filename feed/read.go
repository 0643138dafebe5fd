package feed

import (
	"maps"
	"slices"
	"sync"

	"switchboard/db"
)

// TellRead reports that an agent has read a conversation to those who watch what the agent reads,
// in this process at once and in others after a short delay.
func (f *Feed) TellRead(workspace db.WorkspaceKey, agent db.AgentID, conversation db.ConversationID) {
	h := Hint{workspace, agent, conversation}
	f.reads.hear(h)
	f.publisher.add(h)
}

// reads are those who watch what agents read.
type reads struct {
	mu  sync.Mutex
	all map[readBy]map[*ReadWatch]bool
}

type readBy struct {
	workspace db.WorkspaceKey
	agent     db.AgentID
}

func (r *reads) hear(h Hint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.all[readBy{h.Workspace, h.Agent}] {
		w.read[h.Conversation] = true
		select {
		case w.heard <- struct{}{}:
		default: // it has not taken the last one yet
		}
	}
}

// A ReadWatch collects the conversations that one agent reads.
type ReadWatch struct {
	of    *reads
	who   readBy
	heard chan struct{}
	read  map[db.ConversationID]bool // guarded by reads.mu
}

// WatchReads returns a watch of what an agent reads from now on. Hints may be lost.
func (f *Feed) WatchReads(workspace db.WorkspaceKey, agent db.AgentID) *ReadWatch {
	w := &ReadWatch{&f.reads, readBy{workspace, agent}, make(chan struct{}, 1), map[db.ConversationID]bool{}}
	f.reads.mu.Lock()
	defer f.reads.mu.Unlock()
	if f.reads.all[w.who] == nil {
		f.reads.all[w.who] = map[*ReadWatch]bool{}
	}
	f.reads.all[w.who][w] = true
	return w
}

// Heard receives when Take has something.
func (w *ReadWatch) Heard() <-chan struct{} { return w.heard }

// Take returns the conversations that were read since the last call.
func (w *ReadWatch) Take() []db.ConversationID {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	read := slices.Collect(maps.Keys(w.read))
	clear(w.read)
	return read
}

// Close ends the watch.
func (w *ReadWatch) Close() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	if delete(w.of.all[w.who], w); len(w.of.all[w.who]) == 0 {
		delete(w.of.all, w.who)
	}
}
