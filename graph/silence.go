package graph

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"switchboard/service"
)

// shedAfter is how long the log can be silent before clients are sent to other servers:
// ten seconds more than until the server says that it is not ready.
const shedAfter = 15 * time.Second

// silent is why nothing can be followed.
const silent = "this server cannot read its database at the moment; try again"

// Shed closes all sockets with 1013, and ends all streams, while the log of events cannot
// be read, so that their clients go to a server that can read it, until ctx ends.
func (h *Handler) Shed(ctx context.Context) {
	tick := time.NewTicker(h.options.shedEvery())
	defer tick.Stop()
	for shedding := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		isSilent := h.options.isSilent()
		if isSilent {
			h.sockets.Evict(silent)
			h.streams.Evict(silent)
		}
		if isSilent && !shedding {
			h.options.log().Warn("the database has been silent for too long; clients are sent to other servers", "silence", h.options.Service.Silence())
		}
		shedding = isSilent
	}
}

func (o Options) isSilent() bool { return o.Service.Silence() > o.shedAfter() }

// refuseWhileSilent keeps clients from being let in only to be sent away.
func (o Options) refuseWhileSilent() error {
	if o.isSilent() {
		return closing(service.Unavailable, silent)
	}
	return nil
}

func (o Options) shedAfter() time.Duration { return cmp.Or(o.ShedAfter, shedAfter) }

// shedEvery is how often the silence is looked at.
func (o Options) shedEvery() time.Duration { return o.shedAfter() / 15 }

func (o Options) log() *slog.Logger { return cmp.Or(o.Log, slog.Default()) }
