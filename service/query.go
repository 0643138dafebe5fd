package service

import (
	"context"
	"fmt"
	"slices"

	"switchboard/db"
	"switchboard/service/projection"
)

// Queries read only the caller's workspace.

// AsOf returns the cursor of the present end of the log.
func (s *Service) AsOf(ctx context.Context, actor Actor) (db.EventCursor, error) {
	if err := Permit(actor, "asOf"); err != nil {
		return db.EventCursor{}, err
	}
	head, err := s.DB.ForWorkspace(actor.Workspace).Head(ctx)
	return head.Cursor(), err
}

// Workspace returns the caller's workspace.
func (s *Service) Workspace(ctx context.Context, actor Actor) (*db.Workspace, error) {
	if err := Permit(actor, "workspace"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Workspace(ctx)
}

// AgentsInput selects one page of the agents.
type AgentsInput struct {
	Search       *string
	Availability []db.Availability
	Skill        *string
	Active       *bool
	OrderBy      *AgentOrder
	PageInput
}

// AgentOrder is the order of a list of agents.
type AgentOrder struct {
	Field     db.AgentOrderField
	Direction Direction
}

// Agents returns one page of the agents, by default online ones first, then by name (I4).
func (s *Service) Agents(ctx context.Context, actor Actor, in AgentsInput) (*List[*db.Agent], error) {
	if err := Permit(actor, "agents"); err != nil {
		return nil, err
	}
	order := db.AgentOrder
	if in.OrderBy != nil {
		order = db.AgentOrderBy(in.OrderBy.Field, in.OrderBy.Direction == Descending)
	}
	p, err := CheckPage(actor.Workspace, in.PageInput, order)
	if err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	f := db.AgentFilter{Availability: in.Availability, Skill: in.Skill, Active: in.Active}
	if f.Search, err = search(ctx, in.Search, w.ResolveAgents); err != nil {
		return nil, err
	}
	if in.Skill != nil {
		if err := CheckText("skill", *in.Skill, 0, MaxName); err != nil {
			return nil, err
		}
	}
	if in.Availability != nil && len(in.Availability) == 0 {
		return nil, NewBadInput("an empty list of availabilities matches nobody; leave it out to match everybody")
	}
	rows, next, previous, err := w.AgentPage(ctx, f, order, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	return &List[*db.Agent]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(a *db.Agent) string { return order.Cursor(actor.Workspace, a.Key(order)) },
		Total:  TotalOf(func(ctx context.Context, limit int) (int, error) { return w.AgentCount(ctx, f, limit) }),
	}, nil
}

// ContactsInput selects one page of the contacts.
type ContactsInput struct {
	Search  *string
	Filter  *ContactFilter
	OrderBy *ContactOrder
	PageInput
}

// ContactFilter narrows a list of contacts.
type ContactFilter struct {
	Assignees []*db.AgentID // one of these, where a nil element matches unassigned contacts; nil list: any
	Blocked   *bool
}

// ContactOrder is the order of a list of contacts.
type ContactOrder struct {
	Field     ContactOrderField
	Direction Direction
}

// ContactOrderField is the field by which contacts are ordered.
type ContactOrderField string

// The orders of contacts.
const (
	ContactName      ContactOrderField = "NAME"
	ContactCreatedAt ContactOrderField = "CREATED_AT"
)

// Contacts returns one page of the contacts (I5).
func (s *Service) Contacts(ctx context.Context, actor Actor, in ContactsInput) (*List[*db.Contact], error) {
	if err := Permit(actor, "contacts"); err != nil {
		return nil, err
	}
	order := db.ContactOrder(false, false)
	if in.OrderBy != nil {
		order = db.ContactOrder(in.OrderBy.Field == ContactCreatedAt, in.OrderBy.Direction == Descending)
	}
	p, err := CheckPage(actor.Workspace, in.PageInput, order)
	if err != nil {
		return nil, err
	}
	var f db.ContactFilter
	if in.Filter != nil {
		if in.Filter.Assignees != nil && len(in.Filter.Assignees) == 0 {
			return nil, NewBadInput("an empty list of assignees matches nothing; leave it out to match everything")
		}
		f.Assignees, f.Blocked = in.Filter.Assignees, in.Filter.Blocked
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	if f.Search, err = search(ctx, in.Search, w.ResolveContacts); err != nil {
		return nil, err
	}
	rows, next, previous, err := w.ContactPage(ctx, f, order, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	return &List[*db.Contact]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(c *db.Contact) string { return order.Cursor(actor.Workspace, c.Key(order)) },
		Total:  TotalOf(func(ctx context.Context, limit int) (int, error) { return w.ContactCount(ctx, f, limit) }),
	}, nil
}

// MessagesOf returns the same page of the messages of each conversation. A page ends early once its
// bodies exceed 2 MiB.
func (s *Service) MessagesOf(ctx context.Context, actor Actor, ids []db.ConversationID, in PageInput) ([]*List[*db.Message], error) {
	return nestedTrimmed(ctx, actor, ids, in, db.MessageOrder, (*db.Message).Key, s.DB.ForWorkspace(actor.Workspace).MessagesOf, db.TrimMessages)
}

// ConversationTimelines returns the same page of the events of each conversation.
func (s *Service) ConversationTimelines(ctx context.Context, actor Actor, ids []db.ConversationID, in PageInput) ([]*List[*db.Event], error) {
	return Nested(ctx, actor, ids, in, db.TimelineOrder, (*db.Event).Key, s.DB.ForWorkspace(actor.Workspace).ConversationTimelines)
}

// EntriesOf returns the same page of the messages and other events of each conversation.
func (s *Service) EntriesOf(ctx context.Context, actor Actor, ids []db.ConversationID, in PageInput) ([]*List[*db.Entry], error) {
	return nestedTrimmed(ctx, actor, ids, in, db.EntryOrder, (*db.Entry).Key, s.DB.ForWorkspace(actor.Workspace).EntriesOf, db.TrimEntries)
}

// ContactTimelines returns the same page of the events of each contact.
func (s *Service) ContactTimelines(ctx context.Context, actor Actor, ids []db.ContactID, in PageInput) ([]*List[*db.Event], error) {
	return Nested(ctx, actor, ids, in, db.TimelineOrder, (*db.Event).Key, s.DB.ForWorkspace(actor.Workspace).ContactTimelines)
}

// ConversationsOf returns the same page of the conversations of each contact.
func (s *Service) ConversationsOf(ctx context.Context, actor Actor, ids []db.ContactID, in PageInput) ([]*List[*db.Conversation], error) {
	return Nested(ctx, actor, ids, in, db.ContactConversationOrder, (*db.Conversation).OpenedKey, s.DB.ForWorkspace(actor.Workspace).ConversationsOf)
}

// Nested reads the same page of each parent's list, all in one statement.
func Nested[K interface {
	comparable
	fmt.Stringer
}, T any](ctx context.Context, actor Actor, parents []K, in PageInput, o db.Order, key func(T) db.Key,
	read func(context.Context, []K, db.Page) (map[K][]T, error)) ([]*List[T], error) {
	return nestedTrimmed(ctx, actor, parents, in, o, key, read, db.Trim[T])
}

// nestedTrimmed is Nested with a function that cuts the rows read to the page.
func nestedTrimmed[K interface {
	comparable
	fmt.Stringer
}, T any](ctx context.Context, actor Actor, parents []K, in PageInput, o db.Order, key func(T) db.Key,
	read func(context.Context, []K, db.Page) (map[K][]T, error), trim func([]T, db.Page) ([]T, bool, bool)) ([]*List[T], error) {
	// A cursor belongs to one parent's list, so it is refused if there are several parents.
	orders, p := make([]db.Order, len(parents)), db.Page{}
	for i, parent := range parents {
		orders[i] = o.Of(parent)
		var err error
		if p, err = CheckPage(actor.Workspace, in, orders[i]); err != nil {
			return nil, err
		}
	}
	found, err := read(ctx, parents, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	lists := make([]*List[T], len(parents))
	for i, parent := range parents {
		l := &List[T]{Cursor: func(row T) string { return orders[i].Cursor(actor.Workspace, key(row)) }}
		l.Rows, l.HasNext, l.HasPrevious = trim(found[parent], p)
		lists[i] = l
	}
	return lists, nil
}

// The following functions read objects by id, in no order. Unknown ids, and those of other
// workspaces, are left out.

// maxActiveAgents is where ActiveAgents stops counting.
const maxActiveAgents = 10_000

// ActiveAgents returns how many active agents the caller's workspace has.
func (s *Service) ActiveAgents(ctx context.Context, actor Actor) (int, error) {
	active := true
	return s.DB.ForWorkspace(actor.Workspace).AgentCount(ctx, db.AgentFilter{Active: &active}, maxActiveAgents)
}

// AgentsByID reads agents.
func (s *Service) AgentsByID(ctx context.Context, actor Actor, ids []db.AgentID) ([]*db.Agent, error) {
	if err := Permit(actor, "agent"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Agents(ctx, ids)
}

// ContactsByID reads contacts.
func (s *Service) ContactsByID(ctx context.Context, actor Actor, ids []db.ContactID) ([]*db.Contact, error) {
	if err := Permit(actor, "contact"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Contacts(ctx, ids)
}

// ConversationsByID reads conversations.
func (s *Service) ConversationsByID(ctx context.Context, actor Actor, ids []db.ConversationID) ([]*db.Conversation, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Conversations(ctx, ids)
}

// Conversation returns a conversation, or nil if there is none, and what reads the rows to which it
// refers.
func (s *Service) Conversation(ctx context.Context, actor Actor, id db.ConversationID) (*db.Conversation, *Kept, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, nil, err
	}
	found, rows, err := s.open.Find(ctx, s.DB.ForWorkspace(actor.Workspace), id)
	return found, s.keptOf(func(context.Context) (*projection.Kept, error) { return rows, nil }), err
}

// LatestConversations reads the latest conversation of each contact that has one.
func (s *Service) LatestConversations(ctx context.Context, actor Actor, ids []db.ContactID) ([]*db.Conversation, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).LatestConversations(ctx, ids)
}

// MessagesByID reads messages.
func (s *Service) MessagesByID(ctx context.Context, actor Actor, ids []db.MessageID) ([]*db.Message, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Messages(ctx, ids)
}

// EventsByID reads events.
func (s *Service) EventsByID(ctx context.Context, actor Actor, ids []db.EventID) ([]*db.Event, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, err
	}
	events, err := s.DB.ForWorkspace(actor.Workspace).Events(ctx, ids)
	return visible(actor, events), err
}

// TokensByID reads the API tokens of programs, without their secrets.
func (s *Service) TokensByID(ctx context.Context, actor Actor, ids []db.TokenID) ([]*db.Token, error) {
	return s.DB.ForWorkspace(actor.Workspace).ProgramTokens(ctx, ids)
}

// WorkspacesByID reads workspaces; only the caller's own is ever found.
func (s *Service) WorkspacesByID(ctx context.Context, actor Actor, ids []db.WorkspaceID) ([]*db.Workspace, error) {
	own, err := s.Workspace(ctx, actor)
	if err != nil || !slices.Contains(ids, own.ID) {
		return nil, err
	}
	return []*db.Workspace{own}, nil
}

// ContactIdentities reads the identities of each contact, in the order of the ids.
func (s *Service) ContactIdentities(ctx context.Context, actor Actor, ids []db.ContactID) ([][]*db.ContactIdentity, error) {
	rows, err := s.DB.ForWorkspace(actor.Workspace).ContactIdentities(ctx, ids)
	of := map[db.ContactID][]*db.ContactIdentity{}
	for _, row := range rows {
		of[row.ContactID] = append(of[row.ContactID], row)
	}
	lists := make([][]*db.ContactIdentity, len(ids))
	for i, id := range ids {
		lists[i] = of[id]
	}
	return lists, err
}
