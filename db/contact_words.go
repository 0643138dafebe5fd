package db

import (
	"context"
	"slices"
	"strings"

	"switchboard/db/text"
)

// ContactWords are the words of a search for contacts, without correction of typing errors. They
// find what a list finds if nothing is mistyped.
type ContactWords struct {
	search  Search
	country string // of phone numbers without a country code
}

// ContactWords resolves what was typed to find contacts.
func (w ForWorkspace) ContactWords(ctx context.Context, typed string) (ContactWords, error) {
	country, err := w.country(ctx)
	if err != nil {
		return ContactWords{}, err
	}
	terms := text.Terms(typed)
	switch {
	case len(terms) == 0:
		return ContactWords{withoutTerms(typed), country}, nil
	case len(terms) == 1 && terms[0].IsShort():
		return ContactWords{Search{Beginning: terms[0].Words}, country}, nil
	}
	var s Search
	for _, term := range terms {
		s.Terms = append(s.Terms, patternsOf(term, term.Forms(country)))
	}
	return ContactWords{s, country}, nil
}

// IsZero reports whether there is nothing to search for.
func (c ContactWords) IsZero() bool { return c.search.IsZero() }

// Find reports whether the words find a contact.
func (c ContactWords) Find(contact Contact) bool {
	contact.Fold(c.country)
	if c.search.Beginning != "" {
		return strings.Contains(" "+*contact.NameText, " "+c.search.Beginning)
	}
	for _, term := range c.search.Terms {
		if !slices.ContainsFunc(term.full, func(pattern string) bool { return like(deref(contact.SearchText), pattern) }) {
			return false
		}
	}
	return true
}
