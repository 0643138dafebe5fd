package workflow

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

// DryRunTrigger is what happens before a workflow is tried; exactly one of its fields is set.
type DryRunTrigger struct {
	Opened          *DryRunOpening
	Reopened        *DryRunReopening
	Closed          *DryRunClosing
	Assigned        *DryRunAssignment
	Unassigned      *DryRunUnassignment
	MessageReceived *DryRunMessage
	MessageSent     *DryRunReply
	BusinessEvent   *DryRunBusinessEvent
}

// DryRunOpening starts a new conversation.
type DryRunOpening struct {
	Channel *string // nil: that of the latest conversation
	Source  db.ConversationSource
}

// DryRunReopening brings the latest conversation back.
type DryRunReopening struct {
	Source db.ConversationSource
}

// DryRunClosing closes the conversation.
type DryRunClosing struct {
	Category *string // of the closing note
}

// DryRunAssignment makes an agent responsible.
type DryRunAssignment struct {
	AgentID db.AgentID
	Reason  db.AssignmentReason
}

// DryRunUnassignment makes nobody responsible.
type DryRunUnassignment struct {
	Reason db.AssignmentReason
}

// DryRunMessage is a message that comes in.
type DryRunMessage struct {
	Channel   *string // nil: that of the latest conversation
	Automated bool    // a machine wrote it
}

// DryRunReply is a message that an agent sends.
type DryRunReply struct {
	AgentID *db.AgentID // nil: the caller
}

// DryRunBusinessEvent is something that happens outside.
type DryRunBusinessEvent struct {
	Type           string
	RequiresAction bool
}

// check refuses a trigger that is not exactly one.
func (d *DryRunTrigger) check() error {
	if d == nil {
		return nil
	}
	n := 0
	for _, given := range []bool{
		d.Opened != nil, d.Reopened != nil, d.Closed != nil, d.Assigned != nil, d.Unassigned != nil,
		d.MessageReceived != nil, d.MessageSent != nil, d.BusinessEvent != nil,
	} {
		if given {
			n++
		}
	}
	if n != 1 {
		return service.NewBadInput("give exactly one field of trigger, or leave it out")
	}
	switch {
	case d.BusinessEvent != nil:
		return service.CheckText("trigger.businessEventRecorded.type", d.BusinessEvent.Type, 1, service.MaxName)
	case d.Opened != nil:
		return checkChannel("trigger.conversationOpened.channel", d.Opened.Channel)
	case d.MessageReceived != nil:
		return checkChannel("trigger.messageReceived.channel", d.MessageReceived.Channel)
	}
	return nil
}

func checkChannel(field string, given *string) error {
	if given == nil {
		return nil
	}
	_, err := service.CheckChannel(field, *given)
	return err
}

// channelOr returns the given channel in its stored form, or else that of a conversation.
func channelOr(given *string, c *db.Conversation) string {
	if given == nil {
		return c.Channel
	}
	return db.FoldChannel(*given)
}

func (d *DryRunTrigger) isAutomated() bool {
	return d != nil && d.MessageReceived != nil && d.MessageReceived.Automated
}

// usualTrigger returns the trigger of a dry run that names none: the first of the definition's
// triggers that can happen now, with data that meets the conditions on it. It is nil if none can
// happen, because then the conversation is in the state after it.
func usualTrigger(d *db.WorkflowDefinition, t *service.Thread) *DryRunTrigger {
	c := d.Conditions
	if c == nil {
		c = &db.WorkflowConditions{}
	}
	for _, trigger := range d.Triggers {
		switch {
		case trigger == db.TriggerOpened && service.CheckOpen(t.Contact, t.Latest) == nil:
			return &DryRunTrigger{Opened: &DryRunOpening{Source: db.SourceAgent}}
		case trigger == db.TriggerReopened && service.CheckReopen(t.Contact, t.Latest, t.Asked) == nil:
			return &DryRunTrigger{Reopened: &DryRunReopening{db.SourceAgent}}
		case trigger == db.TriggerClosed && service.CheckCloseAsked(t) == nil:
			return &DryRunTrigger{Closed: &DryRunClosing{optionalFirst(c.Categories)}}
		case trigger == db.TriggerUnassigned && !t.IsAssignedTo(nil) && !t.IsOlder():
			return &DryRunTrigger{Unassigned: &DryRunUnassignment{db.ReasonManual}}
		case trigger == db.TriggerReceived:
			return &DryRunTrigger{MessageReceived: &DryRunMessage{Automated: !admits(d.Conditions, false)}}
		case trigger == db.TriggerBusinessEvent:
			kind := "example"
			if first := optionalFirst(c.BusinessEventTypes); first != nil {
				kind = *first
			}
			return &DryRunTrigger{BusinessEvent: &DryRunBusinessEvent{Type: kind}}
		}
	}
	return nil
}

