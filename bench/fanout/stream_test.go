package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// chunks is a reader that returns at most size bytes at a time.
type chunks struct {
	io.Reader
	size int
}

func (c chunks) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.size)]) }

// TestStream: events are found wherever a read ends, in frames with one or more events or longer
// than the buffer, and with small frames between them.
func TestStream(t *testing.T) {
	t.Parallel()
	next := nextTemplate()
	var sent bytes.Buffer
	var want []string
	event := func(seq int64) []byte {
		e := event{seq, 1e18 + seq}
		want = append(want, e.mark())
		return next.text(e)
	}
	small := func(text string) {
		want = append(want, text)
		sent.Write(append([]byte{0x81, byte(len(text))}, text...))
	}
	small(`{"type":"ping"}`)
	sent.Write(frame(event(1)))
	small("{}")
	sent.Write(frame([]byte(strings.Repeat("no event, @ but @ text ", 20))))
	var joined []byte
	for seq := range int64(20) {
		joined = append(append(joined, event(seq+2)...), '\n')
	}
	sent.Write(frame(joined))
	sent.Write(frame(event(22)))
	for _, size := range []int{1, 2, 3, 31, 33, 547, 4096, bufferSize} {
		var got []string
		s := stream{buffer: make([]byte, bufferSize)}
		for r := (chunks{bytes.NewReader(sent.Bytes()), size}); ; {
			if _, err := s.fill(r); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if err := s.scan(collect(&got)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("read by %d bytes: %q, sent were %q", size, got, want)
		}
	}
}

func collect(to *[]string) (func(event) error, func(byte, []byte) error) {
	return func(e event) error { *to = append(*to, e.mark()); return nil },
		func(_ byte, text []byte) error { *to = append(*to, string(text)); return nil }
}

// TestFleet: an event that is repeated, too early or missing is an error.
func TestFleet(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, test := range []struct {
		sent []int64
		want string
	}{
		{[]int64{1, 2, 3}, "<nil>"},
		{[]int64{1, 1, 2, 3}, "event 1 came instead of 2"},
		{[]int64{1, 3}, "event 3 came instead of 2"},
		{[]int64{2, 1, 3}, "event 2 came instead of 1"},
		{[]int64{1, 2, 3, 4}, "event 4 came, which is not published yet"},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b := serveTCPJoined(listener)
		f, err := connect(ctx, listener.Addr().String(), tcpOnly, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		for b.subscribers() < 1 {
			runtime.Gosched()
		}
		expected := f.expect(3)
		var events []event
		for _, seq := range test.sent {
			events = append(events, event{seq: seq})
		}
		b.publish(events)
		if err = f.wait(ctx, expected); err == nil && len(test.sent) > 3 { // the round has ended
			err = f.wait(ctx, &round{done: make(chan struct{})})
		}
		f.close()
		listener.Close()
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("of %v sent: %s, want %s", test.sent, got, test.want)
		}
	}
}
