package graph

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"switchboard/service"
)

// shedAfter is how long the log may be unreadable before clients are disconnected, so that they
// connect to other servers. It is ten seconds longer than until /readyz fails.
const shedAfter = 15 * time.Second

// silent is the message for clients that are disconnected or refused while the log is unreadable.
const silent = "this server cannot read its database at the moment; try again"

// Shed runs until ctx ends. While the log cannot be read it closes all sockets, with 1013, and all
// streams, so that their clients connect to a server that can read it.
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
			h.options.log().Warn("the database has not answered for too long; clients are disconnected, so that they try other servers", "silence", h.options.Service.Silence())
		}
		shedding = isSilent
	}
}

func (o Options) isSilent() bool { return o.Service.Silence() > o.shedAfter() }

// refuseWhileSilent refuses new connections while Shed would close them.
func (o Options) refuseWhileSilent() error {
	if o.isSilent() {
		return closing(service.Unavailable, silent)
	}
	return nil
}

func (o Options) shedAfter() time.Duration { return cmp.Or(o.ShedAfter, shedAfter) }

// shedEvery is the interval at which Shed checks whether the log can be read.
func (o Options) shedEvery() time.Duration { return o.shedAfter() / 15 }

func (o Options) log() *slog.Logger { return cmp.Or(o.Log, slog.Default()) }
