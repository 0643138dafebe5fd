package graph

import (
	"fmt"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/graph/compiled"
	"switchboard/service"
)

// MarshalDateTime writes an instant as RFC 3339 in UTC, always with six decimals, so that
// texts sort as the instants do.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = w.Write(AppendDateTime(nil, t))
	})
}

// AppendDateTime appends an instant as MarshalDateTime writes it.
func AppendDateTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = t.AppendFormat(append(dst, '"'), time.RFC3339) // which package time writes faster than other forms
	dst[len(dst)-1] = '.'
	micros := t.Nanosecond() / int(time.Microsecond)
	for digit := 100_000; digit > 0; digit /= 10 {
		dst = append(dst, '0'+byte(micros/digit%10))
	}
	return append(dst, 'Z', '"')
}

// MarshalDateTimeText writes a time that is stored as text.
func MarshalDateTimeText(text string) graphql.Marshaler { return graphql.MarshalString(text) }

// AppendDateTimeText appends a time that is stored as text.
func AppendDateTimeText(dst []byte, text string) []byte { return compiled.AppendString(dst, text) }

// UnmarshalDateTimeText returns the value that was sent for a time; the service validates it.
func UnmarshalDateTimeText(v any) (string, error) { return fmt.Sprint(v), nil }

// UnmarshalDateTime parses RFC 3339 in any time zone; the error is BAD_USER_INPUT.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &service.Error{Code: service.BadInput, Message: "a time must look like 2026-03-01T09:30:00Z"}
	}
	return t, nil
}
