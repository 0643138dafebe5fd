package command

import (
	"context"
	"fmt"
	"slices"
	"time"

	"switchboard/service/history"
)

// scene is one conversation of the file on its way through the API.
type scene struct {
	history.Record
	channel      string
	conversation string // its id, from the contact's first message on
}

// step is one call of a scene.
type step struct {
	*scene
	at   time.Time
	name string // which call of which line it is
	do   string // the mutation
	body string
	last bool // of its scene
}

// stepsOf gives the steps of all records by their times: the contact writes, the agent
// takes the conversation before the first reply, or else before the end, replies and closes.
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

// carryOut makes the call. That a rule refuses it is part of the play, as when somebody
// else was faster in the playground.
func (s *step) carryOut(ctx context.Context, cast *cast, result *replayResult) error {
	if s.conversation == "" && s.do != "receiveMessage" {
		return nil // withheld, or it begins with the agent
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
