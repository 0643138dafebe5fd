package service

import (
	"context"
	"strconv"

	"switchboard/db"
)

// The rules of contacts.

// checkBlock refuses to block a contact that is blocked.
func checkBlock(t *Thread) *Refusal {
	if t.Contact.Blocked() {
		return Refuse(AlreadyBlocked, "the contact is blocked already")
	}
	return nil
}

// checkUnblock refuses to unblock a contact that is not blocked.
func checkUnblock(t *Thread) *Refusal {
	if !t.Contact.Blocked() {
		return Refuse(NotBlocked, "the contact is not blocked")
	}
	return nil
}

// identityTaken returns a refusal if the error is that another contact has the same id on a
// channel, and otherwise the error itself.
func identityTaken(err error) error {
	if db.Taken(err) == db.ContactExternal {
		return Refuse(IdentityTaken, "another contact has one of these ids on its channel", "identities")
	}
	return err
}

// AssignContactInput is the contact to assign and its new assignee.
type AssignContactInput struct {
	ContactID       db.ContactID
	AssigneeID      db.AgentID
	ExpectedVersion *int
	Keyed
}

// AssignContact makes an active agent responsible for a contact and its latest conversation, open
// or closed (A6). Refusals: CONFLICT, AGENT_INACTIVE.
func (s *Service) AssignContact(ctx context.Context, actor Actor, in AssignContactInput) (*Outcome, error) {
	return s.mutate(ctx, actor, "assignContact", &in,
		ofContact(in.ContactID, in.ExpectedVersion), assigning(in.AssigneeID))
}

// UnassignContactInput is the contact to unassign.
type UnassignContactInput struct {
	ContactID       db.ContactID
	ExpectedVersion *int
	Keyed
}

// UnassignContact unassigns a contact and its latest conversation, if it has one (A2). Refusals:
// CONFLICT.
func (s *Service) UnassignContact(ctx context.Context, actor Actor, in UnassignContactInput) (*Outcome, error) {
	return s.mutate(ctx, actor, "unassignContact", &in,
		ofContact(in.ContactID, in.ExpectedVersion), unassigning)
}

// BlockContactInput is the contact to block.
type BlockContactInput struct {
	ContactID       db.ContactID
	ExpectedVersion *int
	Keyed
}

// BlockContact blocks a contact (S4). Refusals: ALREADY_BLOCKED, CONFLICT.
func (s *Service) BlockContact(ctx context.Context, actor Actor, in BlockContactInput) (*Outcome, error) {
	return s.mutate(ctx, actor, "blockContact", &in,
		ofContact(in.ContactID, in.ExpectedVersion), blocking)
}

// blocking is the verb that blocks a contact.
var blocking = Verb{check: checkBlock, do: func(a *Act, t *Thread) (Changes, error) {
	return Changes{t.Block(a.Recorder)}, nil
}}

// UnblockContactInput is the contact to unblock.
type UnblockContactInput struct {
	ContactID       db.ContactID
	ExpectedVersion *int
	Keyed
}

// UnblockContact unblocks a contact, which returns to the views that it was in before (S4).
// Refusals: NOT_BLOCKED, CONFLICT.
func (s *Service) UnblockContact(ctx context.Context, actor Actor, in UnblockContactInput) (*Outcome, error) {
	return s.mutate(ctx, actor, "unblockContact", &in,
		ofContact(in.ContactID, in.ExpectedVersion), unblocking)
}

// unblocking is the verb that unblocks a contact.
var unblocking = Verb{check: checkUnblock, do: func(a *Act, t *Thread) (Changes, error) {
	return Changes{t.Unblock(a.Recorder)}, nil
}}

// CreateContactInput is the data of a new contact.
type CreateContactInput struct {
	Name       string
	Email      *string
	Phone      *string
	AvatarURL  *string
	Identities []*ContactIdentityInput
	Keyed
}

// ContactIdentityInput is an id under which a contact is known on a channel.
type ContactIdentityInput struct {
	Channel    string
	ExternalID string
}

