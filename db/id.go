package db

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"go.jetify.com/typeid"
	"go.jetify.com/typeid/base32"
)

// ErrBadID means that a text is not an id, or is an id of another kind of object.
var ErrBadID = errors.New("not a valid id")

// IDError is an ErrBadID whose message says what is wrong with the text.
type IDError struct{ Message string }

func (e *IDError) Error() string { return e.Message }

// Is makes errors.Is report an IDError as an ErrBadID.
func (e *IDError) Is(target error) bool { return target == ErrBadID }

// Typed ids: a UUIDv7 that knows which kind of object it names. In the database they
// are plain uuids; towards clients they are TypeIDs, "<prefix>_<26 characters>"
// (https://github.com/jetify-com/typeid/tree/main/spec).
type (
	// AgentID names an agent: agent_….
	AgentID struct{ uuid.UUID }
	// ContactID names a contact: contact_….
	ContactID struct{ uuid.UUID }
	// ConversationID names a conversation: conv_….
	ConversationID struct{ uuid.UUID }
	// MessageID names a message: msg_….
	MessageID struct{ uuid.UUID }
	// EventID names an event of the log: evt_….
	EventID struct{ uuid.UUID }
	// WorkspaceID names a workspace: ws_….
	WorkspaceID struct{ uuid.UUID }
	// TokenID names an API token, and the integration that calls with it: token_….
	TokenID struct{ uuid.UUID }
	// WorkflowID names a workflow: wf_….
	WorkflowID struct{ uuid.UUID }
	// RunID names a run of a workflow: run_….
	RunID struct{ uuid.UUID }
)

// The prefixes of the typed ids.
const (
	AgentPrefix        = "agent"
	ContactPrefix      = "contact"
	ConversationPrefix = "conv"
	MessagePrefix      = "msg"
	EventPrefix        = "evt"
	WorkspacePrefix    = "ws"
	TokenPrefix        = "token"
	WorkflowPrefix     = "wf"
	RunPrefix          = "run"
)

// NewUUID returns the uuid of a new row. It has version 7, so that rows made one after the other
// are adjacent in the indexes.
func NewUUID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// ParseID splits a typed id into its prefix and uuid; the error is ErrBadID.
func ParseID(text string) (prefix string, id uuid.UUID, err error) {
	parsed, err := typeid.FromString(text)
	if err != nil || len(text) > 64 || parsed.Prefix() == "" {
		return "", uuid.Nil, &IDError{fmt.Sprintf("%q is not an id: an id looks like agent_01h455vb4pex5vsknk084sn02q", abbreviate(text))}
	}
	return parsed.Prefix(), uuid.UUID(parsed.UUIDBytes()), nil
}

// abbreviate shortens a caller's text so that an error message stays short.
func abbreviate(text string) string {
	if len(text) > 64 {
		return strings.ToValidUTF8(text[:64], "") + "…"
	}
	return text
}

func format(prefix string, id uuid.UUID) string {
	return prefix + "_" + base32.Encode(id)
}

func parse(prefix string, value any) (uuid.UUID, error) {
	text, ok := value.(string)
	if !ok {
		return uuid.Nil, &IDError{"an id is a string such as " + prefix + "_01h455vb4pex5vsknk084sn02q"}
	}
	got, id, err := ParseID(text)
	if err == nil && got != prefix {
		err = &IDError{fmt.Sprintf("%q is an id of another kind: one that begins with %s_ is needed here", abbreviate(text), prefix)}
	}
	return id, err
}

func writeID(w io.Writer, prefix string, id uuid.UUID) {
	var text []byte
	if b, ok := w.(interface{ AvailableBuffer() []byte }); ok { // such as bytes.Buffer
		text = b.AvailableBuffer()
	}
	text = append(append(append(text, '"'), prefix...), '_')
	_, _ = w.Write(append(append(text, base32.Encode(id)...), '"'))
}

// String returns the typed id.
func (id AgentID) String() string { return format(AgentPrefix, id.UUID) }

// String returns the typed id.
func (id ContactID) String() string { return format(ContactPrefix, id.UUID) }

