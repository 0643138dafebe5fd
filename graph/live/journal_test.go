package live_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/graph/live"
)

// A journal is a log of texts; the cursor of a text is its number. The topic "log" has all texts,
// "log odd" every other one, and "logged" their count as a state.
type journal struct {
	mu       sync.Mutex
	texts    []string
	changed  chan struct{}
	err      error
	watchers map[*journalSource]bool
	started  int // number of subscriptions so far
	executed int // number of items that they were given

	replaced atomic.Bool // by an older log
}

func newJournal() *journal {
	return &journal{changed: make(chan struct{}), watchers: map[*journalSource]bool{}}
}

func (j *journal) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) write(texts ...string) { j.change(func() { j.texts = append(j.texts, texts...) }) }

// fail ends all subscriptions with err.
func (j *journal) fail(err error) { j.change(func() { j.err = err }) }

// readers returns how many subscriptions there are now, and how many there have been.
func (j *journal) readers() (now, ever int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.watchers), j.started
}

func (j *journal) subscribe(ctx context.Context, topic string, after any) (<-chan string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if topic == "log refused" {
		return nil, coded("NOT_FOUND")
	}
	cursor, _ := after.(string)
	start, given := live.From(ctx)
	if given {
		if cursor = ""; start.After != nil {
			cursor = *start.After
		}
	}
	r := &journalSource{journal: j, ctx: ctx, topic: topic, position: len(j.texts), began: len(j.texts), out: make(chan string, 1)}
	if cursor != "" {
		position, err := strconv.Atoi(cursor)
		isValid := err == nil && position <= len(j.texts)
		switch isRecent := isValid && len(j.texts)-position <= start.Within; {
		case !isValid && start.Within == 0:
			return nil, coded("CURSOR_INVALID")
		case isRecent || start.Within == 0:
			r.position = position
		}
	}
	j.started++
	j.watchers[r] = true
	live.Pull(ctx, r)
	return r.out, nil
}

// A journalSource is the source of one subscription to a journal.
type journalSource struct {
	*journal
	ctx      context.Context
	topic    string
	position int
	began    int // the end of the journal when it began
	sent     bool
	wait     chan struct{}
	out      chan string
}

func (r *journalSource) Next(context.Context) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return false, r.err
	}
	if r.topic == "logged" {
		if sent := r.sent; sent && r.position == len(r.texts) {
			r.wait = r.changed
			return false, nil
		}
		r.sent, r.position = true, len(r.texts)
		r.out <- fmt.Sprint(r.position)
		return true, nil
	}
	for r.position < len(r.texts) {
		if r.position++; r.topic != "log odd" || r.position%2 == 1 {
			r.out <- r.texts[r.position-1]
			r.executed++
			return true, nil
		}
	}
	r.wait = r.changed
	return false, nil
}

func (r *journalSource) Wait(ctx context.Context) error {
	select {
	case <-r.wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *journalSource) Position() (live.Position, bool) {
	at := live.Position{Seq: int64(r.position), Cursor: fmt.Sprint(r.position)}
	if r.position > r.began {
		at.Committed = time.Now().UnixNano()
	}
	return at, r.topic != "logged"
}

func (r *journalSource) Confirm(context.Context) bool { return !r.replaced.Load() }

func (r *journalSource) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, r)
}

// share lets subscriptions with equal documents and topics share an execution; after may differ.
func share(_ context.Context, op *graphql.OperationContext) (live.Shared, bool) {
	s := live.Shared{Context: context.Background()}
	topic := op.Variables["topic"]
	if after, ok := op.Variables["after"].(string); ok {
		s.After = &after
	}
	s.Key = fmt.Sprint(op.RawQuery, topic)
	return s, topic != nil
}
