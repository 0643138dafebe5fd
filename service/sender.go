package service

import (
	"context"
	"strings"

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

// checkSender: whom something comes from is named in one of two ways. It gives the input
// without a blank name, which is none.
func checkSender(id *db.ContactID, in *SenderInput) (*SenderInput, error) {
	switch {
	case (id == nil) == (in == nil):
		return nil, badInput("say whom it is from, either with contact or with contactId")
	case in == nil:
		return nil, nil
	}
	sender := *in
	if sender.Name != nil && strings.TrimSpace(*sender.Name) == "" {
		sender.Name = nil
	}
	if err := checkText("contact.channel", in.Channel, 1, maxChannel); err != nil {
		return nil, err
	}
	if err := checkText("contact.externalId", in.ExternalID, 1, maxName); err != nil {
		return nil, err
	}
	return &sender, contactData(&db.Contact{}, sender.Name, in.Email, in.Phone, in.AvatarURL)
}

// sender locks the thread of whom something comes from. An identity that is unknown makes
// a contact; of a known one empty fields are filled and none is overwritten. The events
// of that come first (A8).
func (w *writer) sender(ctx context.Context, id *db.ContactID, in *SenderInput) (*thread, changes, error) {
	if id != nil {
		t, err := w.lockThread(ctx, *id)
		return t, nil, err
	}
	known, err := w.ContactsByIdentity(ctx, in.Channel, []string{in.ExternalID})
	if err != nil {
		return nil, nil, err
	}
	if len(known) == 0 {
		return w.introduce(ctx, in)
	}
	t, err := w.lockThread(ctx, known[0].ContactID)
	if err != nil {
		return nil, nil, err
	}
	events, err := w.fill(ctx, t, in)
	return t, events, err
}

// introduce makes the contact with an identity. Without a name it is called by its id.
func (w *writer) introduce(ctx context.Context, in *SenderInput) (*thread, changes, error) {
	contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: in.ExternalID, Version: 1, CreatedAt: w.at}
	if err := contactData(contact, in.Name, in.Email, in.Phone, in.AvatarURL); err != nil {
		return nil, nil, err
	}
	identity := &db.ContactIdentity{ContactID: contact.ID, Channel: in.Channel, ExternalID: in.ExternalID}
	err := w.InsertContacts(ctx, []*db.Contact{contact}, []*db.ContactIdentity{identity})
	if violated(err) == "contact_identities_pkey" {
		return nil, nil, errStartOver // another call has just made it
	}
	t := &thread{contact: contact}
	w.outcome.Contact = contact
	return t, changes{w.about(t, db.ContactCreated, nil, db.EventData{})}, err
}

// fill puts what is known of a contact into its empty fields; a name that is only its id
// counts as one.
func (w *writer) fill(ctx context.Context, t *thread, in *SenderInput) (changes, error) {
	into := func(empty bool, given *string) *string {
		if empty {
			return given
		}
		return nil
	}
	c := t.contact
	after := *c
	if err := contactData(&after, into(c.Name == in.ExternalID, in.Name), into(c.Email == nil, in.Email),
		into(c.Phone == nil, in.Phone), into(c.AvatarURL == nil, in.AvatarURL)); err != nil {
		return nil, err
	}
	filled := difference(contactFields(c, nil), contactFields(&after, nil))
	if len(filled) == 0 {
		return unchanged, nil
	}
	*c = after
	return changes{w.about(t, db.ContactUpdated, t.facets(), db.EventData{Changes: filled})}, w.UpdateContactData(ctx, c)
}
