package graph_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"pgregory.net/rapid"

	"switchboard/graph"
	"switchboard/graph/limit"
)

// validationTime is the most processor time that the validation of a document within the limits
// takes. It takes a thirtieth of that on an idle machine without the race detector.
const validationTime = 300 * time.Millisecond

// TestValidationIsBounded: no document that passes the limits takes long to validate, be it valid
// or not.
func TestValidationIsBounded(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread() // whose time is measured
	defer runtime.UnlockOSThread()
	passed, longest := 0, time.Duration(0)
	rapid.Check(t, func(t *rapid.T) {
		text := crowded(t)
		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, limit.Tokens)
		if err != nil || limit.Check(document) != nil {
			return
		}
		began := threadTime()
		validator.ValidateWithRules(schema, document, graph.Rules(graph.Options{}))
		took := threadTime() - began
		if passed, longest = passed+1, max(longest, took); took > validationTime {
			t.Fatalf("%v for %s", took, text)
		}
	})
	t.Logf("%d documents passed; the longest validation took %v", passed, longest)
	if passed == 0 {
		t.Error("no document passed the limits")
	}
}

func threadTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_THREAD, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// crowded returns a document near the limits: fields that repeat, alike or in conflict, in
// fragments that spread each other.
func crowded(t *rapid.T) string {
	var text strings.Builder
	fragments := rapid.IntRange(0, 40).Draw(t, "fragments")
	repeats := rapid.IntRange(1, 20).Draw(t, "repeats")
	deep := rapid.IntRange(0, 4).Draw(t, "deep")
	text.WriteString("{inbox(view: ALL) {nodes{")
	text.WriteString(crowd(t, repeats, deep, 0, fragments))
	text.WriteString("}}}")
	for i := range fragments {
		fmt.Fprintf(&text, "fragment F%d on Conversation{%s}", i, crowd(t, rapid.IntRange(1, 4).Draw(t, "of a fragment"), deep/2, i+1, fragments))
	}
	return text.String()
}

func crowd(t *rapid.T, repeats, deep, from, fragments int) string {
	var text strings.Builder
	for range repeats {
		switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
		case kind == 0 && deep > 0:
			fmt.Fprintf(&text, "contact{latestConversation{%s}}", crowd(t, min(repeats, 4), deep-1, from, fragments))
		case kind <= 2 && from < fragments:
			fmt.Fprintf(&text, "...F%d ", rapid.IntRange(from, fragments-1).Draw(t, "fragment"))
		case kind == 3:
			fmt.Fprintf(&text, "...on Conversation{%s}", crowd(t, 1, deep-1, from, fragments))
		case kind == 4:
			fmt.Fprintf(&text, "id:%s ", rapid.SampledFrom([]string{"id", "status", "channel", "unknown"}).Draw(t, "other field"))
		case kind == 5:
			fmt.Fprintf(&text, "messages(first: %d){nodes{id body}}", rapid.IntRange(1, 2).Draw(t, "first"))
		default:
			text.WriteString("id status channel ")
		}
	}
	return text.String() + "id "
}
