package dataset

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/service"
)

// A Company describes a workspace that is filled with invented data.
type Company struct {
	Name          string
	Conversations int // about as many as contacts
	Agents        int
}

// A Loaded company is a workspace with its data, and what is needed to call the API for it.
type Loaded struct {
	Company
	Workspace db.WorkspaceID
	Key       db.WorkspaceKey
	Manager   Caller
	Callers   []Caller // some of the agents, those with most to do first
	Connector string   // token of the integration that brings in messages
}

// A Caller is an agent with an API token.
type Caller struct {
	Agent db.AgentID
	Token string
}

// company is a company while its past takes place.
type company struct {
	Loaded
	out          *streams
	random       *rand.Rand
	skew         *rand.Zipf
	begin, until time.Time
	comeback     service.Comeback
	connector    db.TokenID
	agents       []*db.Agent
	byID         map[db.AgentID]*db.Agent
	seq          db.Seq
	lastEvent    db.EventID
	waiting      queue // lives by their next steps
	words        words
}

// past is how long the history of a company is.
const past = 365 * 24 * time.Hour

// callers is how many agents of a company have a token.
const callers = 64

// found creates the workspace, its agents and tokens through the product, at the beginning of its
// past.
func found(ctx context.Context, d *db.DB, tokens *auth.Authenticator, plan Company, number int) (*company, error) {
	c := &company{Loaded: Loaded{Company: plan}, until: time.Now().UTC().Truncate(time.Microsecond), byID: map[db.AgentID]*db.Agent{}}
	c.random = rand.New(rand.NewPCG(uint64(number), uint64(plan.Conversations)))
	c.begin = c.until.Add(-past)
	s := service.New(d, nil, service.Options{Now: func() time.Time { return c.begin }})
	w, manager, err := s.CreateWorkspace(ctx, plan.Name, "Manager", fmt.Sprintf("manager%d@company.example", number))
	if err != nil {
		return nil, err
	}
	c.Key, c.Workspace = w.Key, w.ID
	w.ReopenPolicy, w.Country = db.ReopenWithin, service.Text("DE")
	if err := d.Transact(ctx, c.Key, func(tx db.Tx) error { return c.hire(ctx, tx, w, manager) }); err != nil {
		return nil, err
	}
	c.comeback = service.ComebackOf(w)
	c.skew = newSkew(c.random, len(c.agents))
	return c, c.issue(ctx, tokens, manager)
}

// hire adds the agents and the workspace's policy, with their events.
func (c *company) hire(ctx context.Context, tx db.Tx, w *db.Workspace, manager *db.Agent) error {
	r := service.Recorder{By: manager.ID.Ref(), At: c.begin}
	events := []*db.Event{r.Event(db.WorkspaceUpdated, db.EventData{Changes: []db.FieldChange{
		{Field: "country", After: w.Country}, {Field: "reopenPolicy", Before: service.Text("REOPEN"), After: service.Text("REOPEN_WITHIN")}}})}
	for i := range c.Agents {
		name := firstNames[i%len(firstNames)] + " " + surname(i*104_729)
		a := &db.Agent{ID: db.AgentID{UUID: db.NewUUID()}, Name: name, Email: service.Text(fmt.Sprintf("agent%d@company.example", i)),
			Role: db.RoleAgent, Skills: []string{[]string{"orders", "returns", "billing"}[i%3]}, Active: true, CreatedAt: c.begin,
			Availability: []db.Availability{db.Online, db.Online, db.Away, db.Offline}[i%4]}
		c.agents, c.byID[a.ID] = append(c.agents, a), a
		events = append(events, r.AboutAgent(a, db.AgentCreated, db.EventData{}))
	}
	if err := tx.UpdateWorkspace(ctx, w); err != nil {
		return err
	}
	if err := tx.InsertAgents(ctx, c.agents...); err != nil {
		return err
	}
	err := tx.AppendEvents(ctx, events)
	c.seq, c.lastEvent = events[len(events)-1].Seq, events[len(events)-1].ID
	return err
}

