package graph

import (
	"strconv"
	"testing"

	"switchboard/service"
)

// TestCursorsOnDemand: a page computes the cursors that are selected and no others.
func TestCursorsOnDemand(t *testing.T) {
	t.Parallel()
	computed := 0
	list := &service.List[int]{Rows: []int{7, 8, 9}, Cursor: func(row int) string {
		computed++
		return strconv.Itoa(row)
	}}
	c := connect(list, same[int])
	edges, info := c.Edges(), c.PageInfo()
	if computed != 0 {
		t.Errorf("%d cursors were computed before any was selected", computed)
	}
	if start, end := *info.StartCursor(), *info.EndCursor(); start != "7" || end != "9" || computed != 2 {
		t.Errorf("the page is from %s to %s, after %d cursors", start, end, computed)
	}
	for i, e := range edges {
		if want := strconv.Itoa(list.Rows[i]); e.Node != list.Rows[i] || e.Cursor() != want {
			t.Errorf("the edge of %d has the cursor %s", e.Node, e.Cursor())
		}
	}
	if none := connect(&service.List[int]{}, same[int]).PageInfo(); none.StartCursor() != nil || none.EndCursor() != nil {
		t.Error("an empty page has cursors")
	}
}
