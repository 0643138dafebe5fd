package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/service"
)

// present gives an error the form that clients see: a message for people and a code for
// programs. What is not known is INTERNAL with the request's id, under which the log has
// the rest.
func present(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		var shown *gqlerror.Error
		if errors.As(err, &shown) && shown.Extensions["code"] != nil {
			return shown
		}
		explained := service.Explain(err)
		if explained.Code == service.Internal && shown != nil && shown.Err == nil {
			// Made by the executor itself: a value that does not fit its type.
			explained = &service.Error{Code: service.BadInput, Message: shown.Message}
		}
		result := &gqlerror.Error{
			Err: err, Message: explained.Message, Path: graphql.GetPath(ctx),
			Extensions: map[string]any{"code": explained.Code},
		}
		if shown != nil && shown.Path != nil {
			result.Path, result.Locations = shown.Path, shown.Locations
		}
		if explained.Code == service.Internal {
			id := requestID(ctx)
			result.Extensions["requestId"] = id
			log.ErrorContext(ctx, "a request failed", "requestId", id, "path", result.Path.String(), "error", err)
		}
		return result
	}
}

// coded is an error with a code of the API.
func coded(code service.ErrorCode, format string, args ...any) *gqlerror.Error {
	return &gqlerror.Error{Message: fmt.Sprintf(format, args...), Extensions: map[string]any{"code": code}}
}

// errNoIntrospection refuses a document as validation would; the executor's own error for
// it says nothing of what it is.
func errNoIntrospection() *gqlerror.Error {
	err := gqlerror.Errorf("introspection is switched off on this server; --playground switches it on")
	errcode.Set(err, errcode.ValidationFailed)
	return err
}

// recovered turns a panic into an error that ends its operation only.
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
