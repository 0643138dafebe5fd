package service_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/projection"
	"switchboard/service/servicetest"
)

// Each check runs random calls in a new workspace on a real database; -rapid.checks sets their
// number.
func init() { _ = flag.Set("rapid.checks", "10") }

// TestEverythingAgrees makes random calls, valid and invalid, and then compares what must agree:
// rows with events, lists with live views, and counts with both.
func TestEverythingAgrees(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	w := newPatientWorld(t)
	w.Clock = time.Now()
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, w)
		for range rapid.IntRange(30, 60).Draw(t, "steps") {
			p.step()
		}
		p.readAll()
		p.checkLog()
		p.checkChains()
		p.checkRevisions()
		p.checkThreads()
		p.checkViews()
		p.checkUnread()
	})
}

// play is one run of random calls in a new workspace.
type play struct {
	*rapid.T
	*world
	ctx           context.Context
	tail          *service.Stream[*db.Event] // keeps the log in the process's memory
	start         db.EventCursor
	manager       service.Actor
	agents        []service.Actor // the manager first
	contacts      []db.ContactID
	mu            sync.Mutex // guards contacts and conversations in company
	conversations []db.ConversationID
	marks         map[agentReading]db.Seq // the event up to which an agent has read a conversation

	// The state at the end.
	rows     []*db.Conversation
	customer map[db.ContactID]*db.Contact
	events   []*db.Event

	messageTimes map[db.MessageID]time.Time
}

var channels = []string{"email", "chat", "sms"}

func newPlay(t *rapid.T, w *world) *play {
	p := &play{T: t, world: w, ctx: t.Context(), marks: map[agentReading]db.Seq{}}
	workspace, manager, err := p.CreateWorkspace(p.ctx, "Play", "Mia", "mia@play.example")
	servicetest.Fine(t, err)
	p.manager = service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}
	p.agents = []service.Actor{p.manager}
	p.start, err = p.AsOf(p.ctx, p.manager)
	servicetest.Fine(t, err)
	p.tail, err = p.Service.Watch(p.ctx, p.manager, nil, func(*db.Event) bool { return true })
	servicetest.Fine(t, err)
	t.Cleanup(p.tail.Close)
	p.createAgent()
	for range 3 {
		p.createContact()
	}
	return p
}

// plays are the calls to choose from; common ones are listed several times.
var plays = map[string]func(*play) error{
	"createAgent":   (*play).createAgent,
	"createContact": (*play).createContact,
	"open1":         (*play).open, "open2": (*play).open, "open3": (*play).open, "reopen": (*play).reopen,
	"close1": (*play).close, "close2": (*play).close, "close with a note": (*play).closeWithNote,
	"assign": (*play).assign, "assignToMe": (*play).assignToMe, "unassign": (*play).unassign,
	"assign many": (*play).assignMany, "close many": (*play).closeMany,
	"assignContact": (*play).assignContact, "unassignContact": (*play).unassignContact,
	"block1": (*play).block, "block2": (*play).block, "unblock": (*play).unblock,
	"message1": (*play).message, "message2": (*play).message,
	"reply": (*play).reply, "note": (*play).note, "markRead": (*play).markRead,
	"deactivate": (*play).deactivate, "reactivate": (*play).reactivate, "availability": (*play).availability,
	"updateContact": (*play).updateContact, "updateAgent": (*play).updateAgent, "count": (*play).count,
	"receive1": (*play).receive, "receive2": (*play).receive, "receive from an identity": (*play).receiveFrom,
	"record": (*play).record, "policies": (*play).policies,
	"in company": (*play).inCompany,
}

// companions are what happens in company.
var companions = []func(*play) error{
	(*play).open, (*play).reopen, (*play).close, (*play).closeWithNote, (*play).assign, (*play).assignToMe, (*play).unassign,
	(*play).assignMany, (*play).closeMany, (*play).assignContact, (*play).unassignContact, (*play).block, (*play).unblock, (*play).note,
	(*play).receive, (*play).receiveFrom, (*play).record,
}

