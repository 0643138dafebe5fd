package db

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func keyOf(workspace WorkspaceKey) CursorKey {
	return CursorKey{workspace, WorkspaceID{NewUUID()}, bytes.Repeat([]byte{byte(workspace)}, 32)}
}

func TestSealedCursors(t *testing.T) {
	t.Parallel()
	own, other := keyOf(1), keyOf(2)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) EventCursor {
			c := EventCursor{Workspace: 1, Seq: Seq(rapid.Int64Range(0, math.MaxInt64).Draw(t, name))}
			copy(c.Check[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, name+"'s check"))
			return c
		}
		a, b := draw("a"), draw("b")
		sealed := own.Seal(a)
		if got, err := own.Open(sealed); got != a || err != nil {
			t.Fatalf("%v came back as %v, %v", a, got, err)
		}
		if a.Seq != b.Seq && (a.Seq < b.Seq) != (sealed < own.Seal(b)) {
			t.Fatalf("%s and %s are not in the order of %d and %d", sealed, own.Seal(b), a.Seq, b.Seq)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "position")
		c := rapid.SampledFrom([]byte("0123456789abcdefghijklmnopqrstuvwxyzAZ=\n")).Draw(t, "character")
		if damaged := sealed[:i] + string(c) + sealed[i+1:]; damaged != sealed {
			refuses(t, own, damaged)
		}
		refuses(t, other, sealed)
		refuses(t, own, sealed[:i])
		refuses(t, own, sealed+sealed[i:])
		if len(sealed) != 33 || strings.ToLower(sealed) != sealed {
			t.Fatalf("the form is %q", sealed)
		}
	})
}

func refuses(t *rapid.T, k CursorKey, text string) {
	if c, err := k.Open(text); !errors.Is(err, ErrBadEventCursor) {
		t.Fatalf("%q is taken for %v, %v", text, c, err)
	}
}

// TestOldCursors: cursors from before 1.0 are taken. Their workspace is checked by those who use
// them.
func TestOldCursors(t *testing.T) {
	t.Parallel()
	for _, c := range []EventCursor{{Workspace: 1}, {Workspace: 7, Seq: 42, Check: [4]byte{1, 2, 3, 4}}} {
		if got, err := keyOf(1).Open(c.String()); got != c || err != nil {
			t.Errorf("%v came back as %v, %v", c, got, err)
		}
	}
}
