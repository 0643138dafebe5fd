package live

import "context"

// Shared says with whom a subscription may share its execution, and how that is executed.
type Shared struct {
	// Key stands for everything that decides what a subscriber is shown, but the place to begin at:
	// subscriptions with equal keys are given equal items. It is opaque, and short.
	Key string
	// Context is what to execute in. It holds no caller unless the key does, nothing of the request that
	// brought the subscription, and it does not end with the subscriber's.
	Context context.Context
	// After is the event cursor that the subscriber wants to begin after, as it was sent and not yet
	// checked; nil: begin now.
	After *string
}
