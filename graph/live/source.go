package live

import "context"

// Position is a place in a log. Seq orders positions; Cursor is what a client resumes after.
type Position struct {
	Seq    int64
	Cursor string
}

// Source gives the items of one subscription, at the pace of whoever executes it: no goroutine, no queue. Its
// methods are called by one goroutine.
type Source interface {
	// Next puts the next item into the channel that the resolver has returned, which needs room for one.
	// False: there is none yet. An error ends the subscription with an error message, after all items before.
	Next(ctx context.Context) (ok bool, err error)
	// Wait returns when Next may give something. The error is the context's.
	Wait(ctx context.Context) error
	// Position is how far the source has looked into its log; right after an item, that item's place. Not ok:
	// the items are states of something, of which only the latest counts.
	Position() (at Position, ok bool)
	// Close ends the source.
	Close()
}

// Pull is called by the resolver of a subscription: the items of the channel that it returns will be pulled from
// this source, which is closed when the subscription ends. A subscription must do so to be shared.
func Pull(ctx context.Context, s Source) { executionOf(ctx).source = s }

// From tells the resolver of a subscription where to begin, when it is not to be where the arguments say: after a
// cursor, or with nil now. Then given is true.
func From(ctx context.Context) (after *string, given bool) {
	if from := executionOf(ctx).from; from != nil {
		return from.after, true
	}
	return nil, false
}
