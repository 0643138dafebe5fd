package feed

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchboard/db"
)

// A Waker carries hints between processes that something was committed. Hints may be lost or
// repeated: the poll finds every event anyway.
type Waker interface {
	// Publish wakes the other processes for at most 500 workspaces. After an error the hint is
	// lost; nothing is queued.
	Publish(ctx context.Context, workspaces []db.WorkspaceKey) error

	// Listen calls wake with each workspace that another process publishes, until ctx ends. It
	// calls report with nil whenever it starts to receive, and with the reason whenever it cannot.
	Listen(ctx context.Context, wake func(workspace db.WorkspaceKey), report func(err error))
}

const (
	publishLimit   = 500 // workspaces per message, well below PostgreSQL's limit of 8,000 bytes
	publishTimeout = 5 * time.Second
)

// A publisher publishes wake-ups of several commits in one message. Wake-ups that a crash loses are
// found by the other processes' polls.
type publisher struct {
	waker  Waker
	outage outage

	publishing chan struct{} // held while publishing; later wake-ups are collected meanwhile

	mu      sync.Mutex
	pending map[db.WorkspaceKey]bool
}

func newPublisher(w Waker, log *slog.Logger) publisher {
	return publisher{waker: w, publishing: make(chan struct{}, 1), pending: map[db.WorkspaceKey]bool{}, outage: outage{
		log: log, failedMessage: "telling other servers about a change failed; they will find it by polling", recoveredMessage: "telling other servers about changes works again",
	}}
}

func (t *publisher) add(workspace db.WorkspaceKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		time.AfterFunc(publishDelay, t.flush)
	}
	t.pending[workspace] = true
}

func (t *publisher) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	select {
	case t.publishing <- struct{}{}:
	case <-ctx.Done(): // the next flush publishes what is pending, or a poll finds it
		return
	}
	defer func() { <-t.publishing }()
	t.mu.Lock()
	workspaces := slices.Collect(maps.Keys(t.pending))
	clear(t.pending)
	t.mu.Unlock()
	for part := range slices.Chunk(workspaces, publishLimit) {
		err := t.waker.Publish(ctx, part)
		t.outage.record(err)
		if err != nil {
			return
		}
	}
}

// listen passes wake-ups of other processes to the reader. While none can be received the poll
// finds new events.
func (f *Feed) listen(ctx context.Context) {
	listening := outage{log: f.log, failedMessage: "listening for changes was interrupted; polling until it works again", recoveredMessage: "listening for changes works again"}
	f.waker.Listen(ctx, f.mark, func(err error) {
		if ctx.Err() != nil {
			return
		}
		if listening.record(err); err == nil {
			f.markAll() // wake-ups may have been lost before
		}
	})
}

// An outage logs when something starts to fail and when it works again, but not each failure in
// between.
type outage struct {
	log                             *slog.Logger
	failedMessage, recoveredMessage string

	mu      sync.Mutex
	failing bool
}

func (o *outage) record(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil && !o.failing:
		o.log.Warn(o.failedMessage, "error", err)
	case err == nil && o.failing:
		o.log.Info(o.recoveredMessage)
	}
	o.failing = err != nil
}

// formatWorkspaces returns the workspaces as one line of text.
func formatWorkspaces(workspaces []db.WorkspaceKey) string {
	keys := make([]string, len(workspaces))
	for i, workspace := range workspaces {
		keys[i] = strconv.FormatInt(int64(workspace), 36)
	}
	return strings.Join(keys, ",")
}

// wakeEach calls wake for each workspace in a message and skips invalid ones.
func wakeEach(message string, wake func(workspace db.WorkspaceKey)) {
	for key := range strings.SplitSeq(message, ",") {
		if workspace, err := strconv.ParseInt(key, 36, 64); err == nil {
			wake(db.WorkspaceKey(workspace))
		}
	}
}
