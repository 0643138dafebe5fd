package workflow

import (
	"bytes"
	"context"
	"slices"

	"switchboard/db"
	"switchboard/service"
)

// Choosing an agent is exact under concurrency: the candidates are locked, in id order, before
// their conversations are counted. Another choice among them waits, and then counts what this one
// assigned.

const candidatesKept = 100 // in the log of a run

// stepChoice assigns an open conversation to the agent that the step chooses; without one it
// changes nothing.
func (w *writer) stepChoice(ctx context.Context, x *execution, step *db.WorkflowStep, took *db.WorkflowRunStep) (service.Changes, error) {
	if !x.thread.IsOpen() {
		return nil, service.Refuse(service.NotOpen, "the conversation is closed; agents are chosen for open ones")
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
		return service.Unchanged, nil
	}
	return w.setAssignee(ctx, x.thread, chosen, took)
}

// candidates are the agents of a step in id order. Those who can be chosen have no outcome yet.
type candidates []*db.WorkflowCandidate

// considered locks the agents who can be chosen and sets the outcome of the others.
func (w *writer) considered(ctx context.Context, x *execution, step *db.WorkflowStep) (candidates, error) {
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
		loads[*owner]-- // an assignment to the present assignee adds no conversation
	}
	c := make(candidates, len(agents))
	for i, a := range agents {
		if now := slices.IndexFunc(locked, func(l *db.Agent) bool { return l.ID == a.ID }); now >= 0 {
			a = locked[now] // and so it stays
		}
		c[i] = &db.WorkflowCandidate{AgentID: a.ID, OpenConversations: loads[a.ID]}
		switch {
		case step.ExceptPrevious && service.SameAgent(&a.ID, x.previous()):
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

// previous returns the assignee before the event; nil without one.
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

// leastLoaded chooses the candidate with the fewest open conversations; nil without one.
func (c candidates) leastLoaded() *db.AgentID {
	var best *db.WorkflowCandidate
	for _, one := range c {
		if one.Outcome == "" && (best == nil || one.OpenConversations < best.OpenConversations) {
			best = one
		}
	}
	return c.choose(best, db.MoreLoaded)
}

// inTurn chooses the candidate after the one that this workflow chose last; nil without one.
func (w *writer) inTurn(ctx context.Context, workflow db.WorkflowID, c candidates) (*db.AgentID, error) {
	last, err := w.LockWorkflowTurn(ctx, workflow)
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
	return chosen, w.SaveWorkflowTurn(ctx, workflow, *chosen)
}

// choose sets the outcome of the chosen candidate and of the others who could have been chosen.
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
