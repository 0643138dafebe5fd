package auth

import (
	"context"

	"switchboard/db"
)

// noteUse makes Run record that a token is used, unless that was recorded within the last hour.
func (a *Authenticator) noteUse(t *db.TokenOwner) {
	if !t.IsStale(a.Now()) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.uses) < knownLimit {
		a.uses[digest(t.Hash)] = true
	}
}

// recordUses records the uses since the last call. Those that it fails to record are lost: the next
// use of the same token is noted again.
func (a *Authenticator) recordUses(ctx context.Context) {
	a.mu.Lock()
	hashes := make([][]byte, 0, len(a.uses))
	for hash := range a.uses {
		hashes = append(hashes, hash[:])
	}
	clear(a.uses)
	a.mu.Unlock()
	if len(hashes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	if err := a.db.RecordUses(ctx, hashes, a.Now()); err != nil && ctx.Err() == nil {
		a.log.Warn("recording that tokens are used failed; the next use is recorded", "error", err)
	}
}
