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
	return loadersOf(ctx).contacts.Load(ctx, contact)
}

func (r queryResolver) Contacts(ctx context.Context, search *string, filter *service.ContactFilter, orderBy *service.ContactOrder,
	first *int, after *string, last *int, before *string) (*ContactConnection, error) {
	l, err := r.service.Contacts(ctx, actorOf(ctx), service.ContactsInput{
		Search: search, Filter: filter, OrderBy: orderBy, PageInput: service.PageInput{First: first, After: after, Last: last, Before: before},
	})
	if err != nil {
		return nil, err
	}
	return connect(l, same[*db.Contact], l.Total), nil
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

func (r contactResolver) Identities(ctx context.Context, c *db.Contact) ([]*db.ContactIdentity, error) {
	return loadersOf(ctx).identities.Load(ctx, c.ID)
}

func (r contactResolver) Assignee(ctx context.Context, c *db.Contact) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, c.AssigneeID)
}

func (r contactResolver) OpenConversation(ctx context.Context, c *db.Contact) (*db.Conversation, error) {
	latest, err := r.LatestConversation(ctx, c)
	if latest == nil || latest.Status != db.StatusOpen {
		return nil, err
	}
	return latest, err
}

func (r contactResolver) LatestConversation(ctx context.Context, c *db.Contact) (*db.Conversation, error) {
	return loadersOf(ctx).latest.Load(ctx, c.ID)
}

func (r contactResolver) Conversations(ctx context.Context, c *db.Contact, first *int, after *string, last *int, before *string) (*ConversationConnection, error) {
	l, err := loadersOf(ctx).contactConversations.Load(ctx, pageOf[db.ContactID]{c.ID, argsOf(first, after, last, before)})
	if err != nil {
		return nil, err
	}
	return connect(l, same[*db.Conversation], totalOf(loadersOf(ctx).conversationTotals, c.ID)), nil
}

func (r contactResolver) Timeline(ctx context.Context, c *db.Contact, first *int, after *string, last *int, before *string) (*TimelineConnection, error) {
	l, err := loadersOf(ctx).contactTimeline.Load(ctx, pageOf[db.ContactID]{c.ID, argsOf(first, after, last, before)})
	if err != nil {
		return nil, err
	}
	return connect(l, toEvent, totalOf(loadersOf(ctx).contactTimelineTotals, c.ID)), nil
}

func (r contactResolver) CanOpen(ctx context.Context, c *db.Contact) (bool, error) {
	reason, err := r.CannotOpenReason(ctx, c)
	return reason == nil, err
}

func (r contactResolver) CannotOpenReason(ctx context.Context, c *db.Contact) (*service.RefusalCode, error) {
	latest, err := r.LatestConversation(ctx, c)
	if err != nil {
		return nil, err
	}
	return code(service.WhyNotOpen(c, latest)), nil
}
