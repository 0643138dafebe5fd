package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A plan says how much is measured.
type plan struct {
	settle    time.Duration // before idle clients are looked at
	paced     time.Duration // single events, one after the other
	events    int           // at least this many of them
	burst     int           // events back to back
	sustained time.Duration // 0: not at all
}

// sustainedEvery is the time between two events of the sustained load: 100 a second.
const sustainedEvery = 10 * time.Millisecond

// A result is what one server process showed.
type result struct {
	Contender   string
	Subscribers int
	Round       int
	Idle        idle
	Paced       delivery  // single events: everybody has one before the next is published
	Burst       delivery  // events back to back
	Sustained   *delivery `json:",omitempty"` // 100 events a second, whether or not the server keeps up
}

// idle is what a client costs that has subscribed and gets nothing.
type idle struct {
	Bytes      float64  // of the server's resident memory
	Goroutines *float64 // nil: there are none
}

// delivery is what it costs to bring one event to one client.
type delivery struct {
	Events   int
	CPU      float64  // microseconds of the server
	Allocs   *float64 // objects; nil: not known
	Bytes    float64  // on the wire
	P50, P99 float64  // milliseconds from publication to receipt
	Behind   float64  // milliseconds from the last publication to the last receipt
}

// A trial is one server with its clients.
type trial struct {
	*process
	*fleet
}

// measure starts a server, connects n clients, and measures all that the plan says.
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
	// Caches and compilers are warm then, and heaps have the size that they keep.
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

// connect connects n clients and compares the server with how it was before them, when it
// had served one and so touched the code and the memory that it needs anyway.
func (t *trial) connect(ctx context.Context, p protocol, n int, settle time.Duration) (cost idle, err error) {
	if t.fleet, err = connect(ctx, t.Addr, p, 1, 1); err != nil {
		return cost, err
	}
	err = t.subscribed(1)
	if err == nil {
		err = t.warm(ctx, 1)
	}
	t.fleet.close()
	if err == nil {
		err = t.subscribed(0)
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
	if err := t.subscribed(n); err != nil {
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

// subscribed waits until the server has so many subscribers: graphql-transport-ws does not
// tell the client when.
func (t *trial) subscribed(n int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := t.count()
		if err != nil || c.Subscribers == n {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server has %d subscribers instead of %d", c.Subscribers, n)
		}
	}
}

// publish publishes what is asked for and waits until every client has got it.
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

// pause lets a server come to rest after an event.
const pause = 2 * time.Millisecond

// paced publishes single events for a while; each begins when everybody has the last.
func (t *trial) paced(ctx context.Context, during time.Duration, atLeast int) (delivery, error) {
	return t.watch(func() (events int, err error) {
		for end := time.Now().Add(during); events < atLeast || time.Now().Before(end); events++ {
			if err := t.publish(ctx, request{Publish: 1}); err != nil {
				return events, err
			}
			time.Sleep(pause)
		}
		return events, nil
	})
}

// deliver publishes several events at once or at fixed times.
func (t *trial) deliver(ctx context.Context, r request) (delivery, error) {
	return t.watch(func() (int, error) {
		err := t.publish(ctx, r)
		time.Sleep(pause)
		return r.Publish, err
	})
}

// watch compares the server before and after run, which says how many events there were.
func (t *trial) watch(run func() (events int, err error)) (d delivery, err error) {
	t.forget()
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

// sum adds what the clients noted.
func (f *fleet) sum(d *delivery) {
	var all []int32
	var bytes int64
	for _, c := range f.clients {
		all = append(all, c.late...)
		bytes += c.bytes.Load()
		d.Behind = max(d.Behind, float64(c.late[len(c.late)-1])/1000)
	}
	d.Bytes = float64(bytes) / float64(len(all))
	slices.Sort(all)
	d.P50 = float64(all[len(all)/2]) / 1000
	d.P99 = float64(all[len(all)*99/100]) / 1000
}