// String returns the typed id.
func (id ConversationID) String() string { return format(ConversationPrefix, id.UUID) }

// String returns the typed id.
func (id MessageID) String() string { return format(MessagePrefix, id.UUID) }

// String returns the typed id.
func (id EventID) String() string { return format(EventPrefix, id.UUID) }

// String returns the typed id.
func (id WorkspaceID) String() string { return format(WorkspacePrefix, id.UUID) }

// String returns the typed id.
func (id TokenID) String() string { return format(TokenPrefix, id.UUID) }

// String returns the typed id.
func (id WorkflowID) String() string { return format(WorkflowPrefix, id.UUID) }

// String returns the typed id.
func (id RunID) String() string { return format(RunPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id AgentID) MarshalGQL(w io.Writer) { writeID(w, AgentPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id ContactID) MarshalGQL(w io.Writer) { writeID(w, ContactPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id ConversationID) MarshalGQL(w io.Writer) { writeID(w, ConversationPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id MessageID) MarshalGQL(w io.Writer) { writeID(w, MessagePrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id EventID) MarshalGQL(w io.Writer) { writeID(w, EventPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id WorkspaceID) MarshalGQL(w io.Writer) { writeID(w, WorkspacePrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id TokenID) MarshalGQL(w io.Writer) { writeID(w, TokenPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id WorkflowID) MarshalGQL(w io.Writer) { writeID(w, WorkflowPrefix, id.UUID) }

// MarshalGQL writes the typed id as a JSON string.
func (id RunID) MarshalGQL(w io.Writer) { writeID(w, RunPrefix, id.UUID) }

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *AgentID) UnmarshalGQL(v any) (err error) { id.UUID, err = parse(AgentPrefix, v); return }

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *ContactID) UnmarshalGQL(v any) (err error) { id.UUID, err = parse(ContactPrefix, v); return }

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *ConversationID) UnmarshalGQL(v any) (err error) {
	id.UUID, err = parse(ConversationPrefix, v)
	return
}

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *MessageID) UnmarshalGQL(v any) (err error) { id.UUID, err = parse(MessagePrefix, v); return }

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *EventID) UnmarshalGQL(v any) (err error) { id.UUID, err = parse(EventPrefix, v); return }

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *WorkspaceID) UnmarshalGQL(v any) (err error) {
	id.UUID, err = parse(WorkspacePrefix, v)
	return
}

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *TokenID) UnmarshalGQL(v any) (err error) { id.UUID, err = parse(TokenPrefix, v); return }

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *WorkflowID) UnmarshalGQL(v any) (err error) {
	id.UUID, err = parse(WorkflowPrefix, v)
	return
}

// UnmarshalGQL reads a typed id; the error is ErrBadID.
func (id *RunID) UnmarshalGQL(v any) (err error) { id.UUID, err = parse(RunPrefix, v); return }

// UUIDValue spares the driver its first attempt, which is to encode the id as a text and fails.
// With 10,000 ids in one statement that is noticeable.

func wire(id uuid.UUID) (pgtype.UUID, error) { return pgtype.UUID{Bytes: id, Valid: true}, nil }

// UUIDValue returns the id in the form that the driver encodes.
func (id AgentID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id ContactID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id ConversationID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id MessageID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id EventID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id WorkspaceID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id TokenID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id WorkflowID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// UUIDValue returns the id in the form that the driver encodes.
func (id RunID) UUIDValue() (pgtype.UUID, error) { return wire(id.UUID) }

// ScanUUID lets the driver read an id without making a text of it first.

func unwire(id *uuid.UUID, v pgtype.UUID) error {
	*id = v.Bytes
	return nil
}

// ScanUUID reads the id in the form that the driver decodes.
func (id *AgentID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *ContactID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *ConversationID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *MessageID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *EventID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *WorkspaceID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *TokenID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *WorkflowID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }

// ScanUUID reads the id in the form that the driver decodes.
func (id *RunID) ScanUUID(v pgtype.UUID) error { return unwire(&id.UUID, v) }