// inCompany lets several things happen in one company. Its refusals are not checked one by one,
// since others may have left events.
func (p *play) inCompany() error {
	run := p.Service.Service.Gather(p.manager.Workspace)
	var ended []chan error
	for range rapid.IntRange(2, 12).Draw(p.T, "members") {
		do, end := drawOne(p, companions, "companion"), make(chan error, 1)
		waiting := p.Waiting(p.manager.Workspace)
		drawn := make(chan struct{})
		go func() { defer close(drawn); end <- do(p) }()
		for p.Waiting(p.manager.Workspace) == waiting { // what it does is drawn by then
			select {
			case <-drawn:
				waiting = -1
			case <-time.After(100 * time.Microsecond):
			}
		}
		ended = append(ended, end)
	}
	run()
	for _, end := range ended {
		var refusal *service.Refusal
		if err := <-end; err != nil && !errors.As(err, &refusal) && service.Explain(err).Code == service.Internal {
			p.Fatalf("in company: %v", err)
		}
	}
	return nil
}

var verbNames = func() (names []string) {
	for name := range plays {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()

// step makes one random call. A refused call must write no event.
func (p *play) step() {
	p.Clock = p.Clock.Add(time.Duration(rapid.IntRange(-1, 2).Draw(p.T, "microseconds")) * time.Microsecond)
	name := rapid.SampledFrom(verbNames).Draw(p.T, "verb")
	before := p.head()
	err := plays[name](p)
	var refusal *service.Refusal
	var known *service.Error
	switch {
	case err == nil:
	case errors.As(err, &refusal), errors.As(err, &known) && known.Code != service.Internal:
		if p.head() != before {
			p.Fatalf("%s was refused with %v, but left an event", name, err)
		}
	default:
		p.Fatalf("%s: %v", name, err)
	}
}

func (p *play) head() db.EventCursor {
	c, err := p.AsOf(p.ctx, p.manager)
	servicetest.Fine(p, err)
	return c
}

func drawOne[T any](p *play, from []T, label string) T {
	return rapid.SampledFrom(from).Draw(p.T, label)
}

func (p *play) agent() db.AgentID { return *drawOne(p, p.agents, "agent").Agent }

func (p *play) contact() db.ContactID { return drawOne(p, p.contacts, "contact") }

// conversation returns the id of a random conversation, sometimes an unknown one.
func (p *play) conversation() db.ConversationID {
	if len(p.conversations) == 0 {
		return db.ConversationID{UUID: db.NewUUID()}
	}
	return drawOne(p, p.conversations, "conversation")
}

// version returns nil or, sometimes, a version to expect, which may be the right one.
func (p *play) version() *int {
	return rapid.SampledFrom([]*int{nil, nil, nil, new(2), new(3)}).Draw(p.T, "version")
}

func (p *play) createAgent() error {
	in := service.CreateAgentInput{Name: "Agent", Email: fmt.Sprintf("%d@play.example", len(p.agents)), Role: db.RoleAgent}
	o, err := p.CreateAgent(p.ctx, p.manager, in)
	if err == nil {
		p.agents = append(p.agents, service.Actor{Workspace: p.manager.Workspace, Role: service.RoleAgent, Agent: &o.Agent.ID})
	}
	return err
}

func (p *play) createContact() error {
	o, err := p.CreateContact(p.ctx, p.manager, service.CreateContactInput{Name: fmt.Sprint("Contact ", len(p.contacts))})
	if err == nil {
		p.contacts = append(p.contacts, o.Contact.ID)
	}
	return err
}

func (p *play) updateContact() error {
	_, err := p.UpdateContact(p.ctx, p.manager, service.UpdateContactInput{ContactID: p.contact(), Name: new(drawOne(p, channels, "name"))})
	return err
}

func (p *play) updateAgent() error {
	_, err := p.UpdateAgent(p.ctx, p.manager, service.UpdateAgentInput{AgentID: p.agent(), Name: new(drawOne(p, channels, "name"))})
	return err
}

func (p *play) open() error {
	in := service.OpenConversationInput{ContactID: p.contact(), Channel: drawOne(p, channels, "channel"), ExpectedVersion: p.version()}
	o, err := p.OpenConversation(p.ctx, drawOne(p, p.agents, "caller"), in)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conversations = append(p.conversations, o.Conversation.ID)
	}
	return err
}

func (p *play) reopen() error {
	_, err := p.ReopenConversation(p.ctx, p.manager, service.ReopenConversationInput{ConversationID: p.conversation(), ExpectedVersion: p.version()})
	return err
}

func (p *play) close() error {
	_, err := p.CloseConversation(p.ctx, p.manager, service.CloseConversationInput{ConversationID: p.conversation(), ExpectedVersion: p.version()})
	return err
}

func (p *play) closeWithNote() error {
	note := &service.ClosingNoteInput{
		Category: rapid.SampledFrom([]*string{nil, new("Question"), new("Other"), new("Nonsense")}).Draw(p.T, "category"),
		Text:     rapid.SampledFrom([]*string{nil, new("done"), new(" ")}).Draw(p.T, "text"),
	}
	_, err := p.CloseConversation(p.ctx, p.manager, service.CloseConversationInput{ConversationID: p.conversation(), Note: note})
	return err
}

func (p *play) assign() error {
	_, err := p.AssignConversation(p.ctx, p.manager, service.AssignConversationInput{
		ConversationID: p.conversation(), AssigneeID: p.agent(), ExpectedVersion: p.version()})
	return err
}

// items returns random items of a bulk, perhaps two of one contact, one of them twice, or an
// unknown one.
func (p *play) items() (items []*service.ConversationItemInput) {
	for range rapid.IntRange(1, 6).Draw(p.T, "items") {
		items = append(items, &service.ConversationItemInput{p.conversation(), p.version()})
	}
	return items
}

func (p *play) assignMany() error {
	if items := p.items(); rapid.Bool().Draw(p.T, "unassign") {
		_, err := p.UnassignConversations(p.ctx, p.manager, service.UnassignConversationsInput{Items: items})
		return err
	} else {
		_, err := p.AssignConversations(p.ctx, p.manager, service.AssignConversationsInput{Items: items, AssigneeID: p.agent()})
		return err
	}
}

func (p *play) closeMany() error {
	_, err := p.CloseConversations(p.ctx, p.manager, service.CloseConversationsInput{Items: p.items()})
	return err
}

func (p *play) assignToMe() error {
	_, err := p.AssignToMe(p.ctx, drawOne(p, p.agents, "caller"), service.AssignToMeInput{ConversationID: p.conversation()})
	return err
}

func (p *play) unassign() error {
	_, err := p.UnassignConversation(p.ctx, p.manager, service.UnassignConversationInput{ConversationID: p.conversation()})
	return err
}

func (p *play) assignContact() error {
	_, err := p.AssignContact(p.ctx, p.manager, service.AssignContactInput{ContactID: p.contact(), AssigneeID: p.agent(), ExpectedVersion: p.version()})
	return err
}

func (p *play) unassignContact() error {
	_, err := p.UnassignContact(p.ctx, p.manager, service.UnassignContactInput{ContactID: p.contact()})
	return err
}

func (p *play) block() error {
	_, err := p.BlockContact(p.ctx, p.manager, service.BlockContactInput{ContactID: p.contact()})
	return err
}

func (p *play) unblock() error {
	_, err := p.UnblockContact(p.ctx, p.manager, service.UnblockContactInput{ContactID: p.contact()})
	return err
}

func (p *play) message() error {
	_, err := p.PutMessage(p.ctx, p.manager, p.conversation(), db.Inbound, "hello")
	return err
}

func (p *play) reply() error {
	caller, id := drawOne(p, p.agents, "caller"), p.conversation()
	_, err := p.SendMessage(p.ctx, caller, service.SendMessageInput{ConversationID: id, Body: "hello"})
	return p.hasRead(caller, id, err)
}

func (p *play) markRead() error {
	caller, id := drawOne(p, p.agents, "caller"), p.conversation()
	_, err := p.MarkRead(p.ctx, caller, service.MarkReadInput{ConversationID: id})
	return p.hasRead(caller, id, err)
}

func (p *play) note() error {
	_, err := p.AddNote(p.ctx, drawOne(p, p.agents, "caller"), service.AddNoteInput{ConversationID: p.conversation(), Body: "hello"})
	return err
}

// hasRead records the end of the log when an agent read a conversation.
func (p *play) hasRead(a service.Actor, id db.ConversationID, err error) error {
	if err == nil {
		p.marks[agentReading{*a.Agent, id}] = p.head().Seq
	}
	return err
}

// program returns the integration, which is always the same.
func (p *play) program() service.Actor {
	return service.Actor{Workspace: p.manager.Workspace, Role: service.RoleIntegration}
}

// external returns nil or, sometimes, an external id, perhaps one that was used before.
func (p *play) external() *string {
	return rapid.SampledFrom([]*string{nil, nil, new("1"), new("2"), new("3")}).Draw(p.T, "external id")
}

// came records the rows that an arrival has created.
func (p *play) came(o *service.Outcome, err error) error {
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.contacts, o.Contact.ID) {
		p.contacts = append(p.contacts, o.Contact.ID)
	}
	if o.Conversation != nil && !slices.Contains(p.conversations, o.Conversation.ID) {
		p.conversations = append(p.conversations, o.Conversation.ID)
	}
	return nil
}

