package main

import (
	"net"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// serveGqlgen serves gqlgen's own transport with the settings of its default server.
func serveGqlgen(l net.Listener) broker {
	h := newHub()
	serveGraphQL(l, transport.Websocket{KeepAlivePingInterval: 10 * time.Second}, channelSubscription{hub: h})
	return h
}
