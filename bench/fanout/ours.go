package main

import (
	"net"

	"switchboard/graph/live"
)

// serveOurs is the transport of graph/live.
func serveOurs(l net.Listener) broker {
	h := newHub()
	serveGraphQL(l, &live.WebSocket{}, channelSubscription{hub: h})
	return h
}
