package graph

import (
	"context"
	"sync"
)

const (
	answerLimit = 8 << 20 // bytes of one answer

	// unreadLimit is how many bytes of answers may be written to one caller at the same time.
	// Smaller answers than smallAnswer do not count, since the system takes them at once.
	unreadLimit = 2 * answerLimit
	smallAnswer = 64 << 10
)

// errTooLarge is the error for an operation whose answer is larger than answerLimit.
var errTooLarge = coded(operationLimit, "the answer is too large: it may have %d MiB; ask for fewer fields or shorter pages", answerLimit>>20)

// unread counts the bytes of answers that are being written, by caller. A client that does not read
// would otherwise keep any number of them in memory.
type unread struct {
	mu    sync.Mutex
	bytes map[identity]int
}

// reserve counts an answer until written is called. It returns false if there are too many.
func (u *unread) reserve(ctx context.Context, bytes int) (written func(), ok bool) {
	if bytes <= smallAnswer {
		return func() {}, true
	}
	who := identityOf(actorOf(ctx))
	u.mu.Lock()
	defer u.mu.Unlock()
	if before := u.bytes[who]; before > 0 && before+bytes > unreadLimit {
		return nil, false
	}
	u.bytes[who] += bytes
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.bytes[who] -= bytes; u.bytes[who] == 0 {
			delete(u.bytes, who)
		}
	}, true
}
