package live

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Message types of the protocol: PROTOCOL.md, "Message types".
const (
	typeInit      = "connection_init"
	typeAck       = "connection_ack"
	typePing      = "ping"
	typePong      = "pong"
	typeSubscribe = "subscribe"
	typeNext      = "next"
	typeError     = "error"
	typeComplete  = "complete"
)

// maxID is the longest id of an operation in bytes. The id is repeated in every message of its
// operation.
const maxID = 256

// A message is a message from a client that has the form the protocol requires.
type message struct {
	Type    string
	ID      string         // of subscribe and complete
	Payload jsontext.Value // an object, or empty
}

// parseMessage parses one frame. Its errors are *CloseError, because the protocol requires the
// server to close the socket after a malformed message.
func parseMessage(frame int, data []byte) (message, *CloseError) {
	if frame != websocket.TextMessage {
		return message{}, closef(CloseBadRequest, "Only text messages are accepted")
	}
	if !utf8.Valid(data) {
		return message{}, closef(CloseNotUTF8, "Message is not valid UTF-8")
	}
	var raw struct {
		Type    jsontext.Value `json:"type"`
		ID      jsontext.Value `json:"id"`
		Payload jsontext.Value `json:"payload"`
	}
	if malformed := parseObject(data, &raw); malformed != "" {
		return message{}, closef(CloseBadRequest, "The message %s", malformed)
	}
	if raw.Type.Kind() != '"' {
		return message{}, closef(CloseBadRequest, "Message needs a 'type' that is a string")
	}
	return checkMessage(message{Type: text(raw.Type), Payload: raw.Payload}, raw.ID)
}

func checkMessage(m message, id jsontext.Value) (message, *CloseError) {
	if m.Payload.Kind() == 'n' {
		m.Payload = nil
	}
	switch m.Type {
	case typeInit, typePing, typePong:
	case typeSubscribe, typeComplete:
		if id.Kind() != '"' || text(id) == "" {
			return m, closef(CloseBadRequest, "'%s' needs an 'id' that is a non-empty string", m.Type)
		}
		if m.ID = text(id); len(m.ID) > maxID {
			return m, closef(CloseBadRequest, "'%s' has an 'id' of more than %d bytes", m.Type, maxID)
		}
	case typeAck, typeNext, typeError:
		return m, closef(CloseBadRequest, "'%s' is for servers to send", m.Type)
	default:
		return m, closef(CloseBadRequest, "Unknown message type '%s'", m.Type)
	}
	missing := len(m.Payload) == 0
	if m.Type == typeSubscribe && missing || m.Type != typeComplete && !missing && m.Payload.Kind() != '{' {
		return m, closef(CloseBadRequest, "'%s' needs a 'payload' that is an object", m.Type)
	}
	return m, nil
}

// object returns the payload of a connection_init, or an empty map if there is none.
func (m message) object() (map[string]any, *CloseError) {
	values := map[string]any{}
	if len(m.Payload) > 0 && !decode(m.Payload, &values) {
		return nil, closef(CloseBadRequest, "'%s' has a 'payload' that is not valid Unicode", m.Type)
	}
	return values, nil
}

// Documents returns the text of the document with an id. If it is nil there are none.
type Documents func(id string) (text string, known bool)

// params returns the parameters in the payload of a subscribe: PROTOCOL.md, "Subscribe". A
// malformed payload closes the socket; a refused one ends only its operation.
func (m message) params(documents Documents) (*graphql.RawParams, gqlerror.List, *CloseError) {
	params, refused, malformed := parseParams(m.Payload, documents)
	if malformed != "" {
		return nil, nil, closef(CloseBadRequest, "The payload of 'subscribe' %s", malformed)
	}
	return params, refused, nil
}

// parseObject parses a JSON object into a struct of jsontext.Value. If that fails it returns what
// is wrong, as the predicate of a sentence. Lone surrogates are accepted here: what contains one
// decides what becomes of it.
func parseObject(data jsontext.Value, into any) (malformed string) {
	err := json.Unmarshal(data, into, jsontext.AllowInvalidUTF8(true))
	var syntax *jsontext.SyntacticError
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return "is empty: it must be a JSON object"
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "has the same name twice in one JSON object"
	case errors.As(err, &syntax) && syntax.Err != nil && strings.Contains(syntax.Err.Error(), "depth"):
		return "is nested too deeply"
	case errors.As(err, &syntax):
		return fmt.Sprintf("is not valid JSON (at byte %d)", syntax.ByteOffset)
	case data.Kind() == '[':
		return "is a batch: send one operation at a time, as a JSON object"
	case err != nil || data.Kind() != '{':
		return "must be a JSON object"
	}
	return ""
}

