package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A plan is how much is measured.
type plan struct {
	settle    time.Duration // before idle clients are measured
	paced     time.Duration // duration of single events, one after the other
	events    int           // minimum number of those events
	burst     int           // events back to back
	sustained time.Duration // 0: not measured
}

// sustainedEvery is the time between two events of the sustained load: 100 per second.
const sustainedEvery = 10 * time.Millisecond

// A result is what was measured with one server process.
type result struct {
	Contender   string
	Subscribers int
	Round       int
	Idle        idle
	Paced       delivery  // single events; the next is published when all clients have one
	Burst       delivery  // events back to back
	Sustained   *delivery `json:",omitempty"` // 100 per second, whether or not the server keeps up
}

// idle is the cost of a client that has subscribed and receives nothing.
type idle struct {
	Bytes      float64  // of the server's resident memory
	Goroutines *float64 // nil: not applicable
}

// delivery is the cost of delivering one event to one client.
type delivery struct {
	Events   int
	CPU      float64  // microseconds of the server
	Allocs   *float64 // objects; nil: unknown
	Bytes    float64  // sent
	P50, P99 float64  // milliseconds from publication to receipt
	Behind   float64  // milliseconds from the last publication to the last receipt
}

// A trial is one server with its clients.
type trial struct {
	*process
	*fleet
}

// measure starts a server, connects n clients, and measures what the plan contains.
func measure(ctx context.Context, c contender, program *program, n int, p plan) (r result, err error) {
	server, err := start(ctx, program)
	if err != nil {
		return r, err
	}
	defer server.stop()
	r = result{Contender: c.name, Subscribers: n}
	t := trial{process: server}
	if r.Idle, err = t.connect(ctx, c.protocol, n, p.settle); err != nil {
		return r, err
	}
	defer t.fleet.close()
	// This warms caches and compilers, and heaps reach their final size.
	if err := t.warm(ctx, min(max(3, 20_000/n), 200)); err != nil {
		return r, err
	}
	if r.Paced, err = t.paced(ctx, p.paced, p.events); err != nil {
		return r, fmt.Errorf("single events: %w", err)
	}
	if r.Burst, err = t.deliver(ctx, request{Publish: p.burst}); err != nil {
		return r, fmt.Errorf("a burst of %d: %w", p.burst, err)
	}
	if p.sustained > 0 {
		sustained, err := t.deliver(ctx, request{Publish: int(p.sustained / sustainedEvery), Every: sustainedEvery.Microseconds()})
		if err != nil {
			return r, fmt.Errorf("sustained: %w", err)
		}
		r.Sustained = &sustained
	}
	return r, nil
}

// connect connects n clients and returns the cost per client. It first connects one client, so that
// code and memory that the server needs anyway are not counted.
func (t *trial) connect(ctx context.Context, p protocol, n int, settle time.Duration) (cost idle, err error) {
	if t.fleet, err = connect(ctx, t.Addr, p, 1, 1); err != nil {
		return cost, err
	}
	err = t.waitSubscribers(1)
	if err == nil {
		err = t.warm(ctx, 1)
	}
	t.fleet.close()
	if err == nil {
		err = t.waitSubscribers(0)
	}
	if err != nil {
		return cost, err
	}
	time.Sleep(settle)
	memory, before, err := t.state()
	if err != nil {
		return cost, err
	}
	if t.fleet, err = connect(ctx, t.Addr, p, n, t.published+1); err != nil {
		return cost, err
	}
	if err := t.waitSubscribers(n); err != nil {
		t.fleet.close()
		return cost, err
	}
	time.Sleep(settle)
	full, after, err := t.state()
	if err != nil {
		t.fleet.close()
		return cost, err
	}
	cost.Bytes = float64(full-memory) / float64(n)
	if after.Goroutines != nil {
		goroutines := float64(*after.Goroutines-*before.Goroutines) / float64(n)
		cost.Goroutines = &goroutines
	}
	return cost, nil
}

func (t *trial) state() (memory int64, c counters, err error) {
	memory = t.resident()
	c, err = t.count()
	return memory, c, err
}

// waitSubscribers waits until the server has n subscribers: graphql-transport-ws does not confirm a
// subscription.
func (t *trial) waitSubscribers(n int) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		c, err := t.count()
		if err != nil || c.Subscribers == n {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server has %d subscribers instead of %d", c.Subscribers, n)
		}
	}
}

// publish publishes events and waits until every client has received them.
func (t *trial) publish(ctx context.Context, r request) error {
	round := t.expect(t.published + int64(r.Publish))
	if _, err := t.ask(r); err != nil {
		return err
	}
	return t.wait(ctx, round)
}

func (t *trial) warm(ctx context.Context, events int) error {
	for range events {
		if err := t.publish(ctx, request{Publish: 1}); err != nil {
			return err
		}
	}
	return nil
}

// pause lets a server become idle after an event.
const pause = 2 * time.Millisecond

// paced publishes single events for a while, each after all clients have the one before.
func (t *trial) paced(ctx context.Context, during time.Duration, atLeast int) (delivery, error) {
	return t.compareCounters(func() (events int, err error) {
		for end := time.Now().Add(during); events < atLeast || time.Now().Before(end); events++ {
			if err := t.publish(ctx, request{Publish: 1}); err != nil {
				return events, err
			}
			time.Sleep(pause)
		}
		return events, nil
	})
}

// deliver publishes several events at once or at fixed intervals.
func (t *trial) deliver(ctx context.Context, r request) (delivery, error) {
	return t.compareCounters(func() (int, error) {
		err := t.publish(ctx, r)
		time.Sleep(pause)
		return r.Publish, err
	})
}

// compareCounters compares the server's counters before and after run, which returns the number of
// events.
func (t *trial) compareCounters(run func() (events int, err error)) (d delivery, err error) {
	t.reset()
	before, err := t.count()
	if err != nil {
		return d, err
	}
	if d.Events, err = run(); err != nil {
		return d, err
	}
	after, err := t.count()
	if err != nil {
		return d, err
	}
	deliveries := float64(d.Events * len(t.clients))
	d.CPU = float64(after.CPU-before.CPU) / deliveries
	if after.Mallocs != nil {
		allocs := float64(*after.Mallocs-*before.Mallocs) / deliveries
		d.Allocs = &allocs
	}
	t.fleet.sum(&d)
	return d, nil
}

// sum adds the figures of the clients to d.
func (f *fleet) sum(d *delivery) {
	var all []int32
	var bytes int64
	for _, c := range f.clients {
		all = append(all, c.latencies...)
		bytes += c.bytes.Load()
		d.Behind = max(d.Behind, float64(c.latencies[len(c.latencies)-1])/1000)
	}
	d.Bytes = float64(bytes) / float64(len(all))
	slices.Sort(all)
	d.P50 = float64(all[len(all)/2]) / 1000
	d.P99 = float64(all[len(all)*99/100]) / 1000
}
