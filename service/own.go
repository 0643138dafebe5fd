package service

import "switchboard/db"

// What is an agent's own. Rights say what a role may do; these say what an agent may do only for
// itself, and what a program cannot do since it is no agent.

// mayActAsAgent refuses callers that may not use a verb or are not agents.
func mayActAsAgent(a Actor, verb string) error {
	if err := Permit(a, verb); err != nil {
		return err
	}
	if a.Agent == nil {
		return &Error{Forbidden, notAnAgent}
	}
	return nil
}

// maySetAvailability returns the agent whose availability a caller sets: its own, unless another is
// named. Only managers may name another.
func maySetAvailability(a Actor, named *db.AgentID) (*db.AgentID, error) {
	if err := Permit(a, "setAvailability"); err != nil {
		return nil, err
	}
	switch {
	case named == nil && a.Agent == nil:
		return nil, &Error{Forbidden, notAnAgent}
	case named == nil:
		return a.Agent, nil
	case a.Role != RoleManager && !SameAgent(a.Agent, named):
		return nil, &Error{Forbidden, "only a manager may set somebody else's availability"}
	}
	return named, nil
}

// checkOwnView refuses the lists that only an agent has to callers that are not agents.
func checkOwnView(a Actor, view db.View, f *db.InboxFilter) error {
	switch {
	case a.Agent != nil:
		return nil
	case view == db.ViewMine:
		return NewBadInput("MINE is an agent's own list, but the token belongs to no agent; choose another view")
	case f != nil && f.Unread != nil:
		return NewBadInput("what is unread depends on the agent, but the token belongs to none; leave the filter out")
	}
	return nil
}
