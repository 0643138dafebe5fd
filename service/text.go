package service

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"switchboard/db"
	dbtext "switchboard/db/text"
)

// The longest accepted texts, in characters.
const (
	MaxName    = dbtext.MaxName
	MaxBody    = dbtext.MaxBody
	MaxInbound = 100_000 // of a customer's message
	maxSearch  = 100
	maxChannel = 50
	maxKey     = 100 // of an idempotency key
)

// CheckText refuses text that is too short or too long, or that cannot be stored.
func CheckText(field, text string, least, most int) error {
	if fault := dbtext.Fault(field, text, least, most); fault != "" {
		return NewBadInput(fault)
	}
	return nil
}

// CheckName checks a name or similar text and returns it without surrounding spaces.
func CheckName(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	if err := CheckText(field, text, 1, MaxName); err != nil {
		return "", err
	}
	if dbtext.Blank(text) {
		return "", NewBadInput(field + " must have characters that can be seen")
	}
	return text, nil
}

// CheckChannel checks the name of a channel and returns it in the form in which channels are
// stored.
func CheckChannel(field, text string) (channel string, err error) {
	if err := CheckText(field, text, 1, maxChannel); err != nil {
		return "", err
	}
	if channel = db.FoldChannel(text); dbtext.Blank(channel) {
		return "", NewBadInput(field + " must have characters that can be seen")
	}
	return channel, nil
}

// CheckExternalID refuses a contact's id on a channel that is too long, cannot be stored, or is
// blank, also in its folded form.
func CheckExternalID(field, id string) error {
	if err := CheckText(field, id, 1, MaxName); err != nil {
		return err
	}
	if dbtext.Blank(db.FoldExternalID(db.EmailChannel, id)) {
		return NewBadInput(field + " is blank: give the id under which the contact can be answered")
	}
	return nil
}

// contactIdentity checks a contact's id on a channel and returns it in the form in which identities
// are stored.
func contactIdentity(field string, in ContactIdentityInput) (id db.ContactIdentity, err error) {
	if id.Channel, err = CheckChannel(field+".channel", in.Channel); err != nil {
		return id, err
	}
	if err := CheckExternalID(field+".externalId", in.ExternalID); err != nil {
		return id, err
	}
	id.ExternalID = in.ExternalID
	return id.Fold(), nil
}

// optional checks a text that may be left out; it returns nil if the text is blank.
func optional(field string, text *string, most int) (*string, error) {
	if text == nil || CheckText(field, *text, 0, len(*text)) == nil && dbtext.Blank(*text) {
		return nil, nil
	}
	trimmed := strings.TrimSpace(*text)
	return &trimmed, CheckText(field, trimmed, 1, most)
}

// phone is optional for a phone number.
func phone(text *string) (*string, error) { return optional("phone", text, MaxName) }

// email is optional for an e-mail address.
func email(text *string) (*string, error) {
	address, err := optional("email", text, MaxName)
	if address == nil || err != nil {
		return nil, err
	}
	if parsed, err := mail.ParseAddress(*address); err != nil || parsed.Address != *address {
		return nil, NewBadInput("email is not an e-mail address")
	}
	return address, nil
}

// ownAvatar matches the paths of the pictures that the server itself has for the demo.
var ownAvatar = regexp.MustCompile(`^/avatars/[0-9a-z]+\.svg$`)

// avatarURL is optional for the address of a picture: an https address, or the path of one of the
// demo's, so that a form with it can be sent back. Browsers load it; the server never fetches it.
func avatarURL(text *string) (*string, error) {
	address, err := optional("avatarUrl", text, 2000)
	if address == nil || err != nil {
		return nil, err
	}
	if ownAvatar.MatchString(*address) {
		return address, nil
	}
	if u, err := url.Parse(*address); err != nil || u.Scheme != "https" || u.Host == "" || !strings.HasPrefix(*address, "https://") {
		return nil, NewBadInput("avatarUrl must be an https:// address")
	}
	return address, nil
}