func (p *play) receive() error {
	return p.came(p.ReceiveMessage(p.ctx, p.program(), service.ReceiveMessageInput{
		ContactID: new(p.contact()), Channel: new(drawOne(p, channels, "channel")), Body: "hello",
		Automated: rapid.IntRange(0, 3).Draw(p.T, "automated") == 0, ExternalMessageID: p.external()}))
}

func (p *play) receiveFrom() error {
	sender := &service.SenderInput{Channel: drawOne(p, channels, "channel"), ExternalID: drawOne(p, []string{"a", "b"}, "identity"),
		Name: rapid.SampledFrom([]*string{nil, new("Cora")}).Draw(p.T, "name")}
	return p.came(p.ReceiveMessage(p.ctx, p.program(), service.ReceiveMessageInput{Contact: sender, Body: "hello", ExternalMessageID: p.external()}))
}

func (p *play) record() error {
	return p.came(p.RecordBusinessEvent(p.ctx, p.program(), service.RecordBusinessEventInput{
		ContactID: new(p.contact()), Type: "order.placed", RequiresAction: rapid.Bool().Draw(p.T, "requires action"), ExternalEventID: p.external()}))
}

func (p *play) policies() error {
	_, err := p.UpdateWorkspace(p.ctx, p.manager, service.UpdateWorkspaceInput{
		ReopenPolicy: new(drawOne(p, []db.ReopenPolicy{db.Reopen, db.ReopenNew, db.ReopenWithin}, "reopen")),
		OwnerPolicy:  new(drawOne(p, []db.OwnerPolicy{db.OwnerKeep, db.OwnerUnassign, db.OwnerUnassignIfUnavailable}, "owner"))})
	return err
}

