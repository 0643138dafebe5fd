package live_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/graph/live"
)

// A journal is a log of texts; the cursor of one is its number. Subscriptions of the topic "log" get them all, of
// "log odd" every other one, of "logged" how many there are.
type journal struct {
	mu       sync.Mutex
	texts    []string
	changed  chan struct{}
	gone     error
	watchers map[*reading]bool
	began    int // subscriptions, ever
}

func newJournal() *journal {
	return &journal{changed: make(chan struct{}), watchers: map[*reading]bool{}}
}

func (j *journal) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) write(texts ...string) { j.change(func() { j.texts = append(j.texts, texts...) }) }

// fail ends all that read it.
func (j *journal) fail(err error) { j.change(func() { j.gone = err }) }

// readers are how many read it now, and how many ever began to.
func (j *journal) readers() (now, ever int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.watchers), j.began
}

func (j *journal) subscribe(ctx context.Context, topic string, after any) (<-chan string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if topic == "log refused" {
		return nil, coded("NOT_FOUND")
	}
	cursor, _ := after.(string)
	if from, given := live.From(ctx); given {
		if cursor = ""; from != nil {
			cursor = *from
		}
	}
	r := &reading{journal: j, ctx: ctx, topic: topic, at: len(j.texts), out: make(chan string, 1)}
	if cursor != "" {
		at, err := strconv.Atoi(cursor)
		if err != nil || at > len(j.texts) {
			return nil, coded("CURSOR_INVALID")
		}
		r.at = at
	}
	j.began++
	j.watchers[r] = true
	live.Pull(ctx, r)
	return r.out, nil
}

// A reading is one subscription to a journal.
type reading struct {
	*journal
	ctx   context.Context
	topic string
	at    int
	told  bool
	wait  chan struct{}
	out   chan string
}

func (r *reading) Next(context.Context) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil {
		return false, r.gone
	}
	if r.topic == "logged" {
		if told := r.told; told && r.at == len(r.texts) {
			r.wait = r.changed
			return false, nil
		}
		r.told, r.at = true, len(r.texts)
		r.out <- fmt.Sprint(r.at)
		return true, nil
	}
	for r.at < len(r.texts) {
		if r.at++; r.topic != "log odd" || r.at%2 == 1 {
			r.out <- r.texts[r.at-1]
			return true, nil
		}
	}
	r.wait = r.changed
	return false, nil
}

func (r *reading) Wait(ctx context.Context) error {
	select {
	case <-r.wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reading) Position() (live.Position, bool) {
	return live.Position{Seq: int64(r.at), Cursor: fmt.Sprint(r.at)}, r.topic != "logged"
}

func (r *reading) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, r)
}

// share lets equal documents and variables be executed together, but for the variable after.
func share(_ context.Context, op *graphql.OperationContext) (live.Shared, bool) {
	s := live.Shared{Context: context.Background()}
	topic := op.Variables["topic"]
	if after, ok := op.Variables["after"].(string); ok {
		s.After = &after
	}
	s.Key = fmt.Sprint(op.RawQuery, topic)
	return s, topic != nil
}
