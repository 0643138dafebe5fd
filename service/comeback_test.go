package service

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// comebacks has the outcome of a message by the state of the latest conversation and the reopen
// policy, with 7 days (S6).
var comebacks = map[string]map[db.ReopenPolicy]way{
	"none":              {db.Reopen: begins, db.ReopenNew: begins, db.ReopenWithin: begins},
	"open":              {db.Reopen: joins, db.ReopenNew: joins, db.ReopenWithin: joins},
	"closed just now":   {db.Reopen: reopens, db.ReopenNew: begins, db.ReopenWithin: reopens},
	"closed 7 days ago": {db.Reopen: reopens, db.ReopenNew: begins, db.ReopenWithin: reopens},
	"closed longer ago": {db.Reopen: reopens, db.ReopenNew: begins, db.ReopenWithin: begins},
}

// owners has whether the assignee is kept, by the owner policy (S8); a deactivated one never is
// (A7).
var owners = map[string]map[db.OwnerPolicy]bool{
	"online":      {db.OwnerKeep: true, db.OwnerUnassign: false, db.OwnerUnassignIfUnavailable: true},
	"away":        {db.OwnerKeep: true, db.OwnerUnassign: false, db.OwnerUnassignIfUnavailable: false},
	"offline":     {db.OwnerKeep: true, db.OwnerUnassign: false, db.OwnerUnassignIfUnavailable: false},
	"deactivated": {db.OwnerKeep: false, db.OwnerUnassign: false, db.OwnerUnassignIfUnavailable: false},
	"nobody":      {db.OwnerKeep: true, db.OwnerUnassign: true, db.OwnerUnassignIfUnavailable: true},
}

// comebackCase is one situation in which a message or an event arrives.
type comebackCase struct {
	state, owner     string
	reopen           db.ReopenPolicy
	keep             db.OwnerPolicy
	blocked          bool
	message, calls   bool
	now              time.Time
	agent            *db.Agent
	thread           *Thread
	before           db.Conversation // the latest conversation, if there is one
	beforeAssignedTo *db.AgentID
}

// TestComeback tries every policy in every situation.
func TestComeback(t *testing.T) {
	t.Parallel()
	tried := 0
	for state := range comebacks {
		for owner := range owners {
			for _, reopen := range []db.ReopenPolicy{db.Reopen, db.ReopenNew, db.ReopenWithin} {
				for _, keep := range []db.OwnerPolicy{db.OwnerKeep, db.OwnerUnassign, db.OwnerUnassignIfUnavailable} {
					for flags := range 8 {
						if state == "open" && owner == "deactivated" {
							continue // a deactivated agent has no open conversation (A7)
						}
						c := &comebackCase{state: state, owner: owner, reopen: reopen, keep: keep,
							blocked: flags&1 > 0, message: flags&2 > 0, calls: flags&4 > 0}
						c.set()
						c.try(t)
						tried++
					}
				}
			}
		}
	}
	if want := (5*5 - 1) * 3 * 3 * 8; tried != want {
		t.Errorf("%d situations were tried, not %d", tried, want)
	}
}

// set sets the situation up.
func (c *comebackCase) set() {
	c.now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Version: 5}
	if c.owner != "nobody" {
		c.agent = &db.Agent{ID: db.AgentID{UUID: db.NewUUID()}, Active: c.owner != "deactivated", Availability: db.Availability(strings.ToUpper(c.owner))}
		contact.AssigneeID = &c.agent.ID
	}
	if c.blocked {
		contact.BlockedAt = new(c.now.Add(-time.Hour))
	}
	c.thread, c.beforeAssignedTo = &Thread{Contact: contact}, contact.AssigneeID
	if c.state == "none" {
		return
	}
	c.before = db.Conversation{
		ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: contact.ID, Channel: "email", Status: db.StatusOpen, Latest: true, Version: 5,
		AssigneeID: contact.AssigneeID, Blocked: c.blocked, OpenedAt: c.now.Add(-1000 * time.Hour), LastActivityAt: c.now.Add(-900 * time.Hour),
	}
	if c.state != "open" {
		ago := map[string]time.Duration{"closed just now": 0, "closed 7 days ago": 7 * 24 * time.Hour, "closed longer ago": 7*24*time.Hour + time.Microsecond}[c.state]
		c.before.Status, c.before.ClosedAt = db.StatusClosed, new(c.now.Add(-ago))
		c.before.LastActivityAt = c.now.Add(-ago - time.Hour)
	}
	latest := c.before
	c.thread.Latest = &latest
}

// try adds the arrival and compares the outcome with the rules.
func (c *comebackCase) try(t *testing.T) {
	t.Helper()
	want := comebacks[c.state][c.reopen]
	switch {
	case c.blocked:
		want = stays
	case !c.calls && c.state != "open":
		want = stays
	}
	in, kind, source := c.arrival()
	by := db.TokenID{UUID: db.NewUUID()}.Ref()
	policy := ComebackOf(&db.Workspace{ReopenPolicy: c.reopen, ReopenWithinDays: 7, OwnerPolicy: c.keep})
	events := c.thread.Arrive(Recorder{By: by, At: c.now}, policy, in, c.agent)

	wanted, keeps := []string{string(kind)}, true
	if want.opens() {
		if keeps = owners[c.owner][c.keep]; !keeps {
			wanted = append(wanted, string(db.ConversationUnassigned))
		}
		wanted = append(wanted, map[way]string{reopens: string(db.ConversationReopened), begins: string(db.ConversationOpened)}[want])
	}
	fails := func(format string, args ...any) {
		t.Errorf("%s, owner %s, %s, %s, blocked %t, message %t, calls %t: %s", c.state, c.owner, c.reopen, c.keep, c.blocked, c.message, c.calls,
			fmt.Sprintf(format, args...))
	}
	if got := typesOf(events); !slices.Equal(got, wanted) {
		fails("%v, want %v", got, wanted)
		return
	}
	c.checkThread(fails, want, keeps)
	c.checkMessage(fails, in.message, want)
	c.checkEvents(fails, events, want, source)
}

