package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Limits of the errors in one answer. A document can have as many faults as characters.
const (
	maxErrors       = 10
	maxErrorMessage = 200    // characters of the message about a fault in a document
	maxErrorBytes   = 7 << 9 // of all errors of a request that was refused
)

// shorten limits the errors of each response.
func shorten(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response == nil || len(response.Errors) == 0 {
		return response
	}
	if response.Data == nil {
		response.Errors = fitting(response.Errors)
	}
	response.Errors = response.Errors[:min(len(response.Errors), maxErrors)]
	return response
}

// fitting returns the first errors, as many as fit, with messages of limited length. There is
// always one. Validation reports an error in a fragment again wherever that is used.
func fitting(all gqlerror.List) gqlerror.List {
	known := map[string]bool{}
	all = slices.DeleteFunc(all, func(err *gqlerror.Error) bool {
		key := fmt.Sprint(err.Message, err.Locations)
		defer func() { known[key] = true }()
		return known[key]
	})
	size := 0
	for i, err := range all {
		switch err.Extensions["code"] {
		case errcode.ValidationFailed, errcode.ParseFailed:
			err.Message = cutText(err.Message, maxErrorMessage)
		}
		text, _ := json.Marshal(err)
		if size += len(text); size > maxErrorBytes && i > 0 {
			return all[:i]
		}
	}
	return all
}

// cutText returns a text, cut to a number of characters.
func cutText(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	for i := range text {
		if most == 0 {
			return text[:i] + "…"
		}
		most--
	}
	return text
}
