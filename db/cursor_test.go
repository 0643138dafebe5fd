package db

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestEventCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []EventCursor{
		{},
		{Workspace: 1},
		{Workspace: 7, Seq: 1, Check: [4]byte{1, 2, 3, 4}},
		{Workspace: math.MaxInt64, Seq: math.MaxInt64, Check: [4]byte{255, 255, 255, 255}},
		cursorAfter(3, 9, EventID{NewUUID()}),
	} {
		if got, err := ParseEventCursor(c.String()); got != c || err != nil {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
}

// TestEventCursorOrder: as texts, the cursors of a workspace have the order of the log. Those of
// the form before are still read.
func TestEventCursorOrder(t *testing.T) {
	t.Parallel()
	before := ""
	for _, seq := range []Seq{0, 1, 9, 10, 62, 63, 64, 255, 256, 1 << 20, math.MaxInt64} {
		c := cursorAfter(3, seq, EventID{NewUUID()})
		if text := c.String(); text <= before {
			t.Errorf("the cursor of %d, %s, is not after %s", seq, text, before)
		} else {
			before = text
		}
	}
	const legacy = "AAAAAAAAAAEAAAAAAAshTaSZqekqDwzI"
	if c, err := ParseEventCursor(legacy); err != nil || c.Workspace != 1 || c.Seq != 729421 {
		t.Errorf("%s was parsed as %+v, %v", legacy, c, err)
	}
}

func TestEventCursorChecksTheEvent(t *testing.T) {
	t.Parallel()
	one, other := EventID{NewUUID()}, EventID{NewUUID()}
	if cursorAfter(1, 5, one) == cursorAfter(1, 5, other) {
		t.Error("two events with the same number have the same cursor")
	}
}

func TestEventCursorMalformed(t *testing.T) {
	t.Parallel()
	good := cursorAfter(3, 9, EventID{NewUUID()}).String()
	bad := []string{"", "x", good + "A", good + "\n", "\n" + good, good + "=", good + good, " " + good, strings.Repeat("A", 32)}
	for i := range good {
		bad = append(bad, good[:i], good[:i]+"\n"+good[i:])
	}
	for _, text := range append(bad, flipped(good)...) {
		if c, err := ParseEventCursor(text); !errors.Is(err, ErrBadCursor) {
			t.Fatalf("%q was parsed as %+v, %v", text, c, err)
		}
	}
}

// flipped returns a base64 text with each of its characters replaced by its neighbours.
func flipped(text string) (all []string) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range text {
		at := strings.IndexByte(alphabet, text[i])
		for _, bit := range []int{1, 4, 32} {
			all = append(all, text[:i]+alphabet[at^bit:at^bit+1]+text[i+1:])
		}
	}
	return all
}

func FuzzEventCursor(f *testing.F) {
	f.Add(EventCursor{}.String())
	f.Add(cursorAfter(3, 9, EventID{NewUUID()}).String())
	f.Add(EventCursor{}.String() + "\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseEventCursor(text)
		if err == nil && (c.String() != text || c.Seq < 0) {
			t.Errorf("%q was parsed as %+v, which is %q", text, c, c)
		}
		if err != nil && !errors.Is(err, ErrBadCursor) {
			t.Error(err)
		}
	})
}
