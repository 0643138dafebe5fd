package service

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The longest texts taken from outside, in characters.
const (
	maxName    = 200
	maxBody    = 16_000
	maxSearch  = 100
	maxChannel = 50
)

// checkText refuses text that is too short or too long, that PostgreSQL cannot keep
// (NUL) or that is no text at all (invalid UTF-8, to which lone surrogates decode).
func checkText(field, text string, least, most int) error {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return badInput(field + " contains characters that are not valid text")
	case n < least:
		return badInput(field + " must not be empty")
	case n > most:
		return badInput(fmt.Sprintf("%s has %d characters; at most %d are allowed", field, n, most))
	}
	return nil
}

// name takes a name or the like: spaces at its ends are dropped.
func name(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	return text, checkText(field, text, 1, maxName)
}

// optional takes a text that may be left out; blank means none.
func optional(field string, text *string, most int) (*string, error) {
	if text == nil || strings.TrimSpace(*text) == "" {
		return nil, nil
	}
	trimmed := strings.TrimSpace(*text)
	return &trimmed, checkText(field, trimmed, 1, most)
}

// email takes an e-mail address that may be left out.
func email(text *string) (*string, error) {
	address, err := optional("email", text, maxName)
	if address == nil || err != nil {
		return nil, err
	}
	if parsed, err := mail.ParseAddress(*address); err != nil || parsed.Address != *address {
		return nil, badInput("email is not an e-mail address")
	}
	return address, nil
}

// avatarURL takes the address of a picture that may be left out. Browsers load it, so
// only https is taken; the server never fetches it.
func avatarURL(text *string) (*string, error) {
	address, err := optional("avatarUrl", text, 2000)
	if address == nil || err != nil {
		return nil, err
	}
	if u, err := url.Parse(*address); err != nil || u.Scheme != "https" || u.Host == "" || !strings.HasPrefix(*address, "https://") {
		return nil, badInput("avatarUrl must be an https:// address")
	}
	return address, nil
}
