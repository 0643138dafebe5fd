package compiled

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A writer appends what was read as JSON. A null where the schema does not allow one makes the
// nearest object or list around it null that may be; all other fields are written nevertheless,
// because their errors are reported, too
// (https://spec.graphql.org/October2021/#sec-Handling-Field-Errors).
type writer struct {
	*execution
	ctx     context.Context
	json    []byte
	path    ast.Path
	errors  []fieldError
	guarded bool // recover from panics of single leaves
	full    bool // the answer is too large
}

// ErrAsNull makes a field null in Options.Around.
var ErrAsNull = errors.New("null")

// errNull is the error of a null that the schema does not allow.
var errNull = errors.New("the schema does not allow null here")

// An argumentError is an error of an argument. Its path begins with the field.
type argumentError struct{ error }

func (e argumentError) Unwrap() error { return e.error }

// write returns the JSON of the object with this index of a level, or "null", and reports the
// errors of its fields. If something panics it starts again, more carefully and more slowly.
func (x *execution) write(ctx context.Context, l *level, i int, json []byte) []byte {
	w := &writer{execution: x, ctx: ctx, json: json}
	if !w.attempt(l, i) {
		*w = writer{execution: x, ctx: ctx, json: json, guarded: true}
		if !w.attempt(l, i) {
			w.json = append(json, "null"...)
		}
	}
	if w.full {
		w.json, w.errors, w.path = append(json, "null"...), nil, nil
		w.fail(nil, x.TooLarge)
	}
	w.report()
	return w.json
}

// A fieldError is an error of the field with this path. The path of an error in an argument is
// longer.
type fieldError struct {
	*gqlerror.Error
	field ast.Path
}

// report adds the errors to the response, each in the context of its field.
func (w *writer) report() {
	for _, err := range w.errors {
		ctx := w.ctx
		for _, step := range err.field {
			at := &graphql.FieldContext{}
			switch step := step.(type) {
			case ast.PathName:
				at.Field.Field = &ast.Field{Alias: string(step)}
			case ast.PathIndex:
				at.Index = new(int(step))
			}
			ctx = graphql.WithFieldContext(ctx, at)
		}
		graphql.AddError(ctx, err.Error)
	}
}

func (w *writer) attempt(l *level, i int) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil && w.guarded {
			w.fail(nil, w.op.RecoverFunc(w.ctx, reason))
		}
	}()
	if !w.object(l, i) {
		w.json = append(w.json, "null"...)
	}
	return true
}

// object appends an object. It returns false, and appends nothing, if the object has to be null.
func (w *writer) object(l *level, i int) (ok bool) {
	start := len(w.json)
	ok = true
	o := l.objects[i]
	of := w.execution.object(l.selection, o)
	for n := range of.fields {
		f := &of.fields[n]
		w.json = append(w.json, f.key...)
		switch before := len(w.json); {
		case f.literal != nil:
			w.json = append(w.json, f.literal...)
		case w.field(l, i, of, f):
		case f.nonNull:
			ok = false
		default:
			w.json = append(w.json[:before], "null"...)
		}
	}
	if !ok {
		w.json = w.json[:start]
		return false
	}
	if len(of.fields) == 0 {
		w.json = append(w.json, '{')
	}
	w.json = append(w.json, '}')
	return true
}

// field appends the value of a field. It returns false if the value is null, or if the answer is
// too large already.
func (w *writer) field(l *level, i int, of *object, f *field) (ok bool) {
	if w.full = w.full || w.Limit > 0 && len(w.json) > w.Limit; w.full {
		return false
	}
	w.path = append(w.path, f.name)
	defer w.leave()
	if w.guarded {
		defer func() {
			if reason := recover(); reason != nil {
				ok = w.fail(f, w.op.RecoverFunc(w.ctx, reason))
			}
		}()
	}
	if w.Around != nil && !l.refused(f) {
		switch err := w.Around(w.ctx, of.table.Name, f.source, w.path); err {
		case nil:
		case ErrAsNull:
			return w.null(f, f.nonNull)
		default:
			return w.fail(f, err)
		}
	}
	switch {
	case f.edge >= 0:
		return w.value(&l.runs[f.edge], i, f)
	case f.PerCaller && w.anonymous != nil:
		return w.fail(f, w.anonymous)
	case f.AppendFor != nil:
		return w.leaf(f, f.AppendFor(w.ctx, w.json, l.objects[i]))
	}
	return w.leaf(f, f.Append(w.json, l.objects[i]))
}

// refused reports whether the arguments of a field were refused, so that it was not executed.
func (l *level) refused(f *field) bool {
	var argument argumentError
	return f.edge >= 0 && errors.As(l.runs[f.edge].failed, &argument)
}

func (w *writer) leave() { w.path = w.path[:len(w.path)-1] }

// leaf keeps a leaf that was appended; nil is null.
func (w *writer) leaf(f *field, json []byte) bool {
	if json == nil {
		return w.null(f, f.nonNull)
	}
	w.json = json
	return true
}

// value appends the value to which an edge leads from the object with this index.
func (w *writer) value(r *run, i int, f *field) bool {
	if r.index != nil {
		i = int(r.index[i])
	}
	switch {
	case r.failed != nil:
		return w.fail(f, r.failed)
	case r.values.Errors != nil && r.values.Errors[i] != nil:
		return w.fail(f, r.values.Errors[i])
	case r.values.Leaf != nil:
		return w.leaf(f, r.values.Leaf(w.json, i))
	case r.spans[i].isNull:
		return w.null(f, f.nonNull)
	case r.values.List != nil:
		return w.list(r.below, r.spans[i], f)
	}
	return w.object(r.below, int(r.spans[i].first))
}

// list appends a list of objects.
func (w *writer) list(l *level, s span, f *field) bool {
	start, ok := len(w.json), true
	w.json = append(w.json, '[')
	for n := range s.count {
		if n > 0 {
			w.json = append(w.json, ',')
		}
		w.path = append(w.path, ast.PathIndex(n))
		i := int(s.first + n)
		if l.objects[i] == nil && !w.null(f, f.elements) || l.objects[i] != nil && !w.object(l, i) {
			w.json = append(w.json, "null"...)
			ok = ok && !f.elements
		}
		w.leave()
	}
	if !ok {
		w.json = w.json[:start]
		return false
	}
	w.json = append(w.json, ']')
	return true
}

// null returns false and reports a null that the schema does not allow.
func (w *writer) null(f *field, forbidden bool) bool {
	if forbidden {
		w.fail(f, errNull)
	}
	return false
}

// fail records an error of a field, and returns false.
func (w *writer) fail(f *field, err error) bool {
	list, ok := err.(gqlerror.List)
	if !ok {
		list = gqlerror.List{gqlerror.WrapIfUnwrapped(err)}
	}
	for _, each := range list {
		located := *each
		var argument argumentError
		switch {
		case errors.As(err, &argument):
			located.Path = slices.Concat(w.path[:len(w.path)-1], located.Path)
		case located.Path == nil:
			located.Path = slices.Clone(w.path)
		}
		if located.Locations == nil && f != nil && f.source.Position != nil {
			located.Locations = []gqlerror.Location{{Line: f.source.Position.Line, Column: f.source.Position.Column}}
		}
		w.errors = append(w.errors, fieldError{&located, slices.Clone(w.path)})
	}
	return false
}
