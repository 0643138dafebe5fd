// Command centrifuge is the centrifuge contender of bench/fanout. It is a separate module, so that
// the server's module does not get its dependencies. It uses the messages of ../server.go, with a
// copy of the little code that both need.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
)

const channel = "inbox"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: centrifuge TEXT-BEFORE-THE-MARK TEXT-AFTER-IT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(before, after string) error {
	node, err := newNode()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handler := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		// Clients on the same two processors are slow, not dead.
		WriteTimeout:   10 * time.Second,
		PingPongConfig: centrifuge.PingPongConfig{PingInterval: 60 * time.Second, PongTimeout: 50 * time.Second},
	})
	go func() { _ = http.Serve(listener, handler) }()
	answers := json.NewEncoder(os.Stdout)
	_ = answers.Encode(map[string]any{"addr": listener.Addr().String(), "versions": map[string]string{"centrifuge": version()}})
	seq := 0
	publish := func(at time.Time) error {
		seq++
		_, err := node.Publish(channel, fmt.Appendf(nil, "%s@@%010d %019d%s", before, seq, at.UnixNano(), after))
		return err
	}
	for requests := json.NewDecoder(os.Stdin); ; {
		var request struct{ Publish, Every int }
		if requests.Decode(&request) != nil {
			return nil
		}
		begin := time.Now()
		for i := range request.Publish {
			due := begin.Add(time.Duration(i*request.Every) * time.Microsecond)
			if wait := time.Until(due); request.Every > 0 && wait > 0 {
				time.Sleep(wait)
				due = time.Now()
			}
			if err := publish(due); err != nil {
				return err
			}
		}
		_ = answers.Encode(counters(node))
	}
}

func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
	})
	return node, node.Run()
}

func counters(node *centrifuge.Node) map[string]any {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return map[string]any{
		"subscribers": node.Hub().NumSubscribers(channel),
		"cpu":         (usage.Utime.Nano() + usage.Stime.Nano()) / 1000,
		"mallocs":     memory.Mallocs,
		"goroutines":  runtime.NumGoroutine(),
	}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if strings.HasSuffix(module.Path, "/centrifuge") {
			return module.Version
		}
	}
	return "unknown"
}
