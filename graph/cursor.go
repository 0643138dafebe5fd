package graph

import (
	"context"
	"io"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/db"
	"switchboard/graph/live"
)

// Positions of the log are opaque for clients. The key by which they are is that of the caller's
// workspace, and in the context of every operation.

// WithCursorKey returns the context of an operation that is executed without the handler.
func WithCursorKey(ctx context.Context, key db.CursorKey) context.Context {
	return context.WithValue(ctx, cursorKeyKey, key)
}

func cursorKeyOf(ctx context.Context) db.CursorKey { return ctx.Value(cursorKeyKey).(db.CursorKey) }

// MarshalEventCursor writes a position for the caller.
func MarshalEventCursor(c db.EventCursor) graphql.ContextMarshaler {
	return graphql.ContextWriterFunc(func(ctx context.Context, w io.Writer) error {
		_, err := w.Write(AppendEventCursor(ctx)(nil, c))
		return err
	})
}

// UnmarshalEventCursor reads a position that the caller sent. The error is CURSOR_INVALID. Where the
// transport determines the position, the one in the document is another subscriber's and not read.
func UnmarshalEventCursor(ctx context.Context, v any) (db.EventCursor, error) {
	if _, determined := live.From(ctx); determined {
		return db.EventCursor{}, nil
	}
	text, ok := v.(string)
	if !ok {
		return db.EventCursor{}, db.ErrBadEventCursor
	}
	return cursorKeyOf(ctx).Open(text)
}

// AppendEventCursor returns a function that appends a position as MarshalEventCursor writes it.
func AppendEventCursor(ctx context.Context) func(dst []byte, c db.EventCursor) []byte {
	return func(dst []byte, c db.EventCursor) []byte { return strconv.AppendQuote(dst, cursorKeyOf(ctx).Seal(c)) }
}
