package compiled

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// A level holds the objects that one selection of a plan is about, and what was read for them.
type level struct {
	*selection
	objects []any // nil for null in a list
	runs    []run // one for each edge
}

// A run holds what one edge leads to.
type run struct {
	index  []int32 // of each object of the level in what follows; nil: the same
	failed error   // for all objects
	values Values  // for leaves and errors
	spans  []span  // of each object below; nil for leaves
	below  *level  // all objects below
}

// A span is the part of a level that holds the objects below one object.
type span struct {
	first, count int32
	isNull       bool
}

// object returns what is selected of an object, by its type.
func (x *execution) object(s *selection, of any) *object {
	if s.only != nil {
		return s.only
	}
	return s.types[x.TypeOf(of)]
}

// read reads everything that the objects of a level lead to.
func (x *execution) read(ctx context.Context, l *level) {
	l.runs = make([]run, len(l.edges))
	for i := range l.edges {
		x.follow(ctx, l, i)
	}
}

// readRoot is read for the root of an operation. The fields of a query are read concurrently, those
// of a mutation one after the other.
func (x *execution) readRoot(ctx context.Context, l *level, isMutation bool) {
	l.runs = make([]run, len(l.edges))
	var running sync.WaitGroup
	for i, e := range l.edges {
		ctx := graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: l.only.table.Name, Field: e.source})
		if l.runs[i].failed = x.Permit(ctx, e.source.Name); l.runs[i].failed != nil {
			continue
		}
		switch {
		case isMutation:
			x.follow(x.Fresh(ctx), l, i)
		case i == len(l.edges)-1:
			x.follow(ctx, l, i)
		default:
			running.Go(func() { x.follow(ctx, l, i) })
		}
	}
	running.Wait()
}

// follow reads what one edge leads to, and everything below.
func (x *execution) follow(ctx context.Context, l *level, edge int) {
	e, r := l.edges[edge], &l.runs[edge]
	defer func() {
		if reason := recover(); reason != nil {
			r.failed = x.op.RecoverFunc(ctx, reason)
		}
	}()
	objects, fields := x.starts(l, edge, r)
	switch {
	case len(objects) == 0:
		return
	case fields[0].PerCaller && x.anonymous != nil:
		r.failed = x.anonymous
	case e.relation != nil:
		r.values, r.failed = x.ask(ctx, e, objects)
	default:
		r.values = held(objects, fields)
	}
	if r.failed != nil || e.below == nil {
		return
	}
	r.collect(e, fields)
	if n := len(r.below.objects); n > 0 {
		if x.Count != nil {
			x.Count(x.op, n)
		}
		x.read(ctx, r.below)
	}
}

// starts returns the objects from which an edge leads and the fields for its values. For relations
// it returns what they read for.
func (x *execution) starts(l *level, edge int, r *run) (objects []any, fields []*field) {
	objects, fields = make([]any, 0, len(l.objects)), make([]*field, 0, len(l.objects))
	for i, object := range l.objects {
		var f *field
		if object != nil {
			f = x.object(l.selection, object).leads[edge]
		}
		if f == nil && r.index == nil {
			r.index = make([]int32, len(l.objects))
			for n := range i {
				r.index[n] = int32(n)
			}
		}
		if r.index != nil {
			r.index[i] = int32(len(objects)) // unused where f is nil
		}
		if f == nil {
			continue
		}
		if f.As != nil {
			object = f.As(object)
		}
		objects, fields = append(objects, object), append(fields, f)
	}
	return objects, fields
}

// ask lets a relation read.
func (x *execution) ask(ctx context.Context, e *edge, objects []any) (v Values, err error) {
	args, err := x.arguments(ctx, e.source, e.relation.Args)
	if err != nil {
		return Values{}, err
	}
	return e.relation.Read(ctx, objects, args), nil
}

// arguments returns the coerced arguments of a field. The error is an argumentError.
func (x *execution) arguments(ctx context.Context, f graphql.CollectedField, coerce Arguments) (map[string]any, error) {
	if coerce == nil {
		return nil, nil
	}
	alone := &graphql.FieldContext{Field: f}
	ctx = graphql.WithFieldContext(ctx, alone)
	alone.Parent = nil // so that the path of an error begins with this field
	args, err := coerce(ctx, f.ArgumentMap(x.op.Variables))
	if err != nil {
		return nil, argumentError{err}
	}
	return args, nil
}

// held returns what objects hold.
func held(objects []any, fields []*field) Values {
	if fields[0].List != nil {
		return Values{List: func(dst []any, i int) ([]any, bool) { return fields[i].List(dst, objects[i]) }}
	}
	return Values{Object: func(i int) any { return fields[i].Object(objects[i]) }}
}

// collect collects the objects of all values in a level.
func (r *run) collect(e *edge, fields []*field) {
	r.below, r.spans = &level{selection: e.below, objects: make([]any, 0, len(fields))}, make([]span, len(fields))
	for i, f := range fields {
		if r.values.Errors != nil && r.values.Errors[i] != nil {
			continue
		}
		first, ok := len(r.below.objects), true
		if r.values.List != nil {
			r.below.objects, ok = r.values.List(r.below.objects, i)
			ok = ok || f.nonNull // an empty list
		} else if object := r.values.Object(i); object != nil {
			r.below.objects = append(r.below.objects, object)
		} else {
			ok = false
		}
		r.spans[i] = span{int32(first), int32(len(r.below.objects) - first), !ok}
	}
}
