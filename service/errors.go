package service

import (
	"context"
	"errors"

	"switchboard/db"
	"switchboard/feed"
)

// Refusal reports the rule by which a mutation was refused; nothing was changed. Clients receive it
// as a userError.
type Refusal struct {
	Code    RefusalCode `json:"code"`
	Message string      `json:"message"`         // for people: what is wrong and what to do
	Field   []string    `json:"field,omitempty"` // path of the input field at fault
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

// RefusalCode identifies the rule of a refusal.
type RefusalCode string

// The codes of refusals.
const (
	AlreadyAssigned RefusalCode = "ALREADY_ASSIGNED"
	ContactBlocked  RefusalCode = "CONTACT_BLOCKED"
	AlreadyOpen     RefusalCode = "ALREADY_OPEN"
	AlreadyClosed   RefusalCode = "ALREADY_CLOSED"
	NotOpen         RefusalCode = "NOT_OPEN"
	NotLatest       RefusalCode = "NOT_LATEST"
	StaleReply      RefusalCode = "STALE_REPLY"
	Conflict        RefusalCode = "CONFLICT"
	ItemNotFound    RefusalCode = "NOT_FOUND" // of an item of a bulk
	AgentInactive   RefusalCode = "AGENT_INACTIVE"
	UnknownCategory RefusalCode = "UNKNOWN_CATEGORY"
	AlreadyBlocked  RefusalCode = "ALREADY_BLOCKED"
	NotBlocked      RefusalCode = "NOT_BLOCKED"
	EmailTaken      RefusalCode = "EMAIL_TAKEN"
	IdentityTaken   RefusalCode = "IDENTITY_TAKEN"
	LastManager     RefusalCode = "LAST_MANAGER"
	KeyReused       RefusalCode = "IDEMPOTENCY_KEY_REUSED"
	InvalidWorkflow RefusalCode = "INVALID_WORKFLOW"
	RunEnded        RefusalCode = "RUN_ENDED"
	UnknownChannel  RefusalCode = "UNKNOWN_CHANNEL"

	LimitReached RefusalCode = "LIMIT_REACHED"

	ExternalIDReused RefusalCode = "EXTERNAL_ID_REUSED"
	InvalidField     RefusalCode = "INVALID_FIELD" // a warning: the field is left out, cut or replaced
)

// Refuse returns a refusal; field is the path of the input field at fault.
func Refuse(code RefusalCode, message string, field ...string) *Refusal {
	return &Refusal{Code: code, Message: message, Field: field}
}

// Error reports why a call could not be carried out at all. Clients receive it as a top-level error
// with the code in its extensions.
type Error struct {
	Code    ErrorCode
	Message string
}

func (e *Error) Error() string { return e.Message }

// ErrorCode identifies why a call could not be carried out.
type ErrorCode string

// The codes of errors.
const (
	Unauthenticated ErrorCode = "UNAUTHENTICATED"
	Forbidden       ErrorCode = "FORBIDDEN"
	NotFound        ErrorCode = "NOT_FOUND"
	BadInput        ErrorCode = "BAD_USER_INPUT"
	CursorExpired   ErrorCode = "CURSOR_EXPIRED"
	CursorInvalid   ErrorCode = "CURSOR_INVALID"
	Unavailable     ErrorCode = "UNAVAILABLE"
	Internal        ErrorCode = "INTERNAL"
)

// NewBadInput returns the error BAD_USER_INPUT.
func NewBadInput(message string) *Error { return &Error{BadInput, message} }

// NewNotFound returns the error NOT_FOUND for an object of the kind that what names.
func NewNotFound(what string) *Error {
	return &Error{NotFound, "there is no " + what + " with this id in your workspace"}
}

// Explain converts an error of the service to an Error for clients. An unknown error is INTERNAL,
// and its message reveals no detail.
func Explain(err error) *Error {
	var known *Error
	var id *db.IDError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &id):
		return NewBadInput(id.Message)
	case errors.Is(err, db.ErrBadEventCursor):
		return &Error{CursorInvalid, "the cursor is not a position in this workspace's event log; load the data again and subscribe after its asOf, " +
			"or leave after out to begin now"}
	case errors.Is(err, db.ErrBadCursor):
		return &Error{CursorInvalid, "the cursor is malformed, or belongs to another list or workspace; take one from this list, or leave it out"}
	case errors.Is(err, feed.ErrExpired):
		return &Error{CursorExpired, "the cursor lies too far back to resume from; load the data again and subscribe after its asOf"}
	case db.Unavailable(err), errors.Is(err, ErrStartOver),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Unavailable, "the server is too busy or cannot reach its database; try again, with the same idempotencyKey if this was a mutation"}
	}
	return &Error{Internal, "something went wrong on the server"}
}

// ErrStartOver is the error of a transaction that has to run again, because a concurrent one
// changed the rows that it needs before it locked them.
var ErrStartOver = errors.New("the transaction has to start over")

// attempts is how often a transaction is run that deadlocks or has to start over.
const attempts = 10

// mayRetry reports whether a transaction that failed at this attempt, counted from 1, changed
// nothing and may succeed if it runs again.
func mayRetry(err error, attempt int) bool {
	return attempt < attempts && (errors.Is(err, ErrStartOver) || db.Retryable(err, attempt))
}

// Contained turns a panic into an error, so that one mutation or workflow cannot stop the server.
func Contained[T any](do func() (T, error)) (result T, err error) { return db.Contained(do) }

// Describe returns the text of an error for the log, without values.
func Describe(err error) string { return db.Describe(err) }

// DescribePanic returns why the goroutine panicked, for the log, without values.
func DescribePanic(reason any) string { return db.NewPanic(reason).Reason }
