package db

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// A Panic is the error of a panic that was recovered.
type Panic struct {
	Reason string // of the Go runtime, or the type of any other, which may quote what a caller sent
	Stack  string
}

// NewPanic returns the error for what recover returned. It must be called by the deferred function.
func NewPanic(reason any) *Panic {
	if fault, ok := reason.(runtime.Error); ok {
		return &Panic{fault.Error(), string(debug.Stack())}
	}
	return &Panic{fmt.Sprintf("a %T", reason), string(debug.Stack())}
}

func (p *Panic) Error() string { return "panic: " + p.Reason + "\n" + p.Stack }

// Contained turns a panic of do into an error, so that it ends nothing else.
func Contained[T any](do func() (T, error)) (result T, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = NewPanic(reason)
		}
	}()
	return do()
}

// Describe returns the text of an error for the log. It leaves out the messages in which PostgreSQL
// quotes values, since they may be what people wrote to each other.
func Describe(err error) string {
	text := err.Error()
	if pg := answer(err); pg != nil && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "42601")) {
		text = strings.ReplaceAll(text, pg.Message, "PostgreSQL's message is left out because it quotes a value; raised by "+pg.Routine)
	}
	return text
}
