package service

import (
	"context"

	"switchboard/db"
)

// PageInput selects one page of a list with the arguments of Relay's connections
// (https://relay.dev/graphql/connections.htm).
type PageInput struct {
	First, Last   *int
	After, Before *string
}

// List is one page of a list.
type List[T any] struct {
	Rows                 []T
	HasNext, HasPrevious bool
	Cursor               func(T) string // the page cursor of a row

	// Total counts the rows of the whole list; nil for a parent's list, which is counted for many
	// parents at once.
	Total func(context.Context) (Total, error)
}

// Sizes of the pages of a list.
const (
	DefaultPage = 50
	MaxPage     = 100
)

// Places reads the texts that name positions of an ordered list, such as a db.Order. The error is
// ErrBadCursor.
type Places interface {
	ParseCursor(workspace db.WorkspaceKey, text string) (db.Key, error)
}

// CheckPage checks the arguments of a page of an ordered list and returns the page.
func CheckPage(workspace db.WorkspaceKey, in PageInput, o Places) (p db.Page, err error) {
	size := in.First
	switch {
	case in.First != nil && in.Last != nil:
		return p, NewBadInput("give either first or last, not both")
	case in.Last != nil:
		p.Backward, size = true, in.Last
	case in.First == nil:
		p.Limit = DefaultPage
	}
	if size != nil {
		if *size < 1 || *size > MaxPage {
			return p, NewBadInput("first and last must be between 1 and 100")
		}
		p.Limit = *size
	}
	if in.After != nil {
		if p.After, err = o.ParseCursor(workspace, *in.After); err != nil {
			return p, err
		}
	}
	if in.Before != nil {
		p.Before, err = o.ParseCursor(workspace, *in.Before)
	}
	return p, err
}

// BadKey returns ErrBadCursor if the error comes from a forged page cursor, whose values do not
// have the types of their columns, and otherwise the error itself.
func BadKey(p db.Page, err error) error {
	if (p.After != nil || p.Before != nil) && db.InvalidValue(err) {
		return db.ErrBadCursor
	}
	return err
}
