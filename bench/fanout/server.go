package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A broker delivers events to the clients of a contender's server.
type broker interface {
	publish(events []event) // returns once the events are queued or written
	subscribers() int
}

// The parent process sends requests as lines of JSON on the server's standard input, and the server
// answers each with one line on its standard output. The server's first line is its announcement.
// Contenders that are other programs use the same messages.
type (
	announcement struct {
		Addr     string            `json:"addr"`
		Versions map[string]string `json:"versions,omitempty"`
	}
	// A request publishes events, if any, and returns the counters afterwards.
	request struct {
		Publish int   `json:"publish"` // number of events
		Every   int64 `json:"every"`   // microseconds between events; 0: back to back
	}
	counters struct {
		Subscribers int     `json:"subscribers"`
		CPU         int64   `json:"cpu"`        // microseconds of user and system time
		Mallocs     *uint64 `json:"mallocs"`    // allocated objects; nil: unknown
		Goroutines  *int    `json:"goroutines"` // nil: not applicable
	}
)

// serve runs a contender's server until its standard input ends.
func serve(name string, in io.Reader, out io.Writer) error {
	c, err := contenderNamed(name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b := c.listen(listener)
	answers := json.NewEncoder(out)
	if err := answers.Encode(announcement{Addr: listener.Addr().String()}); err != nil {
		return err
	}
	published := int64(0)
	for requests := json.NewDecoder(in); ; {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("invalid request: %w", err)
		}
		publish(b, published, r)
		published += int64(r.Publish)
		if err := answers.Encode(count(b)); err != nil {
			return err
		}
	}
}

// publish publishes the events of a request. With an interval each event has a due time; one that
// is published late keeps its due time, so that the delay is measured.
func publish(b broker, published int64, r request) {
	events := make([]event, r.Publish)
	begin := time.Now()
	for i := range events {
		events[i] = event{seq: published + int64(i) + 1, at: begin.UnixNano()}
	}
	if r.Every == 0 {
		b.publish(events)
		return
	}
	for i := range events {
		due := begin.Add(time.Duration(i) * time.Duration(r.Every) * time.Microsecond)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
			due = time.Now()
		}
		events[i].at = due.UnixNano()
		b.publish(events[i : i+1])
	}
}

func count(b broker) counters {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	goroutines := runtime.NumGoroutine()
	return counters{
		Subscribers: b.subscribers(),
		CPU:         (usage.Utime.Nano() + usage.Stime.Nano()) / 1000,
		Mallocs:     &memory.Mallocs,
		Goroutines:  &goroutines,
	}
}

// runAsServer runs the server and exits if this process was started as one; otherwise it returns.
func runAsServer() {
	if len(os.Args) != 3 || os.Args[1] != serveCommand {
		return
	}
	if err := serve(os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const serveCommand = "serve-contender"
