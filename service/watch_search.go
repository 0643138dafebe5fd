package service

import (
	"context"
	"math"

	"switchboard/db"
)

// mostSearched is the number of contacts that one searched view keeps.
const mostSearched = 10_000

// viewSearch reports which contacts the search of a live view finds, each as it was at one event.
type viewSearch struct {
	in    db.ForWorkspace
	words db.ContactWords
	known map[db.ContactID]*searchedContact // as of the last event
}

type searchedContact struct {
	contact db.Contact
	isFound bool
}

// searchView resolves the search of a live view; nil if there is none. Only open conversations can
// be searched: a contact has at most one of them, and each event about the contact names it. Closed
// ones would enter and leave together, which one event cannot report.
func (s *Service) searchView(ctx context.Context, actor Actor, view db.View, typed *string) (*viewSearch, error) {
	in := s.DB.ForWorkspace(actor.Workspace)
	words, err := search(ctx, typed, in.ContactWords)
	switch {
	case err != nil:
		return nil, err
	case words.IsZero():
		return nil, nil
	case view == db.ViewClosed || view == db.ViewBlocked:
		return nil, NewBadInput("a live view of closed conversations or of blocked contacts cannot be searched, as one event may change many of them; search the list")
	}
	return &viewSearch{in, words, map[db.ContactID]*searchedContact{}}, nil
}

// membership returns what an event did to the membership of a conversation in the searched view.
// holds reports whether the view holds it without the search.
func (v *viewSearch) membership(ctx context.Context, e *db.Event, holds func(*db.Facets) bool) (InboxChangeKind, error) {
	if membership(e, holds) == "" {
		if e.Type == db.ContactUpdated {
			delete(v.known, *e.ContactID)
		}
		return "", nil
	}
	was, is, err := v.finds(ctx, e)
	return changeOf(was && holds(e.Before), is && holds(e.After)), err
}

// finds reports whether the contact of an event was found before it and is found after it.
func (v *viewSearch) finds(ctx context.Context, e *db.Event) (was, is bool, err error) {
	c := v.known[*e.ContactID]
	if c == nil {
		if c, err = v.before(ctx, e); err != nil {
			return false, false, err
		}
		if len(v.known) >= mostSearched {
			clear(v.known)
		}
		v.known[*e.ContactID] = c
	}
	was = c.isFound
	if e.Type == db.ContactUpdated {
		for _, change := range e.Data.Changes {
			setText(&c.contact, change.Field, change.After)
		}
		c.isFound = v.words.Find(c.contact)
	}
	return was, c.isFound, nil
}

// before returns the contact as it was right before an event: the present row, in which each field
// that has changed since then has the value from before its first change. The row is read first, so
// that no change of it is missing among the events.
func (v *viewSearch) before(ctx context.Context, e *db.Event) (*searchedContact, error) {
	contacts, err := v.in.Contacts(ctx, []db.ContactID{*e.ContactID})
	if err != nil {
		return nil, err
	}
	found, changed := &searchedContact{}, map[string]bool{}
	for _, contact := range contacts {
		found.contact = *contact
	}
	const most = 100
	for after := e.Seq - 1; ; {
		events, err := v.in.LogPage(ctx, after, math.MaxInt64, []db.EventType{db.ContactUpdated}, e.ContactID, most)
		if err != nil {
			return nil, err
		}
		for _, later := range events {
			for _, change := range later.Data.Changes {
				if !changed[change.Field] {
					changed[change.Field] = true
					setText(&found.contact, change.Field, change.Before)
				}
			}
			after = later.Seq
		}
		if len(events) < most {
			found.isFound = v.words.Find(found.contact)
			return found, nil
		}
	}
}

// setText sets the field of a contact, if it is one that is searched.
func setText(c *db.Contact, field string, value *string) {
	switch field {
	case "name":
		if c.Name = ""; value != nil {
			c.Name = *value
		}
	case "email":
		c.Email = value
	case "phone":
		c.Phone = value
	}
}
