package db

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var testOrder = Order{Name: "things", Columns: []string{"name", "id"}}

func TestPageCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, key := range []Key{
		{"", ""}, {"a", "b"}, {`"quoted" \ <&>`, "?0"}, {"Nováková\u2028", "\t\x01"}, {timeKey(time.Unix(1, 999_999_999)), "x"},
	} {
		got, err := testOrder.ParseCursor(7, testOrder.Cursor(7, key))
		if err != nil || !slices.Equal(got, key) {
			t.Errorf("%q came back as %q, %v", key, got, err)
		}
	}
}

func TestPageCursorIsValidInItsListOnly(t *testing.T) {
	t.Parallel()
	cursor := testOrder.Cursor(7, Key{"a", "b"})
	for name, other := range map[string]Order{
		"name":      {Name: "others", Columns: testOrder.Columns},
		"direction": {Name: testOrder.Name, Columns: testOrder.Columns, Desc: true},
		"columns":   {Name: testOrder.Name, Columns: []string{"created_at", "id"}},
		"length":    {Name: testOrder.Name, Columns: []string{"id"}},
	} {
		if _, err := other.ParseCursor(7, cursor); !errors.Is(err, ErrBadCursor) {
			t.Errorf("accepted by a list of another %s: %v", name, err)
		}
	}
	if _, err := testOrder.ParseCursor(8, cursor); !errors.Is(err, ErrBadCursor) {
		t.Errorf("accepted in another workspace: %v", err)
	}
}

func TestPageCursorMalformed(t *testing.T) {
	t.Parallel()
	good := testOrder.Cursor(7, Key{"2026-03-01T09:00:00.000000Z", "0195"})
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	bad := []string{"", "x", testOrder.Cursor(7, Key{"\x00", ""}), good + "A", good + "\n", encode("null"), encode("[]"), encode("{}"), encode(`["1","2","3"]`),
		encode(`[1,2,3]`), encode(strings.Repeat("[", 5000))}
	for i := range good {
		bad = append(bad, good[:i], good[:i]+"\r\n"+good[i:])
	}
	for _, text := range append(bad, flipped(good)...) {
		if key, err := testOrder.ParseCursor(7, text); !errors.Is(err, ErrBadCursor) {
			t.Fatalf("%q was parsed as %q, %v", text, key, err)
		}
	}
}

func FuzzPageCursor(f *testing.F) {
	f.Add(testOrder.Cursor(7, Key{"a", "b"}))
	f.Add(testOrder.Cursor(7, Key{"<\x00\u2028", ""}))
	f.Add("W10")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := testOrder.ParseCursor(7, text)
		if err == nil && testOrder.Cursor(7, key) != text {
			t.Errorf("%q was parsed as %q", text, key)
		}
		if err != nil && !errors.Is(err, ErrBadCursor) {
			t.Error(err)
		}
	})
}

func TestTrim(t *testing.T) {
	t.Parallel()
	bound := Key{"x"}
	for name, c := range map[string]struct {
		page           Page
		rows, want     []int
		next, previous bool
	}{
		"all of it":          {Page{Limit: 3}, []int{1, 2, 3}, []int{1, 2, 3}, false, false},
		"more":               {Page{Limit: 2}, []int{1, 2, 3}, []int{1, 2}, true, false},
		"after":              {Page{Limit: 2, After: bound}, []int{2, 3}, []int{2, 3}, false, true},
		"backward":           {Page{Limit: 3, Backward: true}, []int{3, 2, 1}, []int{1, 2, 3}, false, false},
		"backward with more": {Page{Limit: 2, Backward: true, Before: bound}, []int{3, 2, 1}, []int{2, 3}, true, true},
		"nothing":            {Page{Limit: 1}, nil, nil, false, false},
	} {
		rows, next, previous := Trim(slices.Clone(c.rows), c.page)
		if !slices.Equal(rows, c.want) || next != c.next || previous != c.previous {
			t.Errorf("%s: %v, next %t, previous %t", name, rows, next, previous)
		}
	}
}
