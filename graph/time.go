package graph

import (
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/service"
)

// MarshalDateTime writes an instant as RFC 3339 in UTC, always with six decimals, so that
// texts sort as the instants do.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = io.WriteString(w, strconv.Quote(t.UTC().Format("2006-01-02T15:04:05.000000Z")))
	})
}

// UnmarshalDateTime reads RFC 3339 in any zone; the error is BAD_USER_INPUT.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &service.Error{Code: service.BadInput, Message: "a time must look like 2026-03-01T09:30:00Z"}
	}
	return t, nil
}
