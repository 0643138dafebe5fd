package service

import (
	"bytes"
	"context"
	"slices"

	"switchboard/db"
)

// Choosing an agent is exact under concurrency: those who come into question are locked,
// in id order, before their conversations are counted. Whoever chooses among them
// meanwhile waits and then counts what was given here.

const candidatesKept = 100 // in the log of a run

// stepChoice assigns an open conversation to the agent whom the step finds, or leaves it as it is.
func (w *Writer) stepChoice(ctx context.Context, x *execution, step *db.WorkflowStep, took *db.WorkflowRunStep) (Changes, error) {
	if !x.thread.IsOpen() {
		return nil, Refuse(NotOpen, "the conversation is closed; agents are chosen for open ones")
	}
	c, err := w.considered(ctx, x, step)
	if err != nil {
		return nil, err
	}
	if err := w.leaveToQueue(ctx, x.run, c); err != nil {
		return nil, err
	}
	var chosen *db.AgentID
	if step.Kind == db.StepRoundRobin {
		chosen, err = w.inTurn(ctx, x.run.WorkflowID, c)
	} else {
		chosen = c.leastLoaded()
	}
	if err != nil {
		return nil, err
	}
	took.Candidates = c[:min(len(c), candidatesKept)]
	if chosen == nil {
		took.Outcome = db.StepNobody
		return Unchanged, nil
	}
	return w.setAssignee(ctx, x.thread, chosen, took)
}

// candidates are the agents of a step in id order. Who can take it has no outcome yet.
type candidates []*db.WorkflowCandidate

// considered locks the agents who can take a conversation and says of the others why not.
func (w *Writer) considered(ctx context.Context, x *execution, step *db.WorkflowStep) (candidates, error) {
	agents, err := w.Candidates(ctx, step.AgentIDs, step.Skill)
	if err != nil {
		return nil, err
	}
	online := agentIDs(slices.DeleteFunc(slices.Clone(agents), func(a *db.Agent) bool { return !available(a) }))
	locked, err := w.LockAgents(ctx, online)
	if err != nil {
		return nil, err
	}
	loads, err := w.Loads(ctx, agentIDs(agents))
	if err != nil {
		return nil, err
	}
	if owner := x.thread.Contact.AssigneeID; owner != nil {
		loads[*owner]-- // who has it already does not get one more
	}
	c := make(candidates, len(agents))
	for i, a := range agents {
		if now := slices.IndexFunc(locked, func(l *db.Agent) bool { return l.ID == a.ID }); now >= 0 {
			a = locked[now] // and so it stays
		}
		c[i] = &db.WorkflowCandidate{AgentID: a.ID, OpenConversations: loads[a.ID]}
		switch {
		case step.ExceptPrevious && SameAgent(&a.ID, x.previous()):
			c[i].Outcome = db.Previous
		case !a.Active:
			c[i].Outcome = db.NotActive
		case !slices.Contains(online, a.ID) || !available(a):
			c[i].Outcome = db.NotOnline
		case step.Capacity != nil && loads[a.ID] >= *step.Capacity:
			c[i].Outcome = db.AtCapacity
		}
	}
	return c, nil
}

// previous returns the agent who was responsible before the event; nil for nobody.
func (x *execution) previous() *db.AgentID {
	if x.event == nil || x.event.Before == nil {
		return nil
	}
	return x.event.Before.Assignee
}

func agentIDs(agents []*db.Agent) []db.AgentID {
	ids := make([]db.AgentID, len(agents))
	for i, a := range agents {
		ids[i] = a.ID
	}
	return ids
}

// leastLoaded chooses the one with the fewest open conversations; nil if nobody can.
func (c candidates) leastLoaded() *db.AgentID {
	var best *db.WorkflowCandidate
	for _, one := range c {
		if one.Outcome == "" && (best == nil || one.OpenConversations < best.OpenConversations) {
			best = one
		}
	}
	return c.choose(best, db.MoreLoaded)
}

// inTurn chooses the next one after whom this workflow chose last; nil if nobody can.
func (w *Writer) inTurn(ctx context.Context, workflow db.WorkflowID, c candidates) (*db.AgentID, error) {
	last, err := w.WorkflowTurn(ctx, workflow)
	if err != nil {
		return nil, err
	}
	var foremost, next *db.WorkflowCandidate
	for _, one := range c {
		if one.Outcome != "" {
			continue
		}
		if foremost == nil {
			foremost = one
		}
		if next == nil && last != nil && bytes.Compare(one.AgentID.UUID[:], last.UUID[:]) > 0 {
			next = one
		}
	}
	if next == nil {
		next = foremost
	}
	chosen := c.choose(next, db.NotInTurn)
	if chosen == nil {
		return nil, nil
	}
	return chosen, w.TakeWorkflowTurn(ctx, workflow, *chosen)
}

// choose notes who was chosen, and why the others who could have been were not.
func (c candidates) choose(chosen *db.WorkflowCandidate, otherwise db.CandidateOutcome) *db.AgentID {
	if chosen == nil {
		return nil
	}
	for _, one := range c {
		if one.Outcome == "" {
			one.Outcome = otherwise
		}
	}
	chosen.Outcome = db.Chosen
	return &chosen.AgentID
}
