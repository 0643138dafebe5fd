package service

import (
	"maps"
	"slices"

	"switchboard/db"
)

// target is the thread that a verb is about: that of a contact, or of a conversation.
type target struct {
	contact      db.ContactID        // if nothing else is named
	conversation *db.ConversationID  // nil: the contact is named
	identity     *db.ContactIdentity // of the contact, if it is named by one; else nil
	expected     *int                // the version that the caller believes in; nil: any
}

// inConversation returns the target that a conversation names, which must have the expected version
// unless that is nil.
func inConversation(id db.ConversationID, expected *int) target {
	return target{conversation: &id, expected: expected}
}

// ofContact is inConversation for a contact.
func ofContact(id db.ContactID, expected *int) target {
	return target{contact: id, expected: expected}
}

// threads are the contacts that a transaction has locked. Locking them and reading their
// conversations are two round trips, since what depends on a lock must be read after it was taken.
type threads struct {
	wait bool // for locks; else contacts that are locked by others are left out

	held  map[db.ContactID]*held
	named map[db.ConversationID]db.ContactID
	known map[db.ContactIdentity]db.ContactID // by channel and id
}

func newThreads(wait bool) *threads {
	return &threads{
		wait: wait, held: map[db.ContactID]*held{}, named: map[db.ConversationID]db.ContactID{},
		known: map[db.ContactIdentity]db.ContactID{},
	}
}

// lock adds the statement that locks the contacts of some targets.
func (all *threads) lock(b *db.Batch, targets ...target) {
	contacts, conversations := map[db.ContactID]bool{}, map[db.ConversationID]bool{}
	identities := map[db.ContactIdentity]bool{}
	for _, t := range targets {
		switch {
		case t.conversation != nil:
			conversations[*t.conversation] = true
		case t.identity != nil:
			identities[*t.identity] = true
		default:
			contacts[t.contact] = true
		}
	}
	var locked []*db.NamedContact
	b.LockThreads(slices.Collect(maps.Keys(contacts)), slices.Collect(maps.Keys(conversations)),
		slices.Collect(maps.Keys(identities)), all.wait, &locked)
	b.Then(func() {
		for _, c := range locked {
			if all.held[c.ID] == nil {
				all.held[c.ID] = &held{contact: &c.Contact, rows: map[db.ConversationID]heldRow{}}
			}
			if c.Named != nil {
				all.named[*c.Named] = c.ID
			}
			if c.KnownAs != nil {
				all.known[db.ContactIdentity{Channel: *c.KnownOn, ExternalID: *c.KnownAs}] = c.ID
			}
		}
	})
}

// read adds the statements that read the latest conversations and the named ones.
func (all *threads) read(b *db.Batch) {
	var latest, named []*db.Conversation
	if len(all.held) > 0 {
		b.LatestConversations(slices.Collect(maps.Keys(all.held)), &latest)
	}
	if len(all.named) > 0 {
		b.Conversations(slices.Collect(maps.Keys(all.named)), &named)
	}
	b.Then(func() {
		for _, c := range slices.Concat(latest, named) {
			all.held[c.ContactID].add(c)
		}
	})
}

// contactOf returns the contact of a target, which may not be locked.
func (all *threads) contactOf(t target) db.ContactID {
	switch {
	case t.conversation != nil:
		return all.named[*t.conversation]
	case t.identity != nil:
		return all.known[*t.identity]
	}
	return t.contact
}

// of returns the locked contact of a target. The error is NOT_FOUND if there is none, and
// ErrStartOver if another transaction may have locked it.
func (all *threads) of(t target) (*held, error) {
	h := all.held[all.contactOf(t)]
	switch {
	case h != nil:
		return h, nil
	case !all.wait:
		return nil, ErrStartOver
	case t.conversation == nil:
		return nil, NewNotFound("contact")
	}
	return nil, NewNotFound("conversation")
}

// held is a contact that a transaction has locked, with those of its conversations that were read,
// as the verbs so far have left them. Its rows are never changed but replaced.
type held struct {
	contact        *db.Contact
	contactChanged bool
	moved          bool // a verb has changed it since it was read
	rows           map[db.ConversationID]heldRow
}

// heldRow is a conversation and whether it is to be written.
type heldRow struct {
	*db.Conversation
	changed, isNew bool
}

// add adds a conversation as it was read.
func (h *held) add(c *db.Conversation) {
	if _, known := h.rows[c.ID]; !known {
		h.rows[c.ID] = heldRow{Conversation: c}
	}
}

// view returns the contact with its latest conversation; asked is the conversation that was named,
// or nil. Only a clone of it may be changed.
func (h *held) view(asked *db.ConversationID) *Thread {
	t := &Thread{Contact: h.contact}
	for _, row := range h.rows {
		if row.Latest {
			t.Latest = row.Conversation
		}
	}
	if asked != nil {
		t.Asked = h.rows[*asked].Conversation
	}
	return t
}

// conversations returns those of its conversations that were read or opened.
func (h *held) conversations() (all []*db.Conversation) {
	for _, row := range h.rows {
		all = append(all, row.Conversation)
	}
	return all
}

// with returns the held contact as a thread leaves it.
func (h *held) with(t *Thread) *held {
	next := &held{contact: h.contact, contactChanged: h.contactChanged, moved: true, rows: maps.Clone(h.rows)}
	changed := t.takeChanges()
	if changed.contact != nil {
		next.contact, next.contactChanged = changed.contact, true
	}
	for _, c := range changed.conversations {
		next.rows[c.ID] = heldRow{c, true, next.rows[c.ID].isNew}
	}
	if c := changed.opened; c != nil {
		next.rows[c.ID] = heldRow{c, true, true}
	}
	return next
}

// rowsToWrite are the contacts and conversations that verbs have changed, each once.
type rowsToWrite struct {
	contacts        []*db.Contact
	changed, opened []*db.Conversation
}

// add adds the changed rows of a held contact.
func (w *rowsToWrite) add(h *held) {
	if h.contactChanged {
		w.contacts = append(w.contacts, h.contact)
	}
	for _, row := range h.rows {
		switch {
		case row.isNew:
			w.opened = append(w.opened, row.Conversation)
		case row.changed:
			w.changed = append(w.changed, row.Conversation)
		}
	}
}

// write adds the statements that write the rows. Only one conversation of a contact may be the
// latest: the previous one is updated before the new one is inserted.
func (w *rowsToWrite) write(b *db.Batch) {
	b.SaveContacts(w.contacts)
	b.SaveConversations(w.changed)
	b.InsertConversations(w.opened)
}
