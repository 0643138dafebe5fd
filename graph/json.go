package graph

import (
	stdjson "encoding/json"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"switchboard/service"
)

// MarshalJSON writes a text that is already JSON.
func MarshalJSON(text string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, text) })
}

// AppendJSON appends a text that is already JSON.
func AppendJSON(dst []byte, text string) []byte { return append(dst, text...) }

// UnmarshalJSON returns any value as JSON text. Numbers keep all their digits, and bytes that are
// not valid UTF-8 become U+FFFD. The error is BAD_USER_INPUT.
func UnmarshalJSON(v any) (string, error) {
	number := func(to *jsontext.Encoder, n stdjson.Number) error { return to.WriteValue(jsontext.Value(n)) }
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), json.WithMarshalers(json.MarshalToFunc(number)))
	if err != nil {
		return "", &service.Error{Code: service.BadInput, Message: "the JSON value cannot be written: " + err.Error()}
	}
	return string(text), nil
}
