package limit

import (
	"math"
	"sync"
	"time"
)

// A Rate is how fast a bucket fills, and how much it holds at most.
type Rate struct{ PerSecond, Size float64 }

// Times returns the rate of n callers together.
func (r Rate) Times(n int) Rate { return Rate{r.PerSecond * float64(n), r.Size * float64(n)} }

// Plus returns the rate of both together.
func (r Rate) Plus(other Rate) Rate {
	return Rate{r.PerSecond + other.PerSecond, r.Size + other.Size}
}

// A bucket holds what a caller may spend.
type bucket struct {
	missing float64 // from a full bucket
	at      time.Time
}

// fill adds what has been gained since the last call.
func (b *bucket) fill(now time.Time, r Rate) {
	b.missing = max(0, b.missing-max(0, now.Sub(b.at).Seconds())*r.PerSecond)
	b.at = now
}

// wait returns how long it takes until the bucket holds a cost; 0 if it does now. A cost that no
// bucket of this size holds is granted by a full one.
func (b *bucket) wait(r Rate, cost float64) time.Duration {
	lacking := b.missing + min(cost, r.Size) - r.Size
	if lacking <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(lacking / r.PerSecond * float64(time.Second)))
}

// Buckets hold what callers may spend, each separately and those of one group together. K
// identifies callers, G groups.
type Buckets[K, G comparable] struct {
	mu      sync.Mutex
	callers map[K]*bucket
	groups  map[G]*bucket
	swept   time.Time
}

// A Spender is a caller with the rates of its own bucket and of its group's.
type Spender[K, G comparable] struct {
	Caller    K
	Rate      Rate
	Group     G
	GroupRate Rate
}

// Take takes a cost from both buckets of a caller. If one of them holds too little, it takes
// nothing and returns how long that lasts.
func (b *Buckets[K, G]) Take(now time.Time, s Spender[K, G], cost int) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now, s)
	own, shared := of(&b.callers, s.Caller), of(&b.groups, s.Group)
	own.fill(now, s.Rate)
	shared.fill(now, s.GroupRate)
	if wait = max(own.wait(s.Rate, float64(cost)), shared.wait(s.GroupRate, float64(cost))); wait == 0 {
		own.missing += float64(cost)
		shared.missing += float64(cost)
	}
	return wait
}

// Return gives back a part of what was taken. It returns what the caller's own bucket holds then.
func (b *Buckets[K, G]) Return(now time.Time, s Spender[K, G], cost int) (left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, shared := of(&b.callers, s.Caller), of(&b.groups, s.Group)
	own.fill(now, s.Rate)
	own.missing = max(0, own.missing-float64(cost))
	shared.missing = max(0, shared.missing-float64(cost))
	return max(0, int(s.Rate.Size-own.missing))
}

// of returns the bucket of a key, at first a full one.
func of[K comparable](all *map[K]*bucket, key K) *bucket {
	b := (*all)[key]
	if b == nil {
		if *all == nil {
			*all = map[K]*bucket{}
		}
		b = &bucket{}
		(*all)[key] = b
	}
	return b
}

// sweepEvery is how often buckets that must be full again are forgotten.
const sweepEvery = time.Minute

// sweep forgets buckets that are full again. Each fills within Size / PerSecond seconds, which is
// less than sweepEvery for all rates in proportion to those of s.
func (b *Buckets[K, G]) sweep(now time.Time, s Spender[K, G]) {
	if now.Sub(b.swept) < sweepEvery {
		return
	}
	b.swept = now
	full := time.Duration(s.Rate.Size / s.Rate.PerSecond * float64(time.Second))
	forget(b.callers, now.Add(-max(full, sweepEvery)))
	forget(b.groups, now.Add(-max(full, sweepEvery)))
}

func forget[K comparable](all map[K]*bucket, before time.Time) {
	for key, b := range all {
		if b.at.Before(before) {
			delete(all, key)
		}
	}
}
