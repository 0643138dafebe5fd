package harness

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Load is what clients do with a server: each sends its next request when it has the answer to
// the one before.
type Load struct {
	Connections int
	Duration    time.Duration
	// Next returns the request that a client, 0 to Connections-1, sends next. It is called by one
	// goroutine for each client.
	Next func(client int) Request
	// Check returns an error if an answer is not right. Nil: it must hold data and no errors.
	Check func(client int, answer []byte) error
}

// Figures are the results of one load.
type Figures struct {
	Requests int
	Rate     float64 // requests per second
	P50, P99 float64 // milliseconds from request to answer
	CPU      float64 // milliseconds of the server's processors per request, PostgreSQL not included
	Bytes    float64 // of an answer, on average
}

// Run puts the load on a server. Requests that are under way at the end are waited for and count.
func (l Load) Run(ctx context.Context, s *Server) (Figures, error) {
	connections := make([]*Connection, l.Connections)
	for i := range connections {
		c, err := Dial(s.Addr)
		if err != nil {
			return Figures{}, err
		}
		defer c.Close()
		connections[i] = c
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	clients := make([]client, l.Connections)
	before, began := s.CPU(), time.Now()
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			if err := clients[i].run(ctx, l, i, connections[i], began.Add(l.Duration)); err != nil {
				stop(err)
			}
		})
	}
	running.Wait()
	took, used := time.Since(began), s.CPU()-before
	if err := context.Cause(ctx); err != nil {
		return Figures{}, err
	}
	return sum(clients, took, used), nil
}

// client is what one client has seen.
type client struct {
	latencies []time.Duration
	bytes     int
}

func (c *client) run(ctx context.Context, l Load, number int, conn *Connection, end time.Time) error {
	for sent := time.Now(); sent.Before(end) && ctx.Err() == nil; {
		answer, err := conn.Do(l.Next(number))
		if err == nil {
			err = l.check(number, answer)
		}
		if err != nil {
			return err
		}
		now := time.Now()
		c.latencies = append(c.latencies, now.Sub(sent))
		c.bytes += len(answer)
		sent = now
	}
	return nil
}

func (l Load) check(client int, answer []byte) error {
	if l.Check != nil {
		return l.Check(client, answer)
	}
	if Failed(answer) {
		return fmt.Errorf("the server answered %.1000s", answer)
	}
	return nil
}

func sum(clients []client, took, used time.Duration) (f Figures) {
	var all []time.Duration
	bytes := 0
	for _, c := range clients {
		all = append(all, c.latencies...)
		bytes += c.bytes
	}
	slices.Sort(all)
	f.Requests = len(all)
	f.Rate = float64(len(all)) / took.Seconds()
	f.P50, f.P99 = Percentile(all, 50), Percentile(all, 99)
	f.CPU = used.Seconds() * 1000 / float64(len(all))
	f.Bytes = float64(bytes) / float64(len(all))
	return f
}

// Percentile returns a percentile of sorted durations in milliseconds.
func Percentile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Seconds() * 1000
}
