package db

import "strings"

// EmailChannel is the channel on which external ids are e-mail addresses.
const EmailChannel = "email"

// FoldChannel returns the form in which a channel is stored and compared: lower case.
func FoldChannel(channel string) string { return strings.ToLower(channel) }

// FoldExternalID returns the form in which a contact's id on a folded channel is stored
// and compared: lower case on e-mail, where case makes no difference, else as it is.
func FoldExternalID(channel, id string) string {
	if channel == EmailChannel {
		return strings.ToLower(id)
	}
	return id
}

// Fold returns the identity in the form in which it is stored and compared.
func (i ContactIdentity) Fold() ContactIdentity {
	i.Channel = FoldChannel(i.Channel)
	i.ExternalID = FoldExternalID(i.Channel, i.ExternalID)
	return i
}
