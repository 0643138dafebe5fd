package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/service"
)

// present returns the presenter that turns errors into what clients see, with a message and a
// code. Unexpected errors become INTERNAL with the request's id; the log has the details under
// this id.
func present(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		var shown *gqlerror.Error
		if errors.As(err, &shown) && shown.Extensions["code"] != nil {
			return shown
		}
		explained := service.Explain(err)
		if explained.Code == service.Internal && shown != nil && shown.Err == nil {
			// gqlgen's own error: a value does not fit its type.
			explained = &service.Error{Code: service.BadInput, Message: shown.Message}
		}
		result := &gqlerror.Error{
			Err: err, Message: explained.Message, Path: graphql.GetPath(ctx),
			Extensions: map[string]any{"code": explained.Code},
		}
		if shown != nil && shown.Path != nil {
			result.Path, result.Locations = shown.Path, shown.Locations
		}
		if input := cutInput(ctx, result); input != "" {
			result.Message = input + ": " + result.Message
		}
		if explained.Code == service.Internal {
			id := requestID(ctx)
			result.Extensions["requestId"] = id
			log.ErrorContext(ctx, "a request failed", "requestId", id, "path", result.Path.String(), "error", err)
		}
		return result
	}
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

// recovered returns the function that turns a panic into an error, so that only one operation
// fails.
func recovered(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, reason any) error {
		log.ErrorContext(ctx, "a resolver panicked", "requestId", requestID(ctx), "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
		return errors.New("panic: " + fmt.Sprint(reason))
	}
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey).(string)
	return id
}
