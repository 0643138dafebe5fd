package limit

import (
	"testing"
	"time"
)

// TestBuckets: a caller spends from its own bucket and from that of its group, which fill with
// time; a refusal takes nothing.
func TestBuckets(t *testing.T) {
	t.Parallel()
	var b Buckets[string, string]
	now := time.Unix(1_800_000_000, 0)
	as := func(caller string) Spender[string, string] {
		return Spender[string, string]{caller, Rate{PerSecond: 10, Size: 100}, "group", Rate{PerSecond: 20, Size: 150}}
	}
	take := func(caller string, cost int, wants time.Duration) {
		t.Helper()
		if wait := b.Take(now, as(caller), cost); wait != wants {
			t.Errorf("%s has to wait %v for %d, not %v", caller, wait, cost, wants)
		}
	}
	take("ann", 100, 0)
	take("ann", 1, 100*time.Millisecond)
	take("cem", 51, 50*time.Millisecond) // the group has 50
	take("cem", 50, 0)
	now = now.Add(time.Second)
	take("ann", 11, 100*time.Millisecond)
	take("ann", 10, 0)
	if left := b.Return(now, as("ann"), 30); left != 30 {
		t.Errorf("%d are left", left)
	}
	take("ann", 30, 0)
	if left := b.Return(now, as("cem"), 1000); left != 100 {
		t.Errorf("a bucket holds %d", left)
	}
	now = now.Add(time.Hour)
	take("ann", 500, 0) // more than it ever holds: a full bucket grants it
	take("ann", 1, 40100*time.Millisecond)
	now = now.Add(time.Hour)
	take("dan", 1, 0)
	if len(b.callers) != 1 || len(b.groups) != 1 {
		t.Errorf("%d callers and %d groups are remembered though only one is not full", len(b.callers), len(b.groups))
	}
	now = now.Add(-time.Minute) // a clock that runs back takes nothing
	take("dan", 99, 0)
}