func (p *play) deactivate() error {
	in := service.DeactivateAgentInput{AgentID: p.agent()}
	if rapid.Bool().Draw(p.T, "hand over") {
		in.HandOverTo = new(p.agent())
	}
	_, err := p.DeactivateAgent(p.ctx, p.manager, in)
	return err
}

func (p *play) reactivate() error {
	_, err := p.ReactivateAgent(p.ctx, p.manager, service.ReactivateAgentInput{AgentID: p.agent()})
	return err
}

func (p *play) availability() error {
	_, err := p.SetAvailability(p.ctx, p.manager, service.SetAvailabilityInput{
		AgentID: new(p.agent()), Availability: drawOne(p, []db.Availability{db.Online, db.Away, db.Offline}, "availability")})
	return err
}

// count brings the projection of the counts to the end of the log.
func (p *play) count() error {
	_, err := p.InboxCounts(p.ctx, p.manager)
	return err
}

// readAll reads all rows and the whole log.
func (p *play) readAll() {
	servicetest.Fine(p, p.DB.NewSelect().Model(&p.rows).Where("workspace_id = ?", p.manager.Workspace).Order("id").Scan(p.ctx))
	contacts, err := p.ContactsByID(p.ctx, p.manager, p.contacts)
	servicetest.Fine(p, err)
	p.customer = map[db.ContactID]*db.Contact{}
	for _, c := range contacts {
		p.customer[c.ID] = c
	}
	p.events, err = p.DB.ForWorkspace(p.manager.Workspace).EventsAfter(p.ctx, 0, 10_000)
	servicetest.Fine(p, err)
	var messages []*db.Message
	servicetest.Fine(p, p.DB.NewSelect().Model(&messages).Where("workspace_id = ?", p.manager.Workspace).Scan(p.ctx))
	p.messageTimes = map[db.MessageID]time.Time{}
	for _, m := range messages {
		p.messageTimes[m.ID] = m.CreatedAt
	}
	// After this the whole log is in the process's memory.
	ctx := servicetest.Context(p)
	for range p.events[p.start.Seq:] {
		_, err := servicetest.Await(ctx, p.tail)
		servicetest.Fine(p, err)
	}
}

