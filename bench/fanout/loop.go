package main

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"

	"github.com/gorilla/websocket"
)

// loops write encoded messages to connections. There is one loop per processor, and each writes to
// its part of the connections in turn.
type loops[Conn comparable, Message any] struct {
	encode func([]event) []Message
	write  func(Conn, Message) error
	parts  []*part[Conn, Message]
}

type part[Conn comparable, Message any] struct {
	mu    sync.Mutex
	conns []Conn
	queue chan []Message
}

func newLoops[Conn comparable, Message any](encode func([]event) []Message, write func(Conn, Message) error) *loops[Conn, Message] {
	l := &loops[Conn, Message]{encode: encode, write: write}
	for range runtime.GOMAXPROCS(0) {
		p := &part[Conn, Message]{queue: make(chan []Message, 1024)}
		l.parts = append(l.parts, p)
		go p.run(write)
	}
	return l
}

func (p *part[Conn, Message]) run(write func(Conn, Message) error) {
	for messages := range p.queue {
		p.mu.Lock()
		for _, m := range messages {
			for _, c := range p.conns {
				_ = write(c, m) // a closed connection is removed by its reader
			}
		}
		p.mu.Unlock()
	}
}

// serve writes events to c until read returns.
func (l *loops[Conn, Message]) serve(c Conn, read func()) {
	p := slices.MinFunc(l.parts, func(a, b *part[Conn, Message]) int { return a.size() - b.size() })
	p.mu.Lock()
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	read()
	p.mu.Lock()
	p.conns = slices.DeleteFunc(p.conns, func(other Conn) bool { return other == c })
	p.mu.Unlock()
}

func (p *part[Conn, Message]) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

func (l *loops[Conn, Message]) publish(events []event) {
	messages := l.encode(events)
	for _, p := range l.parts {
		p.queue <- messages
	}
}

func (l *loops[Conn, Message]) subscribers() (n int) {
	for _, p := range l.parts {
		n += p.size()
	}
	return n
}

// servePrepared writes one prepared message of gorilla/websocket per event.
func servePrepared(listener net.Listener) broker {
	next := nextTemplate()
	l := newLoops(func(events []event) []*websocket.PreparedMessage {
		messages := make([]*websocket.PreparedMessage, len(events))
		for i, e := range events {
			// It fails only for an unknown message type.
			messages[i], _ = websocket.NewPreparedMessage(websocket.TextMessage, next.text(e))
		}
		return messages
	}, (*websocket.Conn).WritePreparedMessage)
	upgrader := websocket.Upgrader{}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			l.serve(c, func() {
				for err == nil {
					_, _, err = c.NextReader()
				}
			})
		}))
	}()
	return l
}

// serveTCP writes the same bytes without a handshake: one write per event and connection.
func serveTCP(listener net.Listener) broker {
	next := nextTemplate()
	return serveBytes(listener, func(events []event) [][]byte {
		messages := make([][]byte, len(events))
		for i, e := range events {
			messages[i] = frame(next.text(e))
		}
		return messages
	})
}

// serveTCPJoined writes all events that are published together in one write per connection.
func serveTCPJoined(listener net.Listener) broker {
	next := nextTemplate()
	return serveBytes(listener, func(events []event) [][]byte {
		var joined []byte
		for _, e := range events {
			joined = append(joined, frame(next.text(e))...)
		}
		return [][]byte{joined}
	})
}

func serveBytes(listener net.Listener, encode func([]event) [][]byte) broker {
	l := newLoops(encode, func(c net.Conn, message []byte) error {
		_, err := c.Write(message)
		return err
	})
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				l.serve(c, func() { _, _ = io.Copy(io.Discard, c) })
			}()
		}
	}()
	return l
}

// frame returns a text message of a server: RFC 6455 section 5.2. The text must have 126 to 65,535
// bytes, as all texts here have.
func frame(text []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(len(text))), text...)
}
