package command

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TestGCPercent: a small heap may collect four times its size in garbage, a large one as much as
// Go allows by default.
func TestGCPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]uint64{0: 400, 1 << 20: 400, 6 << 20: 400, 8 << 20: 300, 12 << 20: 200, 24 << 20: 100, 1 << 40: 100} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d live bytes: %d %%, not %d %%", live, got, want)
		}
	}
}

// TestLimitMemory: the garbage collector follows the size of the heap, and the operator's GOGC and
// GOMEMLIMIT stay as they are.
func TestLimitMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	before := percent()
	limitMemory(ctx, slog.New(slog.DiscardHandler))
	if percent() != gcPercentMax {
		t.Fatalf("it begins with %d %%", percent())
	}
	heap := make([]byte, 64<<20)
	percentBecomes(t, gcPercentMin)
	runtime.KeepAlive(heap)
	stop()
	percentBecomes(t, before)

	t.Setenv("GOGC", "50")
	t.Setenv("GOMEMLIMIT", "1GiB")
	debug.SetMemoryLimit(1 << 30)
	limitMemory(t.Context(), slog.New(slog.DiscardHandler))
	if percent() != before || debug.SetMemoryLimit(-1) != 1<<30 {
		t.Errorf("the operator's settings became %d %% and %d bytes", percent(), debug.SetMemoryLimit(-1))
	}
}

func percent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func percentBecomes(t *testing.T, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); percent() != want; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("it is %d %%, not %d %%", percent(), want)
		}
	}
}
