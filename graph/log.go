package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

// EventPage is one page of the log.
type EventPage struct{ *service.EventPage }

// Nodes returns the events.
func (p EventPage) Nodes() []Event { return toEvents(p.Rows) }

// HasNextPage reports whether more events follow.
func (p EventPage) HasNextPage() bool { return p.HasNext }

func (r queryResolver) Events(ctx context.Context, types []db.EventType, contactID *string, first *int, after *db.EventCursor) (*EventPage, error) {
	contact, err := decodeOptional[db.ContactID](contactID)
	if err != nil {
		return nil, err
	}
	page, err := r.service.Events(ctx, actorOf(ctx), service.EventsInput{
		LogFilter: service.LogFilter{Types: types, Contact: contact}, First: first, After: after,
	})
	if err != nil {
		return nil, err
	}
	return &EventPage{page}, nil
}

func (r subscriptionResolver) Events(ctx context.Context, types []db.EventType, contactID *string, after *db.EventCursor) (<-chan Event, error) {
	contact, err := decodeOptional[db.ContactID](contactID)
	if err != nil {
		return nil, err
	}
	return pushLog(ctx, after, func(from *db.EventCursor) (*service.Stream[*db.Event], error) {
		return r.service.WatchEvents(ctx, audienceOf(ctx), service.LogFilter{Types: types, Contact: contact}, from)
	}, toEvent)
}
