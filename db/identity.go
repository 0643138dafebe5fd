package db

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"switchboard/db/text"
)

// EmailChannel is the channel on which external ids are e-mail addresses.
const EmailChannel = "email"

// FoldChannel returns the form in which a channel is stored and compared: lower case,
// without white space at its ends.
func FoldChannel(channel string) string { return strings.ToLower(text.Trim(channel)) }

// FoldExternalID returns the form in which a contact's id on a folded channel is stored
// and compared: on e-mail lower case, in which İ is not i, without white space and
// invisible characters at its ends, since none of that makes another address; on other
// channels as it is.
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
