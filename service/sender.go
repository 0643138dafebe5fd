package service

import (
	"context"

	"switchboard/db"
)

// SenderInput is a contact's id on a channel and the contact's data there.
type SenderInput struct {
	Channel    string
	ExternalID string
	Name       *string
	Email      *string
	Phone      *string
	AvatarURL  *string
}

// sender is the identity and the data of a contact, in the form in which they are stored.
type sender struct {
	identity                      db.ContactIdentity
	sent                          string // the id as the connector sent it
	name, email, phone, avatarURL *string
}

// senderOf returns the sender of a message or an event; nil if the contact is named by its id. It
// refuses both ways to name the contact at once, and neither.
func (i *intake) senderOf(id *db.ContactID, in *SenderInput) (*sender, error) {
	switch {
	case (id == nil) == (in == nil):
		return nil, NewBadInput("say whom it is from, either with contact or with contactId")
	case in == nil:
		return nil, nil
	}
	return i.sender(*in)
}

// findSender locks the thread of the contact who is named by id or by sender. If the identity is
// unknown, it returns the thread of a new contact, which ensureContact inserts.
func (w *Writer) findSender(ctx context.Context, id *db.ContactID, s *sender) (t *Thread, known bool, err error) {
	contact, err := w.contactOf(ctx, id, s)
	switch {
	case err != nil:
		return nil, false, err
	case contact == nil:
		return &Thread{Contact: &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}}}, false, nil
	}
	t, err = w.LockThread(ctx, *contact)
	return t, true, err
}

// contactOf returns the contact who is named by id or by sender; nil if the identity is unknown.
func (w *Writer) contactOf(ctx context.Context, id *db.ContactID, s *sender) (*db.ContactID, error) {
	if id != nil {
		return id, nil
	}
	identity, err := w.findIdentity(ctx, s)
	if identity == nil || err != nil {
		return nil, err
	}
	return &identity.ContactID, nil
}

// findIdentity reads a sender's identity; nil if it is unknown. Servers of the previous version
// store ids as the connector sent them, so that form is looked up too.
func (w *Writer) findIdentity(ctx context.Context, s *sender) (*db.ContactIdentity, error) {
	known, err := w.ContactsByIdentity(ctx, s.identity.Channel, []string{s.identity.ExternalID})
	if err == nil && len(known) == 0 && s.sent != s.identity.ExternalID && CheckText("", s.sent, 1, MaxName) == nil {
		known, err = w.ContactsByIdentity(ctx, s.identity.Channel, []string{s.sent})
	}
	return First(known), err
}

// ensureContact creates the contact of an unknown identity, or fills the empty fields of a known
// contact; it overwrites none. Its events precede those of the message or event (A8).
func (w *Writer) ensureContact(ctx context.Context, t *Thread, known bool, s *sender) (Changes, error) {
	switch {
	case s == nil:
		return nil, nil
	case !known:
		return w.createContact(ctx, t, s)
	}
	return w.completeContact(ctx, t, s)
}

// createContact creates a contact with an identity; without a name, the id is its name.
func (w *Writer) createContact(ctx context.Context, t *Thread, s *sender) (Changes, error) {
	contact := t.Contact
	contact.Name, contact.Version, contact.CreatedAt = s.identity.ExternalID, 1, w.At
	s.fillEmpty(contact, true)
	identity := s.identity
	identity.ContactID = contact.ID
	err := w.InsertContacts(ctx, []*db.Contact{contact}, []*db.ContactIdentity{&identity})
	if db.Taken(err) == db.ContactExternal {
		return nil, ErrStartOver // a concurrent call has created it
	}
	w.Outcome.Contact = contact
	return Changes{w.About(t, db.ContactCreated, nil, db.EventData{})}, err
}

// completeContact fills the empty fields of a contact from the sender's data.
func (w *Writer) completeContact(ctx context.Context, t *Thread, s *sender) (Changes, error) {
	after, filled := s.completed(t.Contact)
	if len(filled) == 0 {
		return Unchanged, nil
	}
	err := w.UpdateContactData(ctx, &after)
	*t.Contact = after
	return Changes{w.About(t, db.ContactUpdated, t.Facets(), db.EventData{Changes: filled})}, err
}

// completed returns a contact whose empty fields are filled from the sender's data, and what was
// filled; a name that equals the id counts as empty.
func (s *sender) completed(c *db.Contact) (after db.Contact, filled []db.FieldChange) {
	after = *c
	s.fillEmpty(&after, db.FoldExternalID(s.identity.Channel, c.Name) == s.identity.ExternalID)
	return after, Difference(contactFields(c, nil), contactFields(&after, nil))
}

// fillEmpty sets the empty fields of a contact, and its name if it is nameless.
func (s *sender) fillEmpty(c *db.Contact, nameless bool) {
	if nameless && s.name != nil {
		c.Name = *s.name
	}
	for _, field := range []struct {
		of    **string
		known *string
	}{{&c.Email, s.email}, {&c.Phone, s.phone}, {&c.AvatarURL, s.avatarURL}} {
		if *field.of == nil {
			*field.of = field.known
		}
	}
}