func optionalFirst(list []string) *string {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// happen carries out a trigger by the rules of its verb.
func (w *writer) happen(ctx context.Context, t *service.Thread, d *DryRunTrigger) (service.Changes, error) {
	switch {
	case d == nil:
		return service.Unchanged, nil
	case d.Opened != nil:
		return w.CarryOut(ctx, t, service.Opening(channelOr(d.Opened.Channel, t.Latest), d.Opened.Source))
	case d.Reopened != nil:
		return w.CarryOut(ctx, t, service.Reopening(d.Reopened.Source))
	case d.Closed != nil:
		events, err := w.stepClose(ctx, t, &db.WorkflowStep{Category: d.Closed.Category})
		if r := isRefusal(err); r != nil && r.Code == service.UnknownCategory {
			return nil, service.Refuse(r.Code, r.Message, "trigger", "conversationClosed", "category")
		}
		return events, err
	case d.MessageReceived != nil:
		return w.happenReceived(ctx, t, *d.MessageReceived)
	case d.MessageSent != nil:
		return w.happenSent(ctx, t, d.MessageSent.AgentID)
	case d.BusinessEvent != nil:
		e := &db.BusinessEvent{Type: d.BusinessEvent.Type, RequiresAction: d.BusinessEvent.RequiresAction}
		return w.CarryOut(ctx, t, service.Arriving(service.Recorded(e, t.Latest.Channel)))
	}
	return w.happenAssignment(ctx, t, d)
}

func (w *writer) happenAssignment(ctx context.Context, t *service.Thread, d *DryRunTrigger) (service.Changes, error) {
	if err := service.FirstOf(service.CheckLatest(t)); err != nil {
		return nil, err
	}
	if d.Unassigned != nil {
		return w.CarryOut(ctx, t, service.Handing(nil, d.Unassigned.Reason))
	}
	agent, err := w.ShareAgent(ctx, d.Assigned.AgentID)
	if err != nil {
		return nil, err
	}
	if r := service.CheckActive(agent, "agentId"); r != nil {
		return nil, service.Refuse(r.Code, r.Message, "trigger", "conversationAssigned", "agentId")
	}
	return w.CarryOut(ctx, t, service.Handing(&agent.ID, d.Assigned.Reason))
}

// example is the body of the messages in dry runs.
const example = "This is a dry run."

func (w *writer) happenReceived(ctx context.Context, t *service.Thread, d DryRunMessage) (service.Changes, error) {
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, ContactID: t.Contact.ID, Kind: db.Inbound, Author: t.Contact.ID.Ref(),
		Body: example, Channel: channelOr(d.Channel, t.Latest), Automated: d.Automated, CreatedAt: w.At,
	}
	return w.CarryOut(ctx, t, service.Arriving(service.Received(m)))
}

func (w *writer) happenSent(ctx context.Context, t *service.Thread, by *db.AgentID) (service.Changes, error) {
	if by != nil {
		agent, err := w.ShareAgent(ctx, *by)
		if err != nil {
			return nil, err
		}
		if r := service.CheckActive(agent, "agentId"); r != nil {
			return nil, service.Refuse(r.Code, r.Message, "trigger", "messageSent", "agentId")
		}
		w.Actor.Agent, w.By = by, by.Ref()
	}
	if w.Actor.Agent == nil {
		return nil, service.NewBadInput("say which agent sends the message: trigger.messageSent.agentId")
	}
	return w.CarryOut(ctx, t, service.Replying(*w.Actor.Agent, example, nil, nil))
}