// checkLog checks that the numbers have no gaps and that cursors can be parsed (P2).
func (p *play) checkLog() {
	for i, e := range p.events {
		if e.Seq != db.Seq(i+1) {
			p.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
		if c, err := db.ParseEventCursor(e.Cursor().String()); err != nil || c != e.Cursor() {
			p.Fatalf("the cursor of event %d came back as %+v, %v", e.Seq, c, err)
		}
	}
	if head := p.head(); head != p.events[len(p.events)-1].Cursor() {
		p.Fatalf("the log ends at %+v", head)
	}
}

// checkChains checks that each change has its event and each event its change (P1).
func (p *play) checkChains() {
	last := map[db.ConversationID]string{}
	for _, e := range p.events {
		if e.ConversationID == nil {
			continue
		}
		before, known := last[*e.ConversationID], true
		if before == "" {
			before, known = servicetest.FacetsText(nil), e.Type == db.ConversationOpened
			if (e.Type == db.MessageReceived || e.Type == db.BusinessEventRecorded) && e.Before == nil && e.After == nil {
				continue // it is about the conversation that it opens
			}
		}
		if got := servicetest.FacetsText(e.Before); got != before || !known {
			p.Fatalf("%s, event %d, says that before it was\n%s, but it was\n%s", e.Type, e.Seq, got, before)
		}
		if e.After == nil {
			p.Fatalf("%s, event %d, ends a conversation", e.Type, e.Seq)
		}
		last[*e.ConversationID] = servicetest.FacetsText(e.After)
	}
	if len(last) != len(p.rows) {
		p.Fatalf("%d conversations have events, but there are %d", len(last), len(p.rows))
	}
	for _, c := range p.rows {
		if got := servicetest.FacetsText(c.Facets()); got != last[c.ID] {
			p.Fatalf("the row says\n%s, but its last event\n%s", got, last[c.ID])
		}
	}
}

// checkRevisions checks that each change of a row raises its revision, and that the events show how
// far.
func (p *play) checkRevisions() {
	type shown struct {
		revision int
		change   db.Seq // the last event of the change that showed it
	}
	conversations, contacts := map[db.ConversationID]shown{}, map[db.ContactID]shown{}
	for _, e := range p.events {
		grows := e.Type == db.MessageSent || e.Type == db.NoteAdded ||
			e.Before != nil && e.After != nil && e.Before.Version != e.After.Version
		if e.ConversationID != nil {
			last := conversations[*e.ConversationID]
			if now := e.ConversationRevision; now == nil || *now < last.revision || grows && *now == last.revision && e.ChangeEnd() != last.change {
				p.Fatalf("%s, event %d, shows revision %v of its conversation after %d", e.Type, e.Seq, now, last.revision)
			}
			conversations[*e.ConversationID] = shown{*e.ConversationRevision, e.ChangeEnd()}
		}
		if e.ContactID != nil {
			if now := e.ContactRevision; now == nil || *now < contacts[*e.ContactID].revision {
				p.Fatalf("%s, event %d, shows revision %v of its contact after %d", e.Type, e.Seq, now, contacts[*e.ContactID].revision)
			}
			contacts[*e.ContactID] = shown{revision: *e.ContactRevision}
		}
	}
	for _, c := range p.rows { // no event is about an earlier conversation that stops being the latest
		if last := conversations[c.ID].revision; c.Revision != last && (c.Latest || c.Revision != last+1) {
			p.Fatalf("%s has revision %d, but its last event shows %d", c.ID, c.Revision, last)
		}
	}
	for id, c := range p.customer {
		if last := contacts[id].revision; c.Revision != last {
			p.Fatalf("%s has revision %d, but its last event shows %d", id, c.Revision, last)
		}
	}
}

// checkThreads checks that each contact agrees with its latest conversation (A4).
func (p *play) checkThreads() {
	latest, open := map[db.ContactID]*db.Conversation{}, map[db.ContactID]int{}
	for _, c := range p.rows {
		if c.Status == db.StatusOpen {
			open[c.ContactID]++
		}
		if l := latest[c.ContactID]; l == nil || cmp.Or(c.OpenedAt.Compare(l.OpenedAt), slices.Compare(c.ID.UUID[:], l.ID.UUID[:])) > 0 {
			latest[c.ContactID] = c
		}
	}
	for _, c := range p.rows {
		switch is := latest[c.ContactID] == c; {
		case c.Latest != is:
			p.Fatalf("%s is said to be the latest: %t", c.ID, c.Latest)
		case !is && (c.Status == db.StatusOpen || c.Blocked):
			p.Fatalf("%s is not the latest, but %s, blocked: %t", c.ID, c.Status, c.Blocked)
		}
	}
	for id, contact := range p.customer {
		if open[id] > 1 {
			p.Fatalf("%d conversations are open", open[id])
		}
		if c := latest[id]; c != nil && (!service.SameAgent(c.AssigneeID, contact.AssigneeID) || c.Version != contact.Version || c.Blocked != contact.Blocked()) {
			p.Fatalf("the contact is %+v, its latest conversation %+v", contact, c)
		}
	}
}

// checkViews checks that lists, live views and counts agree (I2).
func (p *play) checkViews() {
	for _, viewer := range p.agents[:2] {
		counts, err := p.InboxCounts(p.ctx, viewer)
		servicetest.Fine(p, err)
		var applied service.Counts
		for _, e := range p.events {
			applied.Apply(e, viewer.Agent)
		}
		fresh, err := projection.NewInbox().Counts(p.ctx, p.DB.ForWorkspace(viewer.Workspace), viewer.Agent)
		servicetest.Fine(p, err)
		if counts != applied || counts != fresh || counts.AsOf != p.head() {
			p.Fatalf("counted %+v, from the events %+v, counted afresh %+v", counts, applied, fresh)
		}
		for _, view := range db.Views {
			channel := &db.InboxFilter{Channels: []string{drawOne(p, []string{"EMAIL", "chat", "sms"}, "channel")}}
			for _, filter := range []*db.InboxFilter{nil, channel, p.filter()} {
				p.checkView(viewer, view, filter, counts)
			}
		}
	}
}

func (p *play) checkView(viewer service.Actor, view db.View, filter *db.InboxFilter, counts service.Counts) {
	filtered := db.InboxFilter{}
	if filter != nil {
		filtered = *filter
	}
	var want []*db.Conversation
	for _, c := range p.rows {
		if view.Holds(c.Facets(), viewer.Agent) && filtered.Holds(c.Facets()) {
			want = append(want, c)
		}
	}
	about := func() string { b, _ := json.Marshal(filter); return fmt.Sprintf("%s with %s", view, b) }
	if filter == nil && counts.Of(view) != len(want) {
		p.Fatalf("%s: counted %d of %d", view, counts.Of(view), len(want))
	}
	if live := p.live(viewer, view, filter); !sameConversations(live, want) {
		p.Fatalf("%s: the live view holds %d of %d", about(), len(live), len(want))
	}
	for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
		direction := drawOne(p, []service.Direction{service.Ascending, service.Descending}, "direction")
		in := service.InboxInput{View: view, Filter: filter, OrderBy: &service.InboxOrder{field, direction}}
		listed, total := p.list(viewer, in)
		if total != len(want) {
			p.Fatalf("%s: the total is %d of %d", about(), total, len(want))
		}
		inOrder(want, *in.OrderBy)
		if !slices.EqualFunc(listed, want, func(a, b *db.Conversation) bool { return a.ID == b.ID }) {
			p.Fatalf("%s by %s %s: listed\n%s, not\n%s", about(), field, direction, idsOf(listed), idsOf(want))
		}
	}
}

