package service

import (
	"strings"

	"switchboard/db"
)

// run carries out one step, as the verb of that name would have done then.
func (d *demo) run(s demoStep) {
	switch s.do {
	case stepHire:
		d.record(d.as(s, d.boss(s.agent)).aboutAgent(s.agent, db.AgentCreated, db.EventData{}))
	case stepPresence:
		was := s.agent.Availability
		s.agent.Availability = s.availability
		data := db.EventData{Availability: []db.Availability{was, s.availability}}
		d.record(d.as(s, s.agent.ID.Ref()).aboutAgent(s.agent, db.AvailabilityChanged, data))
	case stepLeave:
		d.leave(s)
	case stepRegister:
		d.register(d.as(s, d.able(s.agent).ID.Ref()), s.guest)
	case stepArrive:
		d.arrive(s)
	case stepBlock:
		d.record(s.guest.block(d.as(s, d.owner(s).ID.Ref())))
	default:
		d.work(s)
	}
}

// as makes the recorder of a step.
func (d *demo) as(s demoStep, by db.ActorRef) recorder { return recorder{at: d.end.Add(s.at), by: by} }

func (d *demo) record(events ...*db.Event) { d.events = append(d.events, events...) }

// boss is who enters a new agent: the first manager, who came with the workspace.
func (d *demo) boss(a *db.Agent) db.ActorRef {
	if a == d.agents[0] {
		return db.ActorRef{}
	}
	return d.agents[0].ID.Ref()
}

// able gives the agent, or somebody else if that one has left.
func (d *demo) able(a *db.Agent) *db.Agent {
	if a.Active {
		return a
	}
	return d.agents[demoManagers+len(d.events)%(len(d.agents)-demoManagers-demoLeavers)]
}

// owner is who carries out a step: who is responsible, or else the one it was meant for.
func (d *demo) owner(s demoStep) *db.Agent {
	if a := d.responsible(s.guest); a != nil {
		return a
	}
	return d.able(s.agent)
}

// responsible gives a contact's assignee, nil if there is none who is active.
func (d *demo) responsible(g *demoGuest) *db.Agent {
	if a := d.assignee(g); a != nil && a.Active {
		return a
	}
	return nil
}

// assignee gives a contact's assignee; nil for nobody.
func (d *demo) assignee(g *demoGuest) *db.Agent {
	for _, a := range d.agents {
		if g.isAssignedTo(&a.ID) {
			return a
		}
	}
	return nil
}

// leave deactivates an agent and takes the open conversations away (A7).
func (d *demo) leave(s demoStep) {
	r := d.as(s, d.agents[0].ID.Ref())
	s.agent.Active, s.agent.Availability = false, db.Offline
	d.record(r.aboutAgent(s.agent, db.AgentDeactivated, db.EventData{}))
	for _, g := range d.guests {
		if g.isOpen() && g.isAssignedTo(&s.agent.ID) {
			d.record(g.assign(r, nil, db.ReasonAgentDeactivated))
		}
	}
}

func (d *demo) register(r recorder, g *demoGuest) {
	g.contact.CreatedAt = r.at
	d.guests, d.contacts, d.identities = append(d.guests, g), append(d.contacts, g.contact), append(d.identities, g.identities...)
	d.record(r.about(g.thread, db.ContactCreated, nil, db.EventData{}))
}

// arrive takes a message of the contact in.
func (d *demo) arrive(s demoStep) {
	g, r := s.guest, d.as(s, s.guest.contact.ID.Ref())
	if g.contact.CreatedAt.IsZero() {
		d.register(r, g)
	}
	before := g.latest
	message := received(d.write(g, r, db.Inbound, s.text))
	d.record(g.arrive(r, comebackOf(d.workspace), message, d.assignee(g))...)
	if g.latest != before {
		d.conversations = append(d.conversations, g.latest)
	}
}

// work carries out what an agent does in a conversation.
func (d *demo) work(s demoStep) {
	g, owner := s.guest, d.owner(s)
	r := d.as(s, owner.ID.Ref())
	switch s.do {
	case stepTake:
		d.take(s, owner)
	case stepHandOver:
		if to := d.able(s.agent); to != owner {
			d.record(g.assign(r, &to.ID, db.ReasonManual))
		}
	case stepNote:
		d.record(g.message(r, d.write(g, r, db.Note, s.text)))
	case stepReply:
		first, _, _ := strings.Cut(owner.Name, " ")
		d.record(g.message(r, d.write(g, r, db.Outbound, strings.ReplaceAll(s.text, "{agent}", first))))
		if g.isAssignedTo(nil) {
			d.record(g.assign(r, &owner.ID, db.ReasonReply))
		}
		d.marks[demoReader{owner.ID, g.latest.ID}] = &db.ReadMark{AgentID: owner.ID, ConversationID: g.latest.ID, ReadAt: g.latest.LastActivityAt}
	case stepClose:
		var note *db.ClosingNote
		if s.category != "" || s.text != "" {
			note = &db.ClosingNote{Category: given(s.category), Text: given(s.text)}
		}
		d.record(g.close(r, note))
	}
}

// take makes an agent responsible for what nobody has: most take it themselves, the
// managers give some out.
func (d *demo) take(s demoStep, owner *db.Agent) {
	if !s.guest.isAssignedTo(nil) {
		return
	}
	by, reason := owner, db.ReasonSelf
	if manager := d.agents[len(d.events)%demoManagers]; len(d.events)%4 == 0 && manager != owner {
		by, reason = manager, db.ReasonManual
	}
	d.record(s.guest.assign(d.as(s, by.ID.Ref()), &owner.ID, reason))
}

// write makes a message in the contact's latest conversation, if there is one yet.
func (d *demo) write(g *demoGuest, r recorder, kind db.MessageKind, body string) *db.Message {
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, ContactID: g.contact.ID,
		Kind: kind, Author: r.by, Body: body, Channel: g.channel, CreatedAt: r.at,
	}
	if g.latest != nil {
		m.ConversationID = &g.latest.ID
	}
	if kind == db.Inbound {
		m.SentAt = &r.at
	}
	d.messages = append(d.messages, m)
	return m
}

// given gives a text that may be left out.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
