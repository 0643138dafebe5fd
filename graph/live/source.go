package live

import "context"

// A Position is a position in a log. Seq orders positions; Cursor is what a client resumes after.
type Position struct {
	Seq    int64
	Cursor string

	// Committed is when the item at the position was committed, in Unix nanoseconds; 0 if it was
	// not delivered as it happened. It is for measuring only.
	Committed int64
}

// A Source yields the items of one subscription when the executing goroutine asks for them. Its
// methods are called by one goroutine.
type Source interface {
	// Next sends the next item on the channel that the resolver returned, which must have a buffer
	// of one. It returns false if there is no item yet. An error ends the subscription with an
	// error message.
	Next(ctx context.Context) (ok bool, err error)
	// Wait returns when Next may have an item. Its only error is that of ctx.
	Wait(ctx context.Context) error
	// Position returns how far the source has read its log; directly after an item, the position of
	// that item. It returns false if the items are states, of which only the latest counts.
	Position() (position Position, ok bool)
	// Close releases the source.
	Close()
}

// A Confirmer is a Source whose log may be replaced by an older one.
type Confirmer interface {
	// Confirm reports whether the log has all items so far. Any goroutine may call it.
	Confirm(ctx context.Context) bool
}

// Pull sets the source of a subscription. Its resolver calls it and returns the channel that s
// sends on. The source is closed when the subscription ends. Only subscriptions with a source can
// be shared.
func Pull(ctx context.Context, s Source) { executionOf(ctx).source = s }

// A Start is where a subscription starts regardless of its arguments.
type Start struct {
	After  *string // the cursor after which it starts; nil means now
	Within int     // if positive: it starts now unless After is valid and at most so many events follow it
}

// From returns where a subscription starts if not where its arguments say. It returns false if the
// arguments decide, and outside a subscription.
func From(ctx context.Context) (start Start, given bool) {
	if x, ok := ctx.Value(executionKey{}).(*execution); ok && x.start != nil {
		return *x.start, true
	}
	return Start{}, false
}