// checkUnread computes the unread messages by the order of the log instead of times, and compares
// them with the filtered list (I3).
func (p *play) checkUnread() {
	for _, viewer := range p.agents {
		agent, err := service.One(p.AgentsByID(p.ctx, viewer, []db.AgentID{*viewer.Agent}))
		servicetest.Fine(p, err)
		unread := map[db.ConversationID]int{}
		for _, e := range p.events {
			if e.Type != db.MessageReceived || e.ConversationID == nil || e.Before != nil && e.Before.Blocked {
				continue // withheld messages never count as unread (S9)
			}
			mark := p.marks[agentReading{agent.ID, *e.ConversationID}]
			if e.Seq > mark && p.messageTimes[*e.Data.MessageID].After(agent.CreatedAt) {
				unread[*e.ConversationID]++
			}
		}
		counts, err := p.UnreadCounts(p.ctx, viewer, p.conversations)
		servicetest.Fine(p, err)
		for i, id := range p.conversations {
			if counts[i] != unread[id] {
				p.Fatalf("%s of %s: %d are unread, not %d", id, agent.ID, unread[id], counts[i])
			}
		}
		for _, view := range db.Views {
			for _, is := range []bool{true, false} {
				p.checkUnreadList(viewer, view, is, unread)
			}
		}
	}
}

