package dataset

import (
	"math/rand/v2"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// A life is one contact's past, which takes place step by step. Each step is one change, made by
// the transitions of service.Thread as in the product.
type life struct {
	*company
	next   time.Time // when the next step takes place
	thread *service.Thread
	steps  []step // what is still to happen

	identity *db.ContactIdentity
	former   []*db.Conversation // those before the latest
	marks    map[db.ConversationID]*readMark
}

// A step is one change of a life.
type step struct {
	delay     time.Duration // after the one before
	notBefore time.Time
	do        func(*life, service.Recorder) service.Changes
}

// readMark is a row of read_marks.
type readMark struct {
	WorkspaceID    db.WorkspaceKey
	AgentID        db.AgentID
	ConversationID db.ConversationID
	ReadAt         time.Time
}

// ending is how a contact's last conversation stands today.
type ending int

const (
	closed ending = iota
	assigned
	unassigned
)

// newLife plans the life of a contact that begins at a time and has this number of conversations.
func (c *company) newLife(n, conversations int, begin time.Time, end ending) *life {
	l := &life{company: c, next: begin, marks: map[db.ConversationID]*readMark{}}
	contact := newCustomer(n, c.random).row(c.random)
	l.thread = &service.Thread{Contact: contact}
	l.identity = &db.ContactIdentity{WorkspaceID: c.Key, Channel: c.channel(n), ContactID: contact.ID, ExternalID: "customer-" + contact.ID.UUID.String()}
	l.then(0, (*life).create)
	for i := range conversations {
		last := i == conversations-1
		l.planBegin(i, last && end != closed)
		switch {
		case !last || end == closed:
			l.planAnswers(c.few())
			l.planClose()
		case end == assigned:
			l.planAnswers(c.few())
			if c.random.IntN(2) == 0 {
				l.then(c.minutes(600), (*life).receive) // who waits
			}
		default:
			l.planUnassigned()
		}
	}
	if conversations > 0 && c.random.IntN(100) == 0 {
		l.then(c.minutes(60), (*life).block)
	}
	return l
}

func (l *life) then(delay time.Duration, do func(*life, service.Recorder) service.Changes) {
	l.steps = append(l.steps, step{delay: delay, do: do})
}

// planBegin plans the message that opens a conversation. What is open today began lately.
func (l *life) planBegin(i int, isOpen bool) {
	begin := step{do: (*life).receive}
	if i > 0 {
		begin.delay = 10*24*time.Hour + l.minutes(60*24*60)
		if isOpen {
			begin.delay, begin.notBefore = 10*24*time.Hour, l.until.Add(-l.lately())
		}
	}
	l.steps = append(l.steps, begin)
}

// planAnswers plans what an agent and the contact write to each other.
func (l *life) planAnswers(exchanges int) {
	if l.random.IntN(3) > 0 {
		l.then(l.minutes(90), (*life).take)
	}
	for i := range exchanges {
		if i > 0 {
			l.then(l.minutes(240), (*life).receive)
		}
		if l.random.IntN(6) == 0 {
			l.then(l.minutes(20), (*life).note)
		}
		l.then(l.minutes(120), (*life).reply)
	}
	if l.random.IntN(8) == 0 {
		l.then(l.minutes(60), (*life).handOver)
	}
}

func (l *life) planClose() {
	l.then(l.minutes(600), (*life).close)
	if l.random.IntN(20) == 0 { // thanks, which reopens it
		l.then(l.minutes(60*48), (*life).receive)
		l.then(l.minutes(300), (*life).close)
	}
}

func (l *life) planUnassigned() {
	l.then(l.minutes(5), (*life).unassign)
	for range l.random.IntN(3) {
		l.then(l.minutes(600), (*life).receive)
	}
}

// create adds the contact, as a connector does before it passes on the first message.
func (l *life) create(r service.Recorder) service.Changes {
	l.thread.Contact.CreatedAt = r.At
	r.By = l.connector.Ref()
	return service.Changes{r.About(l.thread, db.ContactCreated, nil, db.EventData{})}
}

func (l *life) receive(r service.Recorder) service.Changes {
	t := l.thread
	m := l.message(db.Inbound, t.Contact.ID.Ref(), question(l.random))
	m.SentAt = &r.At
	r.By, r.Via = m.Author, l.connector.Ref()
	latest := t.Latest
	events := t.Arrive(r, l.comeback, service.Received(m), l.agentOf(t.Contact.AssigneeID))
	if latest != nil && latest != t.Latest {
		l.former = append(l.former, latest)
	}
	l.out.messages.put(m)
	return events
}

func (l *life) message(kind db.MessageKind, author db.ActorRef, body string) *db.Message {
	m := &db.Message{WorkspaceID: l.Key, ID: db.MessageID{UUID: db.NewUUID()}, ContactID: l.thread.Contact.ID,
		Kind: kind, Author: author, Body: body, Channel: l.identity.Channel}
	if l.thread.Latest != nil {
		m.ConversationID = &l.thread.Latest.ID
	}
	return m
}

// mine returns the contact's assignee, or an agent who is to become it.
func (l *life) mine() db.AgentID {
	if l.thread.Contact.AssigneeID != nil {
		return *l.thread.Contact.AssigneeID
	}
	return l.someone()
}

func (l *life) take(r service.Recorder) service.Changes {
	if l.thread.Contact.AssigneeID != nil {
		return nil
	}
	me := l.someone()
	r.By = me.Ref()
	return service.Changes{l.thread.Assign(r, &me, db.ReasonSelf)}
}

func (l *life) handOver(r service.Recorder) service.Changes {
	from, to := l.mine(), l.someone()
	if l.thread.IsAssignedTo(&to) {
		return nil
	}
	r.By = from.Ref()
	return service.Changes{l.thread.Assign(r, &to, db.ReasonManual)}
}

func (l *life) unassign(r service.Recorder) service.Changes {
	if l.thread.Contact.AssigneeID == nil {
		return nil
	}
	r.By = l.mine().Ref()
	return service.Changes{l.thread.Assign(r, nil, db.ReasonManual)}
}

// reply answers the contact, which makes the agent responsible if nobody is (A5).
func (l *life) reply(r service.Recorder) service.Changes {
	me := l.mine()
	r.By = me.Ref()
	m := l.message(db.Outbound, r.By, answer(l.random))
	events := service.Changes{l.thread.Message(r, m)}
	if l.thread.Contact.AssigneeID == nil {
		events = append(events, l.thread.Assign(r, &me, db.ReasonReply))
	}
	l.out.messages.put(m)
	latest := l.thread.Latest
	l.marks[latest.ID] = &readMark{l.Key, me, latest.ID, latest.LastActivityAt}
	return events
}

func (l *life) note(r service.Recorder) service.Changes {
	r.By = l.mine().Ref()
	m := l.message(db.Note, r.By, pick(l.random, notes)+".")
	event := l.thread.Message(r, m)
	l.out.messages.put(m)
	return service.Changes{event}
}

func (l *life) close(r service.Recorder) service.Changes {
	if !l.thread.IsOpen() {
		return nil
	}
	r.By = l.mine().Ref()
	return service.Changes{l.thread.Close(r, closing(l.random))}
}

func (l *life) block(r service.Recorder) service.Changes {
	r.By = l.mine().Ref()
	return service.Changes{l.thread.Block(r)}
}

// few returns the number of exchanges of a conversation: mostly one or two, rarely dozens.
func (c *company) few() int {
	n := 1
	for c.random.IntN(3) == 0 {
		n++
	}
	if c.random.IntN(300) == 0 {
		n += 10 + c.random.IntN(30)
	}
	return n
}

// minutes returns a duration up to a number of minutes, more often short than long.
func (c *company) minutes(most int) time.Duration {
	return time.Duration(float64(most)*c.random.Float64()*c.random.Float64()*60e6) * time.Microsecond
}

// lately returns how long ago an open conversation began: up to 60 days, mostly few.
func (c *company) lately() time.Duration {
	u := c.random.Float64()
	return time.Duration(u*u*60*24*3600e6) * time.Microsecond
}

func (c *company) channel(n int) string {
	return []string{"email", "email", "whatsapp", "chat", "twitter"}[n%5]
}

// someone returns an agent; a few have much more to do than the others.
func (c *company) someone() db.AgentID { return c.agents[c.skew.Uint64()].ID }

func (c *company) agentOf(id *db.AgentID) *db.Agent {
	if id == nil {
		return nil
	}
	return c.byID[*id]
}

func newSkew(r *rand.Rand, agents int) *rand.Zipf {
	return rand.NewZipf(r, 1.1, 4, uint64(agents-1))
}