// CreateContact creates a contact. Refusals: IDENTITY_TAKEN.
func (s *Service) CreateContact(ctx context.Context, actor Actor, in CreateContactInput) (*Outcome, error) {
	if err := Permit(actor, "createContact"); err != nil {
		return nil, err
	}
	contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Version: 1}
	err := contactData(contact, &in.Name, in.Email, in.Phone, in.AvatarURL)
	if err != nil {
		return nil, err
	}
	identities, err := contactIdentities(contact.ID, in.Identities)
	if err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "createContact", &in, func(w *Writer) (Changes, error) {
		contact.CreatedAt = w.At
		if err := w.InsertContacts(ctx, []*db.Contact{contact}, identities); err != nil {
			return nil, identityTaken(err)
		}
		w.Outcome.Contact = contact
		return Changes{w.About(&Thread{Contact: contact}, db.ContactCreated, nil, db.EventData{})}, nil
	})
}

// UpdateContactInput is the data of a contact to change: nil leaves a field as it is, an empty text
// clears it.
type UpdateContactInput struct {
	ContactID  db.ContactID
	Name       *string
	Email      *string
	Phone      *string
	AvatarURL  *string
	Identities []*ContactIdentityInput // nil leaves them as they are
	Keyed
}

// UpdateContact changes a contact's data. Refusals: IDENTITY_TAKEN.
func (s *Service) UpdateContact(ctx context.Context, actor Actor, in UpdateContactInput) (*Outcome, error) {
	if err := Permit(actor, "updateContact"); err != nil {
		return nil, err
	}
	if err := contactData(&db.Contact{}, in.Name, in.Email, in.Phone, in.AvatarURL); err != nil {
		return nil, err
	}
	identities, err := contactIdentities(in.ContactID, in.Identities)
	if err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "updateContact", &in, func(w *Writer) (Changes, error) {
		t, err := w.LockThread(ctx, in.ContactID)
		if err != nil {
			return nil, err
		}
		after, kept := *t.Contact, []*db.ContactIdentity(nil)
		if in.Identities != nil {
			if kept, err = w.ContactIdentities(ctx, []db.ContactID{in.ContactID}); err != nil {
				return nil, err
			}
		}
		if err := contactData(&after, in.Name, in.Email, in.Phone, in.AvatarURL); err != nil {
			return nil, err
		}
		changed := Difference(contactFields(t.Contact, kept), contactFields(&after, identities))
		if len(changed) == 0 {
			return Unchanged, nil
		}
		if err := w.saveContactData(ctx, &after, in.Identities != nil, identities); err != nil {
			return nil, identityTaken(err)
		}
		*t.Contact = after
		return Changes{w.About(t, db.ContactUpdated, t.Facets(), db.EventData{Changes: changed})}, nil
	})
}

func (w *Writer) saveContactData(ctx context.Context, c *db.Contact, replace bool, identities []*db.ContactIdentity) error {
	if err := w.UpdateContactData(ctx, c); err != nil || !replace {
		return err
	}
	return w.ReplaceIdentities(ctx, c.ID, identities)
}

// contactData checks the given fields and sets them on a contact; nil ones are left as they are.
func contactData(c *db.Contact, newName, newEmail, newPhone, avatar *string) (err error) {
	if newName != nil {
		if c.Name, err = CheckName("name", *newName); err != nil {
			return err
		}
	}
	if newEmail != nil {
		if c.Email, err = email(newEmail); err != nil {
			return err
		}
	}
	if newPhone != nil {
		if c.Phone, err = phone(newPhone); err != nil {
			return err
		}
	}
	if avatar != nil {
		c.AvatarURL, err = avatarURL(avatar)
	}
	return err
}

const maxIdentities = 50 // of one contact

func contactIdentities(id db.ContactID, inputs []*ContactIdentityInput) ([]*db.ContactIdentity, error) {
	if len(inputs) > maxIdentities {
		return nil, NewBadInput("a contact can have at most " + strconv.Itoa(maxIdentities) + " identities")
	}
	seen, rows := map[db.ContactIdentity]bool{}, []*db.ContactIdentity(nil)
	for _, in := range inputs {
		identity, err := contactIdentity("identities", *in)
		if err != nil {
			return nil, err
		}
		identity.ContactID = id
		if !seen[identity] {
			rows = append(rows, &identity)
		}
		seen[identity] = true
	}
	return rows, nil
}
