package command

import (
	"context"
	"fmt"
	"slices"
	"time"

	"switchboard/service/history"
)

// scene is one conversation of the file while it is replayed.
type scene struct {
	history.Record
	channel      string
	conversation string // id of the conversation in the workspace; empty before the first message
}

// step is one mutation of a scene.
type step struct {
	*scene
	at   time.Time
	name string // line of the file and number of the step, part of the idempotency key
	do   string // name of the mutation
	body string
	last bool // whether it is the last step of its scene
}

// stepsOf returns the steps of all records in order of time. In each record the contact writes,
// and the agent is assigned before the first reply, replies, and closes the conversation. An
// agent who never replies is assigned just before the close.
func stepsOf(records []history.Record, channel string) (steps []*step) {
	for _, r := range records {
		sc, taken, n := &scene{Record: r, channel: channel}, false, 0
		add := func(at time.Time, do, body string) {
			n++
			steps = append(steps, &step{scene: sc, at: at, do: do, body: body, name: fmt.Sprintf("%d.%d", r.Line, n)})
		}
		take := func(at time.Time) {
			if !taken {
				taken = true
				add(at, "assignToMe", "")
			}
		}
		for _, m := range r.Messages {
			if m.From == history.FromContact {
				add(m.At, "receiveMessage", m.Body)
				continue
			}
			take(m.At)
			add(m.At, "sendMessage", m.Body)
		}
		end := r.Messages[len(r.Messages)-1].At
		take(end)
		add(end, "closeConversation", "")
		steps[len(steps)-1].last = true
	}
	slices.SortStableFunc(steps, func(a, b *step) int { return a.at.Compare(b.at) })
	return steps
}

// carryOut calls the step's mutation. A refusal is counted and is not an error: a user of the
// playground may have changed the conversation first.
func (s *step) carryOut(ctx context.Context, cast *cast, result *replayResult) error {
	if s.conversation == "" && s.do != "receiveMessage" {
		return nil // no conversation yet: the message was withheld, or the record begins with a reply
	}
	caller, input := cast.agents[s.Company], map[string]any{"conversationId": s.conversation}
	switch s.do {
	case "receiveMessage":
		caller, input = cast.connector, map[string]any{"body": s.body, "sentAt": s.at,
			"sender": map[string]any{"contact": map[string]any{"channel": s.channel, "externalId": s.Contact.ExternalID, "name": s.Contact.Name}}}
	case "sendMessage":
		input["body"] = s.body
	case "closeConversation":
		input["note"] = map[string]any{"text": s.ClosingNote}
	}
	input["idempotencyKey"] = cast.run + " " + s.name
	done, err := caller.mutate(ctx, s.do, input)
	if err != nil {
		return err
	}
	s.count(done, result)
	return nil
}

func (s *step) count(done *payload, result *replayResult) {
	for _, e := range done.UserErrors {
		result.Refused[e.Code]++
	}
	if len(done.UserErrors) == 0 {
		*map[string]*int{"receiveMessage": &result.Received, "assignToMe": &result.Taken,
			"sendMessage": &result.Replies, "closeConversation": &result.Closed}[s.do]++
	}
	if done.Conversation != nil {
		s.conversation = done.Conversation.ID
	}
	if s.last {
		result.Conversations++
	}
}
