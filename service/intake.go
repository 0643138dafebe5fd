package service

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"switchboard/db"
)

// intake takes what a connector delivers. What a customer says is never refused for its
// form: a field beside it that cannot be used is left out, cut or kept in another form,
// and named in ignored.
type intake struct{ ignored []*Refusal }

// ignore names a field of the input with what is the matter.
func (i *intake) ignore(message string, field ...string) {
	i.ignored = append(i.ignored, Refuse(InvalidField, message, field...))
}

// mend puts U+FFFD for what cannot be stored: NUL, and lone surrogates and other bytes
// that are not UTF-8.
func mend(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// cut shortens a text to a number of characters.
func cut(text string, most int) (kept string, shorter bool) {
	n := 0
	for at := range text {
		if n == most {
			return text[:at], true
		}
		n++
	}
	return text, false
}

// inboundBody returns what a customer wrote in a form that can be stored, cut if it is
// extremely long.
func inboundBody(text string) (body string, truncated bool) { return cut(mend(text), MaxInbound) }

// hashed returns the short form of an id that is too long to be stored.
func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// identity takes the contact's id on a channel.
func (i *intake) identity(in SenderInput) (db.ContactIdentity, error) {
	id := mend(in.ExternalID)
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

// sender takes what is known of the contact.
func (i *intake) sender(in SenderInput) (*sender, error) {
	identity, err := i.identity(in)
	if err != nil {
		return nil, err
	}
	s := &sender{identity: identity, sent: in.ExternalID, name: i.name(in.Name)}
	for _, field := range []struct {
		name  string
		given *string
		take  func(*string) (*string, error)
		into  **string
	}{
		{"email", in.Email, email, &s.email},
		{"phone", in.Phone, phone, &s.phone},
		{"avatarUrl", in.AvatarURL, avatarURL, &s.avatarURL},
	} {
		kept, err := field.take(field.given)
		if err != nil {
			i.ignore(err.Error()+"; it is left out", "sender", "contact", field.name)
			continue
		}
		*field.into = kept
	}
	return s, nil
}

// name takes a name, cut if it is too long; one that shows nothing counts as none.
func (i *intake) name(given *string) *string {
	if given == nil || blank(mend(*given)) {
		return nil
	}
	mended := mend(*given)
	if mended != *given {
		i.ignore("the name contains characters that are not valid text; U+FFFD stands for them", "sender", "contact", "name")
	}
	kept, shorter := cut(strings.TrimSpace(mended), MaxName)
	if shorter {
		i.ignore(fmt.Sprintf("the name has more than %d characters; the rest is left out", MaxName), "sender", "contact", "name")
	}
	kept = strings.TrimSpace(kept)
	return &kept
}

// externalID takes the id that something has where it comes from; a blank one is none.
func (i *intake) externalID(field string, given *string) *string {
	if given == nil {
		return nil
	}
	id := mend(*given)
	switch {
	case blank(id):
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

// sentAt takes the time at which a message was sent, as exactly as it can be kept. Any
// year of four digits will do, as it is only shown (S6).
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
