package live_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/graph/live"
)

// A wire is a client without a WebSocket library, so that a test can send any bytes.
type wire struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (s *server) wire(t *testing.T) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(deadline))
	w := &wire{conn, t, bufio.NewReader(conn)}
	w.put("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: " + live.Subprotocol + "\r\n\r\n")
	response, err := http.ReadResponse(w.r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(response, err)
	}
	return w
}

func (w *wire) put(bytes string) {
	w.t.Helper()
	if _, err := io.WriteString(w.Conn, bytes); err != nil {
		w.t.Fatal(err)
	}
}

// Bits of a frame's first byte: RFC 6455 section 5.2.
const (
	more, text, final, rsv1, rsv2, rsv3 = 0x00, 0x01, 0x80, 0x40, 0x20, 0x10
	closing, pinging, reserved          = 0x08, 0x09, 0x0b
)

// masked returns a frame with the mask 0, which leaves the payload unchanged.
func masked(first byte, payload string) string {
	return header(first, 0x80, len(payload)) + "\x00\x00\x00\x00" + payload
}

func header(first, mask byte, size int) string {
	switch {
	case size < 126:
		return string([]byte{first, mask | byte(size)})
	case size < 1<<16:
		return string(binary.BigEndian.AppendUint16([]byte{first, mask | 126}, uint16(size)))
	}
	return string(binary.BigEndian.AppendUint64([]byte{first, mask | 127}, uint64(size)))
}

// frame reads one short frame from the server.
func (w *wire) frame() (first byte, payload string) {
	w.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(w.r, head); err != nil {
		w.t.Fatal(err)
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(w.r, body); err != nil {
		w.t.Fatal(err)
	}
	return head[0], string(body)
}

func (w *wire) want(first byte, payload string) {
	w.t.Helper()
	if f, p := w.frame(); f != first || p != payload {
		w.t.Fatalf("got frame %#x %q, want %#x %q", f, p, first, payload)
	}
}

// wantClose checks that a close frame comes, and then the end of the stream without a reset.
func (w *wire) wantClose(code uint16) {
	w.t.Helper()
	first, payload := w.frame()
	if first != final|closing || binary.BigEndian.Uint16([]byte(payload)) != code {
		w.t.Fatalf("got frame %#x %q, want close %d", first, payload, code)
	}
	if rest, err := io.ReadAll(w.r); err != nil || len(rest) > 0 {
		w.t.Fatalf("after the close frame: %q, %v", rest, err)
	}
}

const ack, pong = `{"type":"connection_ack"}`, `{"type":"pong"}`

func TestFrames(t *testing.T) {
	for name, test := range map[string]struct {
		bytes string
		code  uint16
	}{
		"not masked":                        {header(final|text, 0, 4) + "ping", 1002},
		"reserved bit 1, no compression":    {masked(final|text|rsv1, "{}"), 1002},
		"reserved bit 2":                    {masked(final|text|rsv2, "{}"), 1002},
		"reserved bit 3":                    {masked(final|text|rsv3, "{}"), 1002},
		"a reserved opcode":                 {masked(final|reserved, ""), 1002},
		"a continuation of nothing":         {masked(final|more, "{}"), 1002},
		"a message inside a message":        {masked(text, "{") + masked(final|text, "{}"), 1002},
		"a control frame in fragments":      {masked(pinging, "a"), 1002},
		"a control frame of 126 bytes":      {masked(final|pinging, strings.Repeat("a", 126)), 1002},
		"a reserved close code":             {masked(final|closing, "\x03\xed"), 1002},
		"a close reason that is not UTF-8":  {masked(final|closing, "\x03\xe8\xff"), 1002},
		"a text that is not UTF-8":          {masked(final|text, "{\"\xc3\x28\":1}"), 1007},
		"a length beyond all reason":        {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1009},
		"a great length, announced":         {header(final|text, 0x80, 1<<40) + "\x00\x00\x00\x00" + strings.Repeat("a", 1<<20), 1009},
		"too big in fragments":              {masked(text, "{") + strings.Repeat(masked(more, strings.Repeat(" ", 1<<10)), 300), 1009},
		"endless empty fragments":           {masked(text, "{") + strings.Repeat(masked(more, ""), 200_000), 1009},
		"a close frame is answered in kind": {masked(final|closing, "\x03\xe8bye"), 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, &live.WebSocket{CloseTimeout: time.Minute}).wire(t)
			w.put(masked(final|text, `{"type":"connection_init"}`))
			w.want(final|text, ack)
			go func() { _, _ = io.WriteString(w.Conn, test.bytes) }()
			w.wantClose(test.code)
		})
	}
}

func TestFragments(t *testing.T) {
	w := serve(t, &live.WebSocket{}).wire(t)
	for _, c := range []byte(`{"type":"connection_init"`) {
		first := byte(more)
		if c == '{' {
			first = text
		}
		w.put(masked(first, string(c)))
	}
	w.put(masked(final|pinging, "between"))
	w.put(masked(more, ""))
	w.put(masked(final|more, "}"))
	w.want(final|0x0a, "between")
	w.want(final|text, ack)
	// Two messages in one packet, a third in two packets.
	whole := masked(final|text, `{"type":"ping"}`)
	w.put(whole + whole + whole[:9])
	w.want(final|text, pong)
	w.want(final|text, pong)
	w.put(whole[9:])
	w.want(final|text, pong)
}

// TestCloseFrameSurvivesAFlood: a client that never stops sending can still read why it was closed.
func TestCloseFrameSurvivesAFlood(t *testing.T) {
	flood := strings.Repeat(masked(final|text, `{"type":"pong"}`), 200_000)
	for name, test := range map[string]struct {
		first string
		code  uint16
	}{
		"too many messages": {"", 4429},
		"a bad frame":       {masked(final|reserved, ""), 1002},
		"a message too big": {header(final|text, 0x80, 1<<40) + "\x00\x00\x00\x00", 1009},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, &live.WebSocket{FramesPerSecond: 1, FrameBurst: 5}).wire(t)
			sent := make(chan error)
			go func() {
				_, err := io.WriteString(w.Conn, test.first+flood)
				sent <- err
			}()
			if err := receive(t, sent); err != nil {
				t.Fatalf("the connection was reset: %v", err)
			}
			w.wantClose(test.code)
		})
	}
}

// TestHalfOpen: a peer that ends its half of the stream without a close frame is disconnected.
func TestHalfOpen(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	w := s.wire(t)
	w.put(masked(final|text, `{"type":"connection_init"}`))
	w.want(final|text, ack)
	w.put(masked(final|text, `{"id":"s","type":"subscribe","payload":{"query":"subscription {names}"}}`))
	receive(t, s.topic.begun)
	_ = w.Conn.(*net.TCPConn).CloseWrite()
	receive(t, s.topic.ended)
	if rest, err := io.ReadAll(w.r); err != nil || len(rest) > 0 {
		t.Fatalf("got %q, %v", rest, err)
	}
}
