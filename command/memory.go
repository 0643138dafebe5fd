package command

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	gcHeadroom   = 24 << 20 // bytes of garbage that a small heap may collect
	gcPercentMin = 100      // percent of a large heap, which is Go's default
	gcPercentMax = 400
	memoryShare  = 0.8 // of the memory of the container or machine, from which on garbage is collected more often
)

// limitMemory lets the server use more memory in exchange for less garbage collection, within the
// memory of its container or machine, until ctx ends. GOGC and GOMEMLIMIT take precedence.
func limitMemory(ctx context.Context, log *slog.Logger) {
	_, err := memlimit.SetGoMemLimitWithOpts(memlimit.WithRatio(memoryShare),
		memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Debug("the memory of this machine is not known; set GOMEMLIMIT to limit that of the server", "error", err)
	}
	if os.Getenv("GOGC") != "" {
		return
	}
	before := debug.SetGCPercent(gcPercentMax)
	pace(ctx)
	context.AfterFunc(ctx, func() { debug.SetGCPercent(before) })
}

// preload computes what the first callers would wait for. Then it returns the memory that starting
// took to the system: a server that is not used for a while would keep all of it.
func (b *backend) preload(ctx context.Context) {
	b.service.Preload(ctx)
	debug.FreeOSMemory()
}

// pace adapts the percentage after each garbage collection, until ctx ends.
func pace(ctx context.Context) {
	runtime.AddCleanup(new([64]byte), func(ctx context.Context) {
		if ctx.Err() != nil {
			return
		}
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
		metrics.Read(live)
		now, next := live[1].Value.Uint64(), gcPercent(live[0].Value.Uint64())
		if next*10 > now*11 || next*11 < now*10 { // setting it stops the program for a moment
			debug.SetGCPercent(int(next))
		}
		pace(ctx)
	}, ctx)
}

// gcPercent returns how much garbage may be collected, in percent of the live bytes of the heap.
func gcPercent(live uint64) uint64 {
	return min(max(100*gcHeadroom/max(live, 1), gcPercentMin), gcPercentMax)
}