func (c *company) issue(ctx context.Context, tokens *auth.Authenticator, manager *db.Agent) error {
	var err error
	c.Manager.Agent = manager.ID
	if c.Manager.Token, _, err = tokens.Issue(ctx, c.Key, db.ScopeAgent, &manager.ID, "bench", 0); err != nil {
		return err
	}
	for _, a := range c.agents[:min(callers, len(c.agents))] {
		token, _, err := tokens.Issue(ctx, c.Key, db.ScopeAgent, &a.ID, "bench", 0)
		if err != nil {
			return err
		}
		c.Callers = append(c.Callers, Caller{a.ID, token})
	}
	token, issued, err := tokens.Issue(ctx, c.Key, db.ScopeIntegration, nil, "bench", 0)
	if err == nil {
		c.Connector, c.connector = token, issued.ID
	}
	return err
}

// An arrival is when a contact's first conversation begins, and how its last one stands today.
type arrival struct {
	at    time.Duration // after the beginning
	count int           // of conversations
	end   ending
}

// arrivals plans about as many contacts as conversations: 30 % of the conversations are open, 10 %
// of these unassigned.
func (c *company) arrivals() []arrival {
	all := make([]arrival, 0, c.Conversations)
	given := 0
	for range c.Conversations {
		a := arrival{at: time.Duration(c.random.Float64() * float64(past-2*24*time.Hour))}
		if given <= len(all) {
			a.count = 1
			for a.count < 6 && c.random.IntN(7) == 0 {
				a.count++
			}
			given += a.count
			// Every contact with a conversation has one latest, of which about 0.85 × 0.353 are open.
			if c.random.Float64() < 0.353 {
				a.end = assigned
				if c.random.IntN(10) == 0 {
					a.end = unassigned
				}
				if a.count == 1 {
					a.at = past - c.lately()
				}
			}
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return all
}

// live lets the past take place in the order of time, and puts out its rows, unless the context
// ends.
func (c *company) live(ctx context.Context) {
	coming := c.arrivals()
	for n := 0; (n < len(coming) || len(c.waiting) > 0) && ctx.Err() == nil; {
		if n < len(coming) && (len(c.waiting) == 0 || c.begin.Add(coming[n].at).Before(c.waiting[0].next)) {
			at := c.begin.Add(coming[n].at).Truncate(time.Microsecond)
			c.advance(c.newLife(n, coming[n].count, at, coming[n].end))
			n++
			continue
		}
		c.advance(heap.Pop(&c.waiting).(*life))
	}
}

// advance takes the steps of a life that are due now, and waits for the next one or ends it.
func (c *company) advance(l *life) {
	for now := l.next; len(l.steps) > 0 && !l.next.After(now); {
		s := l.steps[0]
		l.steps = l.steps[1:]
		c.record(s.do(l, service.Recorder{At: l.next}))
		if len(l.steps) > 0 {
			next := l.steps[0]
			l.next = l.next.Add(next.delay)
			if l.next.Before(next.notBefore) {
				l.next = next.notBefore
			}
		}
	}
	if len(l.steps) == 0 || l.next.After(c.until) {
		c.end(l)
		return
	}
	heap.Push(&c.waiting, l)
}

// record numbers the events of one change and puts them out.
func (c *company) record(events service.Changes) {
	end := c.seq + db.Seq(len(events))
	for _, e := range events {
		c.seq++
		e.WorkspaceID, e.Seq, e.Change = c.Key, c.seq, &end
		c.lastEvent = e.ID
		c.out.events.put(e)
	}
}

// end puts out the rows of a life as they stand in the end.
func (c *company) end(l *life) {
	contact := l.thread.Contact
	contact.WorkspaceID, contact.Revision = c.Key, contact.Version
	contact.Fold("DE")
	c.words.contacts.add(contact.SearchText)
	c.out.contacts.put(contact)
	c.out.identities.put(l.identity)
	if l.thread.Latest != nil {
		l.former = append(l.former, l.thread.Latest)
	}
	for _, conversation := range l.former {
		conversation.WorkspaceID, conversation.Revision = c.Key, conversation.Version
		conversation.Fold()
		c.words.notes.add(conversation.NoteText)
		c.out.conversations.put(conversation)
	}
	for _, mark := range l.marks {
		c.out.marks.put(mark)
	}
}

// queue is a heap of lives by the time of their next step.
type queue []*life

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].next.Before(q[j].next) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*life)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
