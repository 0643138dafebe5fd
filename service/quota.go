package service

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"switchboard/db"
)

// Quotas limit what one workspace may have. Beyond one, a mutation is refused with LIMIT_REACHED.
// Zero stands for the default, a negative number for no limit.
type Quotas struct {
	Agents    int // active; default 10,000
	Tokens    int // valid; default 10,000
	Workflows int // enabled; default 50
	Steps     int // of the workflows that one event starts; default 200
	Keys      int // new idempotency keys of one caller at this server in a day; default 10,000,000
}

func (q *Quotas) defaults() {
	q.Agents = cmp.Or(q.Agents, 10_000)
	q.Tokens = cmp.Or(q.Tokens, 10_000)
	q.Workflows = cmp.Or(q.Workflows, 50)
	q.Steps = cmp.Or(q.Steps, 200)
	q.Keys = cmp.Or(q.Keys, 10_000_000)
}

// CheckQuota returns a refusal if there are more than most of a thing; a negative most is no limit.
func CheckQuota(count, most int, format string, field ...string) error {
	if most < 0 || count <= most {
		return nil
	}
	return Refuse(LimitReached, fmt.Sprintf(format, most), field...)
}

// checkAgents refuses one more active agent than the workspace may have.
func (s *Service) checkAgents(ctx context.Context, w *Writer) error {
	if s.Quotas.Agents < 0 {
		return nil
	}
	active := true
	count, err := w.AgentCount(ctx, db.AgentFilter{Active: &active}, s.Quotas.Agents+1)
	if err != nil {
		return err
	}
	return CheckQuota(count+1, s.Quotas.Agents, "a workspace has at most %d active agents; deactivate one first")
}

// checkTokens refuses one more valid token than the workspace may have.
func (s *Service) checkTokens(ctx context.Context, w *Writer) error {
	if s.Quotas.Tokens < 0 {
		return nil
	}
	count, err := w.ValidTokenCount(ctx, w.At, s.Quotas.Tokens+1)
	if err != nil {
		return err
	}
	return CheckQuota(count+1, s.Quotas.Tokens, "a workspace has at most %d valid API tokens; revoke one first")
}

// keyUse counts the idempotency keys of each caller in the present day.
type keyUse struct {
	mu   sync.Mutex
	day  int64
	used map[db.ActorRef]int
}

// add counts a key and returns how many the caller has used today.
func (k *keyUse) add(caller db.ActorRef, now time.Time) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if day := now.Unix() / (24 * 60 * 60); k.used == nil || day != k.day {
		k.day, k.used = day, map[db.ActorRef]int{}
	}
	k.used[caller]++
	return k.used[caller]
}
