package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"switchboard/db"
)

// The way of a mutation of threads, from top to bottom: lock, read, carry out, write.

// company is mutations of one workspace in one transaction.
type company struct {
	*Service
	members []*member // who take part, in the order of their arrival
	threads *threads
	reading *reading
	at      time.Time

	messages []*db.Message
	marks    map[readBy]*db.ReadMark
}

// readBy is an agent and a conversation that they read.
type readBy struct {
	agent        db.AgentID
	conversation db.ConversationID
}

// together carries out mutations in one transaction of three round trips. Nobody is to be answered
// before it returns: what one was told may rest on what another changed. On an error nothing was
// changed, unless the error is Uncertain.
func (s *Service) together(ctx context.Context, workspace db.WorkspaceKey, members []*member, wait bool) error {
	c := &company{
		Service: s, members: members, threads: newThreads(wait), reading: &reading{wait: wait},
		marks: map[readBy]*db.ReadMark{},
	}
	err := s.DB.Pipeline(ctx, workspace, func(tx db.Tx, b *db.Batch) (last *db.Batch, err error) {
		c.lock(b)
		if err := b.Send(ctx); err != nil {
			return nil, err
		}
		c.admit()
		b = tx.Batch()
		c.read(b)
		if err := b.Send(ctx); err != nil {
			return nil, err
		}
		c.carryOut()
		last = tx.Batch()
		return last, c.write(last)
	})
	if err == nil && c.wrote() {
		s.Feed.Poke(workspace)
		s.measures.company.Observe(float64(len(c.members)))
	}
	return err
}

// lock adds the statements that lock keys, external ids and contacts.
func (c *company) lock(b *db.Batch) {
	var keyed []*member
	var claims []*claim
	var targets []target
	for _, m := range c.members {
		if m.isAlone = false; m.key != nil {
			keyed, claims = append(keyed, m), append(claims, m.key)
		}
		targets = append(targets, m.targets...)
	}
	var free []bool
	c.lockClaims(b, claims, c.threads.wait, &free)
	b.Then(func() {
		for i, m := range keyed {
			m.isAlone = !free[i] || m.isRepeated()
		}
	})
	c.lockDeliveries(b)
	c.threads.lock(b, targets...)
}

// admit leaves those members out whose key, external id or contacts are not free, and those whose
// key has an outcome already.
func (c *company) admit() {
	var present []*member
	for _, m := range c.members {
		isFree := !m.isAlone
		if !c.threads.wait {
			for _, t := range m.targets {
				isFree = isFree && c.threads.held[c.threads.contactOf(t)] != nil
			}
		}
		if m.isAlone = !isFree; isFree {
			present = append(present, m)
		}
	}
	c.members = present
}

// read adds the statements that read what the members need, now that their contacts are locked.
func (c *company) read(b *db.Batch) {
	c.threads.read(b)
	c.readDeliveries(b)
	for _, m := range c.members {
		for _, t := range m.targets {
			if h, err := c.threads.of(t); err == nil {
				c.reading.want(m.verb.needed(h.contact), m.actor.Ref(), h.contact.ID, t.conversation)
			}
		}
	}
	c.reading.add(b)
}

// carryOut carries out one member after the other, in memory. Each sees what those before it did.
func (c *company) carryOut() {
	c.at = c.Now()
	for _, m := range c.members {
		if m.outcome, m.events = new(Outcome), nil; m.reception != nil {
			m.outcome.Ignored = m.reception.ignored
		}
		a := &Act{Recorder: Recorder{By: m.actor.Ref(), At: c.at, Origin: m.key.origin()}, Actor: m.actor, read: c.reading}
		after := map[db.ContactID]*held{}
		m.events, m.err = Contained(func() (Changes, error) {
			if m.isBulk {
				return c.each(m, a, after)
			}
			return c.one(m, a, after)
		})
		if m.isAlone = errors.Is(m.err, ErrStartOver); m.err != nil {
			m.events = nil
			continue
		}
		m.outcome.show(m.events)
		maps.Copy(c.threads.held, after)
		c.messages = append(c.messages, a.messages...)
		for _, mark := range a.marks {
			c.marks[readBy{mark.AgentID, mark.ConversationID}] = mark
		}
	}
}

// one carries out a verb on one thread. What it changed is added to after. The error is
// ErrStartOver if it brings in what came in before.
func (c *company) one(m *member, a *Act, after map[db.ContactID]*held) (Changes, error) {
	if m.reception != nil && m.reception.isKnown {
		return nil, ErrStartOver
	}
	of := m.targets[0]
	h, err := c.threads.of(of)
	if err != nil {
		return nil, err
	}
	m.outcome.about(h.view(of.conversation))
	events, next, err := c.act(m, a, h, of)
	if err != nil || len(events) == 0 {
		return Unchanged, err
	}
	m.outcome.about(next.view(of.conversation))
	after[h.contact.ID] = next
	return events, nil
}

// act carries out a verb on a copy of a thread. It returns the events and the contact as the verb
// left it.
func (c *company) act(m *member, a *Act, h *held, of target) (Changes, *held, error) {
	a.moved = h.moved
	t := h.view(of.conversation).clone()
	events, err := m.verb.on(a, t, of.expected)
	if err != nil || len(events) == 0 {
		return Unchanged, h, err
	}
	next := h.with(t)
	for _, e := range events {
		e.Show(next.contact, next.conversations()...)
	}
	return events, next, nil
}

// write adds the statements that write what the members changed and were told, each table once.
func (c *company) write(b *db.Batch) error {
	var rows rowsToWrite
	for _, h := range c.threads.held {
		rows.add(h)
	}
	rows.write(b)
	b.InsertMessages(c.messages)
	b.SaveReadMarks(slices.Collect(maps.Values(c.marks)))
	var claims []*claim
	var changes [][]*db.Event
	for _, m := range c.members {
		var refusal *Refusal
		if m.key != nil && (m.err == nil || errors.As(m.err, &refusal)) {
			if err := m.key.settle(m.outcome, refusal); err != nil {
				return err
			}
			claims = append(claims, m.key)
		}
		changes = append(changes, m.events)
	}
	c.storeClaims(b, claims...)
	if err := c.storeDeliveries(b); err != nil {
		return err
	}
	b.AppendEvents(changes...)
	return nil
}

// wrote reports whether a member has changed anything.
func (c *company) wrote() bool {
	for _, m := range c.members {
		if len(m.events) > 0 {
			return true
		}
	}
	return false
}
