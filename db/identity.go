package db

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"switchboard/db/text"
)

// EmailChannel is the channel on which external ids are e-mail addresses.
const EmailChannel = "email"

// FoldChannel returns the form in which a channel is stored and compared: in lower case, without
// white space and invisible characters at its ends.
func FoldChannel(channel string) string { return strings.ToLower(text.Trim(channel)) }

// FoldExternalID returns the form in which a contact's id on a folded channel is stored and
// compared. An e-mail address is put into lower case (İ does not become i) and loses white space
// and invisible characters at its ends, since all of these reach the same mailbox. Other ids are
// returned unchanged.
func FoldExternalID(channel, id string) string {
	if channel == EmailChannel {
		return cases.Lower(language.Und).String(text.Trim(id))
	}
	return id
}

// Fold returns the identity in the form in which it is stored and compared.
func (i ContactIdentity) Fold() ContactIdentity {
	i.Channel = FoldChannel(i.Channel)
	i.ExternalID = FoldExternalID(i.Channel, i.ExternalID)
	return i
}
