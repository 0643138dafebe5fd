// Package limit bounds what operations may demand of the server: the size and shape of a document,
// before it is validated, and the cost of an operation, before it is executed.
package limit

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
)

// Limits of a document. Within them validation takes milliseconds: some of its rules compare each
// field with every other field, and follow each fragment again wherever it is spread.
const (
	Bytes         = 64 << 10
	Tokens        = 1000
	Depth         = 10   // of nested fields; a chain of ofType counts once
	Aliases       = 30   // in the whole document
	Directives    = 20   // in the whole document
	Fields        = 2000 // of all operations, counting each use of a fragment
	Spreads       = 2000 // of fragments, counted in the same way
	RootFields    = 20   // of a query or subscription
	MutationRoots = 5    // root fields of a mutation
	Repeats       = 20   // of one response key in one selection set
	Operations    = 20
	Variables     = 100 // of one operation
)

// Code is the code of the error for a document that exceeds a limit.
const Code = "OPERATION_LIMIT"

// Check returns an error if a parsed document exceeds a limit, or if its fragments are a cycle. It
// takes time in proportion to the length of the document, and needs no schema.
func Check(document *ast.QueryDocument) *gqlerror.Error {
	_, err := check(document)
	return err
}

// check is Check; it also returns how many selections it has looked at, for tests.
func check(document *ast.QueryDocument) (steps int, err *gqlerror.Error) {
	if n := len(document.Operations); n > Operations {
		return 0, exceeded("has %d operations; it may have %d", n, Operations)
	}
	s := &survey{fragments: make(map[string]*fragment, len(document.Fragments))}
	if err := s.document(document); err != nil {
		return s.steps, err
	}
	m := merger{fragments: s.fragments}
	for _, op := range document.Operations {
		if err := m.operation(op); err != nil {
			return s.steps + m.steps, err
		}
	}
	for _, f := range document.Fragments {
		if !s.fragments[f.Name].isUsed {
			if _, err := m.merge([]ast.SelectionSet{f.SelectionSet}); err != nil {
				return s.steps + m.steps, err
			}
		}
	}
	return s.steps + m.steps, nil
}

// exceeded returns the error for a document that exceeds a limit.
func exceeded(format string, args ...any) *gqlerror.Error {
	return refuse(Code, "the document "+format, args...)
}

// invalid returns the error for a document that validation would refuse.
func invalid(format string, args ...any) *gqlerror.Error {
	return refuse("GRAPHQL_VALIDATION_FAILED", format, args...)
}

func refuse(code, format string, args ...any) *gqlerror.Error {
	return &gqlerror.Error{Message: fmt.Sprintf(format, args...), Extensions: map[string]any{"code": code}}
}

// CountTokens returns the number of tokens of a document that can be parsed.
func CountTokens(text string) (n int) {
	l := lexer.New(&ast.Source{Input: text})
	for {
		token, err := l.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return n
		}
		n++
	}
}