func (p *play) checkUnreadList(viewer service.Actor, view db.View, is bool, unread map[db.ConversationID]int) {
	var want []*db.Conversation
	for _, c := range p.rows {
		if view.Holds(c.Facets(), viewer.Agent) && (unread[c.ID] > 0) == is {
			want = append(want, c)
		}
	}
	field := drawOne(p, []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt}, "order")
	in := service.InboxInput{View: view, Filter: &db.InboxFilter{Unread: &is}, OrderBy: &service.InboxOrder{field, service.Descending}}
	listed, total := p.list(viewer, in)
	inOrder(want, *in.OrderBy)
	if total != len(want) || !slices.EqualFunc(listed, want, func(a, b *db.Conversation) bool { return a.ID == b.ID }) {
		p.Fatalf("%s, unread %t: listed\n%s, counted %d, but not\n%s", view, is, idsOf(listed), total, idsOf(want))
	}
}

// filter returns a random filter with values that occur.
func (p *play) filter() *db.InboxFilter {
	f := &db.InboxFilter{
		Waiting: rapid.SampledFrom([]*bool{nil, nil, new(true), new(false)}).Draw(p.T, "waiting"),
	}
	if rapid.Bool().Draw(p.T, "by assignee") {
		options := []*db.AgentID{nil, {UUID: db.NewUUID()}}
		for _, a := range p.agents {
			options = append(options, a.Agent)
		}
		f.Assignees = rapid.SliceOfN(rapid.SampledFrom(options), 1, 3).Draw(p.T, "assignees")
	}
	if rapid.IntRange(0, 3).Draw(p.T, "by channel") == 0 {
		f.Channels = rapid.SliceOfN(rapid.SampledFrom(append([]string{"EMAIL"}, channels...)), 1, 2).Draw(p.T, "channels")
	}
	if rapid.IntRange(0, 3).Draw(p.T, "by category") == 0 {
		f.ClosingCategories = rapid.SliceOfN(rapid.SampledFrom([]string{"Question", "Other", ""}), 1, 2).Draw(p.T, "categories")
	}
	for _, bound := range []**time.Time{&f.OpenedAfter, &f.OpenedBefore, &f.ClosedAfter, &f.ClosedBefore} {
		if len(p.rows) > 0 && rapid.IntRange(0, 4).Draw(p.T, "by time") == 0 {
			*bound = new(p.moment())
		}
	}
	return f
}

