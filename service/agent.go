package service

import (
	"context"
	"slices"
	"strconv"

	"switchboard/db"
)

// The rules of agents.

// checkManagerStays refuses if the agent who is about to stop being an active manager is the last
// one of the workspace.
func checkManagerStays(managers []*db.Agent, leaving *db.Agent) *Refusal {
	others := slices.ContainsFunc(managers, func(m *db.Agent) bool { return m.ID != leaving.ID })
	if leaving.Active && leaving.Role == db.RoleManager && !others {
		return Refuse(LastManager, leaving.Name+" is the last active manager; make somebody else a manager first")
	}
	return nil
}

// agentTaken returns a refusal if the error is that another agent has the same e-mail address or
// sign-in, and otherwise the error itself.
func agentTaken(err error) error {
	switch db.Taken(err) {
	case db.AgentEmail:
		return Refuse(EmailTaken, "another agent has this e-mail address", "email")
	case db.AgentSignIn:
		return Refuse(IdentityTaken, "another agent has this sign-in", "identity")
	}
	return err
}

// checkEmail refuses an e-mail address that another agent has. The message mentions if that agent
// is deactivated, as lists of active agents do not show them.
func (w *Writer) checkEmail(ctx context.Context, a *db.Agent) error {
	if a.Email == nil {
		return nil
	}
	other, err := w.AgentByEmail(ctx, *a.Email)
	switch {
	case db.NotFound(err), err == nil && other.ID == a.ID:
		return nil
	case err != nil:
		return err
	case !other.Active:
		return Refuse(EmailTaken, other.Name+", who is deactivated, has this e-mail address; reactivate them, or give them another address first", "email")
	}
	return Refuse(EmailTaken, "another agent, "+other.Name+", has this e-mail address", "email")
}

// ShareAgent reads an agent under a shared lock, so that an agent who becomes or stays an assignee
// cannot be deactivated before the transaction ends.
func (w *Writer) ShareAgent(ctx context.Context, id db.AgentID) (*db.Agent, error) {
	return One(w.ShareAgents(ctx, []db.AgentID{id}))
}

func (w *Writer) lockAgent(ctx context.Context, id db.AgentID) (*db.Agent, error) {
	return One(w.LockAgents(ctx, []db.AgentID{id}))
}

// One returns the agent that was read by one id, or NOT_FOUND if there is none.
func One(agents []*db.Agent, err error) (*db.Agent, error) {
	if err == nil && len(agents) == 0 {
		err = NewNotFound("agent")
	}
	return First(agents), err
}

// AboutAgent returns an event about an agent.
func (r Recorder) AboutAgent(a *db.Agent, kind db.EventType, data db.EventData) *db.Event {
	data.AgentID = &a.ID
	return r.Event(kind, data)
}

// AgentIdentityInput is a sign-in at an identity provider. The zero value is none.
type AgentIdentityInput struct {
	Issuer  string
	Subject string
}

// CreateAgentInput is the data of a new agent.
type CreateAgentInput struct {
	Name      string
	Email     string
	AvatarURL *string
	Role      db.Role
	Skills    []string
	Identity  *AgentIdentityInput
	Keyed
}

// CreateAgent adds an agent, offline at first (managers only). Refusals: EMAIL_TAKEN,
// IDENTITY_TAKEN.
func (s *Service) CreateAgent(ctx context.Context, actor Actor, in CreateAgentInput) (*Outcome, error) {
	if err := Permit(actor, "createAgent"); err != nil {
		return nil, err
	}
	a := &db.Agent{ID: db.AgentID{UUID: db.NewUUID()}, Skills: []string{}, Availability: db.Offline, Active: true}
	err := agentData(a, &in.Name, &in.Email, in.AvatarURL, &in.Role, in.Skills, in.Identity)
	if err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "createAgent", &in, func(w *Writer) (Changes, error) {
		if err := w.checkEmail(ctx, a); err != nil {
			return nil, err
		}
		if err := s.checkAgents(ctx, w); err != nil {
			return nil, err
		}
		a.CreatedAt = w.At
		if err := w.InsertAgents(ctx, a); err != nil {
			return nil, agentTaken(err)
		}
		w.Outcome.Agent = a
		return Changes{w.AboutAgent(a, db.AgentCreated, db.EventData{})}, nil
	})
}

// UpdateAgentInput is the data of an agent to change: nil leaves a field as it is, an empty avatar
// clears it.
type UpdateAgentInput struct {
	AgentID   db.AgentID
	Name      *string
	Email     *string
	AvatarURL *string
	Role      *db.Role
	Skills    []string // nil leaves them as they are
	Identity  *AgentIdentityInput
	Keyed
}

