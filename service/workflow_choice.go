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

// stepChoice gives an open conversation to whom the step finds, or leaves it as it is.
func (w *writer) stepChoice(ctx context.Context, run *db.WorkflowRun, t *thread, step *db.WorkflowStep, took *db.WorkflowRunStep) (changes, error) {
	if !t.isOpen() {
		return nil, refuse(NotOpen, "the conversation is closed; agents are chosen for open ones")
	}
	c, err := w.considered(ctx, t, step)
	if err != nil {
		return nil, err
	}
	if err := w.giveWay(ctx, run, c); err != nil {
		return nil, err
	}
	var chosen *db.AgentID
	if step.Kind == db.StepRoundRobin {
		chosen, err = w.inTurn(ctx, run.WorkflowID, c)
	} else {
		chosen = c.leastLoaded()
	}
	if err != nil {
		return nil, err
	}
	took.Candidates = c[:min(len(c), candidatesKept)]
	if chosen == nil {
		took.Outcome = db.StepNobody
		return unchanged, nil
	}
	return w.entrust(ctx, t, chosen, took)
}

// giveWay leaves the agents to the conversations that wait for them already: when this
// run has told that it found nobody, they are served, and then this one (W4).
func (w *writer) giveWay(ctx context.Context, run *db.WorkflowRun, c candidates) error {
	if run.Unserved != nil { // its turn has come
		return nil
	}
	waiting, err := w.AnyWaiting(ctx, db.RunStepRef{Version: run.VersionID, Step: run.Next})
	if err != nil || !waiting {
		return err
	}
	for _, one := range c {
		if one.Outcome == "" {
			one.Outcome = db.LongerWait
		}
	}
	return nil
}

// candidates are the agents of a step in id order. Who can take it has no outcome yet.
type candidates []*db.WorkflowCandidate

// considered locks the agents who can take a conversation and says of the others why not.
func (w *writer) considered(ctx context.Context, t *thread, step *db.WorkflowStep) (candidates, error) {
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
	if owner := t.contact.AssigneeID; owner != nil {
		loads[*owner]-- // who has it already does not get one more
	}
	c := make(candidates, len(agents))
	for i, a := range agents {
		if now := slices.IndexFunc(locked, func(l *db.Agent) bool { return l.ID == a.ID }); now >= 0 {
			a = locked[now] // and so it stays
		}
		c[i] = &db.WorkflowCandidate{AgentID: a.ID, OpenConversations: loads[a.ID]}
		switch {
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
func (w *writer) inTurn(ctx context.Context, workflow db.WorkflowID, c candidates) (*db.AgentID, error) {
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

// serveWorkflows gives the conversations that found nobody to agents who can take them
// now, the longest waiting first, until there is nobody left (W4). Those with which it
// fails hold up nobody else; complete says that there were none.
func (s *Service) serveWorkflows(ctx context.Context, workspace int64) (complete bool, err error) {
	var without []db.RunStepRef // steps for which there is nobody
	for complete = true; ; {
		var tried *db.RunStepRef
		found := false
		_, err := s.write(ctx, engine(workspace), "serveWorkflow", &Keyed{}, func(w *writer) (events changes, err error) {
			tried = nil
			// One after the other, or of two who serve one could give the second longest first.
			if _, err := w.LockWorkflowPosition(ctx); err != nil {
				return nil, err
			}
			run, err := w.ClaimLongestWaiting(ctx, without)
			if err != nil || run == nil {
				return unchanged, err
			}
			tried = &db.RunStepRef{Version: run.VersionID, Step: *run.Unserved}
			events, found, err = w.serve(ctx, run)
			return events, err
		})
		if tried == nil || ctx.Err() != nil {
			return complete, err
		}
		if err != nil {
			s.log.Warn("looking again for an agent failed", "version", tried.Version.String(), "step", tried.Step, "error", err)
			complete = false
		}
		if !found || err != nil {
			without = append(without, *tried)
		}
	}
}

// serve takes the step again that found nobody; found says that somebody was, or that
// nobody is needed any more.
func (w *writer) serve(ctx context.Context, run *db.WorkflowRun) (events changes, found bool, err error) {
	w.doing(run)
	definition, err := w.definitionOf(ctx, run)
	if err != nil {
		return nil, false, err
	}
	t, err := w.lockThreadOfRun(ctx, run)
	if err != nil {
		return nil, false, err
	}
	took, events, err := w.take(ctx, run, t, definition.Steps[*run.Unserved])
	if err != nil || took.Outcome == db.StepNobody {
		return nil, false, err
	}
	if took.Outcome == db.StepDone {
		run.Steps[*run.Unserved] = took
	}
	run.Unserved = nil
	return events, true, w.SaveRun(ctx, run)
}
