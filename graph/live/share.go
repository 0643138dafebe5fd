package live

import "context"

// Shared says with whom a subscription may be executed together.
type Shared struct {
	// Key is equal for subscriptions that are to get equal items: it holds the document, the variables and
	// whatever decides what a caller may see.
	Key string
	// Context is what the common execution runs in. It must not end with one subscriber, and must hold no
	// caller unless the caller is part of the key.
	Context context.Context
	// After is where this subscriber wants to begin, a cursor as its client sent it; nil: now.
	After *string
}
