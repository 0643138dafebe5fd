package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/service"
)

// present returns the presenter that turns errors into what clients see: a message, a code, the id
// of the request, and whether the same request may succeed later. Unexpected errors become INTERNAL
// without any detail; the log has the details under the request's id.
func present(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		var shown *gqlerror.Error
		if !errors.As(err, &shown) || shown.Extensions["code"] == nil {
			shown = explain(ctx, log, err, shown)
		}
		return stamp(ctx, shown)
	}
}

// explain returns what clients see of an error without a code; shown is the part of it that gqlgen
// made, or nil.
func explain(ctx context.Context, log *slog.Logger, err error, shown *gqlerror.Error) *gqlerror.Error {
	explained := service.Explain(err)
	switch {
	case explained.Code != service.Internal:
	case shown != nil && shown.Err == nil:
		// gqlgen's own error: a value does not fit its type.
		explained = &service.Error{Code: service.BadInput, Message: shown.Message}
	case ctx.Err() != nil && !errors.Is(err, errPanicked):
		// What breaks off because the client has left, or the time is over, is no fault of the server.
		explained = service.Explain(ctx.Err())
	}
	result := &gqlerror.Error{
		Err: err, Message: explained.Message, Path: graphql.GetPath(ctx), Extensions: map[string]any{"code": explained.Code},
	}
	var choice *service.ChoiceError
	if errors.As(err, &choice) {
		result.Extensions["workspaces"] = choices(choice)
	}
	if shown != nil && shown.Path != nil {
		result.Path, result.Locations = shown.Path, shown.Locations
	}
	if input := cutInput(ctx, result); input != "" {
		result.Message = input + ": " + result.Message
	}
	if explained.Code == service.Internal && !errors.Is(err, errPanicked) {
		log.ErrorContext(ctx, "a request failed", append(origin(ctx), "path", result.Path.String(), "error", service.Describe(err))...)
	}
	return result
}

// stamp returns a copy of an error with what all errors have beside their code. Errors are shared,
// for example by the requests that use a cached document.
func stamp(ctx context.Context, err *gqlerror.Error) *gqlerror.Error {
	stamped := *err
	stamped.Extensions = maps.Clone(err.Extensions)
	if id := requestID(ctx); id != "" {
		stamped.Extensions["requestId"] = id
	}
	switch code := service.ErrorCode(fmt.Sprint(err.Extensions["code"])); code {
	case service.Unavailable, rateLimited:
		stamped.Extensions["retryable"] = true
	default:
		stamped.Extensions["retryable"] = false
	}
	return &stamped
}

// rateLimited is the code for a caller that sends too much.
const rateLimited service.ErrorCode = "RATE_LIMITED"

// choices returns the workspaces that a caller may choose.
func choices(e *service.ChoiceError) []map[string]string {
	list := []map[string]string{}
	for _, w := range e.Workspaces {
		list = append(list, map[string]string{"id": w.ID.String(), "name": w.Name})
	}
	return list
}

// cutInput shortens the path of an error in the arguments of a field to that of the field, because
// a path is one in the response. It returns the rest, such as "filter.assignees[0]".
func cutInput(ctx context.Context, err *gqlerror.Error) string {
	field := graphql.GetFieldContext(ctx)
	if field == nil {
		return ""
	}
	path := field.Path()
	if n := len(path); len(err.Path) > n && slices.Equal(err.Path[:n], path) {
		input := err.Path[n:]
		err.Path = path
		return input.String()
	}
	return ""
}

// coded returns an error with a code of the API.
func coded(code service.ErrorCode, format string, args ...any) *gqlerror.Error {
	return &gqlerror.Error{Message: fmt.Sprintf(format, args...), Extensions: map[string]any{"code": code}}
}

// errNoIntrospection returns the error for a query for the schema while introspection is switched
// off. It has the code of a failed validation; gqlgen's own error has no code.
func errNoIntrospection() *gqlerror.Error {
	err := gqlerror.Errorf("introspection is switched off on this server; --playground switches it on")
	errcode.Set(err, errcode.ValidationFailed)
	return err
}

// errPanicked is the error of a panic, which is logged where it was recovered.
var errPanicked = errors.New("a panic")

// recovered returns the function that turns a panic into an error, so that only one operation
// fails. The log gets where it happened and the kind of its reason. The reason itself may quote
// what the caller sent, unless the Go runtime gave it.
func recovered(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, reason any) error {
		log.ErrorContext(ctx, "a resolver panicked", "requestId", requestID(ctx), "reason", service.DescribePanic(reason), "stack", string(debug.Stack()))
		return errPanicked
	}
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey).(string)
	return id
}
