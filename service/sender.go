package service

import (
	"context"

	"switchboard/db"
)

// SenderInput names a contact by its id on a channel, and says what is known of them there.
type SenderInput struct {
	Channel    string
	ExternalID string
	Name       *string
	Email      *string
	Phone      *string
	AvatarURL  *string
}

// sender is a contact by identity, with what is known of them, in the form in which it
// is stored.
type sender struct {
	identity                      db.ContactIdentity
	sent                          string // the id as it was sent
	name, email, phone, avatarURL *string
}

// senderOf takes whom something comes from, who is named in one of two ways; nil if it is
// by the contact's id.
func (i *intake) senderOf(id *db.ContactID, in *SenderInput) (*sender, error) {
	switch {
	case (id == nil) == (in == nil):
		return nil, NewBadInput("say whom it is from, either with contact or with contactId")
	case in == nil:
		return nil, nil
	}
	return i.sender(*in)
}

// findSender locks the thread of whom something comes from. If the identity is unknown,
// it is the thread of a contact that meet will make.
func (w *Writer) findSender(ctx context.Context, id *db.ContactID, s *sender) (t *Thread, known bool, err error) {
	if id != nil {
		t, err := w.LockThread(ctx, *id)
		return t, true, err
	}
	identity, err := w.findIdentity(ctx, s)
	switch {
	case err != nil:
		return nil, false, err
	case identity == nil:
		return &Thread{Contact: &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}}}, false, nil
	}
	t, err = w.LockThread(ctx, identity.ContactID)
	return t, true, err
}

// contactOf returns the contact from whom something comes; nil if the identity is unknown.
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

// findIdentity reads a sender's identity; nil if it is unknown. A server of the version
// before stores ids as they were sent, so that form is looked for as well.
func (w *Writer) findIdentity(ctx context.Context, s *sender) (*db.ContactIdentity, error) {
	known, err := w.ContactsByIdentity(ctx, s.identity.Channel, []string{s.identity.ExternalID})
	if err == nil && len(known) == 0 && s.sent != s.identity.ExternalID && CheckText("", s.sent, 1, MaxName) == nil {
		known, err = w.ContactsByIdentity(ctx, s.identity.Channel, []string{s.sent})
	}
	return First(known), err
}

// meet makes the contact of an unknown identity, and fills the empty fields of a known
// one, of which none is overwritten. The events of that come first (A8).
func (w *Writer) meet(ctx context.Context, t *Thread, known bool, s *sender) (Changes, error) {
	switch {
	case s == nil:
		return nil, nil
	case !known:
		return w.introduce(ctx, t, s)
	}
	return w.fill(ctx, t, s)
}

// introduce makes the contact with an identity. Without a name it is called by its id.
func (w *Writer) introduce(ctx context.Context, t *Thread, s *sender) (Changes, error) {
	contact := t.Contact
	contact.Name, contact.Version, contact.CreatedAt = s.identity.ExternalID, 1, w.At
	s.fill(contact, true)
	identity := s.identity
	identity.ContactID = contact.ID
	err := w.InsertContacts(ctx, []*db.Contact{contact}, []*db.ContactIdentity{&identity})
	if db.Taken(err) == db.ContactExternal {
		return nil, ErrStartOver // another call has just made it
	}
	w.Outcome.Contact = contact
	return Changes{w.About(t, db.ContactCreated, nil, db.EventData{})}, err
}

// fill puts what is known of a contact into its empty fields; a name that is only its id
// counts as one.
func (w *Writer) fill(ctx context.Context, t *Thread, s *sender) (Changes, error) {
	c := t.Contact
	after := *c
	s.fill(&after, db.FoldExternalID(s.identity.Channel, c.Name) == s.identity.ExternalID)
	filled := Difference(contactFields(c, nil), contactFields(&after, nil))
	if len(filled) == 0 {
		return Unchanged, nil
	}
	err := w.UpdateContactData(ctx, &after)
	*c = after
	return Changes{w.About(t, db.ContactUpdated, t.Facets(), db.EventData{Changes: filled})}, err
}

// fill puts what is known into a contact's empty fields.
func (s *sender) fill(c *db.Contact, nameless bool) {
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