func (c *comebackCase) arrival() (Arrival, db.EventType, db.ConversationSource) {
	if c.message {
		return Received(&db.Message{ID: db.MessageID{UUID: db.NewUUID()}, Kind: db.Inbound, Channel: "chat", Automated: !c.calls}), db.MessageReceived, db.SourceMessage
	}
	return Recorded(&db.BusinessEvent{Type: "order.placed", RequiresAction: c.calls}, "chat"), db.BusinessEventRecorded, db.SourceBusinessEvent
}

// checkThread checks that status, assignee, version and waiting time are as the policy decides.
func (c *comebackCase) checkThread(fails func(string, ...any), want way, keeps bool) {
	latest, version := c.thread.Latest, 5
	if want.opens() {
		version++
	}
	if !keeps {
		version++
	}
	owner := c.beforeAssignedTo
	if !keeps {
		owner = nil
	}
	if c.thread.Contact.Version != version || !SameAgent(c.thread.Contact.AssigneeID, owner) {
		fails("version %d, want %d; assigned to %v, want %v", c.thread.Contact.Version, version, c.thread.Contact.AssigneeID, owner)
	}
	if latest == nil {
		if want != stays {
			fails("there is no conversation")
		}
		return
	}
	if latest.Version != version || !SameAgent(latest.AssigneeID, owner) || (latest.Status == db.StatusOpen) != (want != stays || c.state == "open") {
		fails("the latest is %+v", latest)
	}
	if is := latest.ID != c.before.ID; is != (want == begins) || is && latest.Channel != "chat" || !is && latest.Channel != "email" {
		fails("another conversation is the latest: %t, on %s", is, latest.Channel)
	}
	waits := c.message && c.calls && want != stays
	if (latest.WaitingSince != nil) != waits || waits && !latest.WaitingSince.Equal(c.now) {
		fails("waiting since %v", latest.WaitingSince)
	}
	moved := !c.blocked && (c.message || c.calls)
	if !moved && !latest.LastActivityAt.Equal(c.before.LastActivityAt) || moved && !latest.LastActivityAt.Equal(c.now) {
		fails("last activity at %s", latest.LastActivityAt)
	}
	if (latest.LastMessageID != nil) != (c.message && !c.blocked) {
		fails("the last message is %v", latest.LastMessageID)
	}
}

// checkMessage checks that the message is in the latest conversation, withheld if the contact is
// blocked (S9).
func (c *comebackCase) checkMessage(fails func(string, ...any), m *db.Message, want way) {
	switch {
	case m == nil:
	case m.Withheld != c.blocked, !m.CreatedAt.Equal(c.now):
		fails("the message is %+v", m)
	case c.thread.Latest == nil:
		if m.ConversationID != nil {
			fails("the message is in a conversation")
		}
	case m.ConversationID == nil || *m.ConversationID != c.thread.Latest.ID:
		fails("the message is in %v", m.ConversationID)
	}
}

// checkEvents checks that each event begins with the state after the previous one, and that the
// last one ends with the present state (P1).
func (c *comebackCase) checkEvents(fails func(string, ...any), events Changes, want way, source db.ConversationSource) {
	about := map[db.ConversationID]string{}
	if c.state != "none" {
		about[c.before.ID] = facetsText(c.before.Facets())
	}
	for i, e := range events {
		if e.ConversationID == nil {
			if c.state != "none" || *e.ContactID != c.thread.Contact.ID {
				fails("%s names no conversation", e.Type)
			}
			continue
		}
		before := about[*e.ConversationID]
		if before == "" {
			before = facetsText(nil)
		}
		if got := facetsText(e.Before); got != before {
			fails("%s begins with %s, but it was %s", e.Type, got, before)
		}
		about[*e.ConversationID] = facetsText(e.After)
		if latest := i == 0 || i == len(events)-1; latest != (*e.ConversationID == c.thread.Latest.ID) && want == begins {
			fails("%s names %s", e.Type, e.ConversationID)
		}
	}
	if c.thread.Latest != nil && about[c.thread.Latest.ID] != facetsText(c.thread.Latest.Facets()) {
		fails("the events end with %s, but it is %s", about[c.thread.Latest.ID], facetsText(c.thread.Latest.Facets()))
	}
	if last := events[len(events)-1]; want.opens() && last.Data.Source != source {
		fails("the source is %s", last.Data.Source)
	}
}

func facetsText(f *db.Facets) string {
	b, _ := json.Marshal(f) // texts, numbers and times can always be encoded
	return string(b)
}

func typesOf(events Changes) (types []string) {
	for _, e := range events {
		types = append(types, string(e.Type))
	}
	return types
}
