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

// A broker is the inside of a contender's server: it delivers events to who is connected.
type broker interface {
	publish(events []event) // returns once they are handed over, or were written
	subscribers() int
}

// The parent tells a server what to do in lines of JSON on its standard input, and the
// server answers each with one on its standard output. The first line from a server is
// its greeting. Contenders that are programs of their own speak the same.
type (
	greeting struct {
		Addr     string            `json:"addr"`
		Versions map[string]string `json:"versions,omitempty"`
	}
	// request asks for events, and in any case for the counters after them.
	request struct {
		Publish int   `json:"publish"` // how many
		Every   int64 `json:"every"`   // microseconds from one to the next; 0: back to back
	}
	counters struct {
		Subscribers int     `json:"subscribers"`
		CPU         int64   `json:"cpu"`        // microseconds, user and system, of the whole process
		Mallocs     *uint64 `json:"mallocs"`    // allocated objects; nil: not known
		Goroutines  *int    `json:"goroutines"` // nil: there are none
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
	if err := answers.Encode(greeting{Addr: listener.Addr().String()}); err != nil {
		return err
	}
	published := int64(0)
	for requests := json.NewDecoder(in); ; {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("a request that is none: %w", err)
		}
		publish(b, published, r)
		published += int64(r.Publish)
		if err := answers.Encode(count(b)); err != nil {
			return err
		}
	}
}

// publish publishes what is asked for. One event every so often keeps to its times: what
// could not be published when it was due counts as published then.
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

// serveHere is main for a process that was started to be a server; others return.
func serveHere() {
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
