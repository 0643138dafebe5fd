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
)

// Waker carries hints from process to process that something was committed. They may get
// lost or come twice: the log is the truth, and the poll finds what nobody heard of.
type Waker interface {
	// Tell tells the other processes that something was committed to these workspaces, at
	// most 500 of them. Nothing is kept to be told later: an error means it is lost.
	Tell(ctx context.Context, workspaces []int64) error

	// Listen calls heard with each workspace that another process tells of. It never gives
	// up: it returns when the context ends. Whenever it begins to hear, for the first time
	// or again, it calls listening with nil; while it does not, with the reason.
	Listen(ctx context.Context, heard func(workspace int64), listening func(err error))
}

const (
	tellLimit = 500 // workspaces in one message, well below PostgreSQL's 8,000 bytes
	tellTime  = 5 * time.Second
)

// teller stands in front of a waker. It tells after the commit, and for several commits
// at once. What it loses in a crash the other processes' polls find.
type teller struct {
	waker  Waker
	outage outage

	turn chan struct{} // holds who is telling: what comes meanwhile is told together, next

	mu      sync.Mutex
	pending map[int64]bool
}

func newTeller(w Waker, log *slog.Logger) teller {
	return teller{waker: w, turn: make(chan struct{}, 1), pending: map[int64]bool{}, outage: outage{
		log: log, began: "telling other servers about a change failed; they will find it by polling", ended: "telling other servers about changes works again",
	}}
}

func (t *teller) add(workspace int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		time.AfterFunc(coalesce, t.flush)
	}
	t.pending[workspace] = true
}

func (t *teller) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done(): // what waits is told with what comes next, or found by polling
		return
	}
	defer func() { <-t.turn }()
	t.mu.Lock()
	workspaces := slices.Collect(maps.Keys(t.pending))
	clear(t.pending)
	t.mu.Unlock()
	for part := range slices.Chunk(workspaces, tellLimit) {
		err := t.waker.Tell(ctx, part)
		t.outage.note(err)
		if err != nil {
			return
		}
	}
}

// listen has the reader woken by what other processes commit. While nothing can be heard
// the poll does its work.
func (f *Feed) listen(ctx context.Context) {
	deaf := outage{log: f.log, began: "listening for changes was interrupted; polling until it works again", ended: "listening for changes works again"}
	f.waker.Listen(ctx, f.mark, func(err error) {
		if ctx.Err() != nil {
			return
		}
		if deaf.note(err); err == nil {
			f.markAll() // whatever was said while nobody listened
		}
	})
}

// outage logs when something begins to fail and when it works again, but not how often
// it failed in between.
type outage struct {
	log          *slog.Logger
	began, ended string

	mu      sync.Mutex
	failing bool
}

func (o *outage) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil && !o.failing:
		o.log.Warn(o.began, "error", err)
	case err == nil && o.failing:
		o.log.Info(o.ended)
	}
	o.failing = err != nil
}

// message writes workspaces as one line of text.
func message(workspaces []int64) string {
	keys := make([]string, len(workspaces))
	for i, workspace := range workspaces {
		keys[i] = strconv.FormatInt(workspace, 36)
	}
	return strings.Join(keys, ",")
}

// hear calls heard with each workspace in a message, passing over what is none.
func hear(message string, heard func(workspace int64)) {
	for key := range strings.SplitSeq(message, ",") {
		if workspace, err := strconv.ParseInt(key, 36, 64); err == nil {
			heard(workspace)
		}
	}
}
