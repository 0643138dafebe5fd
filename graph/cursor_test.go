package graph

import (
	"context"
	"errors"
	"testing"

	"switchboard/db"
)

func TestEventCursorsAreStrings(t *testing.T) {
	t.Parallel()
	ctx := WithCursorKey(context.Background(), db.CursorKey{})
	good := db.CursorKey{}.Seal(db.EventCursor{Seq: 1})
	if c, err := UnmarshalEventCursor(ctx, good); err != nil || c.Seq != 1 {
		t.Errorf("%s was read as %v, %v", good, c, err)
	}
	for _, value := range []any{nil, 1, 1.5, true, []string{good}, good + "0"} {
		if _, err := UnmarshalEventCursor(ctx, value); !errors.Is(err, db.ErrBadCursor) {
			t.Errorf("%v: %v", value, err)
		}
	}
}
