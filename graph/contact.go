package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Contact(ctx context.Context, id string) (*db.Contact, error) {
	contact, err := decode[db.ContactID](id)
	if err != nil {
		return nil, err
	}
	return readsOf(ctx).contacts.one(ctx, contact)
}

func (r queryResolver) Contacts(ctx context.Context, search *string, filter *service.ContactFilter, orderBy *service.ContactOrder,
	first *int, after *string, last *int, before *string) (*ContactConnection, error) {
	l, err := r.service.Contacts(ctx, actorOf(ctx), service.ContactsInput{
		Search: search, Filter: filter, OrderBy: orderBy, PageInput: service.PageInput{First: first, After: after, Last: last, Before: before},
	})
	if err != nil {
		return nil, err
	}
	return rootConnection(l, l.Total), nil
}

func (r mutationResolver) AssignContact(ctx context.Context, input service.AssignContactInput) (*ContactPayload, error) {
	return contactPayload(r.service.AssignContact(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UnassignContact(ctx context.Context, input service.UnassignContactInput) (*ContactPayload, error) {
	return contactPayload(r.service.UnassignContact(ctx, actorOf(ctx), input))
}

func (r mutationResolver) CreateContact(ctx context.Context, input service.CreateContactInput) (*ContactPayload, error) {
	return contactPayload(r.service.CreateContact(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UpdateContact(ctx context.Context, input service.UpdateContactInput) (*ContactPayload, error) {
	return contactPayload(r.service.UpdateContact(ctx, actorOf(ctx), input))
}

func (r mutationResolver) BlockContact(ctx context.Context, input service.BlockContactInput) (*ContactPayload, error) {
	return contactPayload(r.service.BlockContact(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UnblockContact(ctx context.Context, input service.UnblockContactInput) (*ContactPayload, error) {
	return contactPayload(r.service.UnblockContact(ctx, actorOf(ctx), input))
}

// contactRelations are the relations of Contact.
type contactRelations struct{ *reads }

func contactID(c *db.Contact) *db.ContactID { return &c.ID }

func (r contactRelations) Identities(ctx context.Context, rows []*db.Contact) ([][]*db.ContactIdentity, []error) {
	return refer(ctx, r.identities, rows, contactID)
}

func (r contactRelations) Assignee(ctx context.Context, rows []*db.Contact) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(c *db.Contact) *db.AgentID { return c.AssigneeID })
}

func (r contactRelations) OpenConversation(ctx context.Context, rows []*db.Contact) ([]*db.Conversation, []error) {
	latest, errs := r.LatestConversation(ctx, rows)
	return derive(len(rows), errs, func(i int) *db.Conversation {
		if latest[i] == nil || latest[i].Status != db.StatusOpen {
			return nil
		}
		return latest[i]
	})
}

func (r contactRelations) LatestConversation(ctx context.Context, rows []*db.Contact) ([]*db.Conversation, []error) {
	return refer(ctx, r.latest, rows, contactID)
}

func (r contactRelations) Conversations(ctx context.Context, rows []*db.Contact, first *int, after *string, last *int, before *string) ([]*ConversationConnection, []error) {
	return connectionsOf(ctx, r.contactConversations, rows, contactID, same, argsOf(first, after, last, before))
}

func (r contactRelations) Timeline(ctx context.Context, rows []*db.Contact, first *int, after *string, last *int, before *string) ([]*TimelineConnection, []error) {
	return connectionsOf(ctx, r.contactTimeline, rows, contactID, toEvent, argsOf(first, after, last, before))
}

func (r contactRelations) CanOpen(ctx context.Context, rows []*db.Contact) ([]bool, []error) {
	reasons, errs := r.CannotOpenReason(ctx, rows)
	return derive(len(rows), errs, func(i int) bool { return reasons[i] == nil })
}

func (r contactRelations) CannotOpenReason(ctx context.Context, rows []*db.Contact) ([]*service.RefusalCode, []error) {
	latest, errs := r.LatestConversation(ctx, rows)
	return derive(len(rows), errs, func(i int) *service.RefusalCode { return code(service.WhyNotOpen(rows[i], latest[i])) })
}
