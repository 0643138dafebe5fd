package service

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"switchboard/db"
	dbtext "switchboard/db/text"
)

// intake sanitizes the fields that a connector delivers with a message or an event. A customer's
// message is never refused because of another field: an invalid field is left out, cut or replaced,
// and ignored lists it.
type intake struct{ ignored []*Refusal }

// ignore adds an input field to the list, with what is wrong with it.
func (i *intake) ignore(message string, field ...string) {
	i.ignored = append(i.ignored, Refuse(InvalidField, message, field...))
}

// sanitize replaces what PostgreSQL cannot store by U+FFFD: NUL, and bytes that are not valid
// UTF-8, such as lone surrogates.
func sanitize(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// cut returns at most the given number of characters of a text; shorter reports whether it had
// more.
func cut(text string, most int) (kept string, shorter bool) {
	n := 0
	for i := range text {
		if n == most {
			return text[:i], true
		}
		n++
	}
	return text, false
}

// inboundBody returns the body of a customer's message, sanitized, and cut after MaxInbound
// characters.
func inboundBody(text string) (body string, truncated bool) { return cut(sanitize(text), MaxInbound) }

// hashed returns a hash to store in place of an id that is too long.
func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// identity returns the contact's identity on a channel, in the form in which identities are stored.
func (i *intake) identity(in SenderInput) (db.ContactIdentity, error) {
	id := sanitize(in.ExternalID)
	if id != in.ExternalID {
		i.ignore("the id contains characters that are not valid text; U+FFFD stands for them", "sender", "contact", "externalId")
	}
	channel, err := CheckChannel("sender.contact.channel", in.Channel)
	if err != nil {
		return db.ContactIdentity{}, err
	}
	if id = db.FoldExternalID(channel, id); utf8.RuneCountInString(id) > MaxName {
		i.ignore(fmt.Sprintf("the id has more than %d characters; its hash is kept instead", MaxName), "sender", "contact", "externalId")
		id = hashed(id)
	}
	return contactIdentity("sender.contact", ContactIdentityInput{channel, id})
}

// sender returns the contact's identity and data, without invalid data.
func (i *intake) sender(in SenderInput) (*sender, error) {
	identity, err := i.identity(in)
	if err != nil {
		return nil, err
	}
	s := &sender{identity: identity, sent: in.ExternalID, name: i.name(in.Name)}
	for _, field := range []struct {
		name  string
		given *string
		check func(*string) (*string, error)
		into  **string
	}{
		{"email", in.Email, email, &s.email},
		{"phone", in.Phone, phone, &s.phone},
		{"avatarUrl", in.AvatarURL, avatarURL, &s.avatarURL},
	} {
		kept, err := field.check(field.given)
		if err != nil {
			i.ignore(err.Error()+"; it is left out", "sender", "contact", field.name)
			continue
		}
		*field.into = kept
	}
	return s, nil
}

// name returns a name, cut if it is too long; nil if it is blank.
func (i *intake) name(given *string) *string {
	if given == nil || dbtext.Blank(sanitize(*given)) {
		return nil
	}
	sanitized := sanitize(*given)
	if sanitized != *given {
		i.ignore("the name contains characters that are not valid text; U+FFFD stands for them", "sender", "contact", "name")
	}
	kept, shorter := cut(strings.TrimSpace(sanitized), MaxName)
	if shorter {
		i.ignore(fmt.Sprintf("the name has more than %d characters; the rest is left out", MaxName), "sender", "contact", "name")
	}
	kept = strings.TrimSpace(kept)
	return &kept
}

// externalID returns the id that the other system gave to a message or event, hashed if it is too
// long; nil if it is blank.
func (i *intake) externalID(field string, given *string) *string {
	if given == nil {
		return nil
	}
	id := sanitize(*given)
	switch {
	case dbtext.Blank(id):
		i.ignore("the id is blank and left out: the same again will not be recognized", field)
		return nil
	case id != *given:
		i.ignore("the id contains characters that are not valid text; U+FFFD stands for them", field)
	}
	if utf8.RuneCountInString(id) > MaxName {
		i.ignore(fmt.Sprintf("the id has more than %d characters; its hash is kept instead", MaxName), field)
		id = hashed(id)
	}
	return &id
}

// sentAt returns the time at which a message was sent, in microseconds as the database stores it.
// Any year of four digits is accepted, as the time is only displayed (S6).
func (i *intake) sentAt(text *string) *time.Time {
	if text == nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		i.ignore("sentAt must look like 2026-03-01T09:30:00Z; it is left out", "sentAt")
		return nil
	}
	kept := at.UTC().Truncate(time.Microsecond)
	if kept.Year() < 1 || kept.Year() > 9999 {
		i.ignore("sentAt must lie between the years 1 and 9999; it is left out", "sentAt")
		return nil
	}
	return &kept
}
