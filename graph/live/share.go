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
