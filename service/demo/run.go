package demo

import (
	"strings"

	"switchboard/db"
	"switchboard/service"
)

// run carries out one step as the matching verb of package service would.
func (d *demo) run(s step) {
	switch s.do {
	case stepHire:
		d.record(d.as(s, d.boss(s.agent)).AboutAgent(s.agent, db.AgentCreated, db.EventData{}))
	case stepPresence:
		was := s.agent.Availability
		s.agent.Availability = s.availability
		data := db.EventData{Availability: []db.Availability{was, s.availability}}
		d.record(d.as(s, s.agent.ID.Ref()).AboutAgent(s.agent, db.AvailabilityChanged, data))
	case stepLeave:
		d.leave(s)
	case stepRegister:
		d.register(d.as(s, d.able(s.agent).ID.Ref()), s.guest)
	case stepArrive:
		d.arrive(s)
	case stepBlock:
		d.record(s.guest.Block(d.as(s, d.owner(s).ID.Ref())))
	default:
		d.work(s)
	}
}

// as returns the recorder of a step.
func (d *demo) as(s step, by db.ActorRef) service.Recorder {
	return service.Recorder{At: d.end.Add(s.at), By: by}
}

func (d *demo) record(events ...*db.Event) { d.events = append(d.events, events...) }

// boss returns the actor that creates an agent: the first manager, or the zero actor for that
// manager itself.
func (d *demo) boss(a *db.Agent) db.ActorRef {
	if a == d.agents[0] {
		return db.ActorRef{}
	}
	return d.agents[0].ID.Ref()
}

// able returns the agent, or another one if the agent has left.
func (d *demo) able(a *db.Agent) *db.Agent {
	if a.Active {
		return a
	}
	return d.agents[managerCount+len(d.events)%(len(d.agents)-managerCount-leaverCount)]
}

// owner returns the agent who carries out a step: the assignee, or else the agent of the step.
func (d *demo) owner(s step) *db.Agent {
	if a := d.responsible(s.guest); a != nil {
		return a
	}
	return d.able(s.agent)
}

// responsible returns a contact's assignee; nil without an active one.
func (d *demo) responsible(g *guest) *db.Agent {
	if a := d.assignee(g); a != nil && a.Active {
		return a
	}
	return nil
}

// assignee returns a contact's assignee; nil without one.
func (d *demo) assignee(g *guest) *db.Agent {
	for _, a := range d.agents {
		if g.IsAssignedTo(&a.ID) {
			return a
		}
	}
	return nil
}

// leave deactivates an agent and unassigns the open conversations (A7).
func (d *demo) leave(s step) {
	r := d.as(s, d.agents[0].ID.Ref())
	s.agent.Active, s.agent.Availability = false, db.Offline
	d.record(r.AboutAgent(s.agent, db.AgentDeactivated, db.EventData{}))
	for _, g := range d.guests {
		if g.IsOpen() && g.IsAssignedTo(&s.agent.ID) {
			d.record(g.Assign(r, nil, db.ReasonAgentDeactivated))
		}
	}
}

func (d *demo) register(r service.Recorder, g *guest) {
	g.Contact.CreatedAt = r.At
	d.guests, d.contacts, d.identities = append(d.guests, g), append(d.contacts, g.Contact), append(d.identities, g.identities...)
	d.record(r.About(g.Thread, db.ContactCreated, nil, db.EventData{}))
}

// arrive receives a message of the contact.
func (d *demo) arrive(s step) {
	g, r := s.guest, d.as(s, s.guest.Contact.ID.Ref())
	if g.Contact.CreatedAt.IsZero() {
		d.register(r, g)
	}
	before := g.Latest
	message := service.Received(d.write(g, r, db.Inbound, s.text))
	d.record(g.Arrive(r, service.ComebackOf(d.workspace), message, d.assignee(g))...)
	if g.Latest != before {
		d.conversations = append(d.conversations, g.Latest)
	}
}

// work carries out what an agent does in a conversation.
func (d *demo) work(s step) {
	g, owner := s.guest, d.owner(s)
	r := d.as(s, owner.ID.Ref())
	switch s.do {
	case stepTake:
		d.take(s, owner)
	case stepHandOver:
		if to := d.able(s.agent); to != owner {
			d.record(g.Assign(r, &to.ID, db.ReasonManual))
		}
	case stepNote:
		d.record(g.Message(r, d.write(g, r, db.Note, s.text)))
	case stepReply:
		first, _, _ := strings.Cut(owner.Name, " ")
		d.record(g.Message(r, d.write(g, r, db.Outbound, strings.ReplaceAll(s.text, "{agent}", first))))
		if g.IsAssignedTo(nil) {
			d.record(g.Assign(r, &owner.ID, db.ReasonReply))
		}
		d.marks[reader{owner.ID, g.Latest.ID}] = &db.ReadMark{AgentID: owner.ID, ConversationID: g.Latest.ID, ReadAt: g.Latest.LastActivityAt}
	case stepClose:
		var note *db.ClosingNote
		if s.category != "" || s.text != "" {
			note = &db.ClosingNote{Category: given(s.category), Text: given(s.text)}
		}
		d.record(g.Close(r, note))
	}
}

// take assigns an unassigned conversation to an agent: mostly by the agent, sometimes by a manager.
func (d *demo) take(s step, owner *db.Agent) {
	if !s.guest.IsAssignedTo(nil) {
		return
	}
	by, reason := owner, db.ReasonSelf
	if manager := d.agents[len(d.events)%managerCount]; len(d.events)%4 == 0 && manager != owner {
		by, reason = manager, db.ReasonManual
	}
	d.record(s.guest.Assign(d.as(s, by.ID.Ref()), &owner.ID, reason))
}

// write adds a message to the contact's latest conversation, or without one if there is none yet.
func (d *demo) write(g *guest, r service.Recorder, kind db.MessageKind, body string) *db.Message {
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, ContactID: g.Contact.ID,
		Kind: kind, Author: r.By, Body: body, Channel: g.channel, CreatedAt: r.At,
	}
	if g.Latest != nil {
		m.ConversationID = &g.Latest.ID
	}
	if kind == db.Inbound {
		m.SentAt = &r.At
	}
	d.messages = append(d.messages, m)
	return m
}

// given returns a pointer to a text; nil if it is empty.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