// UpdateAgent changes an agent's data (managers only). Refusals: EMAIL_TAKEN, IDENTITY_TAKEN,
// LAST_MANAGER.
func (s *Service) UpdateAgent(ctx context.Context, actor Actor, in UpdateAgentInput) (*Outcome, error) {
	if err := Permit(actor, "updateAgent"); err != nil {
		return nil, err
	}
	if err := agentData(&db.Agent{}, in.Name, in.Email, in.AvatarURL, in.Role, in.Skills, in.Identity); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "updateAgent", &in, func(w *Writer) (Changes, error) {
		a, managers, err := w.lockAgentAndManagers(ctx, in.AgentID)
		if err != nil {
			return nil, err
		}
		after := *a
		if err := agentData(&after, in.Name, in.Email, in.AvatarURL, in.Role, in.Skills, in.Identity); err != nil {
			return nil, err
		}
		changed := Difference(agentFields(a), agentFields(&after))
		if len(changed) == 0 {
			return Unchanged, nil
		}
		if after.Role != db.RoleManager {
			if err := FirstOf(checkManagerStays(managers, a)); err != nil {
				return nil, err
			}
		}
		if err := w.checkEmail(ctx, &after); err != nil {
			return nil, err
		}
		if err := w.UpdateAgent(ctx, &after); err != nil {
			return nil, agentTaken(err)
		}
		*a = after
		return Changes{w.AboutAgent(a, db.AgentUpdated, db.EventData{Changes: changed})}, nil
	})
}

// lockAgentAndManagers locks the managers and the agent, so that two concurrent calls cannot remove
// the last two managers.
func (w *Writer) lockAgentAndManagers(ctx context.Context, id db.AgentID) (*db.Agent, []*db.Agent, error) {
	managers, err := w.LockManagers(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, err := w.lockAgent(ctx, id)
	w.Outcome.Agent = a
	return a, managers, err
}

// agentData checks the given fields and sets them on an agent; nil ones are left as they are.
func agentData(a *db.Agent, newName, newEmail, avatar *string, role *db.Role, skills []string, identity *AgentIdentityInput) (err error) {
	if newName != nil {
		if a.Name, err = CheckName("name", *newName); err != nil {
			return err
		}
	}
	if newEmail != nil {
		if a.Email, err = email(newEmail); err != nil {
			return err
		}
		if a.Email == nil {
			return NewBadInput("email must not be empty")
		}
	}
	if avatar != nil {
		if a.AvatarURL, err = avatarURL(avatar); err != nil {
			return err
		}
	}
	if role != nil {
		a.Role = *role
	}
	if skills != nil {
		if a.Skills, err = names("skills", skills, 100); err != nil {
			return err
		}
	}
	switch {
	case identity == nil:
	case *identity == AgentIdentityInput{}:
		a.Issuer, a.Subject = nil, nil
	default:
		if err := CheckText("identity.issuer", identity.Issuer, 1, MaxName); err != nil {
			return err
		}
		if err := CheckText("identity.subject", identity.Subject, 1, MaxName); err != nil {
			return err
		}
		a.Issuer, a.Subject = &identity.Issuer, &identity.Subject
	}
	return nil
}

// names checks a list of names and returns it in the same order, without repetitions.
func names(field string, texts []string, most int) ([]string, error) {
	if len(texts) > most {
		return nil, NewBadInput(field + " can have at most " + strconv.Itoa(most) + " entries")
	}
	unique := []string{}
	for _, text := range texts {
		text, err := CheckName(field, text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(unique, text) {
			unique = append(unique, text)
		}
	}
	return unique, nil
}

// SetAvailabilityInput is an agent's new availability.
type SetAvailabilityInput struct {
	Availability db.Availability
	AgentID      *db.AgentID // nil: the caller
	Keyed
}

// SetAvailability sets the caller's own availability; managers can set that of any agent. Refusals:
// AGENT_INACTIVE.
func (s *Service) SetAvailability(ctx context.Context, actor Actor, in SetAvailabilityInput) (*Outcome, error) {
	id, err := maySetAvailability(actor, in.AgentID)
	if err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "setAvailability", &in, func(w *Writer) (Changes, error) {
		a, err := w.lockAgent(ctx, *id)
		if err != nil {
			return nil, err
		}
		w.Outcome.Agent = a
		if err := FirstOf(CheckActive(a, "agentId")); err != nil {
			return nil, err
		}
		if a.Availability == in.Availability {
			return Unchanged, nil
		}
		data := db.EventData{Availability: []db.Availability{a.Availability, in.Availability}}
		a.Availability = in.Availability
		return Changes{w.AboutAgent(a, db.AvailabilityChanged, data)}, w.UpdateAgent(ctx, a)
	})
}
