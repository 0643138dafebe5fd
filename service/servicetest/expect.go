package servicetest

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"switchboard/service"
)

// Fine fails the test on an error.
func Fine(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// OK returns the outcome of a call that must succeed.
func (w *World) OK(o *service.Outcome, err error) *service.Outcome {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
	return o
}

// Refused checks that a rule refused a call with this code.
func Refused(t *testing.T, err error, code service.RefusalCode) {
	t.Helper()
	var refusal *service.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%s was expected, but the answer is: %v", code, err)
	}
}

// Failed checks that a call returned an error with this code.
func Failed(t *testing.T, err error, code service.ErrorCode) {
	t.Helper()
	if err == nil || service.Explain(err).Code != code {
		t.Errorf("%s was expected, but the answer is: %v", code, err)
	}
}

// Equal compares what is found with what was expected.
func Equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v was expected, but it is %v", what, want, got)
	}
}

// Lines compares texts line by line.
func Lines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		var found, expected string
		if i < len(got) {
			found = got[i]
		}
		if i < len(want) {
			expected = want[i]
		}
		if found != expected {
			t.Errorf("line %d was expected to be\n\t%s\nbut is\n\t%s", i+1, expected, found)
		}
	}
}

// Unchanged checks that a call appends nothing to the log.
func (w *World) Unchanged(what string, call func()) {
	w.T.Helper()
	before := w.Head()
	call()
	Equal(w.T, what+": events", w.Head()-before, 0)
}

// RefusalOf returns the refusal in an error; nil if there is none.
func RefusalOf(err error) *service.Refusal {
	var refusal *service.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}