// moment returns the time of an event, or one just before or after, which may be finer than the
// times in the database.
func (p *play) moment() time.Time {
	e := drawOne(p, p.events, "event")
	return e.CreatedAt.Add(time.Duration(rapid.SampledFrom([]int{-1000, -500, -1, 0, 1, 500, 1000}).Draw(p.T, "nanoseconds")))
}

// list pages through a whole list, forward or backward.
func (p *play) list(viewer service.Actor, in service.InboxInput) (rows []*db.Conversation, total int) {
	size, backward := rapid.IntRange(2, 12).Draw(p.T, "page"), rapid.Bool().Draw(p.T, "backward")
	for {
		if in.First = &size; backward {
			in.First, in.Last = nil, &size
		}
		l, err := p.Inbox(p.ctx, viewer, in)
		servicetest.Fine(p, err)
		if in.After == nil && in.Before == nil {
			var capped bool
			if total, capped, err = p.InboxTotal(p.ctx, viewer, l); err != nil || capped {
				p.Fatalf("the total is capped: %t, %v", capped, err)
			}
		}
		if l.AsOf != p.events[len(p.events)-1].Cursor() {
			p.Fatalf("as of %+v", l.AsOf)
		}
		if backward {
			rows = append(slices.Clone(l.Rows), rows...)
		} else {
			rows = append(rows, l.Rows...)
		}
		switch {
		case backward && l.HasPrevious:
			in.Before = new(l.Cursor(l.Rows[0]))
		case !backward && l.HasNext:
			in.After = new(l.Cursor(l.Rows[len(l.Rows)-1]))
		default:
			return rows, total
		}
	}
}

// inOrder sorts conversations in the order of a list: contacts who do not wait come last in both
// directions, by opening.
func inOrder(rows []*db.Conversation, order service.InboxOrder) {
	sign := map[service.Direction]int{service.Ascending: 1, service.Descending: -1}[order.Direction]
	at := func(c *db.Conversation) (last int, t time.Time) {
		switch {
		case order.Field == db.LastActivity:
			return 0, c.LastActivityAt
		case order.Field == db.OpenedAt:
			return 0, c.OpenedAt
		case c.WaitingSince != nil:
			return 0, *c.WaitingSince
		}
		return 1, c.OpenedAt
	}
	slices.SortFunc(rows, func(a, b *db.Conversation) int {
		lastA, timeA := at(a)
		lastB, timeB := at(b)
		return cmp.Or(cmp.Compare(lastA, lastB), sign*timeA.Compare(timeB), sign*slices.Compare(a.ID.UUID[:], b.ID.UUID[:]))
	})
}

// live applies all changes of a live view: nothing enters twice, and only conversations in the view
// change or leave.
func (p *play) live(viewer service.Actor, view db.View, filter *db.InboxFilter) map[db.ConversationID]bool {
	s, err := p.WatchInbox(p.ctx, viewer, view, filter, nil, &p.start)
	servicetest.Fine(p, err)
	defer s.Close()
	inside := map[db.ConversationID]bool{}
	for {
		change, ok, err := s.Next(p.ctx)
		servicetest.Fine(p, err)
		if !ok {
			return inside
		}
		id := *change.Event.ConversationID
		if inside[id] != (change.Kind != service.Entered) {
			p.Fatalf("%s: event %d says %s, but it is inside: %t", view, change.Event.Seq, change.Kind, inside[id])
		}
		if inside[id] = true; change.Kind == service.Left {
			delete(inside, id)
		}
	}
}

func sameConversations(ids map[db.ConversationID]bool, rows []*db.Conversation) bool {
	for _, c := range rows {
		if !ids[c.ID] {
			return false
		}
	}
	return len(ids) == len(rows)
}

func idsOf(rows []*db.Conversation) (ids []string) {
	for _, c := range rows {
		ids = append(ids, c.ID.String())
	}
	return ids
}

// agentReading is an agent and a conversation that they read.
type agentReading struct {
	agent        db.AgentID
	conversation db.ConversationID
}