// parseParams parses the parameters of a request, which HTTP and WebSocket send in the same form.
// For a wrong form it returns what is wrong, as the predicate of a sentence. Parameters of the
// right form that cannot be executed are refused.
func parseParams(payload jsontext.Value, documents Documents) (params *graphql.RawParams, refused gqlerror.List, malformed string) {
	var raw struct {
		Query      jsontext.Value `json:"query"`
		DocumentID jsontext.Value `json:"documentId"`
		Name       jsontext.Value `json:"operationName"`
		Variables  jsontext.Value `json:"variables"`
		Extensions jsontext.Value `json:"extensions"`
	}
	if malformed = parseObject(payload, &raw); malformed != "" {
		return nil, nil, malformed
	}
	params = &graphql.RawParams{}
	var documentID *string
	for _, field := range []struct {
		name string
		raw  jsontext.Value
		kind jsontext.Kind
		into any
	}{
		{"query", raw.Query, '"', &params.Query},
		{"documentId", raw.DocumentID, '"', &documentID},
		{"operationName", raw.Name, '"', &params.OperationName},
		{"variables", raw.Variables, '{', nil},
		{"extensions", raw.Extensions, '{', &params.Extensions},
	} {
		switch kind := field.raw.Kind(); {
		case len(field.raw) == 0 || kind == 'n':
		case kind != field.kind:
			return nil, nil, "needs '" + field.name + "' to be " + kinds[field.kind]
		case field.name == "variables" && decodeVariables(field.raw, &params.Variables):
		case field.name == "variables" || !decode(field.raw, field.into):
			return params, refusal("BAD_USER_INPUT", "'"+field.name+"' holds text that is not valid Unicode."), ""
		}
	}
	persisted, isPersisted := params.Extensions["persistedQuery"]
	switch hasQuery := raw.Query.Kind() == '"'; {
	case hasQuery && documentID != nil:
		return nil, nil, "needs either 'query' or 'documentId', not both"
	case hasQuery:
		return params, nil, ""
	case documentID != nil:
		return params, documents.add(params, *documentID), ""
	case isPersisted && documents != nil:
		return params, documents.add(params, hashIn(persisted)), ""
	case isPersisted:
		// Clients compare exactly this message before they send the whole document.
		return params, refusal("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported"), ""
	}
	return nil, nil, "needs a 'query' that is a string"
}

// add adds the text of the document with an id to the parameters, or returns why it cannot.
func (d Documents) add(params *graphql.RawParams, id string) (refused gqlerror.List) {
	if d != nil {
		if text, known := d(id); known {
			params.Query = text
			return nil
		}
	}
	return refusal("DOCUMENT_NOT_FOUND", "This server has no document of that id; send its text as 'query'.")
}

// hashIn returns the id in the extension persistedQuery.
func hashIn(persisted any) string {
	fields, _ := persisted.(map[string]any)
	hash, _ := fields["sha256Hash"].(string)
	return hash
}

var kinds = map[jsontext.Kind]string{'"': "a string", '{': "an object"}

// decode decodes JSON strictly, without repeated names or lone surrogates, and reports whether that
// worked. Numbers keep their text.
func decode(value jsontext.Value, into any) bool {
	if !value.IsValid() {
		return false
	}
	numbers := stdjson.NewDecoder(bytes.NewReader(value))
	numbers.UseNumber()
	return numbers.Decode(into) == nil
}

// decodeVariables decodes the values of variables and reports whether that worked. Numbers keep
// their text. A string that is not valid Unicode becomes one that is not valid UTF-8, as it does in
// a document: each field refuses or repairs it.
func decodeVariables(value jsontext.Value, into *map[string]any) bool {
	return json.Unmarshal(value, into, jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(json.UnmarshalFromFunc(decodeVariable))) == nil
}

func decodeVariable(in *jsontext.Decoder, into *any) error {
	kind := in.PeekKind()
	if kind != '0' && kind != '"' {
		return json.SkipFunc
	}
	raw, err := in.ReadValue()
	if err != nil {
		return err
	}
	if kind == '0' {
		*into = stdjson.Number(raw)
		return nil
	}
	decoded, err := jsontext.AppendUnquote(nil, raw)
	if err != nil { // it has U+FFFD where it is not valid
		decoded = bytes.ReplaceAll(decoded, []byte("\uFFFD"), []byte{0xff})
	}
	*into = string(decoded)
	return nil
}

// text decodes a JSON string. Invalid Unicode becomes U+FFFD.
func text(value jsontext.Value) string {
	var s string
	_ = stdjson.Unmarshal(value, &s)
	return s
}

// marshal encodes a value as JSON. It panics if a custom scalar writes invalid JSON; callers
// recover as from any other panic in a resolver.
func marshal(value any) []byte {
	data, err := stdjson.Marshal(value)
	if err != nil {
		panic(err)
	}
	return data
}

func refusal(code, text string) gqlerror.List {
	return gqlerror.List{{Message: text, Extensions: map[string]any{"code": code}}}
}
