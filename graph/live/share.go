package live

import "context"

// Shared is the execution that a subscription may share with others.
type Shared struct {
	// Key is equal for subscriptions that get equal items. It must cover the document, the
	// variables and everything that decides what the caller may see.
	Key string
	// Context is what the shared execution runs in. It must outlive each subscriber, and must not
	// hold a caller unless the caller is part of Key.
	Context context.Context
	// After is the cursor after which this subscriber starts, as its client sent it; nil means now.
	After *string
}

type continuedKey struct{}

// continued returns the context of an execution that goes on for subscribers whose operations were
// validated before.
func continued(ctx context.Context) context.Context {
	return context.WithValue(ctx, continuedKey{}, true)
}

// IsContinued reports whether an operation is created again for subscribers whose operations were
// validated before: as the one execution that they share, or for one of them that falls behind. It
// must not be charged again.
func IsContinued(ctx context.Context) bool { return ctx.Value(continuedKey{}) != nil }
