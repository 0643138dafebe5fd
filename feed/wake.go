package feed

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Waker carries hints between processes that something was committed. Hints may be lost or
// repeated: the poll finds every event anyway.
type Waker interface {
	// Publish sends hints to the other processes, as many as one message holds. After an error they
	// are lost; nothing is queued.
	Publish(ctx context.Context, hints []Hint) error

	// Listen calls hear with each hint that another process publishes, until ctx ends. It calls
	// report with nil whenever it starts to receive, and with the reason whenever it cannot.
	Listen(ctx context.Context, hear func(Hint), report func(err error))
}

const (
	// Hints per message, well below PostgreSQL's limit of 8,000 bytes.
	publishLimit      = 500
	publishReadsLimit = 100 // of those of reads, which are longer

	publishTimeout = 5 * time.Second
)

// A publisher publishes wake-ups of several commits in one message. Wake-ups that a crash loses are
// found by the other processes' polls.
type publisher struct {
	waker  Waker
	outage outage

	publishing chan struct{} // held while publishing; later wake-ups are collected meanwhile

	mu      sync.Mutex
	pending map[Hint]bool
}

func newPublisher(w Waker, log *slog.Logger) publisher {
	return publisher{waker: w, publishing: make(chan struct{}, 1), pending: map[Hint]bool{}, outage: outage{
		log: log, failedMessage: "telling other servers about a change failed; they will find it by polling", recoveredMessage: "telling other servers about changes works again",
	}}
}

func (t *publisher) add(h Hint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		time.AfterFunc(publishDelay, t.flush)
	}
	t.pending[h] = true
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
	messages := messagesOf(slices.Collect(maps.Keys(t.pending)))
	clear(t.pending)
	t.mu.Unlock()
	for _, part := range messages {
		err := t.waker.Publish(ctx, part)
		t.outage.record(err)
		if err != nil {
			return
		}
	}
}

// messagesOf divides hints into messages.
func messagesOf(hints []Hint) [][]Hint {
	var events, reads []Hint
	for _, h := range hints {
		if h.IsOfRead() {
			reads = append(reads, h)
		} else {
			events = append(events, h)
		}
	}
	return slices.AppendSeq(slices.Collect(slices.Chunk(events, publishLimit)), slices.Chunk(reads, publishReadsLimit))
}

// listen passes wake-ups of other processes to the reader. While none can be received the poll
// finds new events.
func (f *Feed) listen(ctx context.Context) {
	listening := outage{log: f.log, failedMessage: "listening for changes was interrupted; polling until it works again", recoveredMessage: "listening for changes works again"}
	via := viaOf(f.waker)
	f.waker.Listen(ctx, func(h Hint) {
		if h.IsOfRead() {
			f.reads.hear(h)
		} else {
			f.mark(h.Workspace, wakeUp{via: via})
		}
	}, func(err error) {
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
