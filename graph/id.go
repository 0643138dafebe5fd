package graph

import (
	"context"
	"slices"

	"switchboard/db"
)

// Node is any object with an id: a row of db/, or an Event.
type Node any

// unmarshaler is a typed id that can be parsed.
type unmarshaler[T any] interface {
	*T
	UnmarshalGQL(any) error
}

// decode parses a typed id; the error is BAD_USER_INPUT.
func decode[T any, P unmarshaler[T]](text string) (id T, err error) {
	err = P(&id).UnmarshalGQL(text)
	return id, err
}

// decodeOptional is decode for an id that may be left out.
func decodeOptional[T any, P unmarshaler[T]](text *string) (*T, error) {
	if text == nil {
		return nil, nil
	}
	id, err := decode[T, P](*text)
	return &id, err
}

// nodes reads the objects with these typed ids; nil where there is none. The error is that of an id
// that is not one.
func nodes(ctx context.Context, texts []string) (nodes []Node, errs []error, err error) {
	refs := make([]reference, len(texts))
	for i, text := range texts {
		prefix, id, err := db.ParseID(text)
		if err != nil {
			return nil, nil, err
		}
		if refs[i] = (reference{Prefix: prefix, ID: id}); !slices.ContainsFunc(kinds, func(k kind) bool { return k.prefix == prefix }) {
			errs = withError(errs, len(texts), i, &db.IDError{Message: "there are no objects with ids of this kind"})
		}
	}
	objects, failed := readsOf(ctx).objects(ctx, refs)
	nodes, _ = derive(len(texts), nil, func(i int) Node { return objects[i] })
	return nodes, joined(errs, failed), nil
}
